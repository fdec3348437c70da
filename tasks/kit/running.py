"""Processes with a deadline, and what the GPU does meanwhile. Nothing here needs a package."""

from __future__ import annotations

import re
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from pathlib import Path

#: What training says of its speed, and of how far it is.
_RATE = re.compile(r"(\d+) s of audio a second")
_STEP = re.compile(r"train: (\d+) of \d+ steps")
#: How long a process may take to save and end once it was asked to.
_LAST_S = 15.0
_SAMPLE_S = 2.0


class OutOfTime(Exception):
    """The time given was over before something was done."""


class Runner:
    """Runs processes in a folder, all of them together no longer than `limit_s`."""

    #: The exit code of training that was asked to stop, and saved.
    STOPPED = 128 + signal.SIGTERM

    def __init__(self, folder: Path, environment: dict[str, str], limit_s: float):
        self._folder, self._environment = folder, environment
        self._ends = time.monotonic() + limit_s
        self.seconds: dict[str, float] = {}

    def run(self, name: str, command: list[str]) -> int:
        """Run it to its end; `OutOfTime` when that does not come in time: what it finished is kept."""
        started = time.monotonic()
        process = subprocess.Popen(command, cwd=self._folder, env=self._environment)
        try:
            return process.wait(max(0.0, self._ends - started))
        except subprocess.TimeoutExpired:
            _end(process)
            raise OutOfTime(
                f"the time was over during {name}; run again, with more --minutes, to go on from there"
            ) from None
        finally:
            self.seconds[name] = round(time.monotonic() - started, 1)

    def until(self, name: str, command: list[str], reserve_s: float) -> tuple[int, dict]:
        """Run it until `reserve_s` before the time is over, then ask it to stop; its exit code, and how fast it was."""
        started = time.monotonic()
        pipe = {"stderr": subprocess.PIPE, "text": True, "cwd": self._folder, "env": self._environment}
        with subprocess.Popen(command, **pipe) as process:
            ears = threading.Thread(target=self._listen, args=(process.stderr, said := {}), daemon=True)
            ears.start()
            try:
                code = process.wait(max(0.0, self._ends - reserve_s - time.monotonic()))
            except subprocess.TimeoutExpired:
                code = _end(process)
            ears.join(1.0)
        self.seconds[name] = round(time.monotonic() - started, 1)
        return code, said

    @staticmethod
    def _listen(lines, said: dict) -> None:
        """Pass on what training says, and keep the last of its figures."""
        for line in lines:
            print(line, end="", file=sys.stderr, flush=True)
            for key, pattern in (("audio_s_per_s", _RATE), ("step", _STEP)):
                if found := pattern.search(line):
                    said[key] = int(found[1])


def _end(process: subprocess.Popen) -> int:
    process.terminate()
    try:
        return process.wait(_LAST_S)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


class GpuWatch:
    """Asks nvidia-smi now and then how busy the GPU is and how much memory is taken."""

    def __init__(self) -> None:
        self._over = threading.Event()
        self._samples: list[tuple[float, float]] = []
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> GpuWatch:
        """Begin."""
        if shutil.which("nvidia-smi"):
            self._thread.start()
        return self

    def __exit__(self, *_) -> None:
        """End."""
        self._over.set()

    def summary(self) -> dict[str, float]:
        """Median and highest utilisation in %, and the most memory in MiB; nothing where there is no GPU."""
        if not self._samples:
            return {}
        busy, memory = zip(*self._samples, strict=True)
        return {"gpu_percent": statistics.median(busy), "gpu_percent_max": max(busy), "gpu_mib_max": max(memory)}

    def _watch(self) -> None:
        query = ["nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits"]
        while not self._over.wait(_SAMPLE_S):
            asked = subprocess.run(query, capture_output=True, text=True, check=False)
            found = re.match(r"\s*(\d+), (\d+)", asked.stdout)
            if found:
                self._samples.append((float(found[1]), float(found[2])))
