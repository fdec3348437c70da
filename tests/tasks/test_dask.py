"""The data stages on a Dask cluster: byte for byte what local processes give, whatever happens to a worker."""

import os
import signal
import threading
import time

import numpy as np
import pytest

distributed = pytest.importorskip("distributed")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]
SENTENCES = ("Please enter your number.", "The conference is now closed.", "Goodbye, and thank you.")


def fill(project, say, count=48):
    project.keep_duplicates()
    rng = np.random.default_rng(0)
    for number in range(count):
        wave = say(SENTENCES[number % 3])
        project.add(
            f"r{number:02d}", wave + 1e-3 * rng.standard_normal(len(wave)).astype(np.float32), SENTENCES[number % 3]
        )


class KillOne(threading.Thread):
    """Kills a worker as soon as the first rows of a step are stored."""

    def __init__(self, cluster, store, step):
        super().__init__(daemon=True)
        self.pid = next(iter(cluster.workers.values())).pid
        self.store, self.step, self.killed = store, step, False

    def run(self):
        deadline = time.monotonic() + 120
        while not list(self.store.glob(f"{self.step}-*/*.parquet")) and time.monotonic() < deadline:
            time.sleep(0.005)
        os.kill(self.pid, signal.SIGKILL)
        self.killed = True


def test_a_cluster_gives_the_same_bytes_even_when_a_worker_is_killed(new_project, say):
    local, spread = new_project("local"), new_project("spread")
    for project in (local, spread):
        fill(project, say)
    stages = ("ingest", "segment", "features")
    for stage in stages:
        done = local.stage(stage, env=local.environment(VOICELOOM_WORKERS="2"))
        assert done.returncode == 0, done.stderr
    options = {"n_workers": 2, "threads_per_worker": 1, "processes": True, "dashboard_address": None}
    with distributed.LocalCluster(**options) as cluster:
        environment = spread.environment(DASK_SCHEDULER_ADDRESS=cluster.scheduler_address)
        killer = KillOne(cluster, spread.root / "runs/rowstore", "features-acoustic")
        killer.start()
        for stage in stages:
            done = spread.stage(stage, env=environment)
            assert done.returncode == 0, done.stderr
        killer.join()
    assert killer.killed
    assert spread.hashes() == local.hashes()
