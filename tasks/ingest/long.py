"""Recordings too long to hold: heard twice, block by block, once to measure and once to write.

Letters: T samples.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np

from tasks import audio
from tasks.params import IngestParams
from tasks.rowstore import Rejected


@dataclass(frozen=True)
class Survey:
    """What must be known of a whole recording before its first sample can be written."""

    source_peak: float
    gain_db: float
    loudness_lufs: float


def survey(blocks: Iterable[np.ndarray], source_rate: int, ingest: IngestParams, rate_hz: int) -> Survey:
    """Measure blocks (T,) at `source_rate`; `Rejected` when they are silent."""
    level, loudness = audio.LevelMeter(source_rate), audio.LoudnessMeter(rate_hz)
    source_peak = peak = 0.0

    def heard() -> Iterator[np.ndarray]:
        nonlocal source_peak
        for block in blocks:
            level.add(block)
            source_peak = max(source_peak, _peak(block))
            yield block

    for block in audio.resample_blocks(heard(), source_rate, rate_hz):
        loudness.add(block)
        peak = max(peak, _peak(block))
    if level.dbfs() < ingest.silence_dbfs:
        raise Rejected("silent", f"its loudest moment is {level.dbfs():.0f} dBFS, below {ingest.silence_dbfs:.0f}")
    measured = loudness.lufs()
    gain_db = audio.gain_to_target_db(measured, peak, ingest.loudness_lufs)
    return Survey(source_peak, gain_db, measured + gain_db)


def render(blocks: Iterable[np.ndarray], source_rate: int, found: Survey, rate_hz: int) -> dict:
    """The row of the blocks (T,) that were surveyed."""
    tops = audio.FlatTops(found.source_peak)
    samples = 0

    def watched() -> Iterator[np.ndarray]:
        for block in blocks:
            tops.add(block)
            yield block

    def levelled() -> Iterator[np.ndarray]:
        nonlocal samples
        for block in audio.resample_blocks(watched(), source_rate, rate_hz):
            samples += len(block)
            yield audio.apply_gain(block, found.gain_db)

    flac = audio.blocks_to_flac(levelled(), rate_hz)
    return {
        "duration_s": samples / rate_hz,
        "sample_rate_hz": rate_hz,
        "loudness_lufs": found.loudness_lufs,
        "clipped_share": tops.share(),
        "flac": flac,
    }


def _peak(wave: np.ndarray) -> float:
    return float(np.max(np.abs(wave), initial=0))
