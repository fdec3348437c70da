"""What the samples of an utterance alone tell: loudness, effective bandwidth, and a fingerprint to find copies by.

Letters: T samples, F frames of 32 ms every 16 ms, K bins of their power spectrum, B bands.
"""

from __future__ import annotations

from typing import cast

import numpy as np

from tasks import audio

#: Raise it whenever the same samples would give other scores.
VERSION = 1

FRAME_S = 0.032
QUIETEST_LUFS = -100.0  # digital silence has no loudness, and a table no −∞

#: Bins of a band whose level is followed: 250 Hz together, wide enough for the level of noise to hold still.
_BAND_BINS = 8
_BELOW_PEAK_DB = 60.0
_ABOVE_FLOOR_DB = 9.0

#: The fingerprint's bands end where telephones do, so that a copy at 8 kHz is found too.
PRINT_BANDS = 16
_PRINT_HZ = (100.0, 3600.0)
_PRINT_RANGE_DB = 40.0
_PRINT_LEVELS = 16


def signal_scores(wave: np.ndarray, rate_hz: int) -> dict[str, float | bytes]:
    """`loudness_lufs`, `bandwidth_hz` and `fingerprint` of a mono waveform (T,) float32."""
    power = power_frames(wave, rate_hz)
    return {
        "loudness_lufs": max(audio.loudness_lufs(wave, rate_hz), QUIETEST_LUFS),
        "bandwidth_hz": bandwidth_hz(power, rate_hz),
        "fingerprint": fingerprint(power, rate_hz),
    }


def power_frames(wave: np.ndarray, rate_hz: int) -> np.ndarray:
    """Power spectra (F, K) of Hann-windowed frames, overlapping by half; a shorter waveform is one frame."""
    import scipy.fft

    size = 2 * cast(int, scipy.fft.next_fast_len(round(FRAME_S * rate_hz / 2), real=True))
    padded = np.pad(wave.astype(np.float32, copy=False), (0, max(0, size - len(wave))))
    frames = np.lib.stride_tricks.sliding_window_view(padded, size)[:: size // 2]
    spectra = np.asarray(scipy.fft.rfft(frames * np.hanning(size).astype(np.float32), axis=1), np.complex64)
    return spectra.real**2 + spectra.imag**2


def bandwidth_hz(power: np.ndarray, rate_hz: int) -> float:
    """The highest frequency at which speech, not noise, is heard in power spectra (F, K); 0 without any.

    The upper edge of the highest band of 250 Hz whose loud frames (95th percentile) come within 60 dB of the
    loudest band's, and lie 9 dB above its own quiet ones (10th): speech comes and goes; hiss, hum and rounding
    hold their level. Measured on studio prompts at 16 kHz, speech stays within 56 dB of the loudest band up to
    7.9 kHz; above the old Nyquist frequency of prompts upsampled from 8 kHz there is nothing within 90 dB.
    What a poor resampler mirrors up there moves with the speech, and counts as speech.
    """
    count = (power.shape[1] - 1) // _BAND_BINS
    bands = power[:, 1 : 1 + count * _BAND_BINS].reshape(len(power), count, _BAND_BINS).sum(axis=2)
    levels = np.sort(10 * np.log10(bands + 1e-20), axis=0)
    quiet, loud = levels[len(levels) // 10], levels[(len(levels) - 1) * 19 // 20]
    # The lowest band is left out of the comparison: hum and rumble may be louder than the voice.
    heard = (loud >= loud[1:].max() - _BELOW_PEAK_DB) & (loud - quiet >= _ABOVE_FLOOR_DB)
    width_hz = _BAND_BINS * rate_hz / (2 * (power.shape[1] - 1))
    return float((np.flatnonzero(heard)[-1] + 1) * width_hz) if heard.any() else 0.0


def fingerprint(power: np.ndarray, rate_hz: int) -> bytes:
    """The shape of power spectra (F, K): F rows of 16 mel bands at 4 bits, two to a byte; 500 bytes a second.

    Levels are counted from 40 dB below the loudest, so that neither gain nor faint noise changes them much.
    """
    hz = np.arange(power.shape[1]) * rate_hz / (2 * (power.shape[1] - 1))
    edges = np.searchsorted(hz, _mel_edges_hz())
    bands = np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)
    levels = 10 * np.log10(bands + 1e-20)
    above = np.maximum(levels - levels.max() + _PRINT_RANGE_DB, 0.0)
    digits = np.rint(above * ((_PRINT_LEVELS - 1) / _PRINT_RANGE_DB)).astype(np.uint8)
    return (digits[:, ::2] << 4 | digits[:, 1::2]).tobytes()


def fingerprint_levels(content: bytes) -> np.ndarray:
    """The levels (F, 16) float32, 0 to 15, that `fingerprint` packed."""
    packed = np.frombuffer(content, np.uint8).reshape(-1, PRINT_BANDS // 2)
    return np.stack([packed >> 4, packed & 15], axis=2).reshape(-1, PRINT_BANDS).astype(np.float32)


def _mel_edges_hz() -> np.ndarray:
    """Edges of the fingerprint's bands, evenly spaced on the mel scale (O'Shaughnessy 1987)."""
    low, high = (2595 * np.log10(1 + hz / 700) for hz in _PRINT_HZ)
    return 700 * (10 ** (np.linspace(low, high, PRINT_BANDS + 1) / 2595) - 1)
