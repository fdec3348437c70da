"""Hugging Face audio folder: metadata.csv or metadata.jsonl with a column file_name, beside or above the recordings."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from itertools import islice, zip_longest
from pathlib import Path

from tasks.ingest.readers.columns import row_source
from tasks.ingest.readers.lines import Line, broken, text_lines
from tasks.ingest.readers.places import GLANCE, find, inside, media
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

_NAMES = ("metadata.csv", "metadata.jsonl")
_FILE = ("file_name", "audio_file_name")


def matches(folder: Path) -> bool:
    """Whether a metadata file names recordings in a column file_name."""
    return next(_tables(folder, GLANCE), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every row, then the recordings that no row names."""
    named: set[Path] = set()
    for table in _tables(folder, None):
        rows = _from_csv(folder, table) if table.suffix == ".csv" else _from_jsonl(folder, table)
        for row in rows:
            source = row if isinstance(row, Source) else _source(folder, table, row)
            named |= {source.path} if source.path else set()
            yield source
    for path in media(folder):
        if path not in named:
            yield Source(path.relative_to(folder).with_suffix("").as_posix(), path, None)


def _tables(folder: Path, entries: int | None) -> Iterator[Path]:
    for path in find(folder, *_NAMES, entries=entries):
        first = next(islice(text_lines(path), 1), None)
        header = _objects(first) if first and path.suffix == ".jsonl" else _header(first)
        if not set(_FILE).isdisjoint(header or ()):
            yield path


def _header(line: Line | None) -> list[str]:
    try:
        return next(csv.reader([line.text]), []) if line and line.text else []
    except csv.Error:
        return []


def _objects(line: Line) -> dict | None:
    try:
        content = json.loads(line.text or "")
    except (ValueError, RecursionError):
        return None
    return content if isinstance(content, dict) else None


def _from_jsonl(folder: Path, table: Path) -> Iterator[dict | Source]:
    for line in text_lines(table):
        row = None if line.text is None else _objects(line)
        if row is not None:
            yield row
        elif line.text is None or line.text.strip():
            bad = Failure("bad_manifest", f"line {line.number} is no JSON object")
            yield broken(folder, table, Line(line.number, None, line.problem or bad))


def _from_csv(folder: Path, table: Path) -> Iterator[dict | Source]:
    """Rows by column; quoted fields may go over several lines."""
    bad: list[Line] = []
    good = _good(table, bad)
    columns = next(csv.reader([next(good)]))
    rows = csv.reader(good)
    while True:
        try:
            fields = next(rows)
        except StopIteration:
            break
        except csv.Error as error:
            bad.append(Line(rows.line_num + 1 + len(bad), None, Failure("bad_manifest", f"no row of a table: {error}")))
            continue
        if fields:
            yield dict(zip_longest(columns, fields[: len(columns)]))
    for line in bad:
        yield broken(folder, table, line)


def _good(table: Path, bad: list[Line]) -> Iterator[str]:
    for line in text_lines(table):
        if line.text is None:
            bad.append(line)
        else:
            yield f"{line.text}\n"


def _source(folder: Path, table: Path, row: dict) -> Source:
    name = next((str(row[column]) for column in _FILE if row.get(column)), "")
    found = inside(folder, str(table.parent.relative_to(folder) / name))
    known = found.relative_to(folder) if isinstance(found, Path) else Path(Path(name).name)
    return row_source(known.with_suffix("").as_posix() if name else table.name, found, row)
