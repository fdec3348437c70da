"""A recording as the speaker encoder hears it."""

from __future__ import annotations

import numpy as np

MIN_CLONE_S = 0.5
RATES_HZ = (1_000, 768_000)


def recording(wave: np.ndarray, sample_rate_hz: int, wanted_hz: int) -> np.ndarray:
    """A recording (T,) at the rate wanted; `ValueError` for what is none, or too short to know a voice by."""
    wave = np.asarray(wave)
    if not np.issubdtype(wave.dtype, np.floating):
        raise ValueError(f"a recording to clone is float samples between -1 and 1, found {wave.dtype}")
    wave = wave.astype(np.float32)
    if not RATES_HZ[0] <= sample_rate_hz <= RATES_HZ[1]:
        raise ValueError(f"a recording to clone has {RATES_HZ[0]} to {RATES_HZ[1]} Hz, found {sample_rate_hz}")
    if wave.ndim != 1 or not np.isfinite(wave).all():
        raise ValueError(f"a recording to clone is one channel of finite samples (T,), found shape {wave.shape}")
    if len(wave) < MIN_CLONE_S * sample_rate_hz:
        raise ValueError(f"{len(wave) / sample_rate_hz:.2f} s are too short to clone; give {MIN_CLONE_S} s or more")
    return resample(wave, sample_rate_hz, wanted_hz)


def resample(wave: np.ndarray, from_hz: int, to_hz: int) -> np.ndarray:
    """Band-limited resampling of (T,) through its whole spectrum; fit for analysis, not for editing."""
    if from_hz == to_hz:
        return wave
    samples = round(len(wave) * to_hz / from_hz)
    resampled = np.fft.irfft(np.fft.rfft(wave)[: samples // 2 + 1], samples)
    return (resampled * (samples / len(wave))).astype(np.float32)
