"""How far a long step has come: a bar on a terminal, elsewhere a line now and then."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_LOG_EVERY_S = 10.0


@contextmanager
def progress(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """Yield `advance(n)`: a bar on a terminal, elsewhere a line now and then, both on stderr."""
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True)) as bar:
            task = bar.add_task(label, total=total)
            yield lambda n: bar.advance(task, n)
    else:
        yield _Lines(label, total).advance


class _Lines:
    """Progress without a terminal."""

    def __init__(self, label: str, total: int):
        self._label, self._total, self._done, self._said = label, total, 0, time.monotonic()

    def advance(self, n: int) -> None:
        self._done += n
        if time.monotonic() - self._said >= _LOG_EVERY_S:
            self._said = time.monotonic()
            print(f"{self._label}: {self._done} of {self._total} rows", file=sys.stderr, flush=True)
