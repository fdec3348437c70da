"""Children that are kept alive, and a Prefect server among them where none answers."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import time

log = logging.getLogger("voiceloom.worker")

HOST = "127.0.0.1"
SERVER_STARTS_S = 180.0

#: The longest pause before a child that died is started again.
LONGEST_PAUSE_S = 60.0


class Kept:
    """A child process that is started again, after a growing pause, whenever it ends."""

    def __init__(self, command: list[str]):
        self.command = command
        self._pause_s, self._next = 1.0, 0.0
        self._child: subprocess.Popen | None = None

    def look(self) -> None:
        """Start it where it does not run; one that ran for long begins with short pauses again."""
        now = time.monotonic()
        if self._child is not None and self._child.poll() is None:
            if now > self._next + LONGEST_PAUSE_S:
                self._pause_s = 1.0
            return
        if self._child is not None and now < self._next:
            return
        if self._child is not None:
            log.warning("%s ended with status %s; starting it again", self.command[3], self._child.returncode)
        self._child = subprocess.Popen(self.command)
        self._next, self._pause_s = now + self._pause_s, min(2 * self._pause_s, LONGEST_PAUSE_S)

    def stop(self, grace_s: float = 30.0) -> None:
        """Ask it to end; make it after `grace_s`."""
        if self._child is None:
            return
        self._child.terminate()
        try:
            self._child.wait(grace_s)
        except subprocess.TimeoutExpired:
            self._child.kill()
            self._child.wait()


def ensure_server(port: int) -> Kept | None:
    """Make PREFECT_API_URL name a server that answers; returns the server that had to be started, if any."""
    given = os.environ.get("PREFECT_API_URL") or _profile_address()
    address = given or f"http://{HOST}:{port}/api"
    os.environ["PREFECT_API_URL"] = address
    if answers(address):
        return None
    if given:
        raise OSError(f"no Prefect server answers at {given}")
    server = Kept([sys.executable, "-m", "prefect", "server", "start", "--host", HOST, "--port", str(port)])
    os.environ.setdefault("PREFECT_SERVER_LOGGING_LEVEL", "WARNING")
    deadline = time.monotonic() + SERVER_STARTS_S
    server.look()
    while not answers(address):
        if time.monotonic() > deadline:
            server.stop()
            raise OSError(f"the Prefect server at {address} did not start in {SERVER_STARTS_S:.0f} s")
        time.sleep(0.3)
    return server


def answers(address: str) -> bool:
    """Whether a Prefect server is there and well."""
    import httpx

    try:
        return httpx.get(f"{address}/health", timeout=5).is_success
    except httpx.HTTPError:
        return False


def _profile_address() -> str | None:
    from prefect.settings import PREFECT_API_URL

    return PREFECT_API_URL.value()
