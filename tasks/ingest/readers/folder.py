"""A folder of recordings (or films) without any text: speech recognition is to write it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.places import has_media, media, recording_ids
from tasks.ingest.readers.source import Source


def matches(folder: Path) -> bool:
    """Whether there is any recording."""
    return has_media(folder)


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every recording, named by its path in the folder."""
    paths = media(folder)
    names = recording_ids(folder, paths)
    for path in paths:
        yield Source(names[path], path, None, text_kind="none")
