"""When a workspace retrains by itself: `schedule.yaml`, which is written by `voiceloom schedule` or by hand."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

HOUR_S = 3600.0
NAME = "schedule.yaml"

#: What can be told of a run.
Event = Literal["failed", "promoted", "refused"]


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Watch(_Section):
    """A place where data arrives: a folder or an fsspec URL; what a URL holds is copied `into` a folder."""

    place: str
    into: str | None = None


class Notify(_Section):
    """Which Prefect notification blocks ("slack-webhook/team") are told of which events."""

    blocks: list[str] = []
    on: list[Event] = ["failed", "promoted", "refused"]


class Schedule(_Section):
    """When to retrain: by the clock, and when what is watched has changed and stayed so for `settle_s`."""

    cron: str | None = None
    timezone: str = "UTC"
    watch: list[Watch] = []
    every_s: float = Field(default=30.0, gt=0)
    settle_s: float = Field(default=60.0, ge=0)
    notify: Notify = Notify()
    time_limits_h: dict[str, float] = {}

    @property
    def time_limits_s(self) -> dict[str, float]:
        """Time limits of stages in seconds."""
        return {stage: hours * HOUR_S for stage, hours in self.time_limits_h.items()}


def load_schedule(root: Path) -> Schedule:
    """The workspace's schedule; without a file, nothing happens by itself."""
    path = root / NAME
    if not path.is_file():
        return Schedule()
    try:
        return Schedule(**(yaml.safe_load(path.read_text(encoding="utf-8")) or {}))
    except (ValidationError, yaml.YAMLError, TypeError) as error:
        raise ValueError(f"{path}: {_first(error)}") from None


def save_schedule(root: Path, schedule: Schedule) -> None:
    """Write what differs from the defaults, the file as a whole."""
    content = schedule.model_dump(exclude_defaults=True)
    partial = root / f"{NAME}.partial"
    partial.write_text(yaml.safe_dump(content, sort_keys=False), encoding="utf-8")
    os.replace(partial, root / NAME)


def deployment_name(root: Path) -> str:
    """The workspace's name in Prefect, from its folder's."""
    return re.sub(r"[^a-z0-9]+", "-", root.resolve().name.lower()).strip("-") or "voiceloom"


def _first(error: Exception) -> str:
    """What is wrong first, in one line."""
    if not isinstance(error, ValidationError):
        return " ".join(str(error).split())
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc']))}: {wrong['msg']}"
