"""A page in headless Chromium, driven over its DevTools protocol, and a loopback server to bring it.

Nothing is downloaded: Chromium is the system's, and each has an empty profile of its own.
"""

from __future__ import annotations

import base64
import contextlib
import functools
import itertools
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from websockets.sync.client import connect
from websockets.sync.connection import Connection

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    *("--headless", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync", "--mute-audio", "--remote-debugging-port=0"),
    *("--disable-dev-shm-usage", "--autoplay-policy=no-user-gesture-required", "--no-default-browser-check"),
)
#: What a page needs from its server to use several threads.
ISOLATED = {"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp"}
START_TIMEOUT_S = 60
#: Every worker is stopped until its requests are listened to.
ATTACH = {"autoAttach": True, "waitForDebuggerOnStart": True, "flatten": True}


def chromium() -> str | None:
    """The system's Chromium, or None."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


@contextlib.contextmanager
def served(folder: Path, headers: dict[str, str] | None = None) -> Iterator[str]:
    """The address of a loopback server of `folder`, which adds `headers`."""

    class Handler(SimpleHTTPRequestHandler):
        def end_headers(self) -> None:
            for name, value in (headers or {}).items():
                self.send_header(name, value)
            super().end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=folder)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/"
        finally:
            server.shutdown()
            thread.join()


class Page:
    """One tab and its workers: `evaluate` runs JavaScript in it; `requests` are the addresses that all asked for."""

    def __init__(self, socket: Connection) -> None:
        self._socket, self._ids = socket, itertools.count(1)
        self.requests: list[str] = []
        self.messages: list[str] = []
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.call("Target.setAutoAttach", **ATTACH)

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """A command of the protocol and its result; events that come before it are kept."""
        number = next(self._ids)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            message = json.loads(self._socket.recv(timeout=120))
            if message.get("id") == number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]
            self._note(message)

    def evaluate(self, script: str) -> Any:
        """The value of a script, awaited."""
        result = self.call("Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in result:
            details = result["exceptionDetails"]
            raise RuntimeError(details.get("exception", {}).get("description") or details["text"])
        return result["result"].get("value")

    def open(self, address: str, width: int = 1200, height: int = 900, dark: bool = False) -> None:
        """Go to an address in a window of a size."""
        size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        self.call("Emulation.setDeviceMetricsOverride", **size)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self.call("Emulation.setEmulatedMedia", features=[scheme])
        self.call("Page.navigate", url=address)

    def wait(self, condition: str, seconds: float = 60) -> Any:
        """The value of a script once it is true; `TimeoutError` with what the page said when it is not."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            with contextlib.suppress(RuntimeError):  # the page may just be loading
                value = self.evaluate(condition)
                if value:
                    return value
            time.sleep(0.05)
        raise TimeoutError(f"{condition} did not come true in {seconds} s; the page said: {self.messages[-5:]}")

    def picture(self, path: Path, whole: bool = False) -> None:
        """A screenshot as PNG."""
        result = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=whole)
        path.write_bytes(base64.b64decode(result["data"]))

    def _note(self, message: dict[str, Any]) -> None:
        params = message.get("params", {})
        match message.get("method"):
            case "Target.attachedToTarget":
                self._listen(params["sessionId"])
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.consoleAPICalled":
                self.messages.append(" ".join(str(part.get("value", "")) for part in params["args"]))
            case "Runtime.exceptionThrown":
                self.messages.append(str(params["exceptionDetails"].get("exception", {}).get("description")))
            case "Log.entryAdded":
                self.messages.append(f"{params['entry']['text']} {params['entry'].get('url', '')}")

    def _listen(self, session: str) -> None:
        """Hear what a worker asks for, and let it go."""
        for method, params in (
            ("Network.enable", {}),
            ("Runtime.enable", {}),
            ("Target.setAutoAttach", ATTACH),
            ("Runtime.runIfWaitingForDebugger", {}),
        ):
            message = {"id": next(self._ids), "method": method, "params": params, "sessionId": session}
            self._socket.send(json.dumps(message))


@contextlib.contextmanager
def browser(program: str) -> Iterator[Page]:
    """A tab of a new Chromium with an empty profile, which ends with the context."""
    with tempfile.TemporaryDirectory(prefix="voiceloom-chromium-", ignore_cleanup_errors=True) as profile:
        sandbox = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [program, *FLAGS, *sandbox, f"--user-data-dir={profile}", "about:blank"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            with connect(_tab(Path(profile), process), max_size=None, open_timeout=START_TIMEOUT_S) as socket:
                yield Page(socket)
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _tab(profile: Path, process: subprocess.Popen) -> str:
    """The address of the first tab, once Chromium has written which port it listens on."""
    deadline = time.monotonic() + START_TIMEOUT_S
    port_file = profile / "DevToolsActivePort"
    while not (port_file.is_file() and port_file.read_text().count("\n")):
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"Chromium did not start: exit status {process.poll()}")
        time.sleep(0.05)
    port = port_file.read_text().split()[0]
    while time.monotonic() < deadline:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/json", timeout=10) as answer:
            tabs = [tab for tab in json.load(answer) if tab["type"] == "page"]
        if tabs:
            return tabs[0]["webSocketDebuggerUrl"]
        time.sleep(0.05)
    raise RuntimeError("Chromium has no tab")
