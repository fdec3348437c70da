"""`voiceloom worker`: everything that a workspace needs to retrain by itself, in one process with its children.

A Prefect server where none answers, the workspace's queue and deployment, a Prefect worker, and the watch over the
places where data arrives. What dies is started again; what this process started ends with it.
"""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

import psutil

from flows import logs
from flows._processes import GRACE_S, end_marked, leash
from flows._workspace import LOCK, only_one, run_mark
from flows.deploy import POOL, bury_the_dead, deploy, trigger_new_data
from flows.environment import prepare_environment
from flows.kept import Kept, ensure_server
from flows.schedule import Schedule, deployment_name, load_schedule
from flows.watch import Settling, fingerprint, without_password

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

log = logging.getLogger("voiceloom.worker")

#: Held by the workspace's worker: there is one.
WORKER_LOCK = LOCK.with_name("voiceloom-worker.lock")

#: Marks a worker's children, so that they end with it.
WORKER = "VOICELOOM_WORKER"

#: Seconds between two looks at what may have died.
TICK_S = 1.0


def run_worker(root: Path, name: str | None = None, port: int = 4200, say: Callable[[str], None] = print) -> None:
    """Serve the workspace until SIGTERM or Ctrl-C; a run under way is stopped so that the next one goes on."""
    root, name = root.resolve(), name or deployment_name(root)
    schedule = load_schedule(root)
    prepare_environment()
    if logs.wanted():
        logs.set_up()
    mark = run_mark(root)
    with only_one(root / WORKER_LOCK), _stopped_by_signals(), contextlib.ExitStack() as stack:
        end_marked(mark, WORKER)  # what a killed one left
        stack.enter_context(leash(mark, WORKER))
        server = ensure_server(port)
        if server is not None:
            stack.callback(server.stop)
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL, PREFECT_CLIENT_MAX_RETRIES, temporary_settings

        address = os.environ["PREFECT_API_URL"]
        # What this process cannot ask now, it asks at its next look.
        stack.enter_context(temporary_settings({PREFECT_API_URL: address, PREFECT_CLIENT_MAX_RETRIES: 0}))
        client = stack.enter_context(get_client(sync_client=True))
        deployment = deploy(client, root, schedule, name)
        say(f"Deployment retrain/{name} at {address}")
        say(_told(schedule))
        worker = Kept([sys.executable, "-m", "prefect", "worker", "start", *_options(name)])
        stack.callback(_stop_runs, root, worker)
        kept = [worker, *([server] if server else [])]
        _watch(client, deployment, root, schedule, kept, lambda changed: deploy(client, root, changed, name))


def _watch(
    client: SyncPrefectClient,
    deployment: UUID,
    root: Path,
    schedule: Schedule,
    kept: list[Kept],
    deploy_again: Callable[[Schedule], object],
) -> None:
    """Look after children, new data, dead runs and a schedule that is changed meanwhile, for ever."""
    settling = Settling(schedule.settle_s)
    next_look = 0.0
    while True:
        for child in kept:
            child.look()
        if time.monotonic() >= next_look:
            next_look = time.monotonic() + schedule.every_s
            with _trouble_logged():
                changed = load_schedule(root)
                if changed != schedule:
                    deploy_again(changed)
                    schedule, settling = changed, Settling(changed.settle_s)
            look_once(client, deployment, root, schedule, settling)
        time.sleep(TICK_S)


def look_once(
    client: SyncPrefectClient, deployment: UUID, root: Path, schedule: Schedule, settling: Settling
) -> str | None:
    """One look at places and runs; returns the name of the run that new data began. Trouble is logged, and passes."""
    with _trouble_logged():
        for run in bury_the_dead(client, deployment, root):
            log.warning("run %s was dead", run.name)
        places = [watch.place if "://" in watch.place else str(root / watch.place) for watch in schedule.watch]
        seen = fingerprint(places) if places else None
        if seen is None or not settling.settled(seen):
            return None
        begun = trigger_new_data(client, deployment, seen)
        return begun.name if begun else None
    return None


@contextlib.contextmanager
def _trouble_logged() -> Iterator[None]:
    """What may pass is a warning: the next look may do better."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        yield
    except (OSError, ValueError, httpx.HTTPError, PrefectException) as error:
        log.warning("%s", " ".join(str(error).split()) or type(error).__name__)


def _stop_runs(root: Path, worker: Kept) -> None:
    """End the run that this worker began, stages first, so that the flow can still tell the server; then the worker."""
    engines = [process for process in psutil.Process().children(recursive=True) if _is_engine(process)]
    for process in engines:
        with contextlib.suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(engines, timeout=2 * GRACE_S)
    worker.stop()
    end_marked(run_mark(root))


def _is_engine(process: psutil.Process) -> bool:
    """Whether the process carries out a flow run."""
    try:
        return "prefect.engine" in process.cmdline()
    except psutil.Error:
        return False


def _options(name: str) -> Iterator[str]:
    yield from (
        "--pool",
        POOL,
        "--work-queue",
        name,
        "--type",
        "process",
        "--limit",
        "1",
        "--name",
        f"voiceloom-{name}",
    )


@contextlib.contextmanager
def _stopped_by_signals() -> Iterator[None]:
    """SIGTERM and Ctrl-C leave the body quietly, once everything in it is tidied up."""

    def stop(_number, _frame):
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.SIG_IGN)  # no second one while tidying up
        raise KeyboardInterrupt

    before = {number: signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        with contextlib.suppress(KeyboardInterrupt):
            yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _told(schedule: Schedule) -> str:
    """The schedule in a line."""
    parts = [f"cron {schedule.cron} ({schedule.timezone})"] if schedule.cron else []
    parts += [f"new data in {without_password(watch.place)}" for watch in schedule.watch]
    return f"Retrains by {', '.join(parts)}" if parts else "Retrains only by hand: `voiceloom schedule --help`"
