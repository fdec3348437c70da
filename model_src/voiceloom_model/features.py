"""Mel spectrograms: one definition for feature extraction, training and evaluation.

Letters: T samples, F frames (T = F × hop_length exactly), M mel bands, N FFT size.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

LOG_FLOOR = 1e-5


@dataclass(frozen=True)
class MelConfig:
    """How a waveform becomes mel frames; `hop_length` must divide `n_fft`."""

    sample_rate_hz: int = 16000
    n_fft: int = 1024
    hop_length: int = 256
    n_mels: int = 80
    f_min_hz: float = 0.0
    f_max_hz: float = 8000.0

    @property
    def frames_per_second(self) -> float:
        """Mel frames in a second of audio."""
        return self.sample_rate_hz / self.hop_length


@lru_cache(maxsize=8)
def _sparse_filterbank(config: MelConfig):
    """The filters as CSR: 2 % are not zero, and no BLAS splits these sums, so threads do not change a bit."""
    from scipy.sparse import csr_array

    return csr_array(mel_filterbank(config))


@lru_cache(maxsize=8)
def mel_filterbank(config: MelConfig) -> np.ndarray:
    """Slaney-normalised mel filters, (M, N/2 + 1) float32 (librosa's definition)."""
    import librosa

    return librosa.filters.mel(
        sr=config.sample_rate_hz,
        n_fft=config.n_fft,
        n_mels=config.n_mels,
        fmin=config.f_min_hz,
        fmax=config.f_max_hz,
        dtype=np.float32,
    )


def pad_to_frames(wave: np.ndarray, config: MelConfig) -> np.ndarray:
    """Zero-pad (T,) so that it is a whole number of frames, at least one FFT long."""
    samples = max(len(wave), config.n_fft)
    padded = -(-samples // config.hop_length) * config.hop_length
    return np.pad(wave, (0, padded - len(wave)))


def magnitude_frames(wave: np.ndarray, config: MelConfig) -> np.ndarray:
    """STFT magnitudes (N/2 + 1, F) of a whole number of frames; frame f is centred on its hop."""
    import librosa

    margin = (config.n_fft - config.hop_length) // 2
    padded = np.pad(wave, (margin, margin), mode="reflect")
    return np.abs(
        librosa.stft(padded, n_fft=config.n_fft, hop_length=config.hop_length, center=False, dtype=np.complex64)
    )


def log_mel(wave: np.ndarray, config: MelConfig) -> np.ndarray:
    """Natural-log mel magnitudes (M, F) of a float32 waveform (T,), T a multiple of the hop."""
    if len(wave) % config.hop_length or len(wave) < config.n_fft:
        raise ValueError(
            f"{len(wave)} samples are not a whole number of {config.hop_length}-sample frames of at least "
            f"{config.n_fft}; pad_to_frames() first"
        )
    magnitudes = np.ascontiguousarray(magnitude_frames(np.asarray(wave, np.float32), config))
    mel = _sparse_filterbank(config) @ magnitudes
    return np.log(np.maximum(mel, LOG_FLOOR)).astype(np.float32)
