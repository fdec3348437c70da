"""The row store: what a step made of one input, kept under a key of that input's content.

It lies outside every output and is never part of one. A stage computes the keys that are missing, then
assembles its output from here; deleting the store changes nothing but time. Each batch of outcomes is one
Parquet file with a name of its own, written whole: several processes may write at once, and a kill loses no
finished batch.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import time
import uuid
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import BaseModel

_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_STALE_S = 24 * 3600
_HEAD = ["key", "reason", "message", "retryable"]


class Rejected(Exception):
    """An item that cannot be used: raised by a step's function, kept as a `Failure`; the run goes on."""

    def __init__(self, reason: str, message: str, retryable: bool = False):
        super().__init__(reason, message, retryable)  # all three, so that it can be pickled between processes
        self.failure = Failure(reason, message, retryable)


@dataclass(frozen=True)
class Failure:
    """Why an item gave no rows; `retryable` when trying again may help (a disk that did not answer)."""

    reason: str
    message: str
    retryable: bool = False


@dataclass(frozen=True)
class Outcome:
    """What a step made of the input with this key: rows, or a failure."""

    key: str
    rows: list[dict] = field(default_factory=list)
    failure: Failure | None = None


class _Place(NamedTuple):
    """Where an outcome lies, and how far to trust it: 2 rows, 1 failure, 0 failure that may be retried."""

    file: Path
    row: int
    trust: int


def row_key(*parts: bytes | str | int | float | BaseModel) -> str:
    """The key of an outcome: a hash of content, the parameters that matter, step, version and weights."""
    digest = hashlib.blake2b(digest_size=20)
    for part in parts:
        content = _part_bytes(part)
        digest.update(f"{type(part).__name__}:{len(content)}:".encode())
        digest.update(content)
    return digest.hexdigest()


def _part_bytes(part: bytes | str | int | float | BaseModel) -> bytes:
    if isinstance(part, bytes):
        return part
    if isinstance(part, BaseModel):
        return json.dumps(part.model_dump(mode="json"), sort_keys=True).encode()
    if isinstance(part, str | int | float):
        return repr(part).encode()
    raise TypeError(f"a row key is made of bytes, text, numbers and parameter sections, not {type(part).__name__}")


def default_root() -> Path:
    """Where row stores lie: `VOICELOOM_STORE`, or `runs/rowstore` under the current folder."""
    return Path(os.environ.get("VOICELOOM_STORE") or "runs/rowstore")


@contextmanager
def writing(what: str | Path) -> Iterator[None]:
    """Turn the errors of a full disk into one sentence that says what was being written."""
    try:
        yield
    except OSError as error:
        if error.errno not in _FULL:
            raise
        sentence = f"the disk is full: {what} could not be written; free some space and run the same command again"
        raise OSError(sentence) from error


class RowStore:
    """The outcomes of one step.

    `root` is the folder of all stores, `step` the step's name and version, `schema` that of one row. Another
    schema is another store.
    """

    def __init__(self, root: Path, step: str, schema: pa.Schema):
        fingerprint = hashlib.blake2b(str(schema).encode(), digest_size=4).hexdigest()
        self.folder = Path(root) / f"{step}-{fingerprint}"
        self._table = pa.schema(
            [
                pa.field("key", pa.string(), nullable=False),
                pa.field("reason", pa.string()),
                pa.field("message", pa.string()),
                pa.field("retryable", pa.bool_()),
                pa.field("rows", pa.list_(pa.struct(list(schema))), nullable=False),
            ]
        )
        self._places: dict[str, _Place] = {}
        self._sweep()
        for path in sorted(self.folder.glob("*.parquet")):
            self._index(path)

    def missing(self, keys: Iterable[str], retry: bool = False) -> list[str]:
        """The keys (each once, in order) with neither rows nor failure; with `retry`, retryable ones too."""
        trusted = 1 if retry else 0
        places = self._places
        return [key for key in dict.fromkeys(keys) if key not in places or places[key].trust < trusted]

    def put(self, outcomes: Sequence[Outcome]) -> None:
        """Store a batch as one file, there whole or not at all; `OSError` when the disk is full."""
        if not outcomes:
            return
        table = pa.Table.from_pylist([_stored(outcome) for outcome in outcomes], schema=self._table)
        path = self.folder / f"{uuid.uuid4().hex}.parquet"
        with writing(self.folder):
            self._write(table, path)
        self._index(path)

    def trust(self, key: str) -> int:
        """How final an outcome is: 2 rows, 1 a failure, 0 a failure that may be retried, -1 none yet."""
        return self._places[key].trust if key in self._places else -1

    def get(self, keys: Iterable[str], fields: Iterable[str] | None = None) -> dict[str, Outcome]:
        """The outcomes stored under these keys, each file read once; unknown keys are left out.

        With `fields`, rows hold only these: what is large is not read.
        """
        columns = None
        if fields is not None:
            columns = [*_HEAD, *(f"rows.list.element.{name}" for name in fields)]
        wanted: dict[Path, list[int]] = {}
        for key in dict.fromkeys(keys):
            if key in self._places:
                place = self._places[key]
                wanted.setdefault(place.file, []).append(place.row)
        return {
            outcome.key: outcome for path, rows in wanted.items() for outcome in self._read(path, columns, sorted(rows))
        }

    def _write(self, table: pa.Table, path: Path) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = path.with_suffix(".partial")
        try:
            with partial.open("wb") as file:
                pq.write_table(table, file, compression="none")  # what is large in a row is compressed already
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)

    def _sweep(self) -> None:
        """Drop what writers killed long ago left; a younger file may belong to another writer at work."""
        for partial in self.folder.glob("*.partial"):
            if time.time() - partial.stat().st_mtime > _STALE_S:
                partial.unlink(missing_ok=True)

    def _index(self, path: Path) -> None:
        for row, outcome in enumerate(self._read(path, _HEAD)):
            place = _Place(path, row, _trust(outcome.failure))
            known = self._places.get(outcome.key)
            if known is None or known.trust < place.trust:
                self._places[outcome.key] = place

    def _read(self, path: Path, columns: list[str] | None, rows: list[int] | None = None) -> list[Outcome]:
        try:
            with pq.ParquetFile(path) as file:
                table = file.read(columns)
        except (pa.ArrowInvalid, OSError) as error:
            raise ValueError(f"{path} is damaged; delete it and run again, only its rows are computed anew") from error
        table = table if rows is None else table.take(rows)
        return [_outcome(stored) for stored in table.to_pylist()]


def _trust(failure: Failure | None) -> int:
    if failure is None:
        return 2
    return 0 if failure.retryable else 1


def _stored(outcome: Outcome) -> Mapping:
    failure = outcome.failure
    return {
        "key": outcome.key,
        "reason": failure and failure.reason,
        "message": failure and failure.message,
        "retryable": failure and failure.retryable,
        "rows": outcome.rows,
    }


def _outcome(stored: Mapping) -> Outcome:
    failure = None
    if stored["reason"] is not None:
        failure = Failure(stored["reason"], stored["message"], stored["retryable"])
    return Outcome(stored["key"], stored.get("rows") or [], failure)
