"""Questions to the MLflow registry: which versions are there, who reigns, where its bundle lies."""

from __future__ import annotations

import contextlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import unquote

from tasks.register.contents import scores

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

CHALLENGER, CHAMPION, PREVIOUS = "challenger", "champion", "previous"

#: The tag that makes registering idempotent: the same bundle never gets a second version.
BUNDLE_TAG = "bundle_sha256"


class Registered(NamedTuple):
    """One registered version of a voice."""

    model_name: str
    version: int
    aliases: list[str]
    bundle_sha256: str


def tracking_uri(root: Path) -> str:
    """`MLFLOW_TRACKING_URI`, or the database in the project's folder."""
    return os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{root.resolve()}/mlflow.db"


def no_registry_yet(root: Path) -> bool:
    """Whether the registry is a local database not made yet: making one to find it empty takes seconds."""
    scheme, _, path = tracking_uri(root).partition(":///")
    return scheme == "sqlite" and not Path(path).is_file()


def connect(root: Path) -> MlflowClient:
    """A client of the project's MLflow, which reports to nobody and says only warnings."""
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
    os.environ.setdefault("MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    import mlflow

    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    uri = tracking_uri(root)
    mlflow.set_tracking_uri(uri)
    mlflow.set_registry_uri(uri)
    return mlflow.MlflowClient(uri, uri)


@contextlib.contextmanager
def one_sentence(root: Path) -> Iterator[None]:
    """Turn what MLflow raises into a `ValueError` that names the server."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as error:
        raise ValueError(f"MLflow at {tracking_uri(root)}: {' '.join(str(error).split())}") from error


def version_by_alias(client: MlflowClient, model_name: str, alias: str) -> ModelVersion | None:
    """The version an alias points to, or None where there is no such model or alias."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version_by_alias(model_name, alias)
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def champion_scores(root: Path, model_name: str) -> dict:
    """What reigns: bundle hash, scores, and those of every held-out sentence; empty when nothing does.

    The same champion gives the same answer wherever it is registered: no versions, no dates.
    """
    if no_registry_yet(root):
        return {}
    client = connect(root)
    with one_sentence(root):
        champion = version_by_alias(client, model_name, CHAMPION)
        if champion is None:
            return {}
        report = read_report(str(champion.run_id))
        # A run's metrics are the second choice: a report is replaced as a whole.
        voice = dict(scores({"voice": report.get("voice")}))
        metrics = voice or client.get_run(str(champion.run_id)).data.metrics
    found = {name.removeprefix("voice_"): value for name, value in metrics.items() if name.startswith("voice_")}
    return {
        "model_name": model_name,
        BUNDLE_TAG: champion.tags[BUNDLE_TAG],
        "scores": dict(sorted(found.items())),
        "asr_model": report.get("asr_model"),
        "sentences": report.get("sentences", []),
    }


def read_report(run_id: str) -> dict:
    """The evaluation that was logged with a version; empty where there is none any more.

    Raises `ConnectionError` where the store that should have it cannot be reached.
    """
    import mlflow

    path = "reports/evaluation.json"
    try:
        _require_store(mlflow.get_run(run_id).info.artifact_uri)
        listed = mlflow.artifacts.list_artifacts(run_id=run_id, artifact_path=str(Path(path).parent))
        if path not in {file.path for file in listed}:
            return {}
        return mlflow.artifacts.load_dict(f"runs:/{run_id}/{path}")
    except OSError as error:
        raise ConnectionError(f"the artifacts of MLflow's run {run_id} cannot be read: {error}") from error


def _require_store(artifact_uri: str | None) -> None:
    """Raise `FileNotFoundError` where files of another machine's, or of a disk that is not mounted, are asked for."""
    scheme, _, rest = (artifact_uri or "").partition("://")
    if scheme == "file":
        store = Path(unquote(rest)).parents[1]  # above RUN/artifacts
        if not store.is_dir():
            raise FileNotFoundError(f"there is no folder {store} on this machine")


def registered_voices(root: Path) -> list[Registered]:
    """Every registered version of a voice, by name and newest first."""
    if no_registry_yet(root):
        return []
    client = connect(root)
    with one_sentence(root):
        aliases: dict[tuple[str, int], list[str]] = {}
        for model in client.search_registered_models():
            for alias, version in sorted(model.aliases.items()):
                aliases.setdefault((model.name, int(version)), []).append(alias)
        voices = [version for version in client.search_model_versions() if BUNDLE_TAG in version.tags]
    rows = [(version.name, int(version.version), version.tags[BUNDLE_TAG]) for version in voices]
    return [
        Registered(name, version, aliases.get((name, version), []), bundle)
        for name, version, bundle in sorted(rows, key=lambda row: (row[0], -row[1]))
    ]


def bundle_folder(root: Path, model_name: str, alias: str) -> Path:
    """The voice bundle of a registered version, downloaded where it is not on this machine."""
    unknown = f"no registered voice {model_name}@{alias}; `voiceloom voices` lists them"
    if no_registry_yet(root):
        raise ValueError(unknown)
    client = connect(root)
    with one_sentence(root):
        if version_by_alias(client, model_name, alias) is None:
            raise ValueError(unknown)
    return bundle_at(root, f"models:/{model_name}@{alias}")


def bundle_at(root: Path, uri: str) -> Path:
    """The voice bundle within the model at an address of MLflow's."""
    import mlflow

    with one_sentence(root):
        return Path(mlflow.artifacts.download_artifacts(uri)) / "artifacts" / "voice"
