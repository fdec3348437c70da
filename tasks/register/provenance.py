"""What a registered version remembers of where it comes from, read back from the registry."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from tasks.register.lineage import CONSENTS, FOLDER, RECORDINGS
from tasks.register.recordings import read_recordings
from tasks.register.registry import BUNDLE_TAG, connect, no_registry_yet, one_sentence
from tasks.register.versions import named_version, version_of_bundle

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion


class Origin(NamedTuple):
    """A version, its tags, its consents and recordings; `notes` say what else is to be known of the way there."""

    model_name: str
    version: int
    run_id: str
    tags: dict[str, str]
    consents: list[dict]
    recordings: list[dict]
    notes: Sequence[str] = ()


def origin_of_version(root: Path, model_name: str, name: str) -> Origin:
    """Where the version of this name comes from; `ValueError` where there is none, or it has no lineage."""
    _require_registry(root)
    return _origin(root, named_version(root, model_name, name))


def origin_of_bundle(root: Path, bundle_sha256: str, data_sha256: str | None) -> Origin:
    """Where a bundle comes from; for a copy that is not registered itself, a version of the same data answers."""
    _require_registry(root)
    client = connect(root)
    with one_sentence(root):
        version = version_of_bundle(client, bundle_sha256)
        if version is not None:
            return _origin(root, version)
        found = client.search_model_versions(f"tags.data_sha256 = '{data_sha256}'") if data_sha256 else []
        if not found:
            raise ValueError(f"the bundle {bundle_sha256[:12]} is not in this registry; `voiceloom voices` lists it")
    newest = max(found, key=lambda version: version.creation_timestamp)
    note = f"(the bundle asked for, {bundle_sha256[:12]}, is not registered itself; it was trained on the same data)"
    return _origin(root, newest)._replace(notes=[note])


def lineage_folder(root: Path, version: ModelVersion) -> Path:
    """The files that were logged with a version."""
    import mlflow
    from mlflow.exceptions import MlflowException

    connect(root)
    try:
        return Path(mlflow.artifacts.download_artifacts(f"runs:/{version.run_id}/{FOLDER}"))
    except (MlflowException, OSError) as error:
        raise ValueError(
            f"{version.name} version {version.version} carries no lineage: it was registered before there was any, or "
            f"its artifacts are gone"
        ) from error


def _origin(root: Path, version: ModelVersion) -> Origin:
    folder = lineage_folder(root, version)
    return Origin(
        version.name,
        int(version.version),
        str(version.run_id),
        {BUNDLE_TAG: "unknown", **version.tags},
        json.loads((folder / CONSENTS).read_text(encoding="utf-8")),
        read_recordings(folder / RECORDINGS),
    )


def _require_registry(root: Path) -> None:
    if no_registry_yet(root):
        raise ValueError("nothing is registered here; `voiceloom run` makes a voice")
