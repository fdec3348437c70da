import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceloom_model.nn.alignment import diagonal_prior, search


def exhaustive(scores: np.ndarray) -> float:
    """The best score over all monotonic paths, by trying each."""
    n_tokens, n_frames = scores.shape
    best = -np.inf
    for cuts in itertools.combinations(range(1, n_frames), n_tokens - 1):
        edges = (0, *cuts, n_frames)
        best = max(best, sum(scores[t, edges[t] : edges[t + 1]].sum() for t in range(n_tokens)))
    return best


def path_score(scores: np.ndarray, durations: np.ndarray) -> float:
    ends = np.cumsum(durations)
    return sum(scores[t, end - length : end].sum() for t, (end, length) in enumerate(zip(ends, durations, strict=True)))


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 5), st.integers(0, 5), st.integers(0, 2**31))
def test_path_is_the_best_of_all_monotonic_ones(n_tokens, extra, seed):
    scores = np.random.default_rng(seed).standard_normal((n_tokens, n_tokens + extra)).astype(np.float32)
    durations = search(scores[None], np.array([n_tokens]), np.array([n_tokens + extra]))[0]
    assert path_score(scores, durations) == pytest.approx(exhaustive(scores), abs=1e-4)


def test_every_token_lasts_and_rows_sum_to_their_frames():
    scores = np.random.default_rng(0).standard_normal((3, 20, 50)).astype(np.float32)
    n_tokens, n_frames = np.array([20, 5, 1]), np.array([50, 5, 33])
    durations = search(scores, n_tokens, n_frames)
    assert durations.sum(axis=1).tolist() == n_frames.tolist()
    for row, tokens in zip(durations, n_tokens, strict=True):
        assert (row[:tokens] >= 1).all() and (row[tokens:] == 0).all()


def test_fewer_frames_than_tokens_is_refused_with_the_row_named():
    with pytest.raises(ValueError, match="row 0 has 3 frames for 4 tokens"):
        search(np.zeros((1, 4, 3), np.float32), np.array([4]), np.array([3]))


def test_diagonal_prior_alone_gives_even_durations():
    durations = search(diagonal_prior(5, 50, 40.0)[None], np.array([5]), np.array([50]))[0]
    assert durations.tolist() == [10] * 5
