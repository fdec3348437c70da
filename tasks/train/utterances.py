"""The utterances that training hears: feature rows as arrays in memory, each aligned with its text."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import soundfile

from tasks.params import AudioParams
from tasks.records import FEATURES, read_shards
from voiceloom_model.alignment import align
from voiceloom_model.text import language_id
from voiceloom_model.training.data import Utterance

#: What training reads of the table; Parquet leaves the other columns on disk.
COLUMNS = (
    *("id", "split", "speaker", "language", "n_frames", "phoneme_ids", "stress_ids"),
    *("mel", "speaker_embedding", "audio"),
)


def load_splits(features: Path, audio: AudioParams, statistics: dict) -> tuple[list[Utterance], list[Utterance]]:
    """The utterances to train on and those held out, in the order of their ids."""
    splits, utterances = zip(*read_utterances(features, audio, statistics), strict=True)
    if "train" not in splits:
        raise ValueError(f"{features} holds no utterance of the train split; lower segment.held_out_share")
    aligned = list(zip(splits, _aligned(utterances), strict=True))
    training, held_out = ([one for split, one in aligned if split == name] for name in ("train", "test"))
    return training, held_out


def _aligned(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give every utterance its durations."""
    columns = ([getattr(u, name) for u in utterances] for name in ("tokens", "stress", "mel"))
    return [replace(u, durations=found) for u, found in zip(utterances, align(*columns), strict=True)]


def read_utterances(features: Path, audio: AudioParams, statistics: dict) -> Iterator[tuple[str, Utterance]]:
    """Yield (split, utterance) of every feature row, in the order of ids, not aligned yet."""
    means = {name: np.asarray(speaker["embedding"], np.float32) for name, speaker in statistics["speakers"].items()}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        tables = _ahead(read_shards(features, FEATURES, COLUMNS))
        rows = [row for table in tables for row in _rows(table, audio, pool)]
    for split, speaker, utterance in sorted(rows, key=lambda row: row[2].id):
        yield split, replace(utterance, speaker_mean=means[speaker])


def _ahead(tables: Iterator[pa.Table]) -> Iterator[pa.Table]:
    """The same tables, each read while the audio of the one before is decoded."""
    with ThreadPoolExecutor(1) as reader:
        coming = reader.submit(next, tables, None)
        while (table := coming.result()) is not None:
            coming = reader.submit(next, tables, None)
            yield table


def _rows(table: pa.Table, audio: AudioParams, pool: Executor) -> Iterator[tuple[str, str, Utterance]]:
    """Yield (split, speaker, utterance) of one shard; arrays are views of its columns, audio is decoded by `pool`."""
    names = ("split", "speaker", "id", "language", "n_frames")
    plain = zip(*(table[name].to_pylist() for name in names), strict=True)
    arrays = zip(
        *(_arrays(table[name]) for name in ("phoneme_ids", "stress_ids", "mel", "speaker_embedding")), strict=True
    )
    flacs = table["audio"].combine_chunks().field("bytes")
    waves = pool.map(
        _decoded, flacs.to_pylist(), (frames * audio.hop_length for frames in table["n_frames"].to_pylist())
    )
    for (split, speaker, name, language, frames), (ids, stress, mel, vector), wave in zip(
        plain, arrays, waves, strict=True
    ):
        utterance = Utterance(
            id=name,
            tokens=ids.astype(np.int64),
            stress=stress.astype(np.int64),
            durations=np.empty(0, np.int64),
            language=language_id(language),
            mel=mel.reshape(audio.n_mels, frames).T,
            wave=wave,
            speaker=vector,
            speaker_mean=vector,
        )
        yield split, speaker, utterance


def _arrays(column: pa.ChunkedArray) -> list[np.ndarray]:
    """The rows of a list column as views of its values."""
    rows = column.combine_chunks()
    return np.split(rows.values.to_numpy(), rows.offsets.to_numpy()[1:-1])


def _decoded(flac: bytes, length: int) -> np.ndarray:
    """FLAC → int16 (T,), padded with silence or cut to `length` samples."""
    samples = soundfile.read(io.BytesIO(flac), dtype="int16")[0][:length]
    return np.pad(samples, (0, length - len(samples)))
