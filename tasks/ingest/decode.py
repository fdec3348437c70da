"""One recording's bytes → mono audio at the project's rate and loudness: the step whose rows are kept."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pyarrow as pa

from tasks import audio
from tasks.params import AudioParams, IngestParams
from tasks.rowstore import Rejected, row_key

#: Raise it whenever the same bytes would give other rows.
VERSION = 1

SCHEMA = pa.schema(
    [
        pa.field("duration_s", pa.float64()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("loudness_lufs", pa.float32()),
        pa.field("clipped_share", pa.float32()),
        pa.field("flac", pa.binary()),
    ]
)


def key(path: Path, ingest: IngestParams, target: AudioParams) -> str:
    """The row key of a recording: its bytes, how its suffix says to read them, and what is asked of it."""
    with path.open("rb") as file:
        content = hashlib.file_digest(file, lambda: hashlib.blake2b(digest_size=20)).digest()
    codec = path.suffix.lower() if path.suffix.lower() in audio.HEADERLESS else ""
    return row_key("ingest", VERSION, content, codec, ingest.loudness_lufs, ingest.silence_dbfs, target.sample_rate_hz)


def decode(path: Path, ingest: IngestParams, rate_hz: int) -> list[dict]:
    """One row of `SCHEMA` for a recording; `Rejected` when it is no usable audio."""
    try:
        wave, source_rate = audio.decode(path)
    except OSError as error:
        raise Rejected("unreadable", f"the file could not be read: {error.strerror}", retryable=True) from error
    level = audio.peak_level_dbfs(wave, source_rate)
    if level < ingest.silence_dbfs:
        raise Rejected("silent", f"its loudest moment is {level:.0f} dBFS, below {ingest.silence_dbfs:.0f}")
    clipped = audio.clipped_share(wave)
    wave = audio.resample(wave, source_rate, rate_hz)
    wave, loudness = audio.normalise_loudness(wave, rate_hz, ingest.loudness_lufs)
    return [
        {
            "duration_s": len(wave) / rate_hz,
            "sample_rate_hz": rate_hz,
            "loudness_lufs": loudness,
            "clipped_share": clipped,
            "flac": audio.to_flac(wave, rate_hz),
        }
    ]
