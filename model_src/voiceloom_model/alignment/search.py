"""Dynamic programs over monotonic paths: the best one, and how likely each token is at each frame.

Letters: B batch, N tokens, F frames. Compiled by Numba on first use; no build step.
"""

from __future__ import annotations

import numpy as np
from numba import njit

UNREACHED = np.float32(-np.inf)
#: What lies further below the likelier of two changes nothing in a 32-bit sum.
NOTICED = np.float32(17)


@njit(cache=True, nogil=True)
def _search(scores: np.ndarray, n_tokens: int, n_frames: int, best: np.ndarray, durations: np.ndarray) -> None:
    """Monotonic alignment search (Kim et al. 2020, Glow-TTS, algorithm 1).

    Add the frame counts of the best path through `scores` (F, N) to `durations` (N,); 1 ≤ n_tokens ≤ n_frames.
    `best` (F, N + 1) is room to work in: column t + 1 holds token t, column 0 what no path can come from.
    """
    best[0, 1] = scores[0, 0]
    for frame in range(1, n_frames):
        best[frame - 1, 0] = UNREACHED
        if frame < n_tokens:
            best[frame - 1, frame + 1] = UNREACHED
        # A token can be reached no sooner than its index, and must leave a frame for each token after it.
        first, last = max(0, n_tokens - (n_frames - frame)), min(frame + 1, n_tokens)
        # Slices from the band's first token, so that the loop counts from 0: only then is it compiled to vectors.
        before, after, here = best[frame - 1, first:], best[frame, first:], scores[frame, first:last]
        for token in range(len(here)):
            after[token + 1] = max(before[token + 1], before[token]) + here[token]
    token = n_tokens - 1
    for frame in range(n_frames - 1, -1, -1):
        durations[token] += 1
        if frame > 0 and (token == frame or best[frame - 1, token] > best[frame - 1, token + 1]):
            token -= 1


@njit(cache=True, nogil=True)
def _search_rows(scores: np.ndarray, n_tokens: np.ndarray, n_frames: np.ndarray, durations: np.ndarray) -> int:
    """Search each row of `scores` (B, F, N) into `durations` (B, N); returns the first row without a path, else B."""
    size, longest, n_columns = scores.shape
    best = np.empty((longest, n_columns + 1), dtype=np.float32)
    for row in range(size):
        if not 1 <= n_tokens[row] <= min(n_frames[row], n_columns) or n_frames[row] > longest:
            return row
        _search(scores[row], n_tokens[row], n_frames[row], best, durations[row])
    return size


def search(scores: np.ndarray, n_tokens: np.ndarray, n_frames: np.ndarray) -> np.ndarray:
    """Durations (B, N) int64 of the best monotonic paths through log-likelihoods `scores` (B, N, F).

    Every token of a row gets at least one frame and a row's durations sum to its frames; of two paths equally good,
    later tokens begin as early as they can. Fastest where `scores` is float32 and a transposed view of what lies in
    memory as (B, F, N). Raises `ValueError` when a row has no tokens, fewer frames than tokens, or more of either
    than there are scores.
    """
    n_tokens, n_frames = np.asarray(n_tokens, np.int64), np.asarray(n_frames, np.int64)
    durations = np.zeros(scores.shape[:2], dtype=np.int64)
    assert n_tokens.shape == n_frames.shape == scores.shape[:1], "one length a row"
    by_frame = scores.transpose(0, 2, 1)
    # The types below are always the same: processes that compile different ones at once spoil each other's cache.
    if by_frame.dtype == np.float32 and by_frame.flags.c_contiguous:
        _refuse(_search_rows(by_frame, n_tokens, n_frames, durations), n_tokens, n_frames, scores.shape)
        return durations
    copied = np.empty((1, *by_frame.shape[1:]), dtype=np.float32)
    for row in range(len(scores)):
        one = slice(row, row + 1)
        frames, tokens = n_frames[row], n_tokens[row]
        copied[0, :frames, :tokens] = by_frame[row, :frames, :tokens]
        found = _search_rows(copied, n_tokens[one], n_frames[one], durations[one])
        _refuse(row + found if found == 0 else len(scores), n_tokens, n_frames, scores.shape)
    return durations


def _refuse(row: int, n_tokens: np.ndarray, n_frames: np.ndarray, shape: tuple[int, ...]) -> None:
    """Say what is wrong with a row, if it is one."""
    if row < shape[0]:
        raise ValueError(
            f"row {row} has {n_frames[row]} frames for {n_tokens[row]} tokens, in scores of {shape[1]} tokens and "
            f"{shape[2]} frames; every token needs at least one frame"
        )


@njit(cache=True, nogil=True)
def _log_add(a: np.floating, b: np.floating) -> np.floating:
    """log(exp(a) + exp(b)), also where one or both are impossible."""
    high, gap = max(a, b), abs(a - b)
    if not gap < NOTICED:  # two impossible ones are no number apart
        return high
    return high + np.log1p(np.exp(-gap))


@njit(cache=True, nogil=True)
def _occupancy(scores: np.ndarray) -> np.ndarray:
    n_frames, n_tokens = scores.shape
    ahead = np.full((n_frames, n_tokens), UNREACHED, dtype=np.float32)
    behind = np.full((n_frames, n_tokens), UNREACHED, dtype=np.float32)
    ahead[0, 0] = scores[0, 0]
    for frame in range(1, n_frames):
        for token in range(max(0, n_tokens - (n_frames - frame)), min(frame + 1, n_tokens)):
            step = ahead[frame - 1, token - 1] if token > 0 else UNREACHED
            ahead[frame, token] = _log_add(ahead[frame - 1, token], step) + scores[frame, token]
    behind[n_frames - 1, n_tokens - 1] = 0
    for frame in range(n_frames - 2, -1, -1):
        for token in range(max(0, n_tokens - (n_frames - frame)), min(frame + 1, n_tokens)):
            stay = behind[frame + 1, token] + scores[frame + 1, token]
            step = behind[frame + 1, token + 1] + scores[frame + 1, token + 1] if token + 1 < n_tokens else UNREACHED
            behind[frame, token] = _log_add(stay, step)
    return np.exp(np.minimum(ahead + behind - ahead[-1, -1], 0))


def occupancy(scores: np.ndarray) -> np.ndarray:
    """How likely each token is at each frame, over all monotonic paths: scores (N, F) → (F, N), rows sum to 1.

    The forward-backward algorithm (Rabiner 1989, section III) for a left-to-right model without skips.
    """
    return _occupancy(np.ascontiguousarray(scores.T, np.float32))
