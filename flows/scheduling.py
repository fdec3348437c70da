"""What the commands `schedule` and `trigger` do."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import yaml

from flows.schedule import Schedule, deployment_name, load_schedule, save_schedule


def change_schedule(
    root: Path,
    cron: str | None = None,
    timezone: str | None = None,
    watch: list[str] | None = None,
    settle_s: float | None = None,
    notify: list[str] | None = None,
) -> Schedule:
    """Change what is given in schedule.yaml, an empty text taking it away; returns the schedule as it is now."""
    if not (root / "dvc.yaml").is_file():
        raise FileNotFoundError(f"{root / 'dvc.yaml'} is not there; run from the project's root folder")
    before = load_schedule(root)
    content = before.model_dump()
    if cron is not None:
        content["cron"] = cron or None
    if timezone is not None:
        content["timezone"] = timezone
    if watch is not None:
        content["watch"] = [_watch(place) for place in watch if place]
    if settle_s is not None:
        content["settle_s"] = settle_s
    if notify is not None:
        content["notify"]["blocks"] = [block for block in notify if block]
    after = Schedule(**content)
    _check(after)
    if after != before:
        save_schedule(root, after)
    return after


def told(schedule: Schedule) -> str:
    """The schedule as schedule.yaml would have it."""
    content = schedule.model_dump(exclude_defaults=True)
    return yaml.safe_dump(content, sort_keys=False).strip() if content else "Nothing happens by itself."


def deploy_where_possible(root: Path, schedule: Schedule, name: str | None) -> str:
    """Tell a Prefect server that is there of the schedule; returns what became of it."""
    address = os.environ.get("PREFECT_API_URL")
    if not address:
        return "`voiceloom worker` carries it out here, and one that runs already does; PREFECT_API_URL names yours."
    from flows.deploy import FLOW, deploy

    with _client(address) as client:
        deploy(client, root, schedule, name)
    return f"Deployed as {FLOW}/{name or deployment_name(root)} at {address}"


def begin(root: Path, name: str | None, changes: list[str], force: list[str], new_data: bool) -> str:
    """Begin a run on the server; returns a line about it."""
    from flows.deploy import FLOW, find
    from flows.deploy import trigger as begin_run
    from flows.kept import HOST

    name = name or deployment_name(root)
    parameters: dict[str, Any] = {"changes": _values(changes)} if changes else {}
    parameters |= {"force": force} if force else {}
    parameters |= {"new_data": True} if new_data else {}
    with _client(os.environ.get("PREFECT_API_URL") or f"http://{HOST}:4200/api") as client:
        deployment = find(client, name)
        if deployment is None:
            raise ValueError(f"there is no deployment {FLOW}/{name} yet; `voiceloom schedule` or `worker` makes it")
        run = begin_run(client, deployment.id, parameters)
    return f"Begun: {run.name} ({run.id})"


def _client(address: str):
    """A client of the server at `address`; one that does not answer is one sentence."""
    from flows.environment import prepare_environment

    prepare_environment()
    os.environ["PREFECT_API_URL"] = address
    from prefect.client.orchestration import get_client

    from flows.kept import answers

    if not answers(address):
        raise OSError(f"no Prefect server answers at {address}; `voiceloom worker` starts one")
    return get_client(sync_client=True)


def _watch(given: str) -> dict[str, str]:
    """`PLACE`, or `URL=FOLDER` where the URL is to be copied."""
    place, equals, into = given.rpartition("=")
    return {"place": place, "into": into} if equals and "://" in place else {"place": given}


def _values(changes: list[str]) -> dict[str, Any]:
    """`section.key=value` with values as YAML has them."""
    values = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals:
            raise ValueError(f"--set {change!r}: it must be like train.seed=2")
        values[name] = yaml.safe_load(value)
    return values


def _check(schedule: Schedule) -> None:
    """Raise `ValueError` for a cron expression or a time zone that nobody understands."""
    if schedule.cron:
        from flows.deploy import cron_schedule

        cron_schedule(schedule)
