"""Which utterances go out, what each is called there, and their rows, a few in memory at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow.parquet as pq

from tasks.exchange.names import unique_names
from tasks.records import UTTERANCES, check_schema, read_rows, shard_paths

_BATCH = 64


@dataclass(frozen=True)
class Chosen:
    """The utterances to write out: tables of a project, the name of each chosen id, and how long they are.

    A name is the id below its corpus where all are of one corpus, else the whole id; made safe for file systems.
    """

    utterances: Path
    recordings: Path
    names: dict[str, str]
    seconds: float

    def batches(self) -> Iterator[tuple[str, list[dict]]]:
        """Yield (stem of the shard's file, rows with their audio), at most 64 rows at a time."""
        for path in shard_paths(self.utterances):
            for batch in pq.ParquetFile(path).iter_batches(_BATCH):
                yield path.stem, [row for row in batch.to_pylist() if row["id"] in self.names]

    def rows(self) -> Iterator[tuple[str, dict]]:
        """Yield (name, row) of every utterance, with its audio."""
        for _, rows in self.batches():
            for row in rows:
                yield self.names[row["id"]], row


def choose(root: Path, split: str | None, corpus: str | None) -> Chosen:
    """The utterances of a project, or those of one split or corpus; `ValueError` when that leaves none."""
    utterances = root / "data" / "utterances"
    for path in shard_paths(utterances):
        check_schema(pq.read_schema(path), UTTERANCES, str(path))
    everything = list(read_rows(utterances, UTTERANCES, ["id", "corpus", "split", "duration_s"]))
    for column, wanted in (("split", split), ("corpus", corpus)):
        known = sorted({row[column] for row in everything})
        if wanted not in (None, *known):
            raise ValueError(f"there is no utterance of {column} {wanted!r}; there are: {', '.join(known)}")
    rows = [row for row in everything if split in (None, row["split"]) and corpus in (None, row["corpus"])]
    if not rows:
        raise ValueError(f"no utterance is both of corpus {corpus!r} and of split {split!r}")
    return Chosen(
        utterances=utterances,
        recordings=root / "data" / "recordings",
        names=names_below({row["id"]: row["corpus"] for row in rows}),
        seconds=sum(row["duration_s"] for row in rows),
    )


def names_below(corpora: dict[str, str]) -> dict[str, str]:
    """Id → name, from id → corpus."""
    if len(set(corpora.values())) > 1:
        return unique_names({row_id: row_id for row_id in corpora})
    return unique_names({row_id: row_id.removeprefix(f"{corpus}/") for row_id, corpus in corpora.items()})


def plain(row: dict) -> dict:
    """A row as JSON can hold it: without its audio, and null for what is no finite number."""
    return {
        name: None if isinstance(value, float) and not math.isfinite(value) else value
        for name, value in row.items()
        if name != "audio"
    }
