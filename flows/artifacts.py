"""What a run leaves in Prefect: its progress, a table of stages, the scores beside the champion's, and links."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID

from flows.summary import stage_rows

T = TypeVar("T")
log = logging.getLogger("voiceloom.artifacts")

#: Scores that a champion is compared on.
SCORES = ("wer", "cer", "similarity", "dnsmos")


#: Seconds between two reports of progress.
EVERY_S = 2.0


class Progress:
    """The share of stages done, as Prefect's page shows it."""

    def __init__(self) -> None:
        from prefect.artifacts import create_progress_artifact

        self._told = time.monotonic()
        self._id = _reported(
            lambda: create_progress_artifact(progress=0.0, key="retrain-progress", description="share of stages done")
        )

    def update(self, percent: float) -> None:
        """Say how much is done, where that is all or something was not said just now."""
        from prefect.artifacts import update_progress_artifact

        due = percent >= 100.0 or time.monotonic() - self._told >= EVERY_S
        if due and isinstance(self._id, UUID):
            self._told, artifact = time.monotonic(), self._id
            _reported(lambda: update_progress_artifact(artifact, progress=percent))


def show_outcome(root: Path, todo: list[str], ran: list[str], model_name: str) -> None:
    """Write the artifacts of a run that went through the stages `todo`, of which `ran` were not unchanged."""
    from prefect.artifacts import create_markdown_artifact, create_table_artifact

    stages = [{**row, "outcome": "done" if row["stage"] in ran else "unchanged"} for row in stage_rows(root, todo)]
    _reported(lambda: create_table_artifact(key="retrain-stages", table=stages))
    scores = score_rows(root)
    if scores:
        _reported(lambda: create_table_artifact(key="retrain-scores", table=scores))
    links = _reported(lambda: report_links(root, model_name))
    if links:
        _reported(lambda: create_markdown_artifact(key="retrain-reports", markdown=links))


def score_rows(root: Path) -> list[dict[str, Any]]:
    """By score: this voice's, the champion's at the time, the loss with its interval, and what the gate said."""
    evaluation, gate = _read(root / "reports" / "evaluation.json"), _read(root / "reports" / "gate.json")
    champion = _read(root / "data" / "champion.json").get("scores", {})
    checks = {check["name"]: check for check in gate.get("checks", [])}
    rows = []
    for name in (*SCORES, *(name for name in checks if name.removeprefix("champion_") not in SCORES)):
        own, beside = checks.pop(name, {}), checks.pop(f"champion_{name}", {})
        row = {
            "score": name,
            "voice": evaluation.get("voice", {}).get(name),
            "champion": champion.get(name),
            "loss": beside.get("value"),
            "interval": beside.get("interval"),
            "said": "; ".join(check["sentence"] for check in (own, beside) if check),
        }
        if row["said"] or row["voice"] is not None:
            rows.append(row)
    return rows


def report_links(root: Path, model_name: str) -> str:
    """Markdown: where the reports lie and, where MLflow is a server, its page of the version."""
    lines = [
        f"- {title}: `{root / 'reports' / name}`"
        for name, title in (("evaluation.html", "Listen"), ("data.html", "Data card"), ("gate.json", "Gate"))
        if (root / "reports" / name).is_file()
    ]
    address, version = os.environ.get("MLFLOW_TRACKING_URI", ""), _version(root, model_name)
    if version is not None:
        page = f"{address.rstrip('/')}/#/models/{model_name}/versions/{version}"
        name = f"{model_name}, version {version}"
        lines.append(f"- Registered: [{name}]({page})" if address.startswith("http") else f"- Registered: {name}")
    return "\n".join(lines)


def _version(root: Path, model_name: str) -> int | None:
    """The number under which the voice in this folder is registered."""
    from tasks.register.registry import registered_voices

    receipt = _read(root / "reports" / "registration.json")
    if not receipt:
        return None
    ours = (model_name, receipt["bundle_sha256"])
    found = (voice.version for voice in registered_voices(root) if (voice.model_name, voice.bundle_sha256) == ours)
    return next(found, None)


def _reported(call: Callable[[], T]) -> T | None:
    """What `call` returns; a server that cannot be reached costs the artifact, never the run."""
    import httpx
    from prefect.exceptions import PrefectException

    try:
        return call()
    except (httpx.HTTPError, PrefectException, RuntimeError, ValueError) as error:
        log.warning("not shown in Prefect: %s", " ".join(str(error).split()) or type(error).__name__)
        return None


def _read(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
