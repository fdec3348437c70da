"""The flow `retrain`: ask DVC once what is stale, then one Prefect task a stage, in the order of `dvc.yaml`.

Retries, time limits, artifacts and notifications are begun here and only here. What a stage reads and writes is DVC's
business.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from prefect import flow, task
from prefect.cache_policies import NO_CACHE
from prefect.runtime import flow_run

from flows import _dvc, notify
from flows._dvc import StageError, reproduce, stage_order, stale_stages
from flows._mending import keep_lock
from flows._workspace import BusyError, only_run
from flows.arrivals import take_in
from flows.artifacts import Progress, show_outcome
from flows.logs import stage_output
from flows.schedule import HOUR_S, Schedule, Watch, load_schedule
from flows.settings import change_params
from tasks.params import load_params
from tasks.register import ensure_registered
from tasks.register.registry import champion_scores

#: How long a stage may take before it is stopped, where schedule.yaml says nothing; one not named here has a day.
TIME_LIMIT_S = {"train": 30 * 24 * HOUR_S, "gate": HOUR_S, "register": HOUR_S}

#: Seconds before each further try of what may pass: a signal, a lost connection, a lock.
BACKOFF_S = [5.0, 60.0, 600.0]

#: Stages whose run cannot change how the reigning champion scores.
AFTER_SCORING = {"gate", "register"}


def is_transient(error: BaseException | None) -> bool:
    """Whether what went wrong lies outside of the stage and may have passed later; any other would fail alike."""
    if isinstance(error, StageError):
        return error.transient
    return isinstance(error, BusyError | ConnectionError)


def _worth_retrying(_task, _run, state) -> bool:
    return is_transient(state.result(raise_on_failure=False))


def _not_a_mistake(_task, _run, state) -> bool:
    """Stores raise errors of their own; what a user must mend is among these."""
    error = state.result(raise_on_failure=False)
    return is_transient(error) or not isinstance(error, ValueError | FileNotFoundError | PermissionError)


@task(
    retries=len(BACKOFF_S),
    retry_delay_seconds=BACKOFF_S,
    retry_condition_fn=_worth_retrying,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def run_stage(root: Path, stage: str, force: bool = False) -> bool:
    """Reproduce one stage; True when it ran or was restored."""
    with stage_output(stage):
        ran = reproduce(root, stage, force)
    keep_lock(root)
    return ran


@task(
    retries=len(BACKOFF_S),
    retry_delay_seconds=BACKOFF_S,
    retry_condition_fn=_not_a_mistake,
    timeout_seconds=24 * HOUR_S,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def take_in_new_data(root: Path, watched: list[Watch], settle_s: float = 0.0) -> list[str]:
    """Bring what has arrived, once it has not changed for so long; returns the corpora that changed."""
    return take_in(root, watched, settle_s)


@task(
    retries=len(BACKOFF_S),
    retry_delay_seconds=BACKOFF_S,
    retry_condition_fn=_not_a_mistake,
    timeout_seconds=24 * HOUR_S,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def push_outputs(root: Path, stages: list[str]) -> None:
    """Send what the stages made to the DVC remote, so that the next worker need not make it again."""
    _dvc.push(root, stages)


@flow(
    name="retrain",
    persist_result=False,
    on_failure=[notify.failed],
    on_crashed=[notify.failed],
    on_cancellation=[notify.failed],
)
def retrain(
    root: Path | None = None,
    stale: list[str] | None = None,
    new_data: bool = False,
    changes: dict[str, Any] | None = None,
    force: list[str] | None = None,
    push: bool = False,
    wait_hours: float = 0.0,
) -> list[str]:
    """Bring every stage up to date and make sure that the voice is registered; returns the stages that ran.

    `root` is the project's folder (by default the current one); `stale` is what DVC said already (None: ask).
    `new_data` takes in what has arrived in the watched places, `changes` are values for params.yaml by dotted name,
    `force` names stages to run although nothing changed, `push` sends what they made to the DVC remote. Another run in
    the workspace is waited for `wait_hours`.
    """
    root = Path(root or Path.cwd()).resolve()
    schedule, begun = load_schedule(root), datetime.now(UTC)
    with only_run(root, wait_hours * HOUR_S, str(flow_run.get_id() or "")):
        if new_data and schedule.watch and take_in_new_data(root, schedule.watch, schedule.settle_s):
            stale = None
        if changes and change_params(root, changes):
            stale = None
        again = _known(root, force or [])
        _known(root, list(schedule.time_limits_h))
        todo = _due(root, stale_stages(root) if stale is None or again else stale, again)
        ran: list[str] = []
        if todo:
            snapshot_champion(root, todo)
            ran = _run_stages(root, todo, again, schedule)
        model_name = load_params(root / "params.yaml").register_.model_name
        ensure_registered(root, model_name)
        if todo:  # before anything that may fail: the next run would not tell of it
            notify.succeeded(root, ran, model_name, begun)
            show_outcome(root, todo, ran, model_name)
        if push:  # all of them: an earlier run may have been stopped before it came to this
            push_outputs(root, stage_order(root))
    return ran


def _known(root: Path, names: list[str]) -> set[str]:
    """The names; one that is no stage's is a `ValueError` that tells those that are."""
    order = stage_order(root)
    for name in names:
        if name not in order:
            raise ValueError(f"there is no stage {name!r}; the stages are: {', '.join(order)}")
    return set(names)


def _due(root: Path, stale: list[str], again: set[str]) -> list[str]:
    """What to go through, in the order of `dvc.yaml`; a stage run anyway may make every later one stale."""
    if not again:
        return stale
    order = stage_order(root)
    first = min(order.index(stage) for stage in again)
    return [stage for number, stage in enumerate(order) if stage in stale or number >= first]


def _run_stages(root: Path, todo: list[str], again: set[str], schedule: Schedule) -> list[str]:
    """One task a stage, one after the other; returns those that DVC did not find unchanged after all."""
    limits = TIME_LIMIT_S | schedule.time_limits_s
    progress = Progress()
    ran = []
    for number, stage in enumerate(todo, start=1):
        print(f"[{number}/{len(todo)}] {stage}", file=sys.stderr, flush=True)
        limited = run_stage.with_options(name=stage, timeout_seconds=limits.get(stage, 24 * HOUR_S))
        if limited(root, stage, stage in again):
            ran.append(stage)
        progress.update(100.0 * number / len(todo))
    return ran


def snapshot_champion(root: Path, stale: list[str]) -> None:
    """Write the reigning champion's scores to `data/champion.json`: `gate` is a pure function of files.

    Left alone when nothing before `gate` is stale and the champion is this very voice, or when only `register` is.
    """
    if set(stale) <= {"register"}:
        return
    name = load_params(root / "params.yaml").register_.model_name
    champion = champion_scores(root, name)
    if set(stale) <= AFTER_SCORING and _scored_bundle(root) in (None, champion.get("bundle_sha256")):
        return
    content = _json(champion)
    path = root / "data" / "champion.json"
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")


def _scored_bundle(root: Path) -> str | None:
    """The hash of the bundle that the last evaluation scored; None where there is none."""
    path = root / "reports" / "evaluation.json"
    return json.loads(path.read_text(encoding="utf-8")).get("bundle_hash") if path.is_file() else None


def _json(content: Mapping[str, Any]) -> str:
    return json.dumps(content, indent=2, sort_keys=True) + "\n"
