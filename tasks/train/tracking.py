"""A training run in MLflow while it lasts: curves, pictures and audio in the experiment `training`.

The run is found again by its input key, so that a resumed training continues it. All is sent from a thread of its
own: a server that is slow or away never holds the training up.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from queue import Queue
from threading import Thread
from typing import TYPE_CHECKING

from tasks.register.contents import leaves
from tasks.register.registry import connect, no_registry_yet, tracking_uri
from tasks.train.job import Job

if TYPE_CHECKING:
    from mlflow.tracking import MlflowClient

EXPERIMENT = "training"
KEY_TAG = "input_key"
#: The experiment of `dvc exp` that a training belongs to; the run is named alike.
EXPERIMENT_TAG = "dvc_exp_name"
#: How long the end of the training waits for what is not sent yet.
LAST_WORDS_S = 60.0


class Silent:
    """Tells nobody."""

    def values(self, step: int, values: Mapping[str, float | None]) -> None:
        """A point of the curves."""

    def media(self, step: int, folder: Path) -> None:
        """A folder of pictures and audio."""

    def close(self, well: bool) -> None:
        """The end."""


class Tracker(Silent):
    """Tells MLflow; the first failure is said in one line and ends it."""

    def __init__(self, root: Path, job: Job) -> None:
        self._root, self._job = root, job
        self._queue: Queue[Callable[[MlflowClient, str], object] | None] = Queue()
        self._thread = Thread(target=self._send, name="mlflow", daemon=True)
        self._thread.start()

    def values(self, step: int, values: Mapping[str, float | None]) -> None:
        """Log a point of the curves."""
        from mlflow.entities import Metric

        now_ms = int(time.time() * 1000)
        metrics = [Metric(name, value, now_ms, step) for name, value in values.items() if value is not None]
        self._queue.put(lambda client, run: client.log_batch(run, metrics))

    def media(self, step: int, folder: Path) -> None:
        """Log a folder of pictures and audio."""
        self._queue.put(lambda client, run: client.log_artifacts(run, str(folder), f"media/{folder.name}"))

    def close(self, well: bool) -> None:
        """Send what is left, for a while, and say how the run ended."""
        status = "FINISHED" if well else "FAILED"
        self._queue.put(lambda client, run: client.set_terminated(run, status))
        self._queue.put(None)
        self._thread.join(LAST_WORDS_S)

    def _send(self) -> None:
        """Send until the end or the first failure; what comes after one is thrown away."""
        # A dead server is asked twice, not for minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        from mlflow.exceptions import MlflowException

        try:
            client = connect(self._root)
            run = _run(client, self._root, self._job)
            while (send := self._queue.get()) is not None:
                send(client, run)
        except (MlflowException, OSError) as error:
            reason = " ".join(str(error).split())[:200]
            print(f"train: MLflow at {tracking_uri(self._root)} is not told any more: {reason}", file=sys.stderr)
            while self._queue.get() is not None:
                pass


@contextmanager
def tracker(root: Path, job: Job) -> Iterator[Silent]:
    """A tracker where MLflow is there: named by `MLFLOW_TRACKING_URI`, or with a database in the project's folder."""
    told = Silent() if no_registry_yet(root) else Tracker(root, job)
    well = False
    try:
        yield told
        well = True
    finally:
        told.close(well)


def _run(client: MlflowClient, root: Path, job: Job) -> str:
    """The id of this training's run, new or found again."""
    key, name = job.folder.name, os.environ.get("DVC_EXP_NAME")
    experiment = _experiment(client, root)
    for run in client.search_runs([experiment], f"tags.{KEY_TAG} = '{key}'", max_results=1):
        client.update_run(run.info.run_id, status="RUNNING", name=name)
        if name:
            client.set_tag(run.info.run_id, EXPERIMENT_TAG, name)
        return run.info.run_id
    tags = {KEY_TAG: key} | ({EXPERIMENT_TAG: name} if name else {})
    run = client.create_run(experiment, tags=tags, run_name=name or key[:12])
    parameters = {"train": job.train.model_dump(), "audio": job.audio.model_dump()}
    for name, value in leaves(parameters):
        client.log_param(run.info.run_id, name, value)
    return run.info.run_id


def _experiment(client: MlflowClient, root: Path) -> str:
    """The experiment of all trainings; a local database keeps its files beside it."""
    found = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return found.experiment_id
    local = tracking_uri(root).startswith("sqlite:")
    return client.create_experiment(EXPERIMENT, artifact_location=(root / "mlartifacts").as_uri() if local else None)
