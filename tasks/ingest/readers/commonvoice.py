"""Common Voice: validated.tsv (else train, dev, test) with columns client_id, path, sentence; clips/*.mp3 beside."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path

from tasks.ingest.readers.language import language_tag
from tasks.ingest.readers.lines import broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, inside
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

_TABLES = ("validated.tsv", "train.tsv", "dev.tsv", "test.tsv")
_NEEDED = ("client_id", "path", "sentence")
_SPEAKER_LETTERS = 16


def matches(folder: Path) -> bool:
    """Whether there is such a table beside a folder of clips."""
    return any((path.parent / "clips").is_dir() for path in find(folder, *_TABLES, entries=GLANCE))


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every clip that a table names, once.

    A speaker is called by the beginning of the `client_id`; `ValueError` when a table lacks a column.
    """
    tables = [path for path in find(folder, *_TABLES) if (path.parent / "clips").is_dir()]
    speakers: dict[str, str] = {}
    for root in sorted({path.parent for path in tables}):
        here = [path for path in tables if path.parent == root]
        whole = [path for path in here if path.name.lower() == _TABLES[0]]
        for table in whole or sorted(here, key=lambda path: _TABLES.index(path.name.lower())):
            yield from _clips(folder, table, speakers)


def _clips(folder: Path, table: Path, speakers: dict[str, str]) -> Iterator[Source]:
    lines = text_lines(table)
    columns = _columns(table, next(islice(lines, 1), None))
    for line in lines:
        if line.text is None:
            yield broken(folder, table, line)
        elif line.text:
            # Sentences hold bare quotation marks: the tables are written without quoting.
            row = dict(zip(columns, line.text.split("\t"), strict=False))
            yield _source(folder, table, row, speakers)


def _columns(table: Path, header) -> list[str]:
    columns = header.text.split("\t") if header and header.text else []
    for name in _NEEDED:
        if name not in columns:
            raise ValueError(f"{table} has no column {name!r}; found: {', '.join(columns)[:200] or 'no header'}")
    return columns


def _source(folder: Path, table: Path, row: dict[str, str], speakers: dict[str, str]) -> Source:
    name = row.get("path", "")
    found = _clip(folder, table.parent.relative_to(folder) / "clips" / name)
    tag = language_tag(row.get("locale"))
    problem = next((failure for failure in (found, tag) if isinstance(failure, Failure)), None)
    return Source(
        id=Path(name).stem or f"{table.name}:no path",
        path=found if isinstance(found, Path) else None,
        text=row.get("sentence", "").strip() or None,
        speaker=_speaker(row.get("client_id", ""), speakers),
        language=tag if isinstance(tag, str) else None,
        problem=problem,
    )


def _clip(folder: Path, place: Path) -> Path | Failure:
    """The clip; the oldest releases name it without suffix."""
    found = inside(folder, str(place))
    if isinstance(found, Path) or place.suffix:
        return found
    return inside(folder, f"{place}.mp3")


def _speaker(client_id: str, speakers: dict[str, str]) -> str | None:
    """A short name for a `client_id`, as long as no other begins so."""
    short = client_id[:_SPEAKER_LETTERS]
    return (short if speakers.setdefault(short, client_id) == client_id else client_id) or None
