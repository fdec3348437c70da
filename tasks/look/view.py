"""What there is to see of an utterance: its row, its sound, and its features where they were measured.

Letters: T samples, F frames, M mel bands.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from tasks.audio import from_flac
from tasks.look.phones import Phones, align_one
from tasks.params import AudioParams, load_params
from tasks.records import FEATURES, SCORES, UTTERANCES, check_schema, shard_paths


@dataclass(frozen=True)
class Measured:
    """Frames of an utterance: natural-log mel (M, F), F0 in Hz (F,) with 0 unvoiced, energy in dB (F,)."""

    phonemes: str
    mel: np.ndarray
    f0_hz: np.ndarray
    energy_db: np.ndarray
    phones: Phones
    audio: AudioParams

    @property
    def frame_s(self) -> float:
        """Seconds from one frame to the next."""
        return self.audio.hop_length / self.audio.sample_rate_hz


@dataclass(frozen=True)
class View:
    """An utterance: its row without audio, its samples (T,); `measured` is None where there are no features."""

    row: dict
    wave: np.ndarray
    rate_hz: int
    measured: Measured | None
    note: str

    @property
    def id(self) -> str:
        """The utterance's id."""
        return self.row["id"]

    def scores(self) -> dict[str, str]:
        """Every score that was measured, as it is shown."""
        found = {field.name: self.row[field.name] for field in SCORES}
        return {name: _shown(value) for name, value in found.items() if value is not None}


def _shown(value: float | str) -> str:
    return value if isinstance(value, str) else f"{value:.4g}"


def load_view(root: Path, row_id: str) -> View:
    """Everything about the utterance with this id; `ValueError` when params.yaml does not fit the features."""
    row = _row(root / "data" / "utterances", row_id, UTTERANCES, UTTERANCES.names)
    if row is None:
        raise ValueError(f"there is no utterance {row_id}")
    wave, rate = from_flac(row.pop("audio")["bytes"])
    measured = _measured(root, row_id)
    note = "" if measured else _why_not(root, row_id)
    return View(row, wave, rate, measured, note)


def _row(folder: Path, row_id: str, schema: pa.Schema, columns: list[str]) -> dict | None:
    """One row of a table; of its columns only its own row group is read."""
    for path in shard_paths(folder):
        ids = pq.read_table(path, columns=["id"])["id"].to_pylist()
        if row_id in ids:
            file = pq.ParquetFile(path)
            check_schema(file.schema_arrow, schema, str(path))
            at, group = ids.index(row_id), 0
            while at >= file.metadata.row_group(group).num_rows:
                at, group = at - file.metadata.row_group(group).num_rows, group + 1
            return file.read_row_group(group, columns).slice(at, 1).to_pylist()[0]
    return None


def _measured(root: Path, row_id: str) -> Measured | None:
    folder = root / "data" / "features"
    if not any(folder.glob("shard-*.parquet")):
        return None
    audio = load_params(root / "params.yaml").audio
    row = _row(folder, row_id, FEATURES, [name for name in FEATURES.names if name != "audio"])
    if row is None:
        return None
    if len(row["mel"]) != audio.n_mels * row["n_frames"] or row["sample_rate_hz"] != audio.sample_rate_hz:
        raise ValueError(f"{folder} was made with other audio parameters than params.yaml has; run the stages again")
    return Measured(
        phonemes=row["phonemes"],
        mel=np.asarray(row["mel"], np.float32).reshape(audio.n_mels, -1),
        f0_hz=np.asarray(row["f0_hz"], np.float32),
        energy_db=np.asarray(row["energy_db"], np.float32),
        phones=align_one(folder, row),
        audio=audio,
    )


def _why_not(root: Path, row_id: str) -> str:
    """Why an utterance has no features."""
    path = root / "data" / "quarantine" / "features.parquet"
    rows = pq.read_table(path, columns=["id", "reason", "message"]).to_pylist() if path.is_file() else []
    for row in rows:
        if row["id"] == row_id:
            return f"dropped by stage features ({row['reason']}): {row['message']}"
    return "not measured yet: no phonemes, mel and F0 before stage features has run"
