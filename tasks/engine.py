"""The engine: map batches of rows over workers, and keep what they make in a row store.

Workers are local processes (`VOICELOOM_WORKERS` many, one thread each; 0 works in this process), or those of
the Dask cluster at `DASK_SCHEDULER_ADDRESS`.
"""

from __future__ import annotations

import json
import multiprocessing
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from tasks.progress import progress

if TYPE_CHECKING:
    import pyarrow as pa

    from tasks.rowstore import Outcome, RowStore

B = TypeVar("B")
R = TypeVar("R")

#: Work that costs no more than this is done in this process, on one thread; a cost of 1 is some 20 ms.
LITTLE = 128

_THREAD_LIMITS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


@dataclass(frozen=True)
class Step:
    """A function over single items whose outcomes are kept.

    `function(payload)` gives the rows (dicts of `schema`) of one item, or raises `Rejected`; it is called in
    another process, so it must be importable there (a module's function, or a `partial` of one). Raise
    `version` whenever it would answer differently. A batch ends where the `cost` of its payloads reaches
    `batch_size`: hours of audio go alone, so that what is in flight stays small. A step that is faster for many
    at once says `together`: its function takes a list of payloads and gives, for each, its rows or a `Failure`.
    """

    name: str
    version: int
    function: Callable[[Any], list]
    schema: pa.Schema
    batch_size: int = 16
    cost: Callable[[Any], float] = field(default=lambda payload: 1.0)
    together: bool = False

    def store(self) -> RowStore:
        """This step's row store."""
        from tasks.rowstore import RowStore, default_root

        return RowStore(default_root(), f"{self.name}-{self.version}", self.schema)


@dataclass(frozen=True)
class Counts:
    """How many rows were computed now, and how many had been kept."""

    computed: int
    reused: int


def compute(step: Step, items: Mapping[str, Any], store: RowStore) -> Counts:
    """Compute what the store lacks of `items` (key → payload) and put it there, batch by batch.

    Failures kept as retryable are tried again. Only missing payloads are looked up: `items` may load them.
    Counts and rate go to `runs/stages/NAME.rows.json`.
    """
    from threadpoolctl import threadpool_limits

    missing = store.missing(items, retry=True)
    started = time.monotonic()
    if missing:
        workers = worker_count()
        size = min(step.batch_size, -(-len(missing) // max(workers, 1)))
        batches = _batches(((key, items[key]) for key in missing), size, step.cost)
        workers = 0 if _is_little(missing, items, step.cost) else min(workers, -(-len(missing) // size))
        outcomes_of = partial(_together if step.together else _outcomes, step.function)
        with progress(step.name, len(missing)) as advance, threadpool_limits(1):
            for outcomes in map_batches(outcomes_of, batches, workers):
                store.put(outcomes)
                advance(len(outcomes))
    counts = Counts(len(missing), len(items) - len(missing))
    _write_rates(step.name, counts, time.monotonic() - started)
    return counts


def _is_little(missing: Sequence[str], items: Mapping[str, Any], cost: Callable[[Any], float]) -> bool:
    """Whether the work is done here before another process would have started and imported what it needs."""
    spent = 0.0
    for key in missing[: LITTLE + 1]:
        spent += cost(items[key])
        if spent > LITTLE:
            return False
    return True


def _batches(items: Iterable[tuple[str, Any]], size: float, cost: Callable[[Any], float]) -> Iterator[list]:
    """Items in lists that end where their summed cost reaches `size`."""
    batch, spent = [], 0.0
    for key, payload in items:
        batch.append((key, payload))
        spent += cost(payload)
        if spent >= size:
            yield batch
            batch, spent = [], 0.0
    if batch:
        yield batch


def _outcomes(function: Callable[[Any], list[dict]], batch: Sequence[tuple[str, Any]]) -> list[Outcome]:
    """A batch's outcomes; runs in a worker."""
    from tasks.rowstore import Outcome, Rejected

    outcomes = []
    for key, payload in batch:
        try:
            outcomes.append(Outcome(key, function(payload)))
        except Rejected as rejected:
            outcomes.append(Outcome(key, failure=rejected.failure))
    return outcomes


def _together(function: Callable[[list], list], batch: Sequence[tuple[str, Any]]) -> list[Outcome]:
    """The same for a function over many payloads."""
    from tasks.rowstore import Failure, Outcome

    made = zip(batch, function([payload for _, payload in batch]), strict=True)
    return [
        Outcome(key, failure=found) if isinstance(found, Failure) else Outcome(key, found) for (key, _), found in made
    ]


def worker_count() -> int:
    """`VOICELOOM_WORKERS`, or as many as there are processors for this process."""
    text = os.environ.get("VOICELOOM_WORKERS", "")
    if not text:
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    if not text.isdecimal():
        raise ValueError(f"VOICELOOM_WORKERS is {text!r}; it must be a whole number, 0 or more")
    return int(text)


def map_batches(function: Callable[[B], R], batches: Iterable[B], workers: int | None = None) -> Iterator[R]:
    """Yield `function(batch)` for every batch, in the order they finish, with two batches a worker in flight.

    Raises what the function raises, and `ChildProcessError` when a worker was killed.
    """
    address = os.environ.get("DASK_SCHEDULER_ADDRESS")
    if address:
        yield from _map_on_dask(function, batches, address)
        return
    workers = worker_count() if workers is None else workers
    if workers == 0:
        yield from map(function, batches)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(workers, mp_context=context, initializer=_settle_worker)
    try:
        yield from _bounded(partial(pool.submit, function), batches, 2 * workers)
    except BrokenProcessPool as error:
        raise ChildProcessError(
            "a worker process was killed, most likely for want of memory: set VOICELOOM_WORKERS lower and "
            "run the same command again; finished rows are kept"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _bounded(submit: Callable[[B], Future[R]], batches: Iterable[B], limit: int) -> Iterator[R]:
    """Keep up to `limit` batches in flight."""
    source = iter(batches)
    pending = {submit(batch) for batch in islice(source, limit)}
    while pending:
        done, pending = wait(pending, return_when=FIRST_COMPLETED)
        pending |= {submit(batch) for batch in islice(source, len(done))}
        for future in done:
            yield future.result()


def _settle_worker() -> None:
    """One thread a worker, and no worker outlives its parent (a killed parent cannot tell it to stop)."""
    for name in _THREAD_LIMITS:
        os.environ[name] = "1"
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)


def _map_on_dask(function: Callable[[B], R], batches: Iterable[B], address: str) -> Iterator[R]:
    try:
        from distributed import Client, as_completed
    except ImportError as error:
        raise ValueError(
            "DASK_SCHEDULER_ADDRESS is set, but Dask is not installed: pip install 'voiceloom[dask]'"
        ) from error
    with Client(address, set_as_default=False) as client:
        limit = 2 * max(1, len(cast(dict, client.nthreads())))
        source = iter(batches)
        first = [client.submit(function, batch, pure=False) for batch in islice(source, limit)]
        running = as_completed(first, loop=client.loop)
        for future in running:
            yield future.result()
            for batch in islice(source, 1):
                running.add(client.submit(function, batch, pure=False))


def _write_rates(name: str, counts: Counts, seconds: float) -> None:
    path = Path("runs/stages") / f"{name}.rows.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = round(counts.computed / seconds, 2) if counts.computed else None
    content = {"computed": counts.computed, "reused": counts.reused, "rows_per_s": rate}
    partial_path = path.with_name(path.name + ".partial")
    partial_path.write_text(json.dumps(content) + "\n")
    os.replace(partial_path, path)
