"""What Prefect costs on top of DVC: ten stages that do nothing, by `dvc repro` and by the flow, in turn.

`flow_overhead_s` is the flow's time less that of `dvc repro`, with a server running and without one (it starts its
own); `noop_s` a run that finds nothing stale, `dvc_noop_s` the same by `dvc repro`. Times are of whole processes, the
interpreter's start included; medians. With `--workspace FOLDER` the no-op runs are of that finished project.

Run: python benchmarks/orchestration.py [--rounds 3] [--workspace FOLDER]
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from _mini_project import environment, make, prefect_server

STAGES = 10
VOICELOOM = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
DVC = ["dvc", "repro", "-q"]


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workspace", type=Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        root = make(folder / "project", chain())
        server = prefect_server(folder / "prefect")
        server.start()
        ways = {
            "dvc": (DVC, {}),
            "server": (VOICELOOM, {"PREFECT_API_URL": f"{server.address}/api"}),
            "alone": (VOICELOOM, {"PREFECT_HOME": str(folder / "home")}),
        }
        try:
            measured = measure(root, ways, options.rounds, options.workspace or root)
        finally:
            server.kill()
    print(json.dumps(measured))


def chain() -> dict:
    """Ten stages, each reading what the one before wrote."""
    names = [f"s{number}" for number in range(STAGES)]
    sources = ["data/source.txt", *(f"data/{name}.txt" for name in names)]
    return {
        name: {"cmd": f"cp {source} data/{name}.txt", "deps": [source], "outs": [f"data/{name}.txt"]}
        for name, source in zip(names, sources, strict=False)
    }


def measure(root: Path, ways: dict, rounds: int, noop_root: Path) -> dict:
    """Every way in turn, on a change that none has seen, then on nothing."""
    took: dict[str, list[float]] = {}
    for number in range(rounds + 1):  # the first is for warming up
        for way, (command, variables) in ways.items():
            (root / "data" / "source.txt").write_text(f"{way} {number}")
            full = seconds(command, root, variables)
            noop = seconds(command, noop_root, variables)
            if number:
                took.setdefault(way, []).append(full)
                took.setdefault(f"{way}_noop", []).append(noop)
                print(f"{way}: {full:.2f} s, nothing to do {noop:.2f} s", flush=True)
    median = {way: statistics.median(times) for way, times in took.items()}
    return {
        "stages": STAGES,
        "dvc_repro_s": round(median["dvc"], 2),
        "flow_overhead_s": {way: round(median[way] - median["dvc"], 2) for way in ("server", "alone")},
        "noop_s": {way: round(median[f"{way}_noop"], 2) for way in ("server", "alone")},
        "dvc_noop_s": round(median["dvc_noop"], 2),
    }


def seconds(command: list[str], root: Path, variables: dict[str, str]) -> float:
    """How long the command takes; a failure is shown and ends the benchmark."""
    started = time.perf_counter()
    done = subprocess.run(command, cwd=root, env=environment(**variables), capture_output=True, text=True, check=False)
    took = time.perf_counter() - started
    if done.returncode:
        sys.exit(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return took


if __name__ == "__main__":
    main()
