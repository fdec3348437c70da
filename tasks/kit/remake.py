"""Utterances from a kit: decoded or said again, played at their speed, cut, and as loud as they were.

Letters: T samples.
"""

from __future__ import annotations

import hashlib
import shutil
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq

from tasks import audio
from tasks.engine import map_batches
from tasks.fetch.teacher import TEACHERS, speak
from tasks.kit.contents import SOUNDS, TEACHER, UTTERANCES
from tasks.kit.opus import decoded
from tasks.kit.origins import Origin, origin_of
from tasks.progress import progress
from tasks.records import UTTERANCES as SCHEMA
from tasks.records import shard_paths, table_of, write_table

#: A cut may begin or end this far outside its stretch, by rounding.
_ROUNDING_S = 1e-3
_MOST_DB = 12.0
#: Decoded or said sound kept for the neighbours that are cut from it too.
_KEPT = 4


def remake(kit: Path, folder: Path, variants: Mapping[str, Sequence[float]], first: int | None = None) -> int:
    """Make `data/utterances` of a kit in `folder`, or its `first` shards; returns how many utterances there are."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    shards = shard_paths(kit / UTTERANCES)[:first]
    total = sum(pq.read_metadata(path).num_rows for path in shards)
    with progress("utterances", total) as advance:
        for made in map_batches(partial(_shard, kit, folder, variants), shards):
            advance(made)
    return total


def _shard(kit: Path, folder: Path, variants: Mapping[str, Sequence[float]], path: Path) -> int:
    """Make one shard; runs in a worker."""
    rows = pq.read_table(path).to_pylist()
    sources = _sources(kit)
    origins = {row["id"]: origin_of(row["recording_id"], variants.get(row["corpus"], ()), sources) for row in rows}
    made = [_with_sound(row, sources, origins[row["id"]]) for row in sorted(rows, key=lambda row: origins[row["id"]])]
    write_table(table_of(made, SCHEMA), folder / path.name)
    return len(made)


class Sources(Mapping[str, list]):
    """Recording → its stretches as (start in s, end in s, Opus), or as what a teacher says."""

    def __init__(self, kit: Path):
        self._stretches: defaultdict[str, list[tuple[float, float, bytes]]] = defaultdict(list)
        for row in pq.read_table(kit / SOUNDS).to_pylist():
            self._stretches[row["recording"]].append((row["start_s"], row["end_s"], row["opus"]))
        said = pq.read_table(kit / TEACHER).to_pylist()
        self._said = {row["recording"]: (row["voice"], row["text"]) for row in said}

    def __getitem__(self, recording: str) -> list:
        return self._stretches[recording] if recording in self._stretches else [self._said[recording]]

    def __iter__(self):
        yield from (*self._stretches, *self._said)

    def __len__(self) -> int:
        return len(self._stretches) + len(self._said)

    def __contains__(self, recording: object) -> bool:
        return recording in self._stretches or recording in self._said

    def around(self, recording: str, start_s: float, end_s: float) -> tuple[np.ndarray, int, float]:
        """The sound (T,) around a stretch, its rate, and where in the recording it begins."""
        if recording in self._said:
            return *_said(*self._said[recording]), 0.0
        for start, end, opus in self._stretches[recording]:
            if start - _ROUNDING_S <= start_s and end_s <= end + _ROUNDING_S:
                return *_decoded(opus), start
        raise ValueError(f"the kit has no sound of {recording} from {start_s:.2f} to {end_s:.2f} s")


@lru_cache(maxsize=1)
def _sources(kit: Path) -> Sources:
    return Sources(kit)


@lru_cache(maxsize=_KEPT)
def _decoded(opus: bytes) -> tuple[np.ndarray, int]:
    return decoded(opus)


@lru_cache(maxsize=_KEPT)
def _said(voice: str, text: str) -> tuple[np.ndarray, int]:
    wave, _ = audio.from_flac(speak(voice, text)[0]["flac"])
    return wave, TEACHERS[voice].rate_hz


def _with_sound(row: dict, sources: Sources, origin: Origin) -> dict:
    """An utterance's row with its audio."""
    wave = audible(row, sources, origin)
    flac = audio.to_flac(wave, row["sample_rate_hz"])
    key = hashlib.blake2b(flac, digest_size=20).hexdigest()
    return {**row, "audio_key": key, "audio": {"bytes": flac, "path": f"{row['id']}.flac"}}


def audible(row: Mapping, sources: Sources, origin: Origin) -> np.ndarray:
    """The sound (T,) of an utterance at its own rate, as long and as loud as its row says."""
    rate, speed = row["sample_rate_hz"], origin.speed
    wave, from_hz, begins_s = sources.around(origin.recording, row["start_s"] * speed, row["end_s"] * speed)
    played = audio.resample(wave, round(from_hz * speed), rate)
    start = max(0, round((row["start_s"] - begins_s / speed) * rate))
    length = round(row["duration_s"] * rate)
    cut = played[start : start + length]
    return _levelled(np.pad(cut, (0, length - len(cut))), rate, row["loudness_lufs"])


def _levelled(wave: np.ndarray, rate_hz: int, wanted_lufs: float) -> np.ndarray:
    found = audio.loudness_lufs(wave, rate_hz)
    if not np.isfinite(found):
        return wave
    return audio.apply_gain(wave, float(np.clip(wanted_lufs - found, -_MOST_DB, _MOST_DB)))
