"""The commands `voiceloom schedule`, `trigger` and `worker`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Option = typer.Option
Name = Annotated[str | None, Option(help="The deployment's name; else the folder's.")]


def add(app: typer.Typer) -> None:
    """Add the commands to the command line."""
    app.command()(schedule)
    app.command()(trigger)
    app.command()(worker)


def schedule(
    cron: Annotated[str | None, Option(help='When to retrain, e.g. "0 3 * * *"; "" for never.')] = None,
    timezone: Annotated[str | None, Option(help="Of the cron expression, e.g. Europe/Prague; else UTC.")] = None,
    watch: Annotated[list[str] | None, Option(help="Folder or fsspec URL; repeatable. URL=FOLDER copies it.")] = None,
    settle: Annotated[float | None, Option(min=0, help="Seconds without a change before new data counts.")] = None,
    notify: Annotated[list[str] | None, Option(help='A Prefect block, e.g. "slack-webhook/team"; repeatable.')] = None,
    name: Name = None,
) -> None:
    """Say when this workspace retrains by itself; without options, show it. `voiceloom worker` carries it out."""
    from flows.scheduling import change_schedule, deploy_where_possible, told

    root = Path.cwd()
    kept = change_schedule(root, cron, timezone, watch, settle, notify)
    print(told(kept))
    print(deploy_where_possible(root, kept, name))


def trigger(
    set_: Annotated[list[str] | None, Option("--set", help="A value of params.yaml: train.seed=2; repeatable.")] = None,
    force: Annotated[list[str] | None, Option(help="A stage to run although nothing changed; repeatable.")] = None,
    new_data: Annotated[bool, Option("--new-data", help="Take in what lies in the watched places.")] = False,
    name: Name = None,
) -> None:
    """Begin a run of this workspace on the Prefect server; the worker there carries it out."""
    from flows.scheduling import begin

    print(begin(Path.cwd(), name, set_ or [], force or [], new_data))


def worker(
    name: Name = None,
    port: Annotated[int, Option(min=1, max=65535, help="Of the Prefect server, where one has to be started.")] = 4200,
) -> None:
    """Retrain by itself: a Prefect server where none answers, deployment, worker and watch, until Ctrl-C."""
    from flows.environment import prepare_environment

    prepare_environment()
    from flows.worker import run_worker

    run_worker(Path.cwd(), name, port)
