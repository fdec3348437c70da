from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from voiceloom_model.config import model_config
from voiceloom_model.training.batches import Plan, balanced, share_of
from voiceloom_model.training.data import FRAME_MULTIPLE, round_up
from voiceloom_model.training.feed import NOTHING, Feed
from voiceloom_model.training.options import Options

OPTIONS = Options(
    **{"seed": 5, "warmup_steps": 9, "adversarial_steps": 0, "frames_per_batch": 512, "segment_frames": 32},
    **{"learning_rate": 1e-3, "final_learning_rate": 1e-4, "ema_decay": 0.9},
    **{"checkpoint_every": 9, "validate_every": 9},
)


def plan(lengths, weights=None, budget=1024) -> Plan:
    weights = np.ones(len(lengths)) if weights is None else np.asarray(weights)
    return Plan(np.array(lengths), weights, budget, seed=1)


@given(st.lists(st.integers(40, 400), min_size=1, max_size=60), st.integers(0, 99))
def test_epoch_holds_every_utterance_once_within_the_budget(lengths, epoch):
    batches = plan(lengths).epoch(epoch)
    assert Counter(index for batch in batches for index in batch) == Counter(range(len(lengths)))
    for batch in batches:
        assert len(batch) * max(round_up(lengths[index], FRAME_MULTIPLE) for index in batch) <= 1024


def test_an_utterance_longer_than_the_budget_is_a_batch_by_itself():
    batches = plan([100, 3000, 100]).epoch(0)
    assert [1] in batches and Counter(len(batch) for batch in batches) == {1: 1, 2: 1}


@given(st.integers(0, 40), st.booleans())
def test_order_from_the_middle_is_the_rest_of_the_order(start, weighted):
    lengths = [50, 90, 130, 200, 60, 70, 300]
    given_plan = plan(lengths, range(1, 8) if weighted else None, budget=400)
    assert list(islice(given_plan.batches(0), start, start + 5)) == list(islice(given_plan.batches(start), 5))


@given(st.lists(st.floats(0.1, 10), min_size=2, max_size=40), st.integers(0, 20))
def test_an_epoch_draws_as_many_and_each_as_often_as_it_weighs(weights, epoch):
    drawn = Counter(index for batch in plan([50] * len(weights), weights).epoch(epoch) for index in batch)
    expected = np.array(weights) * len(weights) / sum(weights)
    assert abs(drawn.total() - len(weights)) <= 1
    assert all(abs(drawn[index] - share) < 1 + 1e-6 for index, share in enumerate(expected))


def test_balance_makes_shares_of_audio_equal():
    speakers, languages = ["a", "a", "a", "b", "c"], [0, 0, 0, 0, 1]
    lengths = np.array([100, 100, 200, 80, 20])
    ones = np.ones(5)

    def shares(weights, groups):
        audio = {group: 0.0 for group in groups}
        for group, weight, length in zip(groups, weights, lengths, strict=True):
            audio[group] += weight * length
        return [value / sum(audio.values()) for value in audio.values()]

    equal = balanced(ones, lengths, speakers, 1.0)
    assert shares(equal, speakers) == pytest.approx([1 / 3] * 3)
    both = balanced(equal, lengths, languages, 1.0)
    assert shares(both, languages) == pytest.approx([1 / 2] * 2)
    assert shares(both, speakers) == pytest.approx([1 / 4, 1 / 4, 1 / 2])
    half = shares(balanced(ones, lengths, languages, 0.5), languages)
    assert half[0] / half[1] == pytest.approx((480 / 20) ** 0.5)
    assert balanced(ones, lengths, speakers, 0.0) is ones


@given(st.integers(1, 9), st.integers(1, 5))
def test_shares_of_a_batch_are_all_of_it(size, parts):
    shares = [share_of(range(size), part, parts) for part in range(parts)]
    assert sorted(position for share in shares for position in share) == list(range(size))
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def feed(utterances, **changes) -> Feed:
    place = {name: changes.pop(name) for name in ("rank", "ranks") if name in changes}
    config = model_config("tiny", n_symbols=40, n_languages=4, latent=8)
    return Feed(utterances, replace(OPTIONS, **changes), config, **place)


def drawn(micros) -> dict[int, tuple]:
    """What each utterance of some micro-batches was given, by its number of frames; padding is left out."""
    found = {}
    for batch, draws, _ in micros:
        for row, (frames, tokens) in enumerate(zip(batch.n_frames.tolist(), batch.n_tokens.tolist(), strict=True)):
            tensors = (draws.posterior_noise[row, :frames], draws.duration_noise[row, :tokens], draws.starts[row])
            found[frames] = (*tensors, draws.listened[row], batch.speaker[row], batch.mel[row, :frames])
    return found


@pytest.mark.parametrize("divided", [{"accumulate": 3}, {"ranks": 2}, {"accumulate": 2, "ranks": 2}])
def test_what_an_utterance_is_given_does_not_depend_on_how_a_batch_is_divided(utterances, divided):
    batch = [4, 0, 5, 2, 3]
    whole = feed(utterances).fed(7, batch)
    ranks = range(divided.get("ranks", 1))
    parts = [micro for rank in ranks for micro in feed(utterances, **divided, rank=rank).fed(7, batch).parts]
    ours, theirs = drawn(whole.parts), drawn(parts)
    assert ours.keys() == theirs.keys()
    for frames, tensors in ours.items():
        assert all(torch.equal(one, other) for one, other in zip(tensors, theirs[frames], strict=True))
    frames = sum(utterances[index].n_frames for index in batch)
    assert whole.frames == frames and whole.parts[0].counts.frames == frames
    assert parts[0].counts.frames == frames / len(ranks)
    other = drawn(feed(utterances).fed(8, batch).parts)
    assert any(not torch.equal(tensors[0], other[frames][0]) for frames, tensors in ours.items())


def test_a_rank_without_an_utterance_computes_along_and_teaches_nothing(utterances):
    (micro,) = feed(utterances, rank=1, ranks=2).fed(0, [3]).parts
    assert micro.counts == NOTHING and len(micro.batch.mel) == 1


def test_the_mean_vector_and_the_nobody_of_the_table_are_drawn(utterances):
    known = [replace(u, speaker_id=1, speaker_mean=np.zeros(256, np.float32)) for u in utterances]
    micros = [feed(known).fed(step, range(6)).parts[0] for step in range(40)]
    means = torch.cat([(micro.batch.speaker == 0).all(dim=1) for micro in micros]).float().mean()
    nobody = torch.cat([micro.batch.speaker_id == 0 for micro in micros]).float().mean()
    assert 0.4 < means < 0.6 and 0.03 < nobody < 0.2
    sure = feed(known, mean_vector_share=1.0, unknown_speaker_share=0.0).fed(0, range(6)).parts[0].batch
    assert (sure.speaker == 0).all() and (sure.speaker_id == 1).all()
