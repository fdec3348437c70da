"""Measure utterances: data/utterances → data/features, a shard of features for a shard of utterances, with
`statistics.json` beside them, and the data card reports/data.json.

What has nothing to say, or cannot be aligned with what it says, goes to data/quarantine/features.parquet.
"""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from tasks.features.assemble import Row, features_table, rows_of
from tasks.features.card import CardSums, data_card
from tasks.features.measure import Measured, measure
from tasks.features.statistics import Statistics
from tasks.features.steps import acoustic_step, phonemes_step, speaker_step
from tasks.params import AudioParams, FeaturesParams
from tasks.quarantine import Quarantine
from tasks.records import shard_paths, write_table
from tasks.rowstore import Failure, Outcome, writing
from tasks.stage import Metrics, Stage

#: `table` and not `features`, which is the name of the parameter section.
STAGE = Stage(
    deps={"utterances": "data/utterances"},
    outs={
        "table": "data/features",
        "quarantine": "data/quarantine/features.parquet",
        "card": "reports/data.json",
    },
    params=("features", "audio"),
    code=(
        "tasks/features",
        "tasks/shards.py",
        "model_src/voiceloom_model/text",
        "model_src/voiceloom_model/features.py",
        "model_src/voiceloom_model/speaker.py",
    ),
)


def run(
    *,
    utterances: Path,
    table: Path,
    quarantine: Path,
    card: Path,
    features: FeaturesParams,
    audio: AudioParams,
) -> Metrics:
    """Measure what is not measured yet, then assemble the table, its statistics and its card.

    Raises `ValueError` when more utterances are refused than `max_error_rate` allows, or when none is left.
    """
    steps = (acoustic_step(audio, features), speaker_step(), phonemes_step())
    measured = [measure(utterances, step) for step in steps]
    statistics, sums, refused = Statistics(audio.n_mels), CardSums(), Quarantine("features")
    table.mkdir(parents=True)
    for number, path in enumerate(shard_paths(utterances)):
        shard = pq.read_table(path)
        rows = _kept(shard, [_outcomes(step, number) for step in measured], refused)
        if rows:
            made = features_table(shard, rows)
            with writing(table / path.name):
                write_table(made, table / path.name)
            statistics.add(made)
            sums.add(shard.take([row.index for row in rows]))
    refused.close(quarantine, statistics.rows, features.max_error_rate)
    report = statistics.report()
    _write_json(table / "statistics.json", report)
    _write_json(card, data_card(report, sums, _by_reason(refused)))
    return {**statistics.metrics(), **refused.metrics()}


def _outcomes(step: Measured, shard: int) -> list[Outcome]:
    """A step's outcomes for the utterances of one shard, in their order."""
    found = step.store.get(step.keys[shard])
    return [found[key] for key in step.keys[shard]]


def _kept(shard: pa.Table, outcomes: list[list[Outcome]], refused: Quarantine) -> list[Row]:
    """The rows of one shard; failures go to the quarantine."""
    rows = []
    names = zip(shard["id"].to_pylist(), shard["recording_id"].to_pylist(), strict=True)
    for (name, source), row in zip(names, rows_of(*outcomes), strict=True):
        if isinstance(row, Failure):
            refused.add(name, source, row)
        else:
            rows.append(row)
    return rows


def _by_reason(refused: Quarantine) -> Metrics:
    counts = {name.removeprefix("quarantined_"): count for name, count in refused.metrics().items()}
    return {name: count for name, count in counts.items() if name != "quarantined"}


def _write_json(path: Path, content: dict) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with writing(path):
        path.write_text(text + "\n", encoding="utf-8")
