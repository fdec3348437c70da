"""The flow `retrain`: ask DVC once what is stale, then one Prefect task a stage, in the order of `dvc.yaml`.

Retries, time limits and artifacts live here and only here. What a stage reads and writes is DVC's business.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from uuid import UUID

from prefect import flow, task
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE

from flows._dvc import StageError, reproduce, stale_stages
from flows.summary import stage_rows
from tasks.params import load_params
from tasks.register import ensure_registered
from tasks.register.registry import champion_scores

HOUR_S = 3600.0

#: How long a stage may take before it is stopped; a stage not named here has a day.
TIME_LIMIT_S = {"train": 30 * 24 * HOUR_S, "gate": HOUR_S, "register": HOUR_S}

#: Stages whose run cannot change how the reigning champion scores.
AFTER_SCORING = {"gate", "register"}


def _worth_retrying(_task, _run, state) -> bool:
    """A stage that a signal ended (out of memory, a lost machine) is tried again; any other would fail alike."""
    error = state.result(raise_on_failure=False)
    return isinstance(error, StageError) and error.code > 128


@task(
    retries=1,
    retry_delay_seconds=5,
    retry_condition_fn=_worth_retrying,
    cache_policy=NO_CACHE,
    persist_result=False,
)
def run_stage(root: Path, stage: str) -> bool:
    """Reproduce one stage; True when it ran or was restored."""
    return reproduce(root, stage)


@flow(name="retrain", persist_result=False)
def retrain(root: Path | None = None, stale: list[str] | None = None) -> list[str]:
    """Bring every stage up to date and make sure that the voice is registered; returns the stages that ran.

    `root` is the project's folder (by default the current one); `stale` is what DVC said already (None: ask).
    """
    root = (root or Path.cwd()).resolve()
    stale = stale_stages(root) if stale is None else stale
    if stale:
        snapshot_champion(root, stale)
        ran = _run_stages(root, stale)
        create_table_artifact(key="retrain-stages", table=stage_rows(root, stale))
    else:
        ran = []
    ensure_registered(root, load_params(root / "params.yaml").register_.model_name)
    return ran


def _run_stages(root: Path, stale: list[str]) -> list[str]:
    """One task a stage, one after the other; returns those that DVC did not find unchanged after all."""
    progress = create_progress_artifact(progress=0.0, key="retrain-progress", description="share of stages done")
    assert isinstance(progress, UUID), "outside of an event loop Prefect answers at once"
    ran = []
    for number, stage in enumerate(stale, start=1):
        print(f"[{number}/{len(stale)}] {stage}", file=sys.stderr, flush=True)
        limited = run_stage.with_options(name=stage, timeout_seconds=TIME_LIMIT_S.get(stage, 24 * HOUR_S))
        if limited(root, stage):
            ran.append(stage)
        update_progress_artifact(progress, progress=100.0 * number / len(stale))
    return ran


def snapshot_champion(root: Path, stale: list[str]) -> None:
    """Write the reigning champion's scores to `data/champion.json`: `gate` is a pure function of files.

    Left alone when nothing before `gate` is stale: the champion may be this very voice.
    """
    if set(stale) <= AFTER_SCORING:
        return
    name = load_params(root / "params.yaml").register_.model_name
    content = json.dumps(champion_scores(root, name), indent=2, sort_keys=True) + "\n"
    path = root / "data" / "champion.json"
    if not path.is_file() or path.read_text(encoding="utf-8") != content:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content, encoding="utf-8")
