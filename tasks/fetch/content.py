"""What a corpus folder holds, and the hash of it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from pathlib import Path


def content_files(folder: Path) -> Iterator[Path]:
    """The files of a corpus folder, in no order: regular and not hidden; links are not followed out of it."""
    inside = folder.resolve()
    for where, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(where, name)
            if not name.startswith(".") and path.is_file() and path.resolve().is_relative_to(inside):
                yield path


def content_sha256(folder: Path) -> str:
    """The hash of what a folder holds: SHA-256 over the sorted lines `sha256  relative/path`."""
    lines = []
    for path in content_files(folder):
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
        lines.append(f"{digest}  {path.relative_to(folder).as_posix()}\n")
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()
