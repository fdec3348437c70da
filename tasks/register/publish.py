"""Publishing a voice to MLflow: one run with all that led to it, one version per bundle, and who reigns."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.register.contents import log_curves, log_parameters, log_report
from tasks.register.lineage import lineage_tags, log_lineage
from tasks.register.model import log_voice
from tasks.register.registry import BUNDLE_TAG, CHALLENGER, connect, one_sentence, tracking_uri
from tasks.register.reign import HeldError, Throne, promote, refuse, settled
from tasks.register.versions import only_version

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
    sources: Path
    heard: Path

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
    def verdict(self) -> dict:
        """What the gate wrote."""
        return json.loads(self.decision.read_text(encoding="utf-8"))

    @property
    def gate_passed(self) -> bool:
        """Whether the gate lets this voice be champion."""
        return bool(self.verdict["passed"])


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

    Who reigns is decided unless `only_if_missing` and it was decided already: somebody may have rolled back.
    """
    check_scored(publication)
    client = connect(root)
    with one_sentence(root):
        version = only_version(client, publication.model_name, publication.bundle_sha256)
        if version is None:
            version = _create_version(client, root, publication)
        elif not only_if_missing:
            _refresh_report(client, root, publication, str(version.run_id))
        throne = settled(client, publication.model_name)
        version = client.get_model_version(publication.model_name, version.version)
        if not (only_if_missing and _decided(throne, version)):
            client.set_registered_model_alias(publication.model_name, CHALLENGER, str(version.version))
            _decide(throne, version, publication.verdict)
    return int(version.version)


def _decided(throne: Throne, version: ModelVersion) -> bool:
    """Whether the log speaks of this version; a registry older than its log is left as it is."""
    if not throne.log:
        return throne.champion is not None
    return any(entry.version == int(version.version) for entry in throne.log)


def _decide(throne: Throne, version: ModelVersion, verdict: dict) -> None:
    """Promote what the gate let pass, note what it refused; what is held stays where it is."""
    if throne.reigning == int(version.version):
        return
    if not verdict["passed"]:
        refuse(throne, version, "; ".join(verdict.get("reasons", ())) or "the gate refused it")
    elif throne.champion is not None and verdict.get("champion", ...) not in (..., _bundle(throne)):
        refuse(throne, version, _other_champion(throne, verdict["champion"]))
    else:
        with contextlib.suppress(HeldError):
            promote(throne, version, "; ".join(verdict.get("reasons", ())) or "the gate let it pass")


def _bundle(throne: Throne) -> str | None:
    return None if throne.champion is None else throne.champion.tags[BUNDLE_TAG]


def _other_champion(throne: Throne, compared: str | None) -> str:
    """Why a voice that beat somebody else is not promoted over the one that reigns."""
    beaten = f"the bundle {compared[:12]}" if compared else "no champion"
    return (
        f"the gate compared it with {beaten}, but version {throne.reigning} reigns; `voiceloom compare` lets both be "
        f"heard, `voiceloom promote` decides"
    )


def _create_version(client: MlflowClient, root: Path, publication: Publication) -> ModelVersion:
    """Log everything in one run, then create the version with its tag in one step: never half a version."""
    import mlflow

    tags = lineage_tags(root, publication.card, publication.voice) | {BUNDLE_TAG: publication.bundle_sha256}
    experiment = _experiment(client, root, publication.model_name)
    name = publication.bundle_sha256[:12]
    with mlflow.start_run(experiment_id=experiment, run_name=name, tags=tags) as run:
        log_parameters(root / "params.yaml")
        log_curves(publication.voice / "curves.json")
        log_lineage(root, publication.card, publication.sources, publication.heard)
        _log_report(root, publication)
        model_id = log_voice(publication.voice)
    with _made_already():
        client.create_registered_model(publication.model_name)
    client.create_model_version(
        publication.model_name, f"models:/{model_id}", run.info.run_id, tags=tags, model_id=model_id
    )
    version = only_version(client, publication.model_name, publication.bundle_sha256)
    assert version is not None, "it was created just now"
    return version


@contextlib.contextmanager
def _made_already() -> Iterator[None]:
    """Another was first, or a request whose answer was lost was sent again: what is wanted is there."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise


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
    with _made_already():
        return client.create_experiment(name, artifact_location=beside)
    return _experiment(client, root, name)
