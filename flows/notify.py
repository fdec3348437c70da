"""Tell people what became of a run, through any Prefect notification block that schedule.yaml names."""

from __future__ import annotations

import json
import logging
import re
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from flows.schedule import Event, load_schedule
from tasks.register.promotions import PROMOTED, last_promotion

if TYPE_CHECKING:
    from prefect import Flow
    from prefect.client.schemas.objects import FlowRun
    from prefect.states import State

log = logging.getLogger("voiceloom.notify")


class Message(NamedTuple):
    """One thing to tell: of which kind, in a line, and in full."""

    event: Event
    subject: str
    body: str


def failed(flow: Flow[..., Any], flow_run: FlowRun, state: State) -> None:
    """Prefect calls this when the flow failed, crashed or was cancelled."""
    root = Path((flow_run.parameters or {}).get("root") or Path.cwd())
    subject = f"Voiceloom {root.resolve().name}: run {flow_run.name} {str(state.name).lower()}"
    tell(root, Message("failed", subject, f"{state.message or 'It said nothing.'}\n{_run_page(flow_run)}".strip()))


def succeeded(root: Path, ran: list[str], model_name: str, begun: datetime) -> None:
    """Tell of a promotion or a refusal, where the run that began then decided one."""
    message = decision(root, ran, model_name, begun)
    if message is not None:
        tell(root, message)


def decision(root: Path, ran: list[str], model_name: str, begun: datetime) -> Message | None:
    """What gate and registry decided since then; None when there was nothing to decide."""
    path = root / "reports" / "gate.json"
    if not {"gate", "register"} & set(ran) or not path.is_file():
        return None
    gate = json.loads(path.read_text(encoding="utf-8"))
    reasons, name = "\n".join(gate["reasons"]), f"Voiceloom {root.resolve().name}"
    if not gate["passed"]:
        return Message("refused", f"{name}: the gate refused a new version of {model_name}", reasons)
    last = last_promotion(root, model_name)
    if last is None or last.action != PROMOTED or datetime.fromisoformat(last.time) < begun.replace(microsecond=0):
        return None
    instead = f" instead of version {last.previous}" if last.previous else ""
    return Message("promoted", f"{name}: version {last.version} of {model_name} is champion{instead}", reasons)


def tell(root: Path, message: Message) -> None:
    """Send the message to every block that wants its kind; one that cannot be reached is a warning in the log."""
    notify = load_schedule(root).notify
    if message.event not in notify.on:
        return
    for name in notify.blocks:
        try:
            _send(name, message)
        except Exception as error:  # a block may raise anything, and a run has not failed because nobody heard of it
            reason = re.sub(r"\w+://\S+", "<address>", " ".join(str(error).split()))  # a webhook's holds its token
            log.warning("notification block %s: %s: %s", name, type(error).__name__, reason)


def _send(name: str, message: Message) -> None:
    from prefect.blocks.abstract import NotificationBlock
    from prefect.blocks.core import Block

    block = Block.load(name)
    if not isinstance(block, NotificationBlock):
        raise ValueError("this is no notification block")
    with block.raise_on_failure():
        block.notify(message.body, message.subject)  # pyright: ignore[reportUnusedCoroutine]


def _run_page(run: FlowRun) -> str:
    from prefect.settings import PREFECT_UI_URL

    address = PREFECT_UI_URL.value()
    return f"{address}/runs/flow-run/{run.id}" if address else ""
