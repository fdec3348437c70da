"""How long a voice hears of every recording: what is trained on, and what is held out to judge it by."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

import pyarrow as pa

from tasks.records import FEATURES, HEARD, ORIGIN, UTTERANCES, read_table, shard_paths, write_table

_ORIGIN = tuple(field.name for field in ORIGIN)


def write_heard(features: Path, utterances: Path, path: Path) -> None:
    """Write a row for every recording and speaker in it that a finished table of features holds something of."""
    seconds: defaultdict[tuple, dict[str, float]] = defaultdict(lambda: {"train": 0.0, "test": 0.0})
    for shard in shard_paths(features):
        recordings = read_table(utterances / shard.name, ["id", "recording_id"], UTTERANCES)
        recording_of = dict(zip(*(recordings[name].to_pylist() for name in recordings.column_names), strict=True))
        for row in read_table(shard, ["id", *_ORIGIN, "split", "duration_s"], FEATURES).to_pylist():
            key = (recording_of[row["id"]], *(row[name] for name in _ORIGIN))
            seconds[key]["test" if row["split"] == "test" else "train"] += row["duration_s"]
    rows = [_row(key, heard) for key, heard in sorted(seconds.items())]
    write_table(pa.Table.from_pylist(rows, schema=HEARD), path)


def _row(key: tuple, heard: Mapping[str, float]) -> dict:
    recording_id, *origin = key
    times = {"trained_s": round(heard["train"], 6), "held_out_s": round(heard["test"], 6)}
    return {"recording_id": recording_id, **dict(zip(_ORIGIN, origin, strict=True)), **times}
