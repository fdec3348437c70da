"""How far a long step has come: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOG_EVERY_S = 10.0


@contextmanager
def progress(label: str, total: int, unit: str = "rows") -> Iterator[Callable[..., None]]:
    """Yield `advance(n, note="")`: a bar on a terminal, elsewhere a line now and then, both on stderr."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        columns = (*columns, TextColumn("{task.fields[note]}"))
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=total, note="")
            yield lambda n, note="": bar.update(task, advance=n, note=note)
    else:
        yield _Lines(label, total, unit).advance


class _Lines:
    """Progress without a terminal."""

    def __init__(self, label: str, total: int, unit: str):
        self._label, self._total, self._unit, self._done = label, total, unit, 0
        self._first, self._said = (0.0, 0), time.monotonic()

    def advance(self, n: int, note: str = "") -> None:
        now = time.monotonic()
        if not self._done:  # what a resumed run was spared says nothing about speed
            self._first = (now, n)
        self._done += n
        if now - self._said >= _LOG_EVERY_S and self._done > self._first[1]:
            self._said = now
            left = (now - self._first[0]) / (self._done - self._first[1]) * (self._total - self._done)
            words = f"{self._label}: {self._done} of {self._total} {self._unit}, {left:.0f} s left  {note}"
            print(words.rstrip(), file=sys.stderr, flush=True)
