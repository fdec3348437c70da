"""How text falls into passages, frames into windows and samples into chunks: nothing is lost, nothing too long."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from voiceloom_model.runtime.passages import WIDE, passages
from voiceloom_model.runtime.windows import FIRST_FRAMES, LEAST_FRAMES, NEXT_FRAMES, in_chunks, windows


@given(st.integers(1, 5000), st.integers(0, 100))
def test_windows_follow_each_other_and_see_their_context(n_frames, context):
    found = list(windows(n_frames, context))
    assert [window.start for window in found] == [0, *(window.stop for window in found[:-1])]
    assert found[-1].stop == n_frames
    for window in found:
        assert window.first == max(0, window.start - context)
        assert window.last == min(n_frames, window.stop + context)
    sizes = [window.stop - window.start for window in found]
    assert all(min(n_frames, LEAST_FRAMES) <= size < NEXT_FRAMES + LEAST_FRAMES for size in sizes)


@pytest.mark.parametrize(
    ("n_frames", "sizes"),
    [
        (1, [1]),
        (FIRST_FRAMES + LEAST_FRAMES - 1, [FIRST_FRAMES + LEAST_FRAMES - 1]),
        (FIRST_FRAMES + LEAST_FRAMES, [FIRST_FRAMES, LEAST_FRAMES]),
        (1000, [192, 808]),
        (2000, [192, 768, 768, 272]),
    ],
)
def test_the_first_window_is_short_and_a_small_remainder_joins_the_last(n_frames, sizes):
    assert [window.stop - window.start for window in windows(n_frames, 50)] == sizes


def test_a_network_that_reads_everything_has_one_window():
    assert list(windows(5000, None)) == [(0, 5000, 0, 5000)]


@given(st.lists(st.integers(0, 40), max_size=12), st.integers(1, 50))
def test_chunks_hold_the_same_samples_and_are_all_of_a_size(sizes, size):
    whole = np.arange(sum(sizes), dtype=np.float32)
    waves = np.split(whole, np.cumsum(sizes)[:-1]) if sizes else []
    chunks = list(in_chunks(iter(waves), size))
    assert np.array_equal(np.concatenate([np.zeros(0), *chunks]), whole)
    assert all(len(chunk) == size for chunk in chunks[:-1])
    assert not chunks or 0 < len(chunks[-1]) <= size


@given(st.text(alphabet="ab .,!?\n\"'。，你", max_size=300), st.integers(5, 60))
def test_passages_lose_no_word_and_keep_the_limit(text, limit):
    parts = list(passages(text, limit))
    assert all(0 < len(part) + (WIDE - 1) * sum(map(part.count, "。，你")) <= limit for part in parts)
    assert "".join("".join(parts).split()) == "".join(text.split())


def test_passages_end_at_sentences_then_clauses_then_words():
    assert list(passages("One two. Three four! Five", 20)) == ["One two. Three four!", "Five"]
    assert list(passages("One two three, four five six", 16)) == ["One two three,", "four five six"]
    assert list(passages("One two\n\nThree", 100)) == ["One two", "Three"]
    assert list(passages("나는 학교에 갔다 그리고 왔다", 40)) == ["나는 학교에 갔다", "그리고 왔다"]
    assert list(passages('He said "no." Then he left.', 15)) == ['He said "no."', "Then he left."]


def test_scripts_without_spaces_end_at_sentences_and_clauses_too():
    assert list(passages("你好。我是谁？「他说。」好", 20)) == ["你好。", "我是谁？", "「他说。」", "好"]
    assert list(passages("今天，天气很好", 20)) == ["今天，", "天气很好"]


def test_passages_are_found_as_they_are_asked_for():
    text = "A sentence of some words. " * 400_000  # reading all of it takes seconds
    assert len(list(itertools.islice(passages(text), 2))) == 2
