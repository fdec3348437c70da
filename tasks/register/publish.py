"""Publishing a voice to MLflow: one run with all that led to it, one version per bundle, and the aliases."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.register.contents import log_curves, log_parameters, log_report
from tasks.register.lineage import lineage_tags
from tasks.register.model import log_voice
from tasks.register.registry import (
    BUNDLE_TAG,
    CHALLENGER,
    CHAMPION,
    connect,
    find_version,
    one_sentence,
    tracking_uri,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient


@dataclass(frozen=True)
class Publication:
    """A voice and the reports that speak for it."""

    model_name: str
    voice: Path
    evaluation: Path
    page: Path
    decision: Path
    card: Path
    card_page: Path

    @cached_property
    def bundle_sha256(self) -> str:
        """Identity of the bundle's content."""
        from voiceloom_model.runtime.bundle import bundle_sha256

        return bundle_sha256(self.voice)

    @cached_property
    def report_sha256(self) -> str:
        """Identity of what was said about the voice, so that a new report replaces an old one."""
        return hashlib.sha256(self.evaluation.read_bytes() + self.decision.read_bytes()).hexdigest()

    @cached_property
    def gate_passed(self) -> bool:
        """Whether the gate lets this voice be champion."""
        return bool(json.loads(self.decision.read_text(encoding="utf-8"))["passed"])


def check_scored(publication: Publication) -> None:
    """Raise `ValueError` when the evaluation speaks of another bundle than the one to be registered."""
    scored = json.loads(publication.evaluation.read_text(encoding="utf-8"))["bundle_hash"]
    if scored != publication.bundle_sha256:
        raise ValueError(
            f"{publication.evaluation} scores the bundle {scored[:12]}, but {publication.voice} is "
            f"{publication.bundle_sha256[:12]}: run the stage evaluate again"
        )


def publish(root: Path, publication: Publication, only_if_missing: bool = False) -> int:
    """Make sure that exactly one version of this bundle is registered; returns its number.

    Aliases are set unless `only_if_missing` and the version was there: somebody may have rolled back.
    """
    check_scored(publication)
    client = connect(root)
    with one_sentence(root):
        version = find_version(client, publication.model_name, publication.bundle_sha256)
        if version is not None and only_if_missing:
            return int(version.version)
        if version is None:
            version = _create_version(client, root, publication)
        else:
            _refresh_report(client, root, publication, str(version.run_id))
        for alias in (CHALLENGER, CHAMPION) if publication.gate_passed else (CHALLENGER,):
            client.set_registered_model_alias(publication.model_name, alias, str(version.version))
    return int(version.version)


def _create_version(client: MlflowClient, root: Path, publication: Publication) -> ModelVersion:
    """Log everything in one run, then create the version with its tag in one step: never half a version."""
    import mlflow

    tags = lineage_tags(root, publication.card) | {BUNDLE_TAG: publication.bundle_sha256}
    experiment = _experiment(client, root, publication.model_name)
    name = publication.bundle_sha256[:12]
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags) as run:
        log_parameters(root / "params.yaml")
        log_curves(publication.voice / "curves.json")
        _log_report(root, publication)
        model_id = log_voice(publication.voice)
    if not client.search_registered_models(f"name = '{publication.model_name}'"):
        client.create_registered_model(publication.model_name)
    return client.create_model_version(
        publication.model_name, f"models:/{model_id}", run.info.run_id, tags=tags, model_id=model_id
    )


def _refresh_report(client: MlflowClient, root: Path, publication: Publication, run_id: str) -> None:
    """A voice that was evaluated again keeps its version and gets the new report."""
    import mlflow

    if client.get_run(run_id).data.tags.get("report_sha256") != publication.report_sha256:
        with mlflow.start_run(run_id=run_id):
            _log_report(root, publication)


def _log_report(root: Path, publication: Publication) -> None:
    """Scores, pages and samples, and last the tag that says they are all there."""
    import mlflow

    cards = [publication.card, publication.card_page]
    log_report([publication.evaluation, publication.page, publication.decision, *cards], root / "runs")
    mlflow.set_tag("report_sha256", publication.report_sha256)


def _experiment(client: MlflowClient, root: Path, name: str) -> str:
    """The experiment that holds one model's runs; a local database keeps its files beside it."""
    found = client.get_experiment_by_name(name)
    if found is not None:
        return found.experiment_id
    scheme, _, database = tracking_uri(root).partition(":///")
    beside = (Path(database).resolve().parent / "mlartifacts").as_uri() if scheme == "sqlite" else None
    return client.create_experiment(name, artifact_location=beside)
