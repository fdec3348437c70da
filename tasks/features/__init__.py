"""Measure utterances: data/utterances → data/features, a shard of features for a shard of utterances, with
`statistics.json` beside them, the data card reports/data.html and .json, and what is heard of every recording.

What has nothing to say, or cannot be aligned with what it says, goes to data/quarantine/features.parquet.
"""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import partial
from pathlib import Path

import pyarrow.compute as pc

from tasks.features.assemble import CARRIED, features_table, rows_of
from tasks.features.card import write_card
from tasks.features.heard import write_heard
from tasks.features.measure import measure
from tasks.features.statistics import Statistics
from tasks.features.steps import acoustic_step, phonemes_step, speaker_step
from tasks.params import AudioParams, FeaturesParams
from tasks.quarantine import Quarantine, excerpt
from tasks.records import FEATURES, read_table, shard_paths
from tasks.rowstore import Failure, Outcome, RowStore, writing
from tasks.shards import Shard, ShardCache
from tasks.stage import Metrics, Stage
from voiceloom_model.text import Lexicon

#: Raise it when the same measures would give another table or other sums.
VERSION = 1

#: `table` and not `features`, which is the name of the parameter section.
STAGE = Stage(
    deps={
        "utterances": "data/utterances",
        "lexicon": "data/lexicon.tsv",
        "refused_ingest": "data/quarantine/ingest.parquet",
        "refused_segment": "data/quarantine/segment.parquet",
    },
    outs={
        "table": "data/features",
        "quarantine": "data/quarantine/features.parquet",
        "card": "reports/data.json",
        "card_page": "reports/data.html",
        "card_plots": "reports/data_plots.json",
        "heard": "reports/heard.parquet",
    },
    params=("features", "audio"),
    code=(
        "tasks/audio",
        "tasks/shards.py",
        "model_src/voiceloom_model/text",
        "model_src/voiceloom_model/features.py",
        "model_src/voiceloom_model/speaker.py",
        "model_src/voiceloom_model/speaker_weights.py",
    ),
)


def run(  # noqa: PLR0913
    *,
    utterances: Path,
    lexicon: Path,
    refused_ingest: Path,
    refused_segment: Path,
    table: Path,
    quarantine: Path,
    card: Path,
    card_page: Path,
    card_plots: Path,
    heard: Path,
    features: FeaturesParams,
    audio: AudioParams,
) -> Metrics:
    """Measure what is not measured yet, then assemble the table, its statistics and its card.

    Raises `ValueError` when more utterances are refused than `max_error_rate` allows, or when none is left.
    """
    steps = (acoustic_step(audio, features), speaker_step(), phonemes_step(Lexicon.load(lexicon), features.front_ends))
    measured = [measure(utterances, step) for step in steps]
    statistics, refused = Statistics(audio.n_mels), Quarantine("features")
    cache = ShardCache("features", VERSION, FEATURES)
    table.mkdir(parents=True)
    places: dict[str, Path] = {}
    for number, path in enumerate(shard_paths(utterances)):
        parts = [_described(path), [[[key, step.store.trust(key)] for key in step.keys[number]] for step in measured]]
        make = partial(_shard, path, [(step.store, step.keys[number]) for step in measured], audio.n_mels)
        summary = cache.write(table / path.name, parts, make)
        statistics.merge(summary["statistics"])
        for row_id, source, failure in summary["refused"]:
            refused.add(row_id, source, Failure(**failure))
            places[row_id] = path
    for row_id in refused.worth_hearing():
        refused.attach(row_id, _sound(places[row_id], row_id))
    refused.close(quarantine, statistics.rows, features.max_error_rate)
    report = statistics.report(features.front_ends)
    _write_json(table / "statistics.json", report)
    quarantines = (refused_ingest, refused_segment, quarantine)
    write_card(table, utterances, quarantines, report, card, card_page, card_plots)
    write_heard(table, utterances, heard)
    return {**statistics.metrics(), **refused.metrics()}


def _sound(path: Path, row_id: str) -> bytes | None:
    """The beginning of a refused utterance."""
    table = read_table(path, ["id", "audio"])
    return excerpt(table.filter(pc.field("id") == row_id)["audio"][0].as_py()["bytes"])


def _described(path: Path) -> list[dict]:
    """What a shard of utterances says of each besides the audio, whose hash is part of it."""
    return read_table(path, [*(name for name in CARRIED if name != "audio"), "audio_key"]).to_pylist()


def _shard(path: Path, measured: list[tuple[RowStore, list[str]]], n_mels: int) -> Shard:
    """One shard of features with its sums, and the failures of what is not in it."""
    utterances = read_table(path)
    rows, refused = [], []
    names = zip(utterances["id"].to_pylist(), utterances["recording_id"].to_pylist(), strict=True)
    outcomes = [_outcomes(store, keys) for store, keys in measured]
    for (name, source), row in zip(names, rows_of(*outcomes), strict=True):
        if isinstance(row, Failure):
            refused.append([name, source, asdict(row)])
        else:
            rows.append(row)
    made = features_table(utterances, rows)
    statistics = Statistics(n_mels)
    statistics.add(made, [row.oov for row in rows])
    return Shard(made, {"statistics": statistics.sums(), "refused": refused})


def _outcomes(store: RowStore, keys: list[str]) -> list[Outcome]:
    """A step's outcomes for the utterances of one shard, in their order."""
    found = store.get(keys)
    return [found[key] for key in keys]


def _write_json(path: Path, content: dict) -> None:
    text = json.dumps(content, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False)
    with writing(path):
        path.write_text(text + "\n", encoding="utf-8")
