"""Alignment from nothing but the data: one Gaussian a phoneme, trained by expectation-maximisation.

A flat start, as in HTK and Kaldi (Young et al. 2006, The HTK Book, section 8.3): every utterance begins evenly
divided among its tokens; soft alignments and Gaussians then improve each other. It converges on minutes of speech,
where searching with a network that has not learned yet settles on paths in which one token swallows its neighbours.

Letters: N tokens, F frames, M mel bands, D = 2 × CEPSTRA features, C classes (a symbol with its stress).
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from scipy.fft import dct

from voiceloom_model.alignment.search import occupancy, search

CEPSTRA = 16
ITERATIONS = 20
#: More utterances than this teach the Gaussians nothing new; all are aligned all the same.
MAX_TRAINED_ON = 3000
#: Scores are flattened at first, so that early mistakes are not final; full weight from this share of iterations on.
FIRST_WEIGHT, FULL_WEIGHT_FROM = 0.05, 0.7
#: Every class also counts this many frames of the whole data's statistics.
PRIOR_FRAMES = 5.0
VARIANCE_FLOOR = 0.05
N_STRESS = 3


@dataclass(frozen=True)
class Gaussians:
    """Diagonal Gaussians (C, D)."""

    mean: np.ndarray
    variance: np.ndarray

    def scores(self, classes: np.ndarray, features: np.ndarray) -> np.ndarray:
        """Log-likelihoods (N, F) of features (F, D) under each token's class (N,), constants left out."""
        mean, precision = self.mean[classes], 1 / self.variance[classes]
        quadratic = np.square(features) @ precision.T - 2 * features @ (mean * precision).T
        constant = (np.square(mean) * precision - np.log(precision)).sum(axis=1)
        return (-0.5 * (quadratic + constant)).astype(np.float32, copy=False).T


def align(tokens: Sequence[np.ndarray], stress: Sequence[np.ndarray], mels: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Frames per token, (N,) int64 each, for utterances of tokens (N,), stress (N,) and log mel (F, M).

    Every token gets at least one frame and the durations sum to F. Raises `ValueError` when an utterance has fewer
    frames than tokens.
    """
    classes = [token * N_STRESS + mark for token, mark in zip(tokens, stress, strict=True)]
    features = _normalised([cepstra(mel) for mel in mels])
    gaussians = _train(classes[:MAX_TRAINED_ON], features[:MAX_TRAINED_ON])

    def durations(states: np.ndarray, frames: np.ndarray) -> np.ndarray:
        return search(gaussians.scores(states, frames)[None], np.array([len(states)]), np.array([len(frames)]))[0]

    return list(_on_all_cores(durations, classes, features))


def cepstra(mel: np.ndarray) -> np.ndarray:
    """Log mel (F, M) → cepstra and their slopes (F, D)."""
    static = np.asarray(dct(mel.astype(np.float32), norm="ortho", axis=1))[:, :CEPSTRA]
    return np.concatenate([static, np.gradient(static, axis=0)], axis=1)


def _normalised(features: list[np.ndarray]) -> list[np.ndarray]:
    everything = np.concatenate(features)
    mean, std = everything.mean(axis=0), everything.std(axis=0) + 1e-6
    return [(frames - mean) / std for frames in features]


def _train(classes: Sequence[np.ndarray], features: Sequence[np.ndarray]) -> Gaussians:
    gaussians = None
    for iteration in range(ITERATIONS):
        progress = min(1.0, iteration / (ITERATIONS * FULL_WEIGHT_FROM))
        weight = np.float32(FIRST_WEIGHT + (1 - FIRST_WEIGHT) * progress)
        share = partial(_share, gaussians=gaussians, weight=weight)
        gaussians = _estimate(classes, features, _on_all_cores(share, classes, features))
    assert gaussians is not None
    return gaussians


def _share(states: np.ndarray, frames: np.ndarray, gaussians: Gaussians | None, weight: np.float32) -> np.ndarray:
    if gaussians is None:
        return even_shares(len(states), len(frames))
    return occupancy(gaussians.scores(states, frames) * weight)


def _on_all_cores(function: Callable, classes: Sequence, features: Sequence) -> Iterator[np.ndarray]:
    """What the function makes of each utterance, in their order; its loops let other threads run."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        yield from pool.map(function, classes, features)


def even_shares(n_tokens: int, n_frames: int) -> np.ndarray:
    """A soft diagonal (F, N), rows summing to 1: frames belong to the tokens about where they lie."""
    frames = (np.arange(n_frames, dtype=np.float32)[:, None] + 0.5) / n_frames
    tokens = (np.arange(n_tokens, dtype=np.float32) + 0.5) / n_tokens
    shares = np.exp(-0.5 * np.square((frames - tokens) * n_tokens / 1.5))
    return shares / shares.sum(axis=1, keepdims=True)


def _estimate(classes: Sequence[np.ndarray], features: Sequence[np.ndarray], shares) -> Gaussians:
    """Gaussians from soft alignments; the data are normalised, so the prior is mean 0 and variance 1."""
    n_classes = 1 + max(int(states.max()) for states in classes)
    size = features[0].shape[1]
    count = np.full(n_classes, PRIOR_FRAMES)
    first, second = np.zeros((n_classes, size)), np.full((n_classes, size), PRIOR_FRAMES)
    for states, frames, share in zip(classes, features, shares, strict=True):
        np.add.at(count, states, share.sum(axis=0))
        np.add.at(first, states, share.T @ frames)
        np.add.at(second, states, share.T @ np.square(frames))
    mean = first / count[:, None]
    variance = np.maximum(second / count[:, None] - np.square(mean), VARIANCE_FLOOR)
    return Gaussians(mean.astype(np.float32), variance.astype(np.float32))
