"""The voice enters the registry: an MLflow run with all that led to it, a model version, and its aliases.

Reads models/voice and the reports; writes reports/registration.json, a receipt that is the same wherever and
however often the same voice is registered. Version numbers and run ids live in MLflow only.
"""

from __future__ import annotations

import json
from pathlib import Path

from tasks.params import RegisterParams
from tasks.register.publish import Publication, publish
from tasks.register.registry import registered_voices
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={
        "voice": "models/voice",
        "evaluation": "reports/evaluation.json",
        "page": "reports/evaluation.html",
        "decision": "reports/gate.json",
        "card": "reports/data.json",
        "card_page": "reports/data.html",
        "sources": "reports/sources.parquet",
        "heard": "reports/heard.parquet",
    },
    outs={"receipt": "reports/registration.json"},
    params=("register",),
    code=("tasks/register",),
)


def run(  # noqa: PLR0913
    *,
    voice: Path,
    evaluation: Path,
    page: Path,
    decision: Path,
    card: Path,
    card_page: Path,
    sources: Path,
    heard: Path,
    receipt: Path,
    register: RegisterParams,
) -> Metrics:
    """Register the voice as challenger, and as champion when the gate passed and nobody holds it back."""
    publication = Publication(register.model_name, voice, evaluation, page, decision, card, card_page, sources, heard)
    publish(Path.cwd(), publication)
    content = {
        "model_name": publication.model_name,
        "bundle_sha256": publication.bundle_sha256,
        "gate_passed": publication.gate_passed,
    }
    receipt.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return {"model_name": publication.model_name, "gate_passed": publication.gate_passed}


def ensure_registered(root: Path, model_name: str) -> None:
    """Register the voice under `root` if the registry does not know it: fresh server, restored run cache."""
    if not (root / STAGE.outs["receipt"]).is_file():
        return
    paths = {argument: root / path for argument, path in STAGE.deps.items()}
    publish(root, Publication(model_name, **paths), only_if_missing=True)


def registration_line(root: Path, model_name: str) -> str | None:
    """One line about the version that holds the voice under `root`; None before it is registered."""
    receipt = root / STAGE.outs["receipt"]
    if not receipt.is_file():
        return None
    bundle = json.loads(receipt.read_text(encoding="utf-8"))["bundle_sha256"]
    for voice in registered_voices(root):
        if (voice.model_name, voice.bundle_sha256) == (model_name, bundle):
            return f"Model:  {model_name}, version {voice.version}, alias {', '.join(voice.aliases) or 'none'}"
    return None
