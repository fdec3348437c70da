"""Where each phoneme of one utterance lies: the flat start that training begins with, fitted to its speaker alone.

Letters: N tokens, F frames, M mel bands.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq

from tasks.records import shard_paths
from voiceloom_model.text import SYMBOLS

#: So many utterances of the speaker teach the Gaussians enough; more would only take longer.
MAX_UTTERANCES = 40
_MARKS = ("", "ˈ", "ˌ")
_EDGES = {SYMBOLS["^"], SYMBOLS["$"]}
_SOURCE = ["id", "speaker", "language"]
_COLUMNS = ["phoneme_ids", "stress_ids", "n_frames", "mel"]


class Phones(NamedTuple):
    """Symbols (N), empty for the marks of start and end; frames where they begin, and the end (N + 1); how known."""

    symbols: list[str]
    frames: np.ndarray
    source: str


def align_one(features: Path, row: dict) -> Phones:
    """Align a features row with the help of others of its speaker and language."""
    from voiceloom_model.alignment import align

    rows = [row, *islice(_like(features, row), MAX_UTTERANCES - 1)]
    durations = align(
        [np.asarray(one["phoneme_ids"], np.int64) for one in rows],
        [np.asarray(one["stress_ids"], np.int64) for one in rows],
        [np.asarray(one["mel"], np.float32).reshape(-1, one["n_frames"]).T for one in rows],
    )[0]
    heard = f"{len(rows)} utterances of {row['speaker']}" if len(rows) > 1 else "this utterance alone: rough"
    frames = np.concatenate(([0], np.cumsum(durations)))
    return Phones(_symbols(row), frames, f"aligned by a flat start on {heard}")


def _like(features: Path, row: dict) -> Iterator[dict]:
    """Other rows of the same speaker and language; mels are read only where there are any."""
    wanted = (row["speaker"], row["language"])
    for path in shard_paths(features):
        file = pq.ParquetFile(path)
        for group in range(file.num_row_groups):
            found = [
                number
                for number, one in enumerate(file.read_row_group(group, _SOURCE).to_pylist())
                if (one["speaker"], one["language"]) == wanted and one["id"] != row["id"]
            ]
            if found:
                table = file.read_row_group(group, _COLUMNS).take(found)
                rows = (table.slice(at, 1).to_pylist()[0] for at in range(len(table)))
                yield from (other for other in rows if other["n_frames"] >= len(other["phoneme_ids"]))


def _symbols(row: dict) -> list[str]:
    names = {number: symbol for symbol, number in SYMBOLS.items()}
    return [
        "" if token in _EDGES else _MARKS[stress] + names[token]
        for token, stress in zip(row["phoneme_ids"], row["stress_ids"], strict=True)
    ]
