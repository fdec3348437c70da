import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceloom_model.alignment import search_tensors
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


def test_a_row_without_tokens_is_refused():
    with pytest.raises(ValueError, match="row 1 has 3 frames for 0 tokens"):
        search(np.zeros((2, 4, 8), np.float32), np.array([4, 0]), np.array([8, 3]))


@pytest.mark.parametrize("layout", [lambda scores: scores, lambda scores: scores.transpose(0, 2, 1)])
def test_lengths_beyond_the_scores_are_refused(layout):
    scores = layout(np.zeros((3, 8, 8), np.float32))
    for n_tokens, n_frames in (([4, 9, 4], [8, 9, 8]), ([4, 4, 4], [8, 9, 8])):
        with pytest.raises(ValueError, match=f"row 1 has 9 frames for {n_tokens[1]} tokens, in scores of 8 tokens"):
            search(scores, np.array(n_tokens), np.array(n_frames))


def test_later_tokens_begin_early_where_paths_are_equally_good():
    durations = search(np.zeros((1, 3, 10), np.float32), np.array([3]), np.array([10]))
    assert durations.tolist() == [[1, 1, 8]]


def test_scores_far_below_zero_are_searched_as_any_other():
    scores = np.full((1, 3, 6), -1e9, np.float32)
    scores[0, [0, 0, 0, 0, 1, 2], range(6)] = -0.5e9
    assert search(scores, np.array([3]), np.array([6])).tolist() == [[4, 1, 1]]


@pytest.mark.parametrize("spoilt", [np.nan, np.inf, -np.inf])
def test_scores_that_are_no_numbers_still_give_whole_paths(spoilt):
    """The trainer skips such a step; its durations must not make it fall."""
    scores = np.random.default_rng(0).standard_normal((2, 9, 30)).astype(np.float32)
    scores[np.random.default_rng(1).random(scores.shape) < 0.2] = spoilt
    durations = search(scores, np.array([9, 9]), np.array([30, 9]))
    assert durations.sum(axis=1).tolist() == [30, 9] and (durations >= 1).all()


@settings(max_examples=40, deadline=None)
@given(st.integers(1, 12), st.integers(0, 30), st.integers(0, 2**31))
def test_neither_layout_nor_padding_nor_neighbours_change_a_path(n_tokens, extra, seed):
    rng = np.random.default_rng(seed)
    n_frames = n_tokens + extra
    scores = np.round(rng.standard_normal((n_tokens, n_frames)), 1).astype(np.float32)
    alone = search(scores[None], np.array([n_tokens]), np.array([n_frames]))[0]
    beside = rng.standard_normal((3, n_tokens + 5, n_frames + 7)).astype(np.float32)
    beside[1, :n_tokens, :n_frames] = scores
    by_frame = np.ascontiguousarray(beside.transpose(0, 2, 1)).transpose(0, 2, 1)
    lengths = np.array([n_tokens, n_tokens, 1]), np.array([n_frames, n_frames, 1])
    for layout in (beside, by_frame, beside.astype(np.float64)):
        found = search(layout, *lengths)[1]
        assert found[:n_tokens].tolist() == alone.tolist() and not found[n_tokens:].any()


def test_tensors_of_any_float_type_are_searched_without_a_gradient():
    rng = np.random.default_rng(0)
    scores = rng.standard_normal((2, 6, 20)).astype(np.float16)
    n_tokens, n_frames = np.array([6, 4]), np.array([20, 11])
    expected = search(scores, n_tokens, n_frames).tolist()
    lengths = torch.from_numpy(n_tokens), torch.from_numpy(n_frames)
    for given_scores in (torch.from_numpy(scores), torch.from_numpy(scores).float().requires_grad_()):
        found = search_tensors(given_scores, *lengths)
        assert found.tolist() == expected and found.dtype == torch.int64 and not found.requires_grad
    assert search_tensors(torch.zeros(1, 2, 3, dtype=torch.bfloat16), torch.tensor([2]), torch.tensor([3])).sum() == 3


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


def test_occupancy_of_paths_too_unlikely_for_exponents_is_still_a_share():
    scores = np.random.default_rng(0).standard_normal((7, 60)).astype(np.float32) * 50
    shares = occupancy(scores)
    np.testing.assert_allclose(shares.sum(axis=1), 1, atol=2e-3)
    durations = search(scores[None], np.array([7]), np.array([60]))[0]
    assert shares.argmax(axis=1).tolist() == np.repeat(np.arange(7), durations).tolist()


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
