"""Processes on a leash: whatever a run started ends with it, also when the run itself is killed.

Everything started inside `leash` inherits an environment variable with the leash's mark. Children, grandchildren and
those whose parents are dead are found by it; a small guard process looks after them should this one be killed. The
guard is this very file, run alone: it imports nothing of the project.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import subprocess
import sys
import time
from collections.abc import Iterator

import psutil

#: The variable that every process of a stage carries.
RUN = "VOICELOOM_RUN"

#: How long a process may take to end by itself, e.g. to save its state.
GRACE_S = 20.0

#: How long after SIGKILL one may stay that the kernel does not let go (a dead network disk, a driver).
GIVE_UP_S = 30.0


@contextlib.contextmanager
def marked(mark: str, variable: str = RUN) -> Iterator[None]:
    """What the body starts carries the mark, and has ended when the body is left, however it is left.

    Every use makes a mark of its own that begins with the one given, so that whoever still tidies up after an earlier
    one ends nothing of a later; within another use for the same mark it is that one's.
    """
    before = os.environ.get(variable)
    own = before if before is not None and _begins(before, mark) else f"{mark}.{secrets.token_hex(4)}"
    os.environ[variable] = own
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(variable, None)
        else:
            os.environ[variable] = before
        psutil.wait_procs(end_marked(own, variable), timeout=1)  # who began them was interrupted, and will not


@contextlib.contextmanager
def leash(mark: str, variable: str = RUN) -> Iterator[None]:
    """`marked`, and a guard ends what carries the mark when this process is killed in the body."""
    environment = {name: value for name, value in os.environ.items() if name != variable}
    own = f"{mark}.{secrets.token_hex(4)}"
    guard = subprocess.Popen(
        [sys.executable, "-I", __file__, variable, own],
        stdin=subprocess.PIPE,
        env=environment,
        start_new_session=True,  # no signal to this process's group ends the guard
    )
    assert guard.stdin is not None, "it was asked for"
    try:
        with marked(own, variable):
            yield
    finally:
        with contextlib.suppress(BrokenPipeError):
            guard.stdin.write(b"done")
            guard.stdin.close()
        guard.wait()


def end_marked(mark: str, variable: str = RUN, grace_s: float = GRACE_S) -> set[psutil.Process]:
    """End every process whose mark begins with this one, but not itself: SIGTERM, then SIGKILL; returns all of them."""
    ended: set[psutil.Process] = set()
    deadline = time.monotonic() + grace_s
    while found := with_mark(mark, variable):
        for process in found:
            with contextlib.suppress(psutil.NoSuchProcess):
                if time.monotonic() >= deadline:
                    process.kill()
                elif process not in ended:
                    process.terminate()
                    process.resume()  # one that is stopped hears nothing
        ended.update(found)
        if time.monotonic() >= deadline + GIVE_UP_S:
            break
        time.sleep(0.05)  # not waited for: its exit status belongs to whoever started it
    return ended


def with_mark(mark: str, variable: str) -> list[psutil.Process]:
    """The living processes of this user that carry the mark; this one is none of them."""
    found = []
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if process.pid != os.getpid() and _begins(process.environ().get(variable, ""), mark):
                found.append(process)
    return found


def _begins(found: str, mark: str) -> bool:
    """Whether a mark is this one, or one made of it."""
    return found == mark or found.startswith(f"{mark}.")


def _guard(variable: str, mark: str) -> None:
    """Wait for the process at the other end of standard input; ends what it leaves when it dies without a word."""
    if sys.stdin.buffer.read() != b"done":
        end_marked(mark, variable)


if __name__ == "__main__":
    _guard(*sys.argv[1:])
