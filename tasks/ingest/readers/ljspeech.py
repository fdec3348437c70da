"""LJSpeech-like: metadata.csv with lines `id|text[|normalised[|speaker[|language]]]`; recordings in wavs/ or beside."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.language import language_tag
from tasks.ingest.readers.lines import broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, inside, media
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure


def matches(folder: Path) -> bool:
    """Whether the folder, or one in it, has a metadata.csv."""
    return next(find(folder, "metadata.csv", entries=GLANCE), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield the lines of each metadata.csv, then the recordings that no line names.

    Of several (M-AILABS has one a book) each is a corpus of its own, whose folder begins its recordings' ids.
    """
    tables = list(find(folder, "metadata.csv"))
    for table in tables:
        where = table.parent
        others = [other.parent for other in tables if where in other.parent.parents]
        paths = [path for path in _recordings(where) if not any(other in path.parents for other in others)]
        prefix = f"{where.relative_to(folder).as_posix()}/" if len(tables) > 1 and where != folder else ""
        yield from _read_one(folder, table, paths, prefix)


def _read_one(folder: Path, table: Path, paths: list[Path], prefix: str) -> Iterator[Source]:
    by_name = {name: path for path in reversed(paths) for name in _names(path, table.parent)}
    named: set[Path] = set()
    for line in text_lines(table):
        if line.text is None:
            yield broken(folder, table, line)
        elif line.text.strip():
            source = _source(line.text, table.parent, by_name, prefix)
            named |= {path for path in [source.path] if path}
            yield source
    for path in paths:
        if path not in named:
            yield Source(prefix + path.stem, path, None)


def _recordings(folder: Path) -> list[Path]:
    """Every recording in the folder, those in wavs/ first."""
    return sorted(media(folder), key=lambda path: (path.relative_to(folder).parts[0] != "wavs", path))


def _names(path: Path, folder: Path) -> set[str]:
    """What a line may call a recording: its bare name, or its path (from wavs/ or above), with or without suffix."""
    relative = path.relative_to(folder)
    names = {path.stem, path.name, relative.as_posix(), relative.with_suffix("").as_posix()}
    return names | {name.removeprefix("wavs/") for name in names}


def _source(line: str, folder: Path, by_name: dict[str, Path], prefix: str) -> Source:
    name, text, normalised, speaker, language = ([field.strip() for field in line.split("|")] + [""] * 4)[:5]
    path, tag = by_name.get(name), language_tag(language)
    problem = tag if isinstance(tag, Failure) else None
    if path is None:
        outside = inside(folder, name)
        problem = outside if isinstance(outside, Failure) and outside.reason == "outside_corpus" else problem
    tag = None if isinstance(tag, Failure) else tag
    return Source(prefix + name, path, normalised or text or None, speaker or None, tag, problem=problem)
