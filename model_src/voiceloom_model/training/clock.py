"""Where the time of a run goes."""

from __future__ import annotations

import time


class Clock:
    """Seconds since a run first began, kills and pauses left out; of its steps, and of waiting for their data."""

    def __init__(self, max_minutes: float | None) -> None:
        self._max_minutes = max_minutes
        self._started = time.monotonic()
        self._before_s = self.training_s = self.waiting_s = 0.0

    def start(self, before_s: float) -> None:
        """Go on after `before_s` seconds of earlier attempts; what this one did so far counts."""
        self._before_s = before_s

    def count(self, waiting_s: float, step_s: float) -> None:
        """One more step, waiting for its data included."""
        self.waiting_s += waiting_s
        self.training_s += step_s

    @property
    def elapsed_s(self) -> float:
        """Seconds of the run so far."""
        return self._before_s + time.monotonic() - self._started

    @property
    def is_over(self) -> bool:
        """Whether there is a limit and it is reached."""
        return self._max_minutes is not None and self.elapsed_s >= 60 * self._max_minutes

    @property
    def loading_share(self) -> float:
        """Which part of the steps' time was waiting for data."""
        return self.waiting_s / max(self.training_s, 1e-9)
