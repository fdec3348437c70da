"""A request to stop: SIGTERM or Ctrl-C lets the step under way end, so that its state can be saved."""

from __future__ import annotations

import signal
import threading
from types import TracebackType
from typing import Any


class Stopping:
    """While it is entered, SIGTERM and SIGINT are only remembered, save a Ctrl-C after either: that ends at once.

    A second SIGTERM hastens nothing: torchrun and whoever cancels a run send one each.
    """

    def __init__(self) -> None:
        self.signal: int | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        """Listen for signals; in a thread, where Python hears none, nothing changes."""
        if threading.current_thread() is threading.main_thread():
            self._before = {number: signal.signal(number, self._remember) for number in (signal.SIGTERM, signal.SIGINT)}
        return self

    def __exit__(self, _type: type | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        """Signals do again what they did before."""
        self._restore()

    def end(self) -> None:
        """End as the signal would have: Ctrl-C by `KeyboardInterrupt`, SIGTERM with exit status 143."""
        if self.signal == signal.SIGINT:
            raise KeyboardInterrupt
        raise SystemExit(128 + signal.SIGTERM)

    def _remember(self, number: int, _frame: object) -> None:
        if self.signal is None:
            self.signal = number
        elif number == signal.SIGINT:
            self._restore()
            signal.raise_signal(number)

    def _restore(self) -> None:
        while self._before:
            number, handler = self._before.popitem()
            signal.signal(number, handler)
