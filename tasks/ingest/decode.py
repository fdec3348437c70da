"""One recording's bytes → mono audio at the project's rate and loudness: the step whose rows are kept.

Letters: T samples.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import NamedTuple

import numpy as np
import pyarrow as pa

from tasks import audio
from tasks.ingest.long import render, survey
from tasks.ingest.place import Place
from tasks.params import AudioParams, IngestParams
from tasks.rowstore import Rejected, row_key

#: Raise it whenever the same bytes would give other rows.
VERSION = 2

SCHEMA = pa.schema(
    [
        pa.field("duration_s", pa.float64()),
        pa.field("sample_rate_hz", pa.int32()),
        pa.field("loudness_lufs", pa.float32()),
        pa.field("clipped_share", pa.float32()),
        pa.field("flac", pa.binary()),
    ]
)

#: What is shorter is held in memory and decoded once; what is longer passes twice, block by block.
_SHORT_S = 60.0
_SHORT_SAMPLES = 1 << 24
_CLIP_BYTES = 1 << 21


class Keys(NamedTuple):
    """What a recording is known by: `content` decides its row's values, `row` also whether it is taken at all."""

    content: str
    row: str


def keys(place: Place, ingest: IngestParams, target: AudioParams) -> Keys:
    """From a recording's bytes, how its suffix says to read them, and what is asked of it.

    `Rejected` where the bytes cannot be read.
    """
    try:
        content, codec = place.digest()
    except OSError as error:
        raise _unreadable(error) from error
    asked = (ingest.loudness_lufs, ingest.silence_dbfs, target.sample_rate_hz)
    asked += (place.speed,) if place.speed != 1 else ()  # what is played as it is keeps the key it had
    key = row_key("ingest", VERSION, content, codec, *asked)
    return Keys(key, row_key(key, ingest.max_duration_s))


def cost(place: Place) -> float:
    """About how many clips a recording is worth: hours of audio go alone."""
    try:
        return max(1.0, place.size() / _CLIP_BYTES)
    except OSError:  # decoding will say so of this recording alone
        return 1.0


def decode(place: Place, ingest: IngestParams, rate_hz: int) -> list[dict]:
    """One row of `SCHEMA` for a recording; `Rejected` when it is no usable audio."""
    try:
        with place.file() as path:
            return [_row(Place(path, speed=place.speed), ingest, rate_hz)]
    except OSError as error:
        raise _unreadable(error) from error


def _unreadable(error: OSError) -> Rejected:
    return Rejected("unreadable", f"the file could not be read: {error.strerror}", retryable=True)


def _row(place: Place, ingest: IngestParams, rate_hz: int, channel: int | None = None) -> dict:
    """The row of one recording, of one of its channels where they cancel each other in the mix."""
    try:
        with audio.opened(place.path, ingest.max_duration_s, channel) as (file_rate, blocks):
            source_rate = round(file_rate * place.speed)
            wave, rest = _beginning(blocks, source_rate)
            if rest is None:
                return _short_row(wave, source_rate, ingest, rate_hz)
            found = survey(chain([wave], rest), source_rate, ingest, rate_hz)
        with audio.opened(place.path, ingest.max_duration_s, channel) as (_rate, blocks):
            return render(blocks, source_rate, found, rate_hz)
    except audio.Cancelled as mix:
        return _row(place, ingest, rate_hz, mix.channel)


def _beginning(blocks: Iterator[np.ndarray], rate_hz: int) -> tuple[np.ndarray, Iterator[np.ndarray] | None]:
    """The first minute (T,) and the blocks after it; None when that is all."""
    held, samples = [], 0
    for block in blocks:
        held.append(block)
        samples += len(block)
        if samples > min(_SHORT_S * rate_hz, _SHORT_SAMPLES):
            return np.concatenate(held), blocks
    return held[0] if len(held) == 1 else np.concatenate(held), None


def _short_row(wave: np.ndarray, source_rate: int, ingest: IngestParams, rate_hz: int) -> dict:
    level = audio.peak_level_dbfs(wave, source_rate)
    if level < ingest.silence_dbfs:
        raise Rejected("silent", f"its loudest moment is {level:.0f} dBFS, below {ingest.silence_dbfs:.0f}")
    clipped = audio.clipped_share(wave)
    wave = audio.resample(wave, source_rate, rate_hz)
    if not len(wave):
        raise Rejected("too_short", f"nothing of it is left at {rate_hz} Hz")
    wave, loudness = audio.normalise_loudness(wave, rate_hz, ingest.loudness_lufs)
    return {
        "duration_s": len(wave) / rate_hz,
        "sample_rate_hz": rate_hz,
        "loudness_lufs": loudness,
        "clipped_share": clipped,
        "flac": audio.to_flac(wave, rate_hz),
    }
