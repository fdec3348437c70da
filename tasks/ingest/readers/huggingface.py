"""Hugging Face datasets in Parquet: a column of audio (bytes and path), and text, speaker, language, id beside it."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path, PurePosixPath

import pyarrow as pa

from tasks.ingest.readers.columns import ID, first_of, row_source
from tasks.ingest.readers.parquet import Row, Table
from tasks.ingest.readers.places import GLANCE, find, moved
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

#: More text than this in one row group is a bomb.
_TEXT_BYTES = 256_000_000
#: How many files are opened to see whether they hold recordings.
_OPENED = 10
#: Ids name rows when at least so many of them differ: some corpora number sentences, which several speakers read.
_DISTINCT = 0.9
#: What pyarrow raises at a file that is not what it promises.
_BROKEN = (pa.ArrowException, OSError)


def matches(folder: Path) -> bool:
    """Whether one of the Parquet files nearest to the top has a column of audio."""
    nearest = islice(find(folder, "*.parquet", entries=GLANCE), _OPENED)
    return any(_holds_audio(path) for path in nearest)


def _holds_audio(path: Path) -> bool:
    try:
        return bool(Table(path.name, path).audio)
    except _BROKEN:
        return False


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield the rows of every Parquet file; the recordings themselves are not read.

    A row is called by its id, or else by the file name in its audio, as far as these tell rows apart.
    """
    tables = []
    for path in find(folder, "*.parquet"):
        table = _table(folder, path)
        if isinstance(table, Failure):
            yield Source(path.relative_to(folder).as_posix(), path, None, problem=table)
        else:
            tables.append(table)
    naming = _naming(tables)
    for table in tables:
        try:
            for number, row in enumerate(table.rows()):
                yield _source(folder, table, number, row, naming)
        except _BROKEN as error:
            failure = Failure("truncated", f"the table cannot be read to its end: {_sentence(error)}")
            yield Source(table.name, table.path, None, problem=failure)


def _table(folder: Path, path: Path) -> Table | Failure:
    """A table that can be read in bounded memory, or what is wrong with it."""
    try:
        table = Table(path.relative_to(folder).as_posix(), path)
    except _BROKEN as error:
        return Failure("bad_manifest", f"it is no Parquet file: {_sentence(error)}")
    if not table.audio:
        return Failure("bad_manifest", "the table has no column of audio")
    if table.text_bytes() > _TEXT_BYTES:
        return Failure("decompression_bomb", f"a row group unpacks to more than {_TEXT_BYTES} bytes of text")
    return table


def _naming(tables: list[Table]) -> str | None:
    """What tells rows apart: `id`, `path`, or nothing (their numbers do)."""
    for kind in ("id", "path"):
        seen: set[str] = set()
        rows = 0
        for table in tables:
            for name in table.names(kind):
                rows += 1
                seen.add(name)
        if rows and len(seen) >= _DISTINCT * sum(table.count for table in tables):
            return kind
    return None


def _source(folder: Path, table: Table, number: int, row: Row, naming: str | None) -> Source:
    stem = PurePosixPath(row.path or "").stem
    values = dict(row.values)
    if naming != "id":
        values.pop(first_of(ID, values) or "", None)
    name = stem if naming == "path" and stem else f"{table.name.removesuffix('.parquet')}/{number:06d}"
    if row.problem:
        return Source(name, table.path, None, member=number, problem=row.problem)
    if row.has_bytes:
        return row_source(name, table.path, values, number)
    found = moved(folder, row.path, table.path.parent) if row.path else Failure("missing_file", "the row has no audio")
    return row_source(name, found, values)


def _sentence(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
