"""The utterances that training hears: feature rows as arrays in memory, each aligned with its text."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from tasks.audio import from_flac
from tasks.params import AudioParams
from tasks.records import FEATURES, read_rows
from voiceloom_model.alignment import align
from voiceloom_model.text import language_id
from voiceloom_model.training.data import Utterance


def load_splits(features: Path, audio: AudioParams, statistics: dict) -> tuple[list[Utterance], list[Utterance]]:
    """The utterances to train on and those held out, in the order of their ids."""
    means = {name: speaker["embedding"] for name, speaker in statistics["speakers"].items()}
    splits, utterances = zip(*_read(features, audio, means), strict=True)
    if "train" not in splits:
        raise ValueError(f"{features} holds no utterance of the train split; lower segment.held_out_share")
    aligned = list(zip(splits, _aligned(utterances), strict=True))
    training, held_out = ([one for split, one in aligned if split == name] for name in ("train", "test"))
    return training, held_out


def _aligned(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give every utterance its durations."""
    columns = ([getattr(u, name) for u in utterances] for name in ("tokens", "stress", "mel"))
    return [replace(u, durations=found) for u, found in zip(utterances, align(*columns), strict=True)]


def _read(features: Path, audio: AudioParams, means: dict[str, list[float]]) -> Iterator[tuple[str, Utterance]]:
    """Yield (split, utterance) of every feature row, in the order of ids."""
    for row in sorted(read_rows(features, FEATURES), key=lambda row: row["id"]):
        frames = row["n_frames"]
        wave = np.zeros(frames * audio.hop_length, np.int16)
        samples = from_flac(row["audio"]["bytes"])[0][: len(wave)]
        wave[: len(samples)] = np.round(samples * 32768)
        yield (
            row["split"],
            Utterance(
                id=row["id"],
                tokens=np.asarray(row["phoneme_ids"], np.int64),
                stress=np.asarray(row["stress_ids"], np.int64),
                durations=np.empty(0, np.int64),
                language=language_id(row["language"]),
                mel=np.asarray(row["mel"], np.float16).reshape(audio.n_mels, frames).T,
                wave=wave,
                speaker=np.asarray(row["speaker_embedding"], np.float32),
                speaker_mean=np.asarray(means[row["speaker"]], np.float32),
            ),
        )
