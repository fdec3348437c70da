"""How a training run shows itself while it lasts: progress, an ear on held-out texts, and a live MLflow run."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.progress import progress
from tasks.train.job import Job
from tasks.train.tracking import tracker
from tasks.train.utterances import Splits

if TYPE_CHECKING:
    from voiceloom_model.training.options import Options
    from voiceloom_model.training.watching import Hooks


@contextmanager
def observed(job: Job, options: Options, splits: Splits, statistics: dict) -> Iterator[Hooks]:
    """Hooks for the trainer, for as long as it runs."""
    from tasks.train.listening import Ear
    from voiceloom_model.training.watching import Hooks

    ear = Ear.of(job, splits.held_out, statistics) if options.listen_every else None
    with progress("train", options.steps, "steps") as advance, tracker(Path.cwd(), job) as log:
        yield Hooks(
            report=_Reporter(advance),
            record=log.values,
            listen=None if ear is None else ear.listening(log.media),
            texts=() if ear is None else ear.texts,
        )


class _Reporter:
    """Turns the trainer's reports into progress: audio a second, and the loss terms."""

    def __init__(self, advance: Callable[[int, str], None]) -> None:
        self._advance, self._step = advance, 0
        self._audio_s, self._started = 0.0, time.monotonic()

    def __call__(self, step: int, audio_s: float, terms: dict[str, float]) -> None:
        self._audio_s += audio_s
        losses = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
        # The first step of a resumed run comes with all those before it.
        self._advance(
            step - self._step, f"{self._audio_s / (time.monotonic() - self._started):.0f} s of audio a second  {losses}"
        )
        self._step = step
