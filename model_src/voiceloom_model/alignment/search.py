"""Dynamic programs over monotonic paths: the best one, and how likely each token is at each frame.

Letters: B batch, N tokens, F frames. Compiled by Numba on first use; no build step.
"""

from __future__ import annotations

import numpy as np
from numba import njit

IMPOSSIBLE = -1e9


@njit(cache=True)
def _search(scores: np.ndarray, durations: np.ndarray) -> None:
    """Monotonic alignment search (Kim et al. 2020, Glow-TTS, algorithm 1).

    Fill `durations` (N,) with the best path's frame counts through `scores` (N, F); N ≤ F.
    """
    n_tokens, n_frames = scores.shape
    best = np.full((n_frames, n_tokens), np.float32(IMPOSSIBLE), dtype=np.float32)
    best[0, 0] = scores[0, 0]
    for frame in range(1, n_frames):
        # A token can be reached no sooner than its index, and must leave a frame for each token after it.
        first = max(0, n_tokens - (n_frames - frame))
        for token in range(first, min(frame + 1, n_tokens)):
            stay = best[frame - 1, token]
            step = best[frame - 1, token - 1] if token > 0 else np.float32(IMPOSSIBLE)
            best[frame, token] = max(stay, step) + scores[token, frame]
    token = n_tokens - 1
    durations[:] = 0
    for frame in range(n_frames - 1, -1, -1):
        durations[token] += 1
        if token > 0 and frame > 0 and (token == frame or best[frame - 1, token - 1] > best[frame - 1, token]):
            token -= 1


@njit(cache=True)
def _search_batch(scores, n_tokens, n_frames, durations) -> None:
    for row in range(scores.shape[0]):
        _search(scores[row, : n_tokens[row], : n_frames[row]], durations[row, : n_tokens[row]])


def search(scores: np.ndarray, n_tokens: np.ndarray, n_frames: np.ndarray) -> np.ndarray:
    """Durations (B, N) int64 of the best monotonic paths through log-likelihoods `scores` (B, N, F).

    Every token of a row gets at least one frame and a row's durations sum to its frames. Raises `ValueError` when
    a row has fewer frames than tokens.
    """
    for row, (tokens, frames) in enumerate(zip(n_tokens, n_frames, strict=True)):
        if frames < tokens:
            raise ValueError(f"row {row} has {frames} frames for {tokens} tokens; every token needs at least one")
    durations = np.zeros(scores.shape[:2], dtype=np.int64)
    _search_batch(np.ascontiguousarray(scores, np.float32), n_tokens, n_frames, durations)
    return durations


@njit(cache=True)
def _log_add(a: np.floating, b: np.floating) -> np.floating:
    """log(exp(a) + exp(b)), safe where both are impossible."""
    high = max(a, b)
    if high <= IMPOSSIBLE / 2:
        return np.float32(IMPOSSIBLE)
    return np.float32(high + np.log(np.exp(a - high) + np.exp(b - high)))


@njit(cache=True)
def occupancy(scores: np.ndarray) -> np.ndarray:
    """How likely each token is at each frame, over all monotonic paths: scores (N, F) → (F, N), rows sum to 1.

    The forward-backward algorithm (Rabiner 1989, section III) for a left-to-right model without skips.
    """
    n_tokens, n_frames = scores.shape
    nothing = np.float32(IMPOSSIBLE)
    ahead = np.full((n_frames, n_tokens), nothing, dtype=np.float32)
    behind = np.full((n_frames, n_tokens), nothing, dtype=np.float32)
    ahead[0, 0] = scores[0, 0]
    for frame in range(1, n_frames):
        for token in range(max(0, n_tokens - (n_frames - frame)), min(frame + 1, n_tokens)):
            step = ahead[frame - 1, token - 1] if token > 0 else nothing
            ahead[frame, token] = _log_add(ahead[frame - 1, token], step) + scores[token, frame]
    behind[n_frames - 1, n_tokens - 1] = 0
    for frame in range(n_frames - 2, -1, -1):
        for token in range(max(0, n_tokens - (n_frames - frame)), min(frame + 1, n_tokens)):
            stay = behind[frame + 1, token] + scores[token, frame + 1]
            step = behind[frame + 1, token + 1] + scores[token + 1, frame + 1] if token + 1 < n_tokens else nothing
            behind[frame, token] = _log_add(stay, step)
    return np.exp(np.minimum(ahead + behind - ahead[-1, -1], 0))
