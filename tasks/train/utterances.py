"""The utterances that training hears: feature rows as arrays in memory, each with its speaker and tokens."""

from __future__ import annotations

import io
import os
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import soundfile

from tasks.params import AudioParams
from tasks.records import FEATURES, read_shards
from voiceloom_model.text import language_id
from voiceloom_model.text.layout import laid_out
from voiceloom_model.training.data import Utterance

#: What training reads of the table; Parquet leaves the other columns on disk.
COLUMNS = (
    *("id", "split", "speaker", "language", "n_frames", "phoneme_ids", "stress_ids"),
    *("mel", "f0_hz", "speaker_embedding", "audio"),
)
#: Less of a person than this teaches their voice to nobody.
MIN_SPEAKER_S = 5.0


class Splits(NamedTuple):
    """The utterances to train on and those held out, in the order of their ids, not aligned yet."""

    train: list[Utterance]
    held_out: list[Utterance]


def load_splits(features: Path, audio: AudioParams, statistics: dict, layout: str = "compact") -> Splits:
    """Read all utterances, their tokens laid out as the network wants them.

    Raises `ValueError` when there is nothing to train on, or too little of a speaker.
    """
    splits: dict[str, list[Utterance]] = {"train": [], "test": []}
    too_fast = 0
    for split, utterance in read_utterances(features, audio, statistics, layout):
        if len(utterance.tokens) > utterance.n_frames:  # more tokens in another layout than there are frames
            too_fast += 1
        elif split in splits:
            splits[split].append(utterance)
    if too_fast:
        print(f"train: {too_fast} utterances have more tokens than frames and are left out", file=sys.stderr)
    if not splits["train"]:
        raise ValueError(f"{features} holds no utterance of the train split; lower segment.held_out_share")
    _check_speakers(splits["train"], audio)
    return Splits(splits["train"], splits["test"])


def _check_speakers(utterances: Sequence[Utterance], audio: AudioParams) -> None:
    """Refuse to train on a speaker of whom there is next to nothing."""
    samples: Counter[str] = Counter()
    for utterance in utterances:
        samples[utterance.speaker_name] += len(utterance.wave)
    speaker, least = min(samples.items(), key=lambda item: item[1])
    if least < MIN_SPEAKER_S * audio.sample_rate_hz:
        raise ValueError(
            f"there are {least / audio.sample_rate_hz:.1f} s of {speaker!r} to train on, and a speaker needs "
            f"{MIN_SPEAKER_S:.0f} s at least: add recordings, or leave this speaker out"
        )


def aligned(splits: Splits, path: Path) -> Splits:
    """Give every utterance its durations, found once for all processes of a run and kept at `path`."""
    everyone = [*splits.train, *splits.held_out]
    if not path.is_file():
        _align(everyone, path)
    with np.load(path) as kept:
        durations = np.split(kept["durations"], np.cumsum(kept["tokens"])[:-1])
    done = [replace(utterance, durations=found) for utterance, found in zip(everyone, durations, strict=True)]
    return Splits(done[: len(splits.train)], done[len(splits.train) :])


def _align(utterances: Sequence[Utterance], path: Path) -> None:
    from voiceloom_model.alignment import align

    columns = ([getattr(utterance, name) for utterance in utterances] for name in ("tokens", "stress", "mel"))
    found = align(*columns)
    partial = path.with_name(f"{path.stem}.partial.npz")
    np.savez(partial, durations=np.concatenate(found), tokens=[len(one) for one in found])
    os.replace(partial, path)


def read_utterances(
    features: Path, audio: AudioParams, statistics: dict, layout: str = "compact"
) -> Iterator[tuple[str, Utterance]]:
    """Yield (split, utterance) of every feature row, in the order of ids."""
    means = {name: np.asarray(speaker["embedding"], np.float32) for name, speaker in statistics["speakers"].items()}
    rows_of_table = {name: row for row, name in enumerate(means, start=1)}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tables = _ahead(read_shards(features, FEATURES, COLUMNS))
        rows = [row for table in tables for row in _rows(table, audio, pool, layout)]
    for split, utterance in sorted(rows, key=lambda row: row[1].id):
        speaker = utterance.speaker_name  # one who is only held out has no mean, and is nobody to the table
        mean, row = means.get(speaker, utterance.speaker), rows_of_table.get(speaker, 0)
        yield split, replace(utterance, speaker_mean=mean, speaker_id=row)


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables, each read while the audio of the one before is decoded."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = reader.submit(next, tables, None)
            yield table


def _rows(table: pa.Table, audio: AudioParams, pool: Executor, layout: str) -> Iterator[tuple[str, Utterance]]:
    """Yield (split, utterance) of one shard; arrays are views of its columns, audio is decoded by `pool`."""
    names = ("split", "speaker", "id", "language", "n_frames", "phoneme_ids", "stress_ids")
    plain = zip(*(table[name].to_pylist() for name in names), strict=True)
    arrays = zip(*(_arrays(table[name]) for name in ("mel", "f0_hz", "speaker_embedding")), strict=True)
    flacs = table["audio"].combine_chunks().field("bytes")
    sizes = (frames * audio.hop_length for frames in table["n_frames"].to_pylist())
    waves = pool.map(_decoded, flacs.to_pylist(), sizes)
    for (split, speaker, name, language, frames, ids, stress), (mel, f0, vector), wave in zip(
        plain, arrays, waves, strict=True
    ):
        tokens = laid_out(ids, stress, layout)
        utterance = Utterance(
            id=name,
            tokens=np.array(tokens.ids, np.int64),
            stress=np.array(tokens.stress, np.int64),
            durations=np.empty(0, np.int64),
            language=language_id(language),
            mel=mel.reshape(audio.n_mels, frames).T,
            wave=wave,
            speaker=vector,
            speaker_mean=vector,
            speaker_name=speaker,
            f0=f0,
        )
        yield split, utterance


def _arrays(column: pa.ChunkedArray) -> list[np.ndarray]:
    """The rows of a list column as views of its values."""
    rows = column.combine_chunks()
    return np.split(rows.values.to_numpy(), rows.offsets.to_numpy()[1:-1])


def _decoded(flac: bytes, length: int) -> np.ndarray:
    """FLAC → int16 (T,), padded with silence or cut to `length` samples."""
    samples = soundfile.read(io.BytesIO(flac), dtype="int16")[0][:length]
    return np.pad(samples, (0, length - len(samples)))
