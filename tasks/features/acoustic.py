"""What is heard in an utterance, frame by frame: mel, F0, energy and MFCC, all on the grid of the mel frames.

Letters: T samples, F frames, M mel bands.
"""

from __future__ import annotations

import getpass
import tempfile
from functools import lru_cache
from pathlib import Path

import numpy as np

from tasks.params import AudioParams, FeaturesParams
from voiceloom_model.features import MelConfig, log_mel, pad_to_frames

#: Part of the row key: raise it when anything below changes what is computed.
VERSION = 1
MIN_PERIODICITY = 0.5  # normalised autocorrelation at the period; a pure tone has 1, noise about 0
MAX_DROP_DB = 35.0  # a frame this far below the loud ones is no voice, however periodic its hum


def mel_config(audio: AudioParams) -> MelConfig:
    """The model's mel definition for the shared `audio` section."""
    return MelConfig(**audio.model_dump())


def acoustic_features(wave: np.ndarray, audio: AudioParams, params: FeaturesParams) -> dict:
    """The acoustic columns of one utterance (T,): `n_frames`, and row-major little-endian float16 bytes each.

    mel (M × F) natural-log magnitudes, f0_hz (F) with 0 where unvoiced, energy_db (F) in dB of full scale,
    mfcc (n_mfcc × F).
    """
    compile_librosa()
    config = mel_config(audio)
    padded = pad_to_frames(wave, config)
    mel = log_mel(padded, config)
    energy = frame_energy_db(padded, config)
    columns = {
        "mel": mel,
        "f0_hz": pitch_hz(padded, energy, config, params),
        "energy_db": energy,
        "mfcc": mfcc_of(mel, params.n_mfcc),
    }
    return {
        "n_frames": mel.shape[1],
        **{name: matrix.astype("<f2").tobytes() for name, matrix in columns.items()},
    }


def frame_energy_db(wave: np.ndarray, config: MelConfig) -> np.ndarray:
    """Root mean square (F,) of each mel frame's window, in dB of full scale, never below −100."""
    import librosa

    margin = (config.n_fft - config.hop_length) // 2
    rms = librosa.feature.rms(
        y=np.pad(wave, margin, mode="reflect"),
        frame_length=config.n_fft,
        hop_length=config.hop_length,
        center=False,
    )
    return 20 * np.log10(np.maximum(rms[0], 1e-5))


def mfcc_of(mel: np.ndarray, n_mfcc: int) -> np.ndarray:
    """Mel-frequency cepstral coefficients (n_mfcc, F) of natural-log mel magnitudes (M, F)."""
    import librosa

    return librosa.feature.mfcc(S=mel * np.float32(20 / np.log(10)), n_mfcc=n_mfcc)


@lru_cache(maxsize=1)
def compile_librosa() -> None:
    """Let librosa compile what is used here, one process of this machine at a time.

    Numba's cache of generalised ufuncs does not bear two first users at once: it can be left in a state that
    crashes every later process.
    """
    from filelock import FileLock

    with FileLock(Path(tempfile.gettempdir()) / f"voiceloom-compiling-{getpass.getuser()}.lock"):
        import librosa

        librosa.yin(np.zeros(4096, np.float32), fmin=65, fmax=500, sr=16000)


def pitch_hz(wave: np.ndarray, energy_db: np.ndarray, config: MelConfig, params: FeaturesParams) -> np.ndarray:
    """F0 (F,) in Hz by YIN (de Cheveigné and Kawahara 2002), 0 where `voiced_frames` hears no voice."""
    import librosa

    frame_length = _pitch_frame(config, params)
    margin = frame_length // 2 - config.hop_length // 2  # centres the pitch frame on the mel frame
    padded = np.pad(wave, (margin, frame_length))
    f0 = librosa.yin(
        padded,
        fmin=params.f0_min_hz,
        fmax=params.f0_max_hz,
        sr=config.sample_rate_hz,
        frame_length=frame_length,
        hop_length=config.hop_length,
        center=False,
    )[: len(energy_db)]
    frames = librosa.util.frame(padded, frame_length=frame_length, hop_length=config.hop_length)
    periods = np.rint(config.sample_rate_hz / f0).astype(np.int64)
    voiced = voiced_frames(frames[:, : len(f0)].T, periods, energy_db)
    return np.where(voiced, f0, 0.0).astype(np.float32)


def voiced_frames(frames: np.ndarray, periods: np.ndarray, energy_db: np.ndarray) -> np.ndarray:
    """Which of the frames (F, L) repeat after their period (F,) in samples and are not far too quiet."""
    half = frames.shape[1] // 2
    here = frames[:, :half]
    later = np.take_along_axis(frames, periods[:, None] + np.arange(half), axis=1)
    power = np.sqrt(np.einsum("ft,ft->f", here, here) * np.einsum("ft,ft->f", later, later))
    periodicity = np.einsum("ft,ft->f", here, later) / np.maximum(power, 1e-9)
    return (periodicity > MIN_PERIODICITY) & (energy_db > np.percentile(energy_db, 95) - MAX_DROP_DB)


def _pitch_frame(config: MelConfig, params: FeaturesParams) -> int:
    """A power of two that holds at least four of the longest periods, so that half of it holds two."""
    return 1 << int(np.ceil(np.log2(4 * config.sample_rate_hz / params.f0_min_hz)))
