"""For the benchmark of training: the trainer as it is, what its data cost it and how its memory grows."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import psutil
from _training import Bench, Report

from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.loop import Trainer
from voiceloom_model.training.watching import Hooks

LOADED_STEPS, SKIPPED_STEPS = 40, 10
WATCHED_STEPS, SETTLING_STEPS = 1000, 300


def loading(bench: Bench) -> Report:
    """Warm-up steps, the quickest there are: what share of them goes into making what they learn from."""
    options = bench.options(
        warmup_steps=LOADED_STEPS, adversarial_steps=0, checkpoint_every=LOADED_STEPS, validate_every=LOADED_STEPS
    )
    marks: list[tuple[float, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(bench.fabric, Synthesizer(bench.config("small")), bench.mel, options, Path(folder))
        clock = trainer.clock
        hooks = Hooks(report=lambda *_: marks.append((clock.waiting_s, clock.training_s)))
        trainer.run(bench.utterances, [], hooks)
    waiting_s, training_s = (marks[-1][part] - marks[SKIPPED_STEPS - 1][part] for part in (0, 1))
    steps = LOADED_STEPS - SKIPPED_STEPS
    print(f"a step {training_s / steps:.3f} s, {1e3 * waiting_s / steps:.2f} ms of it for what it learns from")
    return {"loading_share": round(waiting_s / training_s, 4)}


def memory(bench: Bench) -> Report:
    """How memory grows over a thousand steps; of the two phases, the one in which it grows more."""
    steps = SETTLING_STEPS + WATCHED_STEPS
    phases = {"warmup": (steps, 0), "adversarial": (1, steps)}
    slopes = [growth(bench, name, *lengths) for name, lengths in phases.items()]
    return {"memory_mb_growth_per_1000_steps": round(1000 * max(slopes), 2)}


def growth(bench: Bench, name: str, warmup_steps: int, adversarial_steps: int) -> float:
    """The slope of the resident memory in MB a step of a small trainer, with all that belongs to it."""
    process, resident = psutil.Process(), []
    options = bench.options(
        warmup_steps=warmup_steps,
        adversarial_steps=adversarial_steps,
        frames_per_batch=512,
        checkpoint_every=100,
        validate_every=100,
    )
    utterances = sorted(bench.utterances, key=lambda utterance: utterance.n_frames)[:60]
    with tempfile.TemporaryDirectory() as folder:
        trainer = Trainer(bench.fabric, Synthesizer(bench.config("tiny")), bench.mel, options, Path(folder))
        hooks = Hooks(report=lambda *_: resident.append(process.memory_info().rss / 1e6))
        trainer.run(utterances[4:], utterances[:4], hooks)
    watched = resident[-WATCHED_STEPS:]
    print(f"{name}: {watched[0]:.0f} MB resident, {watched[-1]:.0f} MB {WATCHED_STEPS} steps later")
    return float(np.polyfit(np.arange(len(watched)), watched, 1)[0])
