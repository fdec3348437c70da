"""One run at a time in a workspace: a lock between processes, who holds it, and what a dead run left behind."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psutil
from filelock import FileLock, Timeout

from flows._mending import mend
from flows._processes import end_marked, leash

#: Beside DVC's own locks, where nobody tidies up.
LOCK = Path(".dvc") / "tmp" / "voiceloom.lock"


class BusyError(ValueError):
    """Another process is at work in the workspace; later it will have ended."""


def run_mark(root: Path) -> str:
    """What the processes of a workspace's runs are marked with."""
    return hashlib.blake2b(str(root.resolve()).encode(), digest_size=8).hexdigest()


@contextlib.contextmanager
def only_run(root: Path, wait_s: float = 0.0, name: str = "") -> Iterator[None]:
    """Hold the workspace: nobody else runs in it, and nothing that the body started outlives it.

    Waits at most `wait_s` for another run to end, then raises `BusyError`. What a killed run left alive ends first.
    """
    with only_one(root / LOCK, wait_s, lambda: f"another run is at work in {root} ({holder(root)})"):
        mark = run_mark(root)
        started = psutil.Process().create_time()
        here = {"process": os.getpid(), "host": socket.gethostname(), "started": started}
        _holder_file(root).write_text(json.dumps({**here, "since": time.time(), "run": name}))
        try:
            end_marked(mark)
            mend(root)
            with leash(mark):
                yield
        finally:
            _holder_file(root).unlink(missing_ok=True)


@contextlib.contextmanager
def only_one(path: Path, wait_s: float = 0.0, said: Callable[[], str] | None = None) -> Iterator[None]:
    """Hold a lock in a project's `.dvc/tmp`, waiting at most `wait_s`; then `BusyError` with what is `said`."""
    root = path.parents[2]
    if not (root / ".dvc").is_dir():
        raise FileNotFoundError(f"{root} is not a DVC project; run `dvc init` in it once")
    path.parent.mkdir(exist_ok=True)
    lock = FileLock(path)
    try:
        lock.acquire(timeout=wait_s, poll_interval=0.2)
    except Timeout:
        busy = said() if said else f"another `voiceloom worker` serves {root}"
        raise BusyError(f"{busy}: wait for it, or end it") from None
    try:
        yield
    finally:
        lock.release()


def is_held(root: Path) -> bool:
    """Whether a run is at work in the workspace."""
    lock = FileLock(root / LOCK)
    if not (root / LOCK).is_file():
        return False
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return True
    lock.release()
    return False


def stop_holder(root: Path, run: str) -> bool:
    """Ask the process that holds the workspace for this run to end; False where none does."""
    held = _held(root)
    if held is None or held["run"] != run or held.get("host") != socket.gethostname() or not is_held(root):
        return False
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(held["process"])
        if process.create_time() == held.get("started"):  # else somebody else has its number by now
            process.terminate()
            return True
    return False


def holder(root: Path) -> str:
    """Who holds the workspace, in words."""
    held = _held(root)
    if held is None:
        return "which has only begun"
    since = time.strftime("%Y-%m-%d %H:%M", time.localtime(held["since"]))
    return f"process {held['process']}, since {since}"


def _held(root: Path) -> dict[str, Any] | None:
    try:
        return json.loads(_holder_file(root).read_text())
    except (OSError, ValueError):  # not written yet, or just gone
        return None


def _holder_file(root: Path) -> Path:
    return root / LOCK.with_suffix(".json")
