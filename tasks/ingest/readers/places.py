"""Where a corpus keeps its files: searched without following links, and never outside of its folder."""

from __future__ import annotations

import fnmatch
import os
import re
from collections import Counter, deque
from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

from tasks.audio import SUFFIXES
from tasks.rowstore import Failure

#: What a folder is searched for: every recording, and films, of which the sound is taken.
MEDIA = (*SUFFIXES, ".mp4", ".mkv", ".mov", ".avi")
#: How many entries `matches` of a reader may look at.
GLANCE = 50_000
#: No system opens a longer path, and resolving a line full of slashes takes minutes.
_LONGEST_PATH = 4096


def inside(folder: Path, name: str) -> Path | Failure:
    """The regular file that a corpus's text calls `name`, relative to `folder` or absolute.

    Failures: `outside_corpus` when it (or what it links to) lies outside `folder`, `missing_file`.
    """
    if len(name) > _LONGEST_PATH:
        return Failure("missing_file", f"{_short(name)!r} is too long a name for a file")
    try:
        root = folder.resolve()
        place = (root / name).resolve()
        if not place.is_relative_to(root):
            return Failure("outside_corpus", f"{_short(name)!r} leads out of the corpus")
        if place.is_file():
            return folder / place.relative_to(root)
    except (OSError, ValueError, RuntimeError):  # a part that is too long, a NUL, links in a circle
        pass
    return Failure("missing_file", f"{_short(name)!r} is not in the corpus")


def moved(folder: Path, name: str, beside: Path) -> Path | Failure:
    """The file that a manifest in `beside` calls `name`, though the corpus may lie elsewhere since.

    Relative names count from the manifest, then from `folder`; then their longest suffix that is there is taken.
    Failures as of `inside`.
    """
    steps = PurePosixPath(name)
    bases = dict.fromkeys((beside.relative_to(folder), Path()))
    tried = [inside(folder, str(base / name)) for base in bases]
    for found in tried:
        if isinstance(found, Path):
            return found
    failures = [found for found in tried if isinstance(found, Failure)]
    failure = next((failure for failure in failures if failure.reason == "outside_corpus"), failures[0])
    if ".." in steps.parts or len(name) > _LONGEST_PATH:
        return failure
    parts = steps.parts[1:]
    for first in range(len(parts)):
        for base in bases:
            candidate = inside(folder, str(base.joinpath(*parts[first:])))
            if isinstance(candidate, Path):
                return candidate
    return failure


def find(folder: Path, *patterns: str, entries: int | None = None) -> Iterator[Path]:
    """Yield the files whose name fits a pattern (case aside), those nearest to the top first, then by name.

    Links that lead out of `folder` are passed over; `entries` bounds how much is looked at.
    """
    fits = re.compile("|".join(fnmatch.translate(pattern) for pattern in patterns), re.IGNORECASE)
    for entry in islice(_walk(folder), entries):
        if fits.match(entry.name) and _is_within(folder, entry):
            yield Path(entry.path)


def media(folder: Path, suffixes: tuple[str, ...] = MEDIA) -> list[Path]:
    """Every recording in the folder, sorted; links are left in, `read_corpus` refuses those that lead out."""
    found = (Path(entry.path) for entry in _walk(folder) if entry.is_symlink() or entry.is_file())
    return sorted(path for path in found if path.suffix.lower() in suffixes)


def has_media(folder: Path) -> bool:
    """Whether a glance finds any recording."""
    return next(find(folder, *(f"*{suffix}" for suffix in MEDIA), entries=GLANCE), None) is not None


def recording_ids(folder: Path, paths: list[Path]) -> dict[Path, str]:
    """An id for each recording: its path in `folder`, without suffix where that names only one."""
    short = {path: path.relative_to(folder).with_suffix("").as_posix() for path in paths}
    count = Counter(short.values())
    return {path: name if count[name] == 1 else path.relative_to(folder).as_posix() for path, name in short.items()}


def _is_within(folder: Path, entry: os.DirEntry) -> bool:
    if not entry.is_symlink():
        return entry.is_file()
    return isinstance(inside(folder, os.path.relpath(entry.path, folder)), Path)


def _walk(folder: Path) -> Iterator[os.DirEntry]:
    """What is in a folder and below, breadth first; hidden things and what archivers of macOS leave are no part."""
    waiting = deque([os.fspath(folder)])
    while waiting:
        with os.scandir(waiting.popleft()) as entries:
            for entry in sorted(entries, key=lambda entry: entry.name):
                if entry.name.startswith(".") or entry.name == "__MACOSX":
                    continue
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
                else:
                    yield entry


def _short(name: str) -> str:
    return name if len(name) <= 200 else f"{name[:200]}…"
