"""`voiceloom worker` with a real Prefect server: new data, cancellation, and an end that leaves nothing behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest
import yaml

from flows._processes import with_mark
from flows._workspace import run_mark
from flows.kept import Kept
from flows.worker import WORKER
from tests.servers import free_port, lives

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

ROOT = Path(__file__).parents[2]
COMMAND = "import typer; from flows import commands_schedule; app = typer.Typer(); commands_schedule.add(app); app()"
PATIENCE_S = 120


def until(condition):
    deadline = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    return found


class Worker:
    """The command in a process of its own, and what its server says."""

    def __init__(self, project, home):
        self.root, port = project.root, free_port()
        self.address = f"http://127.0.0.1:{port}/api"
        variables = {"PREFECT_HOME": str(home), "PREFECT_WORKER_QUERY_SECONDS": "1"}
        environment = os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}"} | variables
        arguments = ["worker", "--port", str(port), "--name", "toy"]
        self.process = subprocess.Popen([sys.executable, "-c", COMMAND, *arguments], env=environment)

    def runs(self, planned=False):
        """Every run so far that was not begun by the clock; or those that the clock will begin."""
        try:
            answer = httpx.post(f"{self.address}/flow_runs/filter", json={"sort": "EXPECTED_START_TIME_ASC"})
        except httpx.HTTPError:
            return []
        return [run for run in answer.json() if run["auto_scheduled"] == planned] if answer.is_success else []

    def post(self, path, **content):
        """Ask the server for something; one that is too busy is asked again."""
        until(lambda: httpx.post(f"{self.address}{path}", json=content).is_success)

    def ended(self, number):
        """The state in which a run ended, once it has."""
        runs = self.runs()
        state = runs[number]["state_type"] if len(runs) > number else None
        return state if state in ("COMPLETED", "FAILED", "CRASHED", "CANCELLED") else None


@pytest.fixture
def worker(project, tmp_path):
    (project.root / "in").mkdir()
    schedule = {"cron": "0 3 1 1 *", "watch": [{"place": "in"}], "every_s": 0.5, "settle_s": 1}
    (project.root / "schedule.yaml").write_text(yaml.safe_dump(schedule))
    made = Worker(project, tmp_path / "home")
    yield made
    made.process.terminate()
    made.process.wait()


def test_new_data_is_one_run_a_cancelled_one_leaves_nothing_and_so_does_the_end(project, worker):
    for number in range(3):
        (project.root / "in" / f"{number}.wav").write_bytes(b"sound")
    until(lambda: worker.ended(0))
    (planned,) = {run["expected_start_time"][5:16] for run in until(lambda: worker.runs(planned=True))}
    assert planned == "01-01T03:00"  # by the clock
    (run,) = worker.runs()
    assert (run["state_type"], run["parameters"]["new_data"]) == ("COMPLETED", True)
    assert project.ran() == ["zeta", "beta", "alone", "alpha"]

    project.write("source", "slow")
    worker.post(f"/deployments/{worker.runs()[0]['deployment_id']}/create_flow_run", idempotency_key="by-hand")
    pid = project.root / "slow.pid"
    until(lambda: pid.is_file() and pid.read_text())
    assert len(worker.runs()) == 2  # the same data has begun no other
    worker.post(f"/flow_runs/{worker.runs()[1]['id']}/set_state", state={"type": "CANCELLING"})
    assert until(lambda: worker.ended(1)) == "CANCELLED"
    until(lambda: not lives(int(pid.read_text())))
    assert not with_mark(run_mark(project.root), "VOICELOOM_RUN")
    assert not project.is_clean()

    assert with_mark(run_mark(project.root), WORKER)
    worker.process.send_signal(signal.SIGTERM)
    assert worker.process.wait(PATIENCE_S) == 0
    assert not with_mark(run_mark(project.root), WORKER)


def test_a_child_that_dies_is_started_again(tmp_path):
    script = f"open({str(tmp_path / 'log')!r}, 'a').write('x')"
    kept = Kept([sys.executable, "-c", script, "child"])
    deadline = time.monotonic() + 20
    while not (tmp_path / "log").is_file() or len((tmp_path / "log").read_text()) < 2:
        assert time.monotonic() < deadline
        kept.look()
        time.sleep(0.05)
    kept.stop()
