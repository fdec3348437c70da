"""LJSpeech-like: metadata.csv with lines `id|text[|normalised[|speaker]]`; recordings in wavs/ or beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.audio import SUFFIXES
from tasks.ingest.readers.source import Source


def matches(folder: Path) -> bool:
    """Whether the folder, or one in it, has a metadata.csv."""
    return _metadata(folder) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield the lines of metadata.csv, then the recordings that no line names."""
    metadata = _metadata(folder)
    assert metadata is not None
    paths = _recordings(metadata.parent)
    by_name = {name: path for path in reversed(paths) for name in _names(path, metadata.parent)}
    named: set[str] = set()
    for line in _lines(metadata):
        if line.strip():
            source = _source(line, by_name)
            named |= _names(source.path, metadata.parent) if source.path else set()
            yield source
    for path in paths:
        if not named & _names(path, metadata.parent):
            yield Source(path.stem, path, None)


def _metadata(folder: Path) -> Path | None:
    """The metadata.csv nearest to the top; an archive often holds one folder around everything."""
    found = sorted(folder.rglob("metadata.csv"), key=lambda path: (len(path.parts), path))
    return found[0] if found else None


def _recordings(folder: Path) -> list[Path]:
    """Every recording in the folder, those in wavs/ first."""
    found = (path for path in folder.rglob("*") if path.suffix.lower() in SUFFIXES)
    return sorted(found, key=lambda path: (path.relative_to(folder).parts[0] != "wavs", path))


def _names(path: Path, folder: Path) -> set[str]:
    """What a line may call a recording: its bare name, or its path, with or without suffix."""
    relative = path.relative_to(folder)
    return {path.stem, path.name, relative.as_posix(), relative.with_suffix("").as_posix()}


def _lines(metadata: Path) -> list[str]:
    try:
        return metadata.read_text(encoding="utf-8-sig").splitlines()
    except UnicodeDecodeError as error:
        raise ValueError(f"{metadata} is not UTF-8 text (byte {error.start}); save it as UTF-8") from error


def _source(line: str, by_name: dict[str, Path]) -> Source:
    name, text, normalised, speaker = ([field.strip() for field in line.split("|")] + [""] * 3)[:4]
    return Source(name, by_name.get(name), normalised or text or None, speaker or None)
