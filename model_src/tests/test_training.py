import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from lightning_fabric import Fabric
from made_up import MEL

from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.checkpoint import append_curve, read_curves
from voiceloom_model.training.data import FRAME_MULTIPLE, collate
from voiceloom_model.training.loop import Trainer
from voiceloom_model.training.options import Options
from voiceloom_model.training.phases import learning_rate
from voiceloom_model.training.watching import Hooks

OPTIONS = Options(
    seed=3,
    warmup_steps=12,
    adversarial_steps=5,
    frames_per_batch=256,
    segment_frames=32,
    learning_rate=1e-3,
    final_learning_rate=1e-4,
    ema_decay=0.9,
    checkpoint_every=4,
    validate_every=6,
)


class Killed(Exception):
    """Stands for a kill in the middle of a run."""


def train(config, folder, utterances, stop_at=None, options=OPTIONS, signal_at=(None, None)):
    """Train a fresh network in `folder`; with `stop_at`, die right after that step; or get a signal in it."""
    torch.set_num_threads(1)  # sums depend on it, and other tests of the same process set it
    torch.manual_seed(options.seed)
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), Synthesizer(config), MEL, options, folder)
    steps = []

    def report(step, audio_s, terms):
        steps.append(step)
        assert audio_s > 0 and all(np.isfinite(value) for value in terms.values())
        if step == signal_at[0]:
            os.kill(os.getpid(), signal_at[1])
            os.kill(os.getpid(), signal.SIGTERM)  # as torchrun and whoever cancels a run send one each
        if step == stop_at:
            raise Killed

    try:
        weights, _ = trainer.run(utterances[:4], utterances[4:], Hooks(report))
    except Killed:
        weights = None
    return weights, steps


def test_collate_pads_with_zeros_and_picks_the_vector(utterances):
    batch = collate(utterances[:2], 256, [True, False])
    assert batch.mel.shape[1] % FRAME_MULTIPLE == 0 and batch.wave.shape[1] == batch.mel.shape[1] * 256
    assert batch.mel[0, utterances[0].n_frames :].abs().max() == 0
    assert batch.n_tokens.tolist() == [len(u.tokens) for u in utterances[:2]]


def test_learning_rate_climbs_then_falls_to_its_floor():
    rates = [learning_rate(step, 1000, OPTIONS) for step in range(1000)]
    assert np.argmax(rates) == 199 or np.argmax(rates) == 200
    assert rates[0] < 1e-5 * 2 and rates[-1] == pytest.approx(OPTIONS.final_learning_rate, rel=0.05)


@pytest.mark.parametrize("stop_at", [2, 7, 12, 14, 17])
def test_resume_after_a_stop_gives_the_same_weights_to_the_bit(config, tmp_path, utterances, stop_at):
    whole, steps = train(config, tmp_path / "whole", utterances)
    assert steps == list(range(1, 18))
    assert train(config, tmp_path / "cut", utterances, stop_at)[0] is None
    resumed, rest = train(config, tmp_path / "cut", utterances)
    saved = max(step for step in (0, 4, 8, 12, 16, 17) if step < stop_at)
    assert rest == list(range(saved + 1, 18))
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
    assert read_curves(tmp_path / "whole") == read_curves(tmp_path / "cut")


def test_a_finished_run_asked_again_trains_no_step(config, tmp_path, utterances):
    first, _ = train(config, tmp_path, utterances)
    again, steps = train(config, tmp_path, utterances)
    assert steps == [] and all(torch.equal(first[name], again[name]) for name in first)


def test_a_step_that_is_not_finite_changes_nothing(config, tmp_path, utterances):
    broken = [u.__class__(**{**vars(u), "mel": np.full_like(u.mel, np.nan)}) for u in utterances]
    torch.manual_seed(0)
    network = Synthesizer(config)
    before = {name: value.clone() for name, value in network.named_parameters()}
    options = Options(**{**vars(OPTIONS), "warmup_steps": 2, "adversarial_steps": 0})
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), network, MEL, options, tmp_path)
    trainer.run(broken[:4], [])
    assert all(torch.equal(before[name], value) for name, value in network.named_parameters())


def test_warm_up_learns(config, tmp_path, utterances):
    options = Options(**{**vars(OPTIONS), "warmup_steps": 60, "adversarial_steps": 0, "validate_every": 1000})
    train(config, tmp_path, utterances, options=options)
    points = [point for point in read_curves(tmp_path) if "valid_mel_posterior" in point]
    assert points[-1]["valid_mel_posterior"] < 0.8 * points[0]["valid_mel_posterior"]


def test_half_a_line_of_the_curves_is_left_out(tmp_path):
    append_curve(tmp_path, {"step": 1, "train_mel": 2.0})
    with (tmp_path / "curves.jsonl").open("a") as file:
        file.write('{"step": 2, "trai')
    assert read_curves(tmp_path) == [{"step": 1, "train_mel": 2.0}]


@pytest.mark.slow
def test_sigkill_at_a_random_step_then_resume_is_bit_identical(config, tmp_path, utterances):
    whole, _ = train(config, tmp_path / "whole", utterances)
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q", "-x", f"{__file__}::test_endless_run_for_killing"],
        env={**os.environ, "VOICELOOM_KILL_FOLDER": str(tmp_path / "cut")},
        stdout=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 120
    while not (tmp_path / "cut" / "state.pt").is_file() and time.monotonic() < deadline:
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert (tmp_path / "cut" / "state.pt").is_file(), "the run to be killed never saved a state"
    resumed, steps = train(config, tmp_path / "cut", utterances)
    assert 0 < len(steps) < 17
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_the_step_and_the_next_run_goes_on_from_there(config, tmp_path, utterances, number):
    whole, _ = train(config, tmp_path / "whole", utterances)
    with pytest.raises(KeyboardInterrupt if number == signal.SIGINT else SystemExit) as ended:
        train(config, tmp_path / "cut", utterances, signal_at=(6, number))  # no multiple of `checkpoint_every`
    assert number == signal.SIGINT or ended.value.code == 143
    resumed, steps = train(config, tmp_path / "cut", utterances)
    assert steps[0] == 7
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)


@pytest.mark.skipif("VOICELOOM_KILL_FOLDER" not in os.environ, reason="runs only inside the kill test")
def test_endless_run_for_killing(config, utterances):
    folder = Path(os.environ["VOICELOOM_KILL_FOLDER"])
    torch.set_num_threads(1)
    torch.manual_seed(OPTIONS.seed)
    trainer = Trainer(Fabric(accelerator="cpu", devices=1), Synthesizer(config), MEL, OPTIONS, folder)
    trainer.run(utterances[:4], utterances[4:], Hooks(lambda *_: time.sleep(0.5)))
