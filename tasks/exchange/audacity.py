"""Audacity: every recording whole as NAME.flac, its utterances as the label track NAME.txt, voiceloom.json beside.

A person imports both (File > Import > Labels), corrects times and texts, and exports the labels over the file;
ids and speakers, for which labels have no place, wait in voiceloom.json.
"""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path

import pyarrow.parquet as pq

from tasks.exchange.files import json_line, one_line, write_flac
from tasks.exchange.rows import Chosen, names_below, plain
from tasks.records import RECORDINGS, UTTERANCES, check_schema, read_rows, shard_paths

_NATIVE = ("id", "speaker", "start_s", "end_s")
_OF_RECORDING = ("speaker", "language", "corpus", "licence", "consent_id", "source_path", "content_key", "duration_s")


def write(chosen: Chosen, folder: Path) -> None:
    """Write recordings, labels and voiceloom.json; `ValueError` when an utterance's recording is not there."""
    spoken = _utterances(chosen)
    names = names_below({recording: rows[0]["corpus"] for recording, rows in spoken.items()})
    side: dict[str, dict] = {}
    for path in shard_paths(chosen.recordings):
        check_schema(pq.read_schema(path), RECORDINGS, str(path))
        for batch in pq.ParquetFile(path).iter_batches(1, columns=["id", *_OF_RECORDING, "audio"]):
            row = batch.to_pylist()[0]
            if row["id"] in names:
                name, utterances = names[row["id"]], spoken[row["id"]]
                write_flac(row["audio"]["bytes"], folder / f"{name}.flac")
                _write_labels(utterances, folder / f"{name}.txt")
                side[name] = _described(row, utterances)
    lost = sorted(row_id for row_id, name in names.items() if name not in side)
    if lost:
        raise ValueError(f"recording {lost[0]} is not in {chosen.recordings}; run the stages again")
    content = {"recordings": dict(sorted(side.items()))}
    (folder / "voiceloom.json").write_text(json_line(content), encoding="utf-8")


def _utterances(chosen: Chosen) -> dict[str, list[dict]]:
    """Recording → its chosen utterances in the order of time, without their audio."""
    columns = [name for name in UTTERANCES.names if name != "audio"]
    spoken: dict[str, list[dict]] = defaultdict(list)
    for row in read_rows(chosen.utterances, UTTERANCES, columns):
        if row["id"] in chosen.names:
            spoken[row["recording_id"]].append(row)
    return {recording: sorted(rows, key=lambda row: row["start_s"]) for recording, rows in spoken.items()}


def _write_labels(utterances: list[dict], path: Path) -> None:
    """A label track, start, end and text a line, with the six decimals that Audacity itself writes."""
    lines = [f"{row['start_s']:.6f}\t{row['end_s']:.6f}\t{one_line(row['text'])}\n" for row in utterances]
    path.write_text("".join(lines), encoding="utf-8", newline="\n")


def _described(recording: dict, utterances: list[dict]) -> dict:
    return {
        "recording_id": recording["id"],
        **{name: recording[name] for name in _OF_RECORDING},
        "segments": [_segment(recording["id"], row) for row in utterances],
    }


def _segment(recording_id: str, row: dict) -> dict:
    """One utterance; its `id` is what follows the recording's, null when it has the recording's own."""
    rest = {name: value for name, value in plain(row).items() if name not in _NATIVE}
    below = row["id"].removeprefix(recording_id).removeprefix("/")
    return {"id": below or None, **{name: row[name] for name in _NATIVE[1:]}, "utterance_id": row["id"], **rest}
