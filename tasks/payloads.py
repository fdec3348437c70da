"""What a step works on, read from a sharded table when it is asked for and not before."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pyarrow as pa

from tasks.records import read_table


class Payloads(Mapping[str, tuple]):
    """Key → the values of `columns` in one row; `places` gives file and row. One file is in memory."""

    def __init__(self, places: Mapping[str, tuple[Path, int]], columns: Sequence[str]):
        self._places, self._columns = places, list(columns)
        self._path: Path | None = None
        self._table = pa.table({})

    def __getitem__(self, key: str) -> tuple:
        path, row = self._places[key]
        if path != self._path:
            self._path, self._table = path, read_table(path, self._columns)
        return tuple(self._table[name][row].as_py() for name in self._columns)

    def __iter__(self) -> Iterator[str]:
        return iter(self._places)

    def __len__(self) -> int:
        return len(self._places)
