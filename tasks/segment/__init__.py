"""Cut recordings into utterances: data/recordings → data/utterances, speech without the silence around it.

One recording is one utterance; what is longer than `max_duration_s` goes to data/quarantine/segment.parquet.
"""

from __future__ import annotations

from collections import Counter
from functools import partial
from pathlib import Path

import pyarrow.parquet as pq

from tasks.engine import Step, compute
from tasks.params import RecordsParams, SegmentParams
from tasks.payloads import Payloads
from tasks.quarantine import Quarantine
from tasks.records import RECORDINGS, UTTERANCES, check_schema, shard_of, shard_paths, write_shard
from tasks.rowstore import RowStore, writing
from tasks.segment import cut, vad
from tasks.segment.split import split_of
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={"recordings": "data/recordings"},
    outs={"utterances": "data/utterances", "quarantine": "data/quarantine/segment.parquet"},
    params=("segment", "quality", "records"),
    code=("tasks/segment", "tasks/audio.py", "tasks/asr.py", "tasks/mos.py", "tasks/shards.py"),
)

_CARRIED = ("id", "corpus", "speaker", "language", "licence", "consent_id", "text")


def run(
    *, recordings: Path, utterances: Path, quarantine: Path, segment: SegmentParams, records: RecordsParams
) -> Metrics:
    """Trim, check and split every recording; `ValueError` when all, or too many, cannot be used."""
    sources, places = _read(recordings, segment)
    step = Step("segment", cut.VERSION, partial(cut.cut, segment=segment), cut.SCHEMA)
    store = step.store()
    compute(step, Payloads(places, ("clipped_share", "audio")), store)
    refused = Quarantine("segment")
    totals: Counter = Counter()
    for number in range(records.shards):
        mine = [source for source in sources if shard_of(source["id"], records.shards) == number]
        rows = _rows(mine, store, segment, refused)
        if rows:
            with writing(utterances / f"shard-{number:03d}.parquet"):
                write_shard(rows, utterances, number, UTTERANCES)
        for row in rows:
            totals[row["split"]] += 1
            totals["seconds"] += row["duration_s"]
    kept = totals["train"] + totals["test"]
    refused.close(quarantine, kept, segment.max_error_rate)
    _check_split(totals, segment)
    return {
        "utterances": kept,
        "held_out": totals["test"],
        "minutes": round(totals["seconds"] / 60, 3),
        **refused.metrics(),
    }


def _check_split(totals: Counter, segment: SegmentParams) -> None:
    """Stop before training when there is nothing to learn from, or nothing to be judged by."""
    if not totals["train"] or (segment.held_out_share and not totals["test"]):
        raise ValueError(
            f"stage segment: {totals['train']} utterances to train on and {totals['test']} held out; change "
            f"segment.held_out_share ({segment.held_out_share}) or segment.held_out_min_words "
            f"({segment.held_out_min_words})"
        )


def _read(recordings: Path, segment: SegmentParams) -> tuple[list[dict], dict[str, tuple[Path, int]]]:
    """Every recording without its audio, with the key of its row here; and where each key's audio lies."""
    weights = vad.weights_hash()
    sources: list[dict] = []
    places: dict[str, tuple[Path, int]] = {}
    for path in shard_paths(recordings):
        check_schema(pq.read_schema(path), RECORDINGS, str(path))
        table = pq.read_table(path, columns=[*_CARRIED, "source_path", "content_key"])
        for index, source in enumerate(table.to_pylist()):
            source["key"] = cut.key(source["content_key"], segment, weights)
            places.setdefault(source["key"], (path, index))
            sources.append(source)
    return sources, places


def _rows(sources: list[dict], store: RowStore, segment: SegmentParams, refused: Quarantine) -> list[dict]:
    """The utterances of one shard, with their audio; failures go to the quarantine."""
    outcomes = store.get(source["key"] for source in sources)
    rows = []
    for source in sources:
        outcome = outcomes[source["key"]]
        if outcome.failure is not None:
            refused.add(source["id"], source["source_path"], outcome.failure)
            continue
        made = dict(outcome.rows[0])
        rows.append(
            {
                **{name: source[name] for name in _CARRIED},
                "recording_id": source["id"],
                "split": split_of(source["text"], segment.held_out_share, segment.held_out_min_words),
                "content_key": source["key"],
                "audio": {"bytes": made.pop("flac"), "path": f"{source['id']}.flac"},
                **made,
            }
        )
    return rows
