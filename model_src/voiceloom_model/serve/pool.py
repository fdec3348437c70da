"""Work in turns: many listeners, a few threads, and whoever will hear silence first goes first.

Speech is made piece by piece. A piece holds a thread while it is computed; between two pieces, while the last one
travels to a slow client, none is held. ONNX Runtime leaves the interpreter's lock while it computes.
"""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import itertools
import time
from collections.abc import Generator, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

from voiceloom_model.serve.errors import Busy


class Pool:
    """At most `limit` requests at once, of whose pieces `workers` are computed at the same time.

    Belongs to one event loop.
    """

    def __init__(self, workers: int, limit: int) -> None:
        self._threads = ThreadPoolExecutor(workers, "speech")
        self._free, self._limit = workers, limit
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._order = itertools.count()
        self.under_way = 0

    @contextlib.contextmanager
    def place(self) -> Iterator[None]:
        """A request's place among those under way; `Busy` when all are taken."""
        if self.under_way >= self._limit:
            raise Busy(self._limit)
        self.under_way += 1
        try:
            yield
        finally:
            self.under_way -= 1

    async def next_piece(self, pieces: Generator[bytes], deadline: float) -> bytes | None:
        """The next of `pieces`, None after the last; the earliest deadline (time.monotonic) goes first.

        When the caller is cancelled while the generator runs, it is closed as soon as it does not.
        """
        await self._turn(deadline)
        work: Future[bytes | None] = self._threads.submit(next, pieces, None)
        loop = asyncio.get_running_loop()
        work.add_done_callback(lambda _: loop.call_soon_threadsafe(self._leave))
        try:
            return await asyncio.wrap_future(work)
        except asyncio.CancelledError:
            work.add_done_callback(lambda _: _close(pieces))
            raise

    def close(self, pieces: Generator[bytes]) -> None:
        """Let go of a generator that nobody asks any more; see `next_piece` for one that runs at the moment."""
        with contextlib.suppress(RuntimeError):  # the threads have ended, and with them everything
            self._threads.submit(_close, pieces)

    def shut_down(self) -> None:
        """Wait for the pieces that are being computed, and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _turn(self, deadline: float) -> None:
        if self._free:
            self._free -= 1
            return
        turn = asyncio.get_running_loop().create_future()
        heapq.heappush(self._waiting, (deadline, next(self._order), turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._leave()  # the turn came together with the cancellation
            raise

    def _leave(self) -> None:
        """Hand a thread to the next one that still waits."""
        while self._waiting:
            *_, turn = heapq.heappop(self._waiting)
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


def _close(pieces: Generator[bytes]) -> None:
    with contextlib.suppress(ValueError):  # it runs, or is being closed
        pieces.close()


class Playback:
    """When a listener who began to hear at once would fall silent, for want of the next piece."""

    def __init__(self) -> None:
        self._began, self.spoken_s = time.monotonic(), 0.0

    @property
    def deadline(self) -> float:
        """By the clock of time.monotonic."""
        return self._began + self.spoken_s

    @property
    def waited_s(self) -> float:
        """Since the request came."""
        return time.monotonic() - self._began
