"""What is seen of a run while it lasts: its curves, and from time to time how good the averaged weights are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from voiceloom_model.training import checkpoint
from voiceloom_model.training.data import Utterance
from voiceloom_model.training.listening import Spoken, speak
from voiceloom_model.training.phases import Setting
from voiceloom_model.training.validation import validate


def _ignore(*_) -> None:
    """Nobody wants to know."""


@dataclass(frozen=True)
class Hooks:
    """What the caller is told; only the first rank's `record` and `listen` are called.

    `report(step, seconds of audio in it, loss terms)` after every step, `record(step, values)` with every point of
    the curves. `listen(step, what was said) → scores` judges the voice; `texts` are what it says then.
    """

    report: Callable[[int, float, dict[str, float]], None] = _ignore
    record: Callable[[int, dict[str, float | None]], None] = _ignore
    listen: Callable[[int, list[Spoken]], dict[str, float]] | None = None
    texts: Sequence[Utterance] = ()


@dataclass(frozen=True)
class Watch:
    """Measures and writes down; `ema` are the weights that are judged, `folder` has the curves."""

    setting: Setting
    ema: checkpoint.Ema
    folder: Path
    hooks: Hooks
    held_out: Sequence[Utterance]

    def due(self, step: int, last: bool) -> bool:
        """Whether anything is measured at this step; always at a phase's last."""
        return last or step % self.setting.options.validate_every == 0 or self._listens(step, last)

    def measure(self, step: int, last: bool) -> dict[str, float]:
        """Measure the averaged weights and write it down; the first rank does, and tells the others."""
        fabric = self.setting.fabric
        values: dict[str, float] = {}
        if fabric.is_global_zero:
            with self._averaged():
                values = validate(self.setting, self.held_out)
                if self._listens(step, last) and self.hooks.listen is not None:
                    values |= self.hooks.listen(step, speak(self.setting, self.hooks.texts))
        if fabric.world_size > 1:
            values = fabric.broadcast(values)
        self.record(step, {f"valid_{name}": value for name, value in values.items()})
        return values

    def record(self, step: int, values: Mapping[str, float]) -> None:
        """Add a point to the curves; what is not finite is null there."""
        if self.setting.fabric.is_global_zero and values:
            rounded = {name: float(f"{value:.6g}") if math.isfinite(value) else None for name, value in values.items()}
            checkpoint.append_curve(self.folder, {"step": step, **rounded})
            self.hooks.record(step, rounded)

    def _listens(self, step: int, last: bool) -> bool:
        """Nobody listens before the first step."""
        every = self.setting.options.listen_every
        return every > 0 and step > 0 and (last or step % every == 0)

    @contextmanager
    def _averaged(self) -> Iterator[None]:
        """The network with the averaged weights; those in training come back untouched."""
        synthesizer = self.setting.synthesizer
        training = {name: value.detach().clone() for name, value in checkpoint.trained(synthesizer)}
        synthesizer.load_state_dict(self.ema.values, strict=False)
        yield
        synthesizer.load_state_dict(training, strict=False)
