"""A Parquet file of recordings, read row by row without its audio."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import repeat
from pathlib import Path, PurePosixPath
from typing import NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.ingest.readers.columns import ID, LANGUAGE, SPEAKER, TEXT, first_of
from tasks.rowstore import Failure

_ROWS_AT_ONCE = 128
_AUDIO_ROWS_AT_ONCE = 16


class Row(NamedTuple):
    """A row: whether the recording lies in it, how its audio is called, and what its other columns say."""

    has_bytes: bool
    path: str | None
    values: dict[str, object]
    problem: Failure | None = None


def audio_column(schema: pa.Schema) -> str | None:
    """The column that holds recordings: `audio`, or else the only struct with `bytes`; None when there is none."""
    structs = [field.name for field in schema if _has_bytes(field.type)]
    if "audio" in structs or ("audio" in schema.names and _is_binary(schema.field("audio").type)):
        return "audio"
    return structs[0] if len(structs) == 1 else None


class Table:
    """An open file; `name` is its path in the corpus.

    Raises `pyarrow.ArrowException` or `OSError` when it is no Parquet file.
    """

    def __init__(self, name: str, path: Path):
        schema = pq.read_schema(path)
        if len(set(schema.names)) < len(schema.names):
            raise pa.ArrowInvalid("two of its columns have the same name")
        self.name, self.path, self.audio = name, path, audio_column(schema) or ""
        wanted = (first_of(names, schema.names) for names in (ID, TEXT, SPEAKER, LANGUAGE))
        self.columns = [column for column in wanted if column]
        # One text that stands in many rows is then in memory once.
        texts = [column for column in self.columns if pa.types.is_string(schema.field(column).type)]
        self._file = pq.ParquetFile(path, read_dictionary=texts)
        self._labels = _labels(schema)
        audio = schema.field(self.audio).type if self.audio else pa.null()
        self._path = f"{self.audio}.path" if pa.types.is_struct(audio) and audio.get_field_index("path") >= 0 else None
        self._cheap = [*self.columns, *([self._path] if self._path else [])]
        self._bytes = f"{self.audio}.bytes" if pa.types.is_struct(audio) else self.audio

    @property
    def count(self) -> int:
        """How many rows there are."""
        return self._file.metadata.num_rows

    def text_bytes(self) -> int:
        """The most bytes that one row group holds beside the audio."""
        return max((self._group_bytes(group) for group in range(self._file.metadata.num_row_groups)), default=0)

    def _group_bytes(self, group: int) -> int:
        chunks = _chunks(self._file, group)
        return sum(chunk.total_uncompressed_size for name, chunk in chunks.items() if name in self._cheap)

    def names(self, kind: str) -> Iterator[str]:
        """What rows are called by their `id`, or by the file name in the `path` of their audio."""
        column = first_of(ID, self.columns) if kind == "id" else self._path
        if column is None:
            return
        for batch in self._file.iter_batches(_ROWS_AT_ONCE, columns=[column]):
            for value in _leaf(batch, column):
                try:
                    name = str(value.as_py() or "")
                except UnicodeDecodeError:
                    name = ""
                yield name if kind == "id" else PurePosixPath(name).stem

    def rows(self) -> Iterator[Row]:
        """Every row, in order; `pyarrow.ArrowException` or `OSError` when the file is not what it promises."""
        found = 0
        for group in range(self._file.metadata.num_row_groups):
            for has_bytes, row in zip(self._present(group), self._cheap_rows(group), strict=False):
                found += 1
                yield row._replace(has_bytes=has_bytes)
        if found < self.count:
            raise pa.ArrowInvalid(f"{found} of {self.count} rows are there")

    def _cheap_rows(self, group: int) -> Iterator[Row]:
        """The rows of a group as far as they can be read without the audio."""
        if not self._cheap:
            yield from repeat(Row(True, None, {}), self._file.metadata.row_group(group).num_rows)
            return
        for batch in self._file.iter_batches(_ROWS_AT_ONCE, row_groups=[group], columns=self._cheap):
            paths = _leaf(batch, self._path) if self._path else pa.nulls(len(batch))
            for index in range(len(batch)):
                try:
                    found = {name: batch.column(name)[index].as_py() for name in self.columns}
                    path = paths[index].as_py()
                except UnicodeDecodeError:
                    yield Row(True, None, {}, Failure("bad_text", "a text of the row is not UTF-8"))
                    continue
                yield Row(True, path, {name: self._value(name, value) for name, value in found.items()})

    def _value(self, column: str, value: object) -> object:
        labels = self._labels.get(column, [])
        return labels[value] if isinstance(value, int) and 0 <= value < len(labels) else value

    def _present(self, group: int) -> Iterator[bool]:
        """For each row of a group whether it holds bytes; the bytes are looked at only where the footer cannot say."""
        chunk, rows = _chunks(self._file, group)[self._bytes], self._file.metadata.row_group(group).num_rows
        statistics = chunk.statistics
        if statistics is None or not statistics.has_null_count:
            return repeat(chunk.total_uncompressed_size > rows // 8 + 100, rows)
        if statistics.null_count in (0, rows):
            return repeat(statistics.null_count == 0, rows)
        batches = self._file.iter_batches(_AUDIO_ROWS_AT_ONCE, row_groups=[group], columns=[self._bytes])
        return (valid for batch in batches for valid in _leaf(batch, self._bytes).is_valid().to_pylist())


def _has_bytes(kind: pa.DataType) -> bool:
    return pa.types.is_struct(kind) and kind.get_field_index("bytes") >= 0 and _is_binary(kind.field("bytes").type)


def _is_binary(kind: pa.DataType) -> bool:
    return pa.types.is_binary(kind) or pa.types.is_large_binary(kind)


def _chunks(file: pq.ParquetFile, group: int) -> dict[str, pq.ColumnChunkMetaData]:
    """The columns of a row group by their path, of which a struct has several."""
    metadata = file.metadata.row_group(group)
    chunks = (metadata.column(index) for index in range(metadata.num_columns))
    return {chunk.path_in_schema: chunk for chunk in chunks}


def _leaf(batch: pa.RecordBatch, column: str) -> pa.Array:
    """A column, or with `struct.field` that field of it."""
    name, _, field = column.rpartition(".")
    return cast(pa.StructArray, batch.column(name)).field(field) if name in batch.schema.names else batch.column(column)


def _labels(schema: pa.Schema) -> dict[str, list[str]]:
    """The names behind the numbers of columns that `datasets` writes as class labels."""
    try:
        written = json.loads((schema.metadata or {}).get(b"huggingface", b"{}"))
        features = written["info"]["features"]
        found = {name: feature.get("names") for name, feature in features.items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return {}
    return {name: labels for name, labels in found.items() if isinstance(labels, list)}
