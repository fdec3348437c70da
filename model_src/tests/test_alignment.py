import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceloom_model.alignment.flat_start import align, even_shares
from voiceloom_model.alignment.search import occupancy, search


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


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 4), st.integers(0, 4), st.integers(0, 2**31))
def test_occupancy_weighs_every_monotonic_path(n_tokens, extra, seed):
    n_frames = n_tokens + extra
    scores = np.random.default_rng(seed).standard_normal((n_tokens, n_frames)).astype(np.float32)
    expected = np.zeros((n_frames, n_tokens))
    for cuts in itertools.combinations(range(1, n_frames), n_tokens - 1):
        durations = np.diff((0, *cuts, n_frames))
        tokens = np.repeat(np.arange(n_tokens), durations)
        expected[np.arange(n_frames), tokens] += np.exp(path_score(scores, durations))
    found = occupancy(scores)
    np.testing.assert_allclose(found, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)


def test_even_shares_lie_on_the_diagonal():
    shares = even_shares(5, 50)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=1e-5)
    assert shares.argmax(axis=1).tolist() == np.repeat(np.arange(5), 10).tolist()


def test_flat_start_finds_the_durations_that_made_the_data():
    """Made-up phonemes with a spectrum each, in random order and for random times."""
    rng = np.random.default_rng(0)
    spectra = rng.standard_normal((8, 80)) * 2
    tokens = [rng.permutation(8)[:6] for _ in range(40)]
    truth = [rng.integers(2, 12, 6) for _ in tokens]
    mels = [
        np.repeat(spectra[row], durations, axis=0) + 0.5 * rng.standard_normal((durations.sum(), 80))
        for row, durations in zip(tokens, truth, strict=True)
    ]
    found = align(tokens, [np.zeros(6, int)] * 40, mels)
    errors = np.abs(np.cumsum(found, axis=1) - np.cumsum(truth, axis=1))
    assert np.mean(errors) < 0.3
    assert all(durations.sum() == len(mel) for durations, mel in zip(found, mels, strict=True))
