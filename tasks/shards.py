"""Finished shards, kept by what they were made of: a run that changes one row writes one file anew.

They lie beside the row stores, outside every output, and are copied into it. Deleting them changes nothing but time.
"""

from __future__ import annotations

import json
import os
import shutil
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa

from tasks.records import shard_of, write_table
from tasks.rowstore import default_root, row_key, writing

_KEPT_S = 7 * 24 * 3600


class Shard(NamedTuple):
    """What a stage makes of one shard of its input: a table (no file when it is empty), and JSON to add up."""

    table: pa.Table
    summary: dict


class ShardCache:
    """The finished shards of one stage; raise `version` when the same rows would give another file."""

    def __init__(self, stage: str, version: int, schema: pa.Schema):
        self._folder = default_root() / f"shards-{stage}"
        self._made_by = row_key(stage, version, str(schema))
        self._sweep()

    def write(self, target: Path, parts: Sequence, make: Callable[[], Shard]) -> dict:
        """Put the shard made of `parts` (JSON values) at `target`, made first unless it is kept; its summary."""
        content = json.dumps(parts, sort_keys=True, ensure_ascii=False, allow_nan=False)
        kept = self._folder / row_key(self._made_by, content)
        if not (kept / "summary.json").is_file():
            with writing(target):
                self._keep(kept, make())
        os.utime(kept)
        if (kept / "table.parquet").is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            with writing(target):
                shutil.copyfile(kept / "table.parquet", target)
        return json.loads((kept / "summary.json").read_text(encoding="utf-8"))

    def _keep(self, kept: Path, shard: Shard) -> None:
        """Write a shard's two files under a name of its own, then rename their folder."""
        partial = kept.with_name(f"{kept.name}.{uuid.uuid4().hex}.partial")
        partial.mkdir(parents=True)
        try:
            if len(shard.table):
                write_table(shard.table, partial / "table.parquet")
            (partial / "summary.json").write_text(json.dumps(shard.summary), encoding="utf-8")
            shutil.rmtree(kept, ignore_errors=True)
            os.rename(partial, kept)
        finally:
            shutil.rmtree(partial, ignore_errors=True)

    def _sweep(self) -> None:
        """Drop what no run has used for a week."""
        for path in self._folder.glob("*"):
            if time.time() - path.stat().st_mtime > _KEPT_S:
                shutil.rmtree(path, ignore_errors=True)


def by_shard(rows: Sequence[dict], shards: int) -> Iterator[list[dict]]:
    """Rows by the shard of their `id`, each shard sorted by it."""
    found: list[list[dict]] = [[] for _ in range(shards)]
    for row in sorted(rows, key=lambda row: row["id"]):
        found[shard_of(row["id"], shards)].append(row)
    yield from found
