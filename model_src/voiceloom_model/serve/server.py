"""A process that listens: loads the voices, binds, says where, serves until it is told to stop."""

from __future__ import annotations

import contextlib
import ipaddress
import os
import socket
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from voiceloom_model.serve.app import Settings, create_app
from voiceloom_model.serve.voices import Voices, warm_up

KEY_VARIABLE = "VOICELOOM_API_KEY"
#: How long requests under way may take to end once the server is told to.
FAREWELL_S = 30
BACKLOG = 1024


@dataclass(frozen=True)
class Listening:
    """Where to listen, how many threads one piece of speech takes, and the precision where not the bundle's first."""

    host: str = "127.0.0.1"
    port: int = 8001
    threads: int = 1
    precision: str | None = None
    settings: Settings = field(default_factory=Settings)


def serve(folders: Sequence[tuple[str, Path]], listening: Listening) -> None:
    """Serve bundles, given as names and folders, until SIGINT or SIGTERM; then finish what is under way.

    The key of `VOICELOOM_API_KEY`, where there is one, is asked of every client. Raises `ValueError` or `OSError`
    for a bundle that cannot be loaded and an address that cannot be listened at.
    """
    import uvicorn

    key = os.environ.get(KEY_VARIABLE, "").strip() or None
    voices = Voices.load(folders, listening.precision, listening.threads)
    warm_up(voices, listening.settings.workers)
    app = create_app(voices, replace(listening.settings, api_key=key))
    with _bound(listening.host, listening.port) as bound:
        _announce(bound, voices, key is not None)
        config = uvicorn.Config(
            app, http="h11", log_level="warning", access_log=False, timeout_graceful_shutdown=FAREWELL_S
        )
        with contextlib.suppress(KeyboardInterrupt):
            uvicorn.Server(config).run(sockets=[bound])


def workers_for(workers: int | None, threads: int) -> int:
    """How many pieces to compute at once: as many as were asked for, else as the processors of this process allow."""
    if threads < 1:
        raise ValueError(f"threads {threads} must be 1 or more")
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return workers or max(1, processors // threads)


def _bound(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=BACKLOG)
    except (OSError, OverflowError) as error:
        raise OSError(f"cannot listen at {host} port {port}: {error}") from error


def _announce(bound: socket.socket, voices: Voices, has_key: bool) -> None:
    """The base URL that clients want to know, and a warning where anybody may come."""
    host, port = bound.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    names = ", ".join(row["id"] for row in voices.rows())
    print(f"http://{shown}:{port}/v1 speaks as {names}", flush=True)
    if not has_key and not ipaddress.ip_address(host).is_loopback:
        print(f"Anybody who reaches {shown} may use it: set {KEY_VARIABLE} to ask for a key.", file=sys.stderr)
