"""Runs that are hurt at random moments: after each, the next trigger ends with everything right.

A small project with real DVC, a Prefect and an MLflow server, and `voiceloom worker`. Every round writes new content,
begins a run, hurts something while it works (kills a process, restarts a server, stops one for a minute), mends what
nobody would mend by itself, and begins the next run. Then: `dvc status` is clean, the registry has exactly one version
of every content so far, the newest is champion, and no process of the stage is left.

Run: python benchmarks/chaos.py [--runs 30] [--seed 1] [--outage 60] [--only "flow" "stage"]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
from _mini_project import MODEL, environment, is_clean, make, mlflow_server, prefect_server, until

#: How long a run may take from its trigger to its end, when nothing hurts it any more.
RUN_S = 300.0

#: A worker whose silence counts sooner than in earnest, so that a round does not take minutes.
WORKER = """
import sys
import flows.deploy, flows.retrain, flows.worker
from pathlib import Path
flows.deploy.SILENCE_S = 15.0
flows.worker.run_worker(Path(sys.argv[1]))
"""


class Scene:
    """The project, its servers and its worker."""

    def __init__(self, folder: Path):
        self.root = make(folder / "project")
        self.prefect, self.mlflow = prefect_server(folder / "prefect"), mlflow_server(folder / "mlflow")
        self.worker: subprocess.Popen | None = None
        self.log = folder / "worker.txt"
        (self.root / "schedule.yaml").write_text("every_s: 3\n")
        self.prefect.start()
        self.mlflow.start()
        os.environ["PREFECT_API_URL"] = f"{self.prefect.address}/api"
        os.environ["MLFLOW_TRACKING_URI"] = self.mlflow.address
        os.environ["PREFECT_HOME"] = str(folder / "home")
        self.start_worker()

    def start_worker(self) -> None:
        """Start `voiceloom worker`, and wait until its deployment is there."""
        with self.log.open("ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, "-c", WORKER, str(self.root)],
                env=environment(PREFECT_WORKER_QUERY_SECONDS="2"),
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        until(lambda: self.deployment() is not None)

    def client(self):
        """A client of the Prefect server."""
        from prefect.client.orchestration import get_client

        return get_client(sync_client=True)

    def deployment(self):
        """The workspace's deployment, once it is there."""
        from flows.deploy import find
        from flows.schedule import deployment_name

        with self.client() as client:
            return find(client, deployment_name(self.root))

    def begin(self) -> Any:
        """Begin a run; returns its id."""
        from flows.deploy import trigger

        with self.client() as client:
            deployment = self.deployment()
            assert deployment is not None, "start_worker waited for it"
            return trigger(client, deployment.id).id

    def state(self, run: Any) -> str:
        """The name of a run's state; what cannot be asked now is no state."""
        import httpx

        try:
            with self.client() as client:
                state = client.read_flow_run(run).state
        except httpx.HTTPError:
            return "unknown"
        return state.type.value if state else "unknown"

    def ended(self, run: Any) -> bool:
        """Whether a run is over."""
        return self.state(run) in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED")

    def processes(self, word: str) -> list[psutil.Process]:
        """The worker's descendants whose command line has the word."""
        assert self.worker is not None, "there always is one"
        found = []
        with suppress(psutil.NoSuchProcess):
            for process in psutil.Process(self.worker.pid).children(recursive=True):
                with suppress(psutil.Error):
                    if word in " ".join(process.cmdline()):
                        found.append(process)
        return found

    def close(self) -> None:
        """End everything."""
        if self.worker is not None:
            self.worker.terminate()
            self.worker.wait()
        self.prefect.kill()
        self.mlflow.kill()


def kill(scene: Scene, word: str) -> None:
    """SIGKILL what has the word in its command line."""
    for process in scene.processes(word):
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_all(scene: Scene) -> None:
    """SIGKILL to `voiceloom worker` and all below it, its guards included: as when the power goes."""
    assert scene.worker is not None, "there always is one"
    family = psutil.Process(scene.worker.pid).children(recursive=True)
    scene.worker.kill()
    scene.worker.wait()
    for process in family:
        with suppress(psutil.NoSuchProcess):
            process.kill()


def kill_worker(scene: Scene) -> None:
    """SIGKILL to `voiceloom worker` alone; its guard ends the rest."""
    assert scene.worker is not None, "there always is one"
    scene.worker.kill()
    scene.worker.wait()


def outage(server: str, seconds: float) -> Callable[[Scene], None]:
    """The server is killed, and back after so long."""

    def hurt(scene: Scene) -> None:
        victim = getattr(scene, server)
        victim.kill()
        time.sleep(seconds)
        victim.start()

    return hurt


def cancel(scene: Scene) -> None:
    """Prefect's own cancellation of whatever runs."""
    from prefect.states import Cancelling

    with scene.client() as client:
        for run in client.read_flow_runs():
            if run.state and run.state.type.value == "RUNNING":
                client.set_flow_run_state(run.id, Cancelling())


def hurts(outage_s: float) -> dict[str, Callable[[Scene], None]]:
    """Every way of hurting a run, by name."""
    return {
        "flow killed": lambda scene: kill(scene, "prefect.engine"),
        "stage killed": lambda scene: kill(scene, "stage"),
        "prefect worker killed": lambda scene: kill(scene, "prefect worker"),
        "voiceloom worker killed": kill_worker,
        "everything killed": kill_all,
        "cancelled": cancel,
        "prefect restarted": outage("prefect", 0),
        "mlflow restarted": outage("mlflow", 0),
        "prefect away": outage("prefect", outage_s),
        "mlflow away": outage("mlflow", outage_s),
    }


def main() -> None:
    """Hurt, look, print."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--outage", type=float, default=60.0)
    parser.add_argument("--only", nargs="*", help="ways of hurting, by their beginnings; else all in turn")
    options = parser.parse_args()
    chance = random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        from flows._processes import leash
        from flows.environment import prepare_environment

        prepare_environment()
        with leash("chaos", "VOICELOOM_BENCH"):
            scene = Scene(Path(name))
            try:
                report = rounds(scene, options, chance)
            finally:
                scene.close()
    print(json.dumps(report))
    sys.exit(report["right"] != report["runs"])


def rounds(scene: Scene, options: argparse.Namespace, chance: random.Random) -> dict:
    """All rounds; the first, unhurt one says how long a run takes."""
    usual_s = unhurt(scene, "content 0")
    print(f"an unhurt run takes {usual_s:.1f} s", flush=True)
    only = tuple(options.only or ("",))
    ways = {name: way for name, way in hurts(options.outage).items() if name.startswith(only)}
    right, wrong = 0, []
    for number in range(1, options.runs + 1):
        name = list(ways)[(number - 1) % len(ways)]
        moment = chance.uniform(0.5, usual_s)
        (scene.root / "data" / "source.txt").write_text(f"content {number}")
        first = scene.begin()
        time.sleep(moment)
        ways[name](scene)
        if scene.worker is not None and scene.worker.poll() is not None:
            scene.start_worker()
        began = time.monotonic()
        second = scene.begin()
        found = look(scene, first, second, number)
        right += not found
        wrong += [f"{number} {name}: {trouble}" for trouble in found]
        after = f"{moment:.1f} s in, right again after {time.monotonic() - began:.0f} s"
        print(f"{number} {name}: {after}{'' if not found else ': ' + '; '.join(found)}", flush=True)
    return {"runs": options.runs, "right": right, "usual_s": round(usual_s, 1), "wrong": wrong}


def unhurt(scene: Scene, content: str) -> float:
    """Seconds from trigger to end of a run that nothing disturbs."""
    (scene.root / "data" / "source.txt").write_text(content)
    began = time.monotonic()
    run = scene.begin()
    until(lambda: scene.ended(run), RUN_S)
    if scene.state(run) != "COMPLETED":
        raise RuntimeError(f"the unhurt run ended as {scene.state(run)}; see {scene.log}")
    return time.monotonic() - began


def look(scene: Scene, first: Any, second: Any, number: int) -> list[str]:
    """What is wrong once both runs are over."""
    from flows._processes import RUN, with_mark
    from flows._workspace import run_mark
    from tasks.register.registry import registered_voices

    try:
        until(lambda: scene.ended(second) and scene.ended(first), RUN_S, 1.0)
    except TimeoutError:
        return [f"the runs did not end: {scene.state(first)}, {scene.state(second)}"]
    found = []
    if scene.state(second) != "COMPLETED":
        found.append(f"the next run ended as {scene.state(second)}")
    if not is_clean(scene.root):
        found.append("dvc status is not clean")
    voices = registered_voices(scene.root)
    bundles = [voice.bundle_sha256 for voice in voices if voice.model_name == MODEL]
    if len(bundles) != number + 1 or len(set(bundles)) != number + 1:
        found.append(f"{len(bundles)} versions of {len(set(bundles))} bundles for {number + 1} contents")
    champion = [voice.version for voice in voices if "champion" in voice.aliases]
    if champion != [max(voice.version for voice in voices)]:
        found.append(f"champion is {champion}")
    if left := with_mark(run_mark(scene.root), RUN):
        found.append(f"{len(left)} processes are left")
    return found


if __name__ == "__main__":
    main()
