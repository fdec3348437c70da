"""The code a voice was made with: the commit, and what differed from it.

The patch goes into the registry, where others read it: it holds code and data of the project's own folder, nothing that
is merely lying about, and no file whose name speaks of a secret.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

#: Tracked files that a run itself writes (they differ after every one, and `dvc.lock` is kept by itself), and where
#: DVC keeps the keys of a remote.
NEVER = ("dvc.lock", "reports", "data/champion.json", ".dvc/config")
#: Where a file that git does not know yet is a part of the project's code.
CODE_PLACES = (
    "dvc.yaml",
    "params.yaml",
    ".dvcignore",
    "tasks",
    "model_src",
    "flows",
    "presets",
    "data/lexicon.tsv",
    "data/sentences",
    "data/consent.yaml",
)
#: Names, of files or folders, that are never put into a patch.
SECRET = re.compile(r"^\.env|^\.netrc|^id_|secret|credential|token|\.(pem|key|p12)$", re.IGNORECASE)
#: New files are kept up to this size each, and this many; a patch up to this size.
MAX_NEW_FILE_BYTES, MAX_NEW_FILES, MAX_PATCH_BYTES = 1_000_000, 200, 10_000_000
#: Patches that apply whatever the user has configured for the eye.
_PLAIN = (
    "-c",
    "diff.noprefix=false",
    "-c",
    "diff.mnemonicPrefix=false",
    "diff",
    "--no-ext-diff",
    "--no-textconv",
    "--no-renames",
    "--no-color",
    "--binary",
)


class Revision(NamedTuple):
    """A commit (`unknown` outside git), the folder of the project in it, and what differs from it as one patch.

    `left_out` says in words what differs, too, and is not in the patch.
    """

    commit: str
    folder: str = "."
    patch: bytes = b""
    left_out: tuple[str, ...] = ()

    @property
    def dirty(self) -> bool:
        """Whether the files were not those of the commit."""
        return bool(self.patch or self.left_out)


def current_revision(root: Path) -> Revision:
    """What is checked out under `root`; files that git ignores are no part of it. `ValueError` where git fails."""
    try:
        commit = _run(root, "rev-parse", "HEAD").decode().strip()
        top = Path(os.fsdecode(_run(root, "rev-parse", "--show-toplevel")).removesuffix("\n"))
    except (OSError, subprocess.CalledProcessError):
        return Revision("unknown")
    folder = root.resolve().relative_to(top.resolve()).as_posix()
    left_out: list[str] = []
    patch = b"".join((_changes(top, folder, left_out), *_new_files(top, folder, left_out)))
    if len(patch) > MAX_PATCH_BYTES:
        left_out.append(f"the patch: {len(patch)} bytes")
        patch = b""
    return Revision(commit, folder, patch, tuple(left_out))


def _changes(top: Path, folder: str, left_out: list[str]) -> bytes:
    """What differs from the commit in the files that git knows below the project's folder."""
    never = [f":(exclude,literal){_below(folder, name)}" for name in NEVER]
    where = ("HEAD", "--", f":(literal){folder}")
    names = _names(_git(top, *_PLAIN, "--name-only", "-z", *where, *never))
    secret = [name for name in names if _is_secret(name, folder)]
    left_out += [f"{_readable(name)}: its name" for name in secret]
    return _git(top, *_PLAIN, *where, *never, *(f":(exclude,literal){name}" for name in secret))


def _new_files(top: Path, folder: str, left_out: list[str]) -> Iterator[bytes]:
    """A patch for every file in a place of code that git neither knows nor ignores."""
    places = [f":(literal){_below(folder, name)}" for name in CODE_PLACES]
    kept = 0
    for name in _names(_git(top, "ls-files", "--others", "--exclude-standard", "-z", "--", *places)):
        reason = "too many new files" if kept == MAX_NEW_FILES else _unfit(top / name, _is_secret(name, folder))
        if reason:
            left_out.append(f"{_readable(name)}: {reason}")
            continue
        kept += 1
        yield _git(top, *_PLAIN, "--no-index", "--", "/dev/null", name, difference=1)


def _unfit(path: Path, secret: bool) -> str:
    """Why a new file is not put into the patch; empty where it is."""
    if secret:
        return "its name"
    if path.is_symlink() or not path.is_file():
        return "no plain file"
    return "its size" if path.stat().st_size > MAX_NEW_FILE_BYTES else ""


def _is_secret(name: str, folder: str) -> bool:
    """Whether the name, or that of a folder on the way from the project's, speaks of a secret."""
    below = name if folder == "." else name.removeprefix(f"{folder}/")
    return any(SECRET.search(part) for part in below.split("/"))


def _below(folder: str, name: str) -> str:
    return name if folder == "." else f"{folder}/{name}"


def _names(listed: bytes) -> list[str]:
    """File names need not be UTF-8."""
    return [name for name in os.fsdecode(listed).split("\0") if name]


def _readable(name: str) -> str:
    return os.fsencode(name).decode("utf-8", "backslashreplace")


def _git(folder: Path, *arguments: str, difference: int = 0) -> bytes:
    """What git says, or its complaint as a `ValueError`; `difference` is the exit status that is no failure."""
    try:
        return _run(folder, *arguments, difference=difference)
    except subprocess.CalledProcessError as error:
        said = " ".join(os.fsdecode(error.stderr).split()) or f"it ended with status {error.returncode}"
        raise ValueError(f"git in {folder}: {said}") from error


def _run(folder: Path, *arguments: str, difference: int = 0) -> bytes:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode not in (0, difference):
        done.check_returncode()
    return done.stdout
