"""From shards of utterances to row stores that hold everything about them, computing only what they lack."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from tasks.engine import compute
from tasks.features.steps import Keyed
from tasks.payloads import Payloads
from tasks.records import UTTERANCES, read_table, shard_paths
from tasks.rowstore import RowStore


class Measured(NamedTuple):
    """One step's store, and the keys of the utterances shard by shard, in the order of their rows."""

    store: RowStore
    keys: list[list[str]]


def measure(utterances: Path, keyed: Keyed) -> Measured:
    """Bring one step's store up to date with a table of utterances."""
    paths = shard_paths(utterances)
    keys = [_shard_keys(path, keyed) for path in paths]
    places: dict[str, tuple[Path, int]] = {}
    for path, shard in zip(paths, keys, strict=True):
        for row, key in enumerate(shard):
            places.setdefault(key, (path, row))
    store = keyed.step.store()
    compute(keyed.step, Payloads(places, keyed.columns), store)
    return Measured(store, keys)


def _shard_keys(path: Path, keyed: Keyed) -> list[str]:
    table = read_table(path, keyed.keyed_by, UTTERANCES)
    values = zip(*(table[name].to_pylist() for name in keyed.keyed_by), strict=True)
    return [keyed.key_of(*row) for row in values]
