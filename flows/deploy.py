"""The workspace in Prefect: a work pool, a queue of its own that runs one thing at a time, and its deployment.

The limit is the queue's and not the deployment's: the latter is a lease that a server keeps in its memory, and a run
whose server was restarted would be stopped for having lost it.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import UUID

from flows._workspace import is_held, stop_holder
from flows.schedule import Schedule, deployment_name

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun, WorkQueue
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.client.schemas.schedules import CronSchedule

POOL = "voiceloom"
FLOW = "retrain"

#: The tag of runs begun because data arrived, and what precedes the fingerprint in another tag of theirs.
NEW_DATA = "new-data"
LISTING = "listing:"
AGAIN = "again"

#: How long a run that was just begun may be without the workspace's lock before it counts as dead.
SILENCE_S = 120.0

#: How long a run that has let go of the workspace may take to say that it has ended.
LAST_WORDS_S = 10.0

#: How long a run from the deployment waits for one that was begun by hand.
WAIT_HOURS = 48.0


def deploy(client: SyncPrefectClient, root: Path, schedule: Schedule, name: str | None = None) -> UUID:
    """Make or renew pool, queue and deployment; returns the deployment's id.

    Raises `ValueError` when the name belongs to another folder, or the cron expression cannot be read.
    """
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.utilities.callables import parameter_schema

    from flows.retrain import retrain

    root, name = root.resolve(), name or deployment_name(root)
    known = find(client, name)
    if known is not None and known.parameters.get("root") not in (None, str(root)):
        raise ValueError(f"the deployment {FLOW}/{name} belongs to {known.parameters['root']}: choose another --name")
    schedules = [DeploymentScheduleCreate(schedule=cron_schedule(schedule), slug="cron")] if schedule.cron else []
    queue = _queue(client, name)
    deployment = client.create_deployment(
        flow_id=client.create_flow_from_name(FLOW),
        name=name,
        description="Bring every stage of this workspace up to date and register the voice.",
        entrypoint=f"{retrain.fn.__module__}.{retrain.fn.__name__}",
        pull_steps=[{"prefect.deployments.steps.set_working_directory": {"directory": str(root)}}],
        parameters={"root": str(root), "new_data": bool(schedule.watch), "push": True, "wait_hours": WAIT_HOURS},
        parameter_openapi_schema=parameter_schema(retrain).model_dump(),
        enforce_parameter_schema=True,
        schedules=schedules,
        work_pool_name=POOL,
        work_queue_name=queue.name,
    )
    if known is not None and not schedules:
        for old in client.read_deployment_schedules(deployment):
            client.delete_deployment_schedule(deployment, old.id)
    return deployment


def find(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    """The deployment of this name, if there is one."""
    from prefect.exceptions import ObjectNotFound

    try:
        return client.read_deployment_by_name(f"{FLOW}/{name}")
    except ObjectNotFound:
        return None


def trigger(client: SyncPrefectClient, deployment: UUID, parameters: dict[str, Any] | None = None) -> FlowRun:
    """Begin a run by hand."""
    return client.create_flow_run_from_deployment(deployment, parameters=parameters or {}, tags=["manual"])


def trigger_new_data(client: SyncPrefectClient, deployment: UUID, fingerprint: str) -> FlowRun | None:
    """Begin a run because the listing has this fingerprint; None when the last such run was for the same.

    One that crashed, its machine having died, is begun once more.
    The idempotency key is made of the last run and the fingerprint, so that any number of watchers begin one run,
    and one that goes back to an earlier listing is a change too.
    """
    last = _last_new_data(client, deployment)
    tags = [NEW_DATA, f"{LISTING}{fingerprint}"]
    if last is not None and tags[1] in last.tags:
        if AGAIN in last.tags or last.state is None or not last.state.is_crashed():
            return None
        tags.append(AGAIN)
    key = hashlib.blake2b(f"{last.id if last else deployment} {fingerprint}".encode(), digest_size=16).hexdigest()
    return client.create_flow_run_from_deployment(
        deployment, parameters={"new_data": True}, tags=tags, idempotency_key=key
    )


def bury_the_dead(client: SyncPrefectClient, deployment: UUID, root: Path) -> list[FlowRun]:
    """Tell Prefect of runs that it believes to be alive although nothing holds the workspace; returns them.

    One that was cancelled long ago and still holds it is asked to end.
    """
    from prefect.client.schemas.objects import StateType
    from prefect.states import Cancelled, Crashed

    silent = _silent(client, deployment)
    if not silent:
        return []
    if is_held(root):
        for run in silent:
            if run.state and run.state.type == StateType.CANCELLING:  # its worker died, and so nobody told it
                stop_holder(root, str(run.id))
        return []
    time.sleep(LAST_WORDS_S)
    if is_held(root):
        return []
    still = {run.id for run in _silent(client, deployment)}
    silent = [run for run in silent if run.id in still]
    for run in silent:
        assert run.state is not None, "it was asked above"
        end = Cancelled if run.state.type == StateType.CANCELLING else Crashed
        client.set_flow_run_state(run.id, end(message="Its process is gone; the next run goes on."), force=True)
    return silent


def _silent(client: SyncPrefectClient, deployment: UUID) -> list[FlowRun]:
    """The runs that Prefect believes to be alive, save those that have only begun."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter
    from prefect.client.schemas.objects import StateType

    alive = {"state": {"type": {"any_": [StateType.RUNNING, StateType.CANCELLING, StateType.PENDING]}}}
    runs = client.read_flow_runs(
        flow_run_filter=FlowRunFilter.model_validate(alive),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
    )
    before = datetime.datetime.now(datetime.UTC) - datetime.timedelta(seconds=SILENCE_S)
    return [run for run in runs if run.state and run.state.timestamp < before]


def _last_new_data(client: SyncPrefectClient, deployment: UUID) -> FlowRun | None:
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId, FlowRunFilter, FlowRunFilterTags
    from prefect.client.schemas.sorting import FlowRunSort

    found = client.read_flow_runs(
        flow_run_filter=FlowRunFilter(tags=FlowRunFilterTags(all_=[NEW_DATA])),
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        sort=FlowRunSort.EXPECTED_START_TIME_DESC,
        limit=1,
    )
    return found[0] if found else None


def _queue(client: SyncPrefectClient, name: str) -> WorkQueue:
    """The workspace's queue in the pool, limited to one run at a time; both are made where they are missing."""
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound

    with contextlib.suppress(ObjectAlreadyExists):
        client.create_work_pool(WorkPoolCreate(name=POOL, type="process"))
    try:
        queue = client.read_work_queue_by_name(name, work_pool_name=POOL)
    except ObjectNotFound:
        return client.create_work_queue(name, concurrency_limit=1, work_pool_name=POOL)
    if queue.concurrency_limit != 1:
        client.update_work_queue(queue.id, concurrency_limit=1)
    return queue


def cron_schedule(schedule: Schedule) -> CronSchedule:
    """The cron schedule as Prefect has it; what it cannot read is one sentence."""
    from prefect.client.schemas.schedules import CronSchedule
    from pydantic import ValidationError

    assert schedule.cron is not None, "asked for where there is one"
    try:
        return CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
    except ValidationError as error:
        raise ValueError(f"cron {schedule.cron!r} in {schedule.timezone}: {error.errors()[0]['msg']}") from None
