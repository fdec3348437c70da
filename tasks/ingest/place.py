"""Where the bytes of a recording lie: a file, or the audio column in one row of a Parquet file."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.audio import HEADERLESS
from tasks.ingest.readers.parquet import audio_column
from tasks.rowstore import Rejected

#: A row group up to this size is kept while its neighbours are asked for; of a larger one, only the row is.
_KEPT_BYTES = 1 << 26
_FEW_ROWS = 8


class Place(NamedTuple):
    """A recording's file, its row where the file is a Parquet table, and how many times as fast it is played."""

    path: Path
    member: int | None = None
    speed: float = 1.0

    def size(self) -> int:
        """About how many bytes the recording has."""
        if self.member is None:
            return self.path.stat().st_size
        return self.path.stat().st_size // max(_table(*_state(self.path)).metadata.num_rows, 1)

    def digest(self) -> tuple[bytes, str]:
        """The hash of the recording's bytes, and its suffix where that decides how they are read."""
        if self.member is None:
            with self.path.open("rb") as file:
                content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).digest()
            suffix = self.path.suffix.lower()
        else:
            flat, suffix = _member(self.path, self.member)
            content = hashlib.blake2b(flat, digest_size=20).digest()
        return content, suffix if suffix in HEADERLESS else ""

    @contextmanager
    def file(self) -> Iterator[Path]:
        """The recording as a file: its own, or a passing one with the row's bytes."""
        if self.member is None:
            yield self.path
            return
        content, suffix = _member(self.path, self.member)
        with tempfile.NamedTemporaryFile(suffix=suffix) as file:
            file.write(content)
            file.flush()
            yield Path(file.name)


def _state(path: Path) -> tuple[Path, int]:
    return path, path.stat().st_mtime_ns


@lru_cache(maxsize=4)
def _table(path: Path, _modified: int) -> pq.ParquetFile:
    return pq.ParquetFile(path)


def _member(path: Path, member: int) -> tuple[bytes, str]:
    """The bytes in a row's audio column, and the suffix of the name beside them."""
    try:
        cell = _cell(path, member)
    except (pa.ArrowException, IndexError) as error:
        raise Rejected("unreadable", f"row {member} of the Parquet file could not be read: {error}") from error
    content, name = (cell.get("bytes"), cell.get("path")) if isinstance(cell, dict) else (cell, None)
    if content is None:
        raise Rejected("missing_file", f"row {member} of the Parquet file holds no audio")
    suffix = Path(name or "").suffix.lower()
    return content, suffix if suffix.isascii() and suffix[1:].isalnum() else ""


def _cell(path: Path, member: int) -> dict | bytes | None:
    file = _table(*_state(path))
    column = audio_column(file.schema_arrow)
    if column is None:
        raise Rejected("missing_file", "the Parquet file has no audio column")
    row, group = member, 0
    while row >= (rows := file.metadata.row_group(group).num_rows):
        row, group = row - rows, group + 1
    if file.metadata.row_group(group).total_byte_size <= _KEPT_BYTES:
        return _group(*_state(path), group, column)[row].as_py()
    for batch in file.iter_batches(_FEW_ROWS, row_groups=[group], columns=[column]):
        if row < len(batch):
            return batch.column(0)[row].as_py()
        row -= len(batch)
    raise IndexError(member)


@lru_cache(maxsize=1)
def _group(path: Path, modified: int, group: int, column: str) -> pa.ChunkedArray:
    return _table(path, modified).read_row_group(group, columns=[column]).column(0)
