import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import rank
from safetensors.numpy import load_file

from voiceloom_model.training.checkpoint import read_curves

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

#: Without the STFT loss: its logarithms are steep where a bin is weak, and a rounding error grows 25-fold in 50 steps.
OPTIONS = {
    **{"seed": 3, "warmup_steps": 42, "adversarial_steps": 8, "frames_per_batch": 512, "segment_frames": 32},
    **{"learning_rate": 1e-3, "final_learning_rate": 1e-4, "adversarial_learning_rate": 1e-5, "ema_decay": 0.9},
    **{"checkpoint_every": 10, "validate_every": 1000, "loss_weights": {"stft": 0.0}},
}
BROKEN = 7


def run(folder: Path, ranks: int, die_at: int | None = None, broken: int | None = None, **options):
    """Train in processes of their own; returns the weights and the curves."""
    folder.mkdir()
    setting = {"options": OPTIONS | options, "broken": broken, "die_at": die_at}
    launcher = ["-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1", "--max-restarts=1"]
    command = [sys.executable, *launcher, f"--nproc-per-node={ranks}", rank.__file__, str(folder), json.dumps(setting)]
    paths = os.pathsep.join([str(Path(rank.__file__).parent), *sys.path])
    # A store shared with the first attempt still names the ports of dead processes (pytorch issue 135712).
    own = {"PYTHONPATH": paths, "OMP_NUM_THREADS": "1", "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    environment = {**os.environ, **own}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return load_file(folder / "weights.safetensors"), read_curves(folder)


def run_here(folder: Path, broken: int | None = None, **options):
    """Train in this process; returns the weights and the curves."""
    folder.mkdir()
    rank.main(folder, OPTIONS | options, broken)
    return load_file(folder / "weights.safetensors"), read_curves(folder)


def test_two_ranks_with_half_the_batch_each_follow_one_with_the_whole(tmp_path):
    two, two_curves = run(tmp_path / "two", ranks=2)
    whole, whole_curves = run_here(tmp_path / "whole")
    halves, halves_curves = run_here(tmp_path / "halves", accumulate=2)
    for name, value in whole.items():
        assert np.array_equal(two[name], halves[name]), name
        assert np.allclose(two[name], value, atol=2e-3), name
    assert two_curves == halves_curves
    for ours, theirs in zip(two_curves, whole_curves, strict=True):
        assert ours == pytest.approx(theirs, rel=0.02)


def test_a_number_that_is_none_on_one_rank_is_skipped_by_both(tmp_path):
    options = {"warmup_steps": 10, "adversarial_steps": 0}
    two, curves = run(tmp_path / "two", 2, broken=BROKEN, **options)
    alone, _ = run_here(tmp_path / "halves", broken=BROKEN, accumulate=2, **options)
    untouched, _ = run_here(tmp_path / "whole", **options)
    assert all(np.isfinite(value).all() and np.array_equal(value, alone[name]) for name, value in two.items())
    assert any(not np.array_equal(value, untouched[name]) for name, value in two.items())
    assert any(point.get("train_mel", 0) is None for point in curves)


def test_a_killed_rank_is_started_again_and_goes_on_from_the_last_save(tmp_path):
    options = {"warmup_steps": 16, "adversarial_steps": 4, "checkpoint_every": 5}
    undisturbed, curves = run_here(tmp_path / "undisturbed", accumulate=2, **options)
    survived, survived_curves = run(tmp_path / "killed", ranks=2, die_at=8, **options)
    steps = [int(line) for line in (tmp_path / "killed" / "steps.txt").read_text().split()]
    assert steps[-15:] == list(range(6, 21)) and 7 <= max(steps[:-15]) <= 9
    assert all(np.array_equal(value, survived[name]) for name, value in undisturbed.items())
    assert curves == survived_curves
