"""The code a voice was made with: the commit, and what differed from it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

#: Tracked files that a run itself writes: they differ after every one, and `dvc.lock` is kept by itself.
WRITTEN_BY_RUNS = ("dvc.lock", "reports", "data/champion.json")
#: Files that git does not know yet are kept up to this size each, and this many: code, not data left lying about.
MAX_NEW_FILE_BYTES, MAX_NEW_FILES = 1_000_000, 200
#: Patches that apply whatever the user has configured for the eye.
_PLAIN = (
    "-c",
    "diff.noprefix=false",
    "-c",
    "diff.mnemonicPrefix=false",
    "diff",
    "--no-ext-diff",
    "--no-color",
    "--binary",
)


class Revision(NamedTuple):
    """A commit (`unknown` outside git), the folder of the project in it, and what differs from it as one patch."""

    commit: str
    folder: str = "."
    patch: bytes = b""

    @property
    def dirty(self) -> bool:
        """Whether the files were not those of the commit."""
        return bool(self.patch)


def current_revision(root: Path) -> Revision:
    """What is checked out under `root`; files that git ignores are no part of it."""
    try:
        commit = _git(root, "rev-parse", "HEAD").decode().strip()
        top = Path(_git(root, "rev-parse", "--show-toplevel").decode().strip())
    except (OSError, subprocess.CalledProcessError):
        return Revision("unknown")
    folder = root.resolve().relative_to(top.resolve()).as_posix()
    left_out = [f":(exclude){folder}/{name}" if folder != "." else f":(exclude){name}" for name in WRITTEN_BY_RUNS]
    tracked = _git(top, *_PLAIN, "HEAD", "--", ".", *left_out)
    return Revision(commit, folder, tracked + b"".join(_new_files(top, left_out)))


def _new_files(top: Path, left_out: list[str]) -> Iterator[bytes]:
    """A patch for every file that git neither knows nor ignores."""
    names = _git(top, "ls-files", "--others", "--exclude-standard", "-z", "--", ".", *left_out).decode()
    new = (name for name in names.split("\0") if name and _is_small_file(top / name))
    for name in islice(new, MAX_NEW_FILES):
        yield _git(top, *_PLAIN, "--no-index", "--", "/dev/null", name, difference=1)


def _is_small_file(path: Path) -> bool:
    return path.is_file() and not path.is_symlink() and path.stat().st_size <= MAX_NEW_FILE_BYTES


def _git(folder: Path, *arguments: str, difference: int = 0) -> bytes:
    """What git says; `difference` is the exit status that is no failure."""
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, check=False)
    if done.returncode not in (0, difference):
        done.check_returncode()
    return done.stdout
