import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from made_up import MEL

from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.checkpoint import read_curves
from voiceloom_model.training.loop import Trainer
from voiceloom_model.training.options import Options
from voiceloom_model.training.ranks import join
from voiceloom_model.training.scores import Best, score_of
from voiceloom_model.training.watching import Hooks

OPTIONS = Options(
    **{"seed": 3, "warmup_steps": 12, "adversarial_steps": 5, "frames_per_batch": 256, "segment_frames": 32},
    **{"learning_rate": 1e-3, "final_learning_rate": 1e-4, "ema_decay": 0.9},
    **{"checkpoint_every": 4, "validate_every": 3},
)


class Killed(Exception):
    """Stands for a kill in the middle of a run."""


class Run:
    """A tiny run whose listener gives WERs from a list, by step."""

    def __init__(self, config, folder, utterances, wers=None, **changes):
        torch.set_num_threads(1)
        torch.manual_seed(0)
        self.options = replace(OPTIONS, **changes)
        self.utterances, self.wers = utterances, wers or {}
        self.trainer = Trainer(Fabric(accelerator="cpu", devices=1), Synthesizer(config), MEL, self.options, folder)
        self.steps, self.heard, self.folder = [], [], folder

    def go(self, stop_at=None):
        def report(step, *_):
            self.steps.append(step)
            if step == stop_at:
                raise Killed

        hooks = Hooks(report, listen=self._listen, texts=self.utterances[4:])
        return self.trainer.run(self.utterances[:4], self.utterances[4:], hooks)[0]

    def _listen(self, step, spoken):
        self.heard.append((step, spoken))
        return {"wer": self.wers.get(step, 0.5)}


def same(one, other) -> bool:
    return all(torch.equal(one[name], other[name]) for name in one)


def test_scores_put_words_before_mel_and_no_number_last():
    assert score_of({"wer": 0.1, "mel_text": 0.9}, by_ear=True) < score_of({"wer": 0.2, "mel_text": 0.5}, by_ear=True)
    assert score_of({"wer": 0.1, "mel_text": 0.4}, by_ear=True) < score_of({"wer": 0.1, "mel_text": 0.5}, by_ear=True)
    assert score_of({"mel_text": 0.4}, by_ear=True) is None and score_of({}, by_ear=False) is None
    assert score_of({"mel_text": math.nan}, by_ear=False) == (math.inf,)


def test_the_best_is_remembered_and_what_is_worse_is_counted():
    best = Best(keep=True)
    for value in (3.0, 2.0, 2.5, 2.0):
        best.offer((value,), {"w": torch.tensor(value)})
    assert best.score == (2.0,) and best.worse == 2 and float(best.weights["w"]) == 2.0
    again = Best(keep=True)
    again.load_state_dict(best.state_dict())
    assert (again.score, again.worse) == (best.score, best.worse)


def test_the_same_texts_are_said_the_same_way_every_time(config, tmp_path, utterances):
    first, again = (
        Run(config, tmp_path / "a", utterances, listen_every=6),
        Run(config, tmp_path / "b", utterances, listen_every=6),
    )
    first.go()
    again.go()
    assert [step for step, _ in first.heard] == [6, 12, 17]
    for (_, ours), (_, theirs) in zip(first.heard, again.heard, strict=True):
        for one, other in zip(ours, theirs, strict=True):
            assert np.array_equal(one.wave, other.wave)
            assert len(one.wave) == one.durations.sum() * 256 and one.aligned.sum() == one.utterance.n_frames
    assert not np.array_equal(first.heard[0][1][0].wave, first.heard[1][1][0].wave)
    points = [point for point in read_curves(tmp_path / "a") if "valid_wer" in point]
    assert [point["step"] for point in points] == [6, 12, 17] and "valid_mel_text" in points[0]


def test_listening_does_not_disturb_the_training(config, tmp_path, utterances):
    silent = Run(config, tmp_path / "a", utterances).go()
    assert same(silent, Run(config, tmp_path / "b", utterances, listen_every=2, validate_every=1000).go())


def test_the_best_weights_are_those_of_the_best_step(config, tmp_path, utterances):
    wers = {3: 0.4, 6: 0.1, 9: 0.3, 12: 0.2}
    changes = {"listen_every": 3, "adversarial_steps": 0}
    best = Run(config, tmp_path / "best", utterances, wers, keep="best", **changes).go()
    last = Run(config, tmp_path / "last", utterances, wers, **changes).go()
    at_six = Run(config, tmp_path / "six", utterances, wers, listen_every=3, adversarial_steps=0, checkpoint_every=6)
    with pytest.raises(Killed):
        at_six.go(stop_at=7)
    state = torch.load(tmp_path / "six" / "state.pt", weights_only=True)
    assert state["step"] == 6
    assert all(torch.equal(best[name], value) for name, value in state["ema"]["values"].items())
    assert not same(best, last)


def test_patience_ends_a_phase_not_the_run(config, tmp_path, utterances):
    wers = {3: 0.1, 6: 0.2, 9: 0.3}
    run = Run(config, tmp_path, utterances, wers, listen_every=3, patience=2)
    run.go()
    assert run.steps == [1, 2, 3, 4, 5, 6, 7, 8, 9, 13, 14, 15, 16, 17]
    finished = Run(config, tmp_path, utterances, wers, listen_every=3, patience=2)
    finished.go()
    assert finished.steps == []


def test_time_ends_the_run_and_goes_on_counting_after_a_kill(config, tmp_path, utterances, monkeypatch):
    run = Run(config, tmp_path, utterances, max_minutes=1.0, warmup_steps=40, checkpoint_every=5)
    with pytest.raises(Killed):
        run.go(stop_at=8)
    state = torch.load(tmp_path / "state.pt", weights_only=True)
    assert 0 < state["elapsed_s"] < 60
    torch.save({**state, "elapsed_s": 59.9}, tmp_path / "state.pt")
    again = Run(config, tmp_path, utterances, max_minutes=1.0, warmup_steps=40, checkpoint_every=5)
    monkeypatch.setattr(again.trainer.clock, "_started", again.trainer.clock._started - 1)
    weights = again.go()
    assert again.steps == [6, 7, 8, 9, 10] and weights
    assert read_curves(tmp_path)[-1]["step"] == 10


def test_time_over_before_the_first_step_is_one_sentence(config, tmp_path, utterances):
    with pytest.raises(ValueError, match=r"max_minutes 1e-09 were over before the first step"):
        Run(config, tmp_path, utterances, max_minutes=1e-9).go()


@pytest.mark.parametrize(
    "stop_at", [5, pytest.param(12, marks=pytest.mark.slow), pytest.param(15, marks=pytest.mark.slow)]
)
def test_resume_is_exact_with_everything_switched_on(config, tmp_path, utterances, stop_at):
    known = [replace(u, speaker_id=1 + index % 2, speaker_name="ab"[index % 2]) for index, u in enumerate(utterances)]
    config = replace(config, n_speakers=2, dropout=0.1)
    wers = {4: 0.2, 8: 0.4, 12: 0.5, 16: 0.2}
    changes = {"accumulate": 2, "speaker_balance": 0.7, "language_balance": 0.3, "keep": "best", "listen_every": 4}
    whole = Run(config, tmp_path / "whole", known, wers, **changes, patience=4).go()
    cut = Run(config, tmp_path / "cut", known, wers, **changes, patience=4)
    with pytest.raises(Killed):
        cut.go(stop_at)
    resumed = Run(config, tmp_path / "cut", known, wers, **changes, patience=4)
    assert same(whole, resumed.go()) and 0 < len(resumed.steps) < 17
    assert read_curves(tmp_path / "whole") == read_curves(tmp_path / "cut")


def test_a_start_that_is_frozen_but_for_its_table_moves_nothing_else(config, tmp_path, utterances):
    from voiceloom_model import adapt

    known = [replace(u, speaker_id=1) for u in utterances]
    run = Run(replace(config, n_speakers=1), tmp_path, known, adversarial_steps=0, unknown_speaker_share=0.0)
    synthesizer = run.trainer.setting.synthesizer
    for name, value in synthesizer.named_parameters():
        if "film" in name:  # a new network does not listen to the speaker yet
            torch.nn.init.normal_(value, std=0.02)
    before = {name: value.clone() for name, value in synthesizer.state_dict().items()}
    adapt.prepare(synthesizer, "speaker")
    again = Trainer(run.trainer.setting.fabric, synthesizer, MEL, run.options, tmp_path)
    after, _ = again.run(known[:4], known[4:])
    assert {name for name, value in before.items() if not torch.equal(value, after[name])} == {"speakers.weight"}
    assert after["speakers.weight"][0].abs().max() == 0


def test_more_processes_than_gpus_is_one_sentence(monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    with pytest.raises(ValueError, match="2 processes need a GPU each, and this machine has 1"):
        join("32-true")


def test_waiting_for_data_is_a_small_part_of_a_step(config, tmp_path, utterances):
    run = Run(config, tmp_path, utterances, adversarial_steps=0)
    run.go()
    assert 0 < run.trainer.clock.waiting_s < run.trainer.clock.training_s
    assert run.trainer.clock.loading_share < 0.2
