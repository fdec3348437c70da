"""Real servers for tests, on loopback: Debian packages unpacked, not installed; processes that end with the test."""

import getpass
import os
import shutil
import signal
import socket
import subprocess
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import psutil
import pytest


def debian(request, packages) -> Path:
    """Debian packages of this system's release, unpacked in pytest's cache; the test is skipped where that fails."""
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        pytest.skip(f"{packages[0]} is unpacked from Debian's packages, and there is no apt-get here")
    folder = request.config.cache.mkdir("debian") / packages[0]
    if not folder.is_dir():
        fresh = Path(f"{folder}.{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir()
        done = subprocess.run(["apt-get", "download", "-q", *packages], cwd=fresh, capture_output=True, text=True)
        if done.returncode:
            pytest.skip(f"apt-get cannot download {packages[0]}: {done.stderr.strip().splitlines()[-1]}")
        for package in fresh.glob("*.deb"):
            subprocess.run(["dpkg-deb", "-x", str(package), str(fresh)], check=True)
            package.unlink()
        fresh.rename(folder)
    opened(folder)
    return folder


def ordinary_user() -> str:
    """Who runs what must not run as root."""
    return "nobody" if os.geteuid() == 0 else getpass.getuser()


def owned_by(user: str, folder: Path, but: str = "") -> None:
    """What root made becomes the user's, and everybody may pass through the folders above."""
    if user != getpass.getuser():
        for path in (folder, *folder.rglob("*")):
            if path.name != but:
                shutil.chown(path, user)
        opened(folder)


def opened(place: Path) -> None:
    """Let everybody pass through the folders above that are ours."""
    for folder in place.parents:
        found = folder.stat()
        if found.st_uid == os.geteuid() and not found.st_mode & 0o001:
            folder.chmod(found.st_mode | 0o011)


@contextmanager
def serving(command, log: Path, packages: Path | None = None, user: str | None = None, environment=None):
    """A server that runs as `user` with the libraries of `packages`, ended with everything it started."""
    found = [str(folder) for folder in packages.rglob("*-linux-gnu") if folder.parent.name == "lib"] if packages else []
    variables = {**os.environ, **({"LD_LIBRARY_PATH": ":".join(found)} if found else {}), **(environment or {})}
    another = {"user": user, "extra_groups": []} if user and os.geteuid() == 0 else {}
    with log.open("wb") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=output,
            env=variables,
            start_new_session=True,
            **another,
        )
    try:
        yield process
    finally:
        process.send_signal(signal.SIGINT)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5)
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_until(ready, process, log: Path, seconds: float = 120) -> None:
    """Until `ready()`; what the server wrote is the error when it ends before, or takes too long."""
    ends = time.monotonic() + seconds
    while not ready():
        assert process.poll() is None and time.monotonic() < ends, log.read_text()
        time.sleep(0.05)


def answers(port: int) -> bool:
    """Whether something listens there."""
    with socket.socket() as client:
        return client.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    """A port that nothing listens at."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        return server.getsockname()[1]


def lives(pid: int) -> bool:
    """Whether a process still runs; one that ended and that nobody collects, as in some containers, does not."""
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
