"""Measures of speech that only benchmarks take: DistillMOS, and the distance to a recording of the same words."""

from __future__ import annotations

import contextlib
import io
import sys
from functools import lru_cache
from types import ModuleType
from typing import NamedTuple

import numpy as np
from _pipeline import ROOT
from _workers import installed

DISTILLMOS = ("distillmos==0.9.1", "xls-r-sqa==0.1.0")
#: Mel cepstra beyond the first, which is loudness; as many as is usual for mel-cepstral distortion.
CEPSTRA = 13


class Distance(NamedTuple):
    """How far speech is from a recording of the same words, once their frames are aligned."""

    mcd_db: float
    f0_semitones: float | None


def distillmos(wave: np.ndarray) -> float:
    """Distill-MOS (Stahl and Gamper 2025) of a waveform (T,) at 16 kHz, from 1 to 5."""
    import torch

    with torch.inference_mode():
        return float(_network()(torch.from_numpy(np.asarray(wave, np.float32))[None])[0])


@lru_cache(maxsize=1)
def _network():
    sys.path[:0] = [str(installed(requirement)) for requirement in DISTILLMOS]
    sys.modules.setdefault("torchaudio", ModuleType("torchaudio"))  # reads files for its command line, no more
    import distillmos as package  # pyright: ignore[reportMissingImports]

    with contextlib.redirect_stdout(io.StringIO()):  # it prints where its weights lie
        return package.ConvTransformerSQAModel().eval()


def distance(said: np.ndarray, recorded: np.ndarray) -> Distance:
    """Of two waveforms at 16 kHz: mel-cepstral distortion, and the root mean square error of F0 in semitones.

    Dynamic time warping over the cepstra aligns them. The distortion is in dB as a spectrum would show it: the root
    mean square over 80 mel bands of the log spectra smoothed by the first cepstra, loudness left out. The F0 of each
    is taken relative to its own median, over the frames where both are voiced: how the melody differs, not the pitch.
    """
    import librosa

    first, second = _features(said), _features(recorded)
    _, path = librosa.sequence.dtw(first.cepstra, second.cepstra, metric="euclidean")
    here, there = path[:, 0], path[:, 1]
    frames = np.linalg.norm(first.cepstra[:, here] - second.cepstra[:, there], axis=0) / np.sqrt(first.bands)
    voiced = (first.f0_hz[here] > 0) & (second.f0_hz[there] > 0)
    error = None
    if voiced.any():
        melodies = (_semitones(first.f0_hz[here][voiced]), _semitones(second.f0_hz[there][voiced]))
        error = float(np.sqrt(np.mean((melodies[0] - melodies[1]) ** 2)))
    return Distance(float(frames.mean()), error)


class _Features(NamedTuple):
    cepstra: np.ndarray
    f0_hz: np.ndarray
    bands: int


def _features(wave: np.ndarray) -> _Features:
    """What the pipeline itself hears: cepstra (12, F) in dB and F0 (F,)."""
    from tasks.features.acoustic import acoustic_features

    params = _params()
    found = acoustic_features(np.asarray(wave, np.float32), params.audio, params.features)
    frames = found["n_frames"]
    cepstra = np.frombuffer(found["mfcc"], "<f2").reshape(-1, frames)[1:CEPSTRA].astype(np.float64)
    return _Features(cepstra, np.frombuffer(found["f0_hz"], "<f2").astype(np.float64), params.audio.n_mels)


@lru_cache(maxsize=1)
def _params():
    from tasks.params import load_params

    return load_params(ROOT / "params.yaml")


def _semitones(f0_hz: np.ndarray) -> np.ndarray:
    return 12 * np.log2(f0_hz / np.median(f0_hz))
