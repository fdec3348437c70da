"""Speaker embeddings that travel at 8 bits: they take less room than the encoder, and none of the time over there.

There they fill the row store of `features`, under the keys that it gives to the utterances made again.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.features.measure import measure
from tasks.features.steps import speaker_step
from tasks.kit.contents import EMBEDDINGS
from tasks.records import UTTERANCES, read_shards
from tasks.rowstore import Failure, Outcome

#: An embedding is `codes` × `scale`.
EMBEDDING = pa.schema(
    [
        *((name, pa.string()) for name in ("id", "reason", "message")),
        ("scale", pa.float32()),
        ("codes", pa.binary()),
    ]
)
_HIGHEST = 255  # no number of a d-vector is negative: its network ends in a rectifier


def record(utterances: Path, ids: Collection[str], kit: Path) -> None:
    """Measure who speaks in these utterances, unless that is known, and write it into a kit."""
    measured = measure(utterances, speaker_step())
    rows = []
    for table, keys in zip(read_shards(utterances, UTTERANCES, ["id"]), measured.keys, strict=True):
        outcomes = measured.store.get(keys)
        names = zip(table["id"].to_pylist(), keys, strict=True)
        rows += [_row(name, outcomes[key]) for name, key in names if name in ids]
    table = pa.Table.from_pylist(sorted(rows, key=lambda row: row["id"]), schema=EMBEDDING)
    pq.write_table(table, kit / EMBEDDINGS, compression="zstd", compression_level=19, use_dictionary=False)


def fill(kit: Path, utterances: Path) -> None:
    """Take a kit's embeddings into the row store of `features`."""
    keyed = speaker_step()
    known = {row["id"]: row for row in pq.read_table(kit / EMBEDDINGS).to_pylist()}
    store = keyed.step.store()
    for table in read_shards(utterances, UTTERANCES, ["id", "audio_key"]):
        pairs = zip(table["id"].to_pylist(), table["audio_key"].to_pylist(), strict=True)
        outcomes = {(key := keyed.key_of(audio_key)): _outcome(key, known[name]) for name, audio_key in pairs}
        store.put([outcomes[key] for key in store.missing(outcomes)])


def _row(name: str, outcome: Outcome) -> dict:
    failure = outcome.failure
    if failure is not None:
        return {"id": name, "reason": failure.reason, "message": failure.message, "scale": None, "codes": None}
    vector = np.frombuffer(outcome.rows[0]["embedding"], "<f4")
    scale = max(float(vector.max()), 1e-9) / _HIGHEST
    codes = np.rint(vector.clip(min=0) / scale).astype(np.uint8).tobytes()
    return {"id": name, "reason": None, "message": None, "scale": scale, "codes": codes}


def _outcome(key: str, row: dict) -> Outcome:
    if row["reason"] is not None:
        return Outcome(key, failure=Failure(row["reason"], row["message"]))
    vector = np.frombuffer(row["codes"], np.uint8) * np.float32(row["scale"])
    unit = vector / np.linalg.norm(vector)
    return Outcome(key, [{"embedding": unit.astype("<f4").tobytes()}])
