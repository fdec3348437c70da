"""Naming a registered version as people do, and never two versions of one bundle."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.register.registry import (
    BUNDLE_TAG,
    bundle_at,
    connect,
    no_registry_yet,
    one_sentence,
    version_by_alias,
)

if TYPE_CHECKING:
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

#: Shorter than this, a word of digits and letters is no bundle's hash.
MIN_HASH = 7


def named_version(root: Path, model_name: str, name: str) -> ModelVersion:
    """The version named 3, NAME/3, NAME@ALIAS, @ALIAS or by the beginning of its bundle's hash.

    `model_name` is meant where the name leaves it out; `ValueError` where nothing is called so, or it is no voice.
    """
    unknown = f"there is no registered version {name!r}; `voiceloom voices` lists them"
    if no_registry_yet(root):
        raise ValueError(unknown)
    client = connect(root)
    with one_sentence(root):
        found = _find(client, model_name, name)
    if found is None:
        raise ValueError(unknown)
    if BUNDLE_TAG not in found.tags:
        raise ValueError(f"{found.name} version {found.version} has no tag {BUNDLE_TAG}: Voiceloom did not register it")
    return found


def _find(client: MlflowClient, model_name: str, name: str) -> ModelVersion | None:
    model, at, alias = name.partition("@")
    if at:
        return version_by_alias(client, model or model_name, alias)
    model, slash, number = name.rpartition("/")
    if number.isdecimal() and (slash or len(number) < MIN_HASH):
        return numbered(client, model or model_name, int(number))
    if len(name) >= MIN_HASH and re.fullmatch("[0-9a-f]+", name):
        return version_of_bundle(client, name)
    return None


def numbered(client: MlflowClient, model_name: str, number: int) -> ModelVersion | None:
    """A version by its number, None where there is none."""
    from mlflow.exceptions import MlflowException

    try:
        return client.get_model_version(model_name, str(number))
    except MlflowException as error:
        if error.error_code in ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE"):
            return None
        raise


def version_of_bundle(client: MlflowClient, beginning: str) -> ModelVersion | None:
    """The version, of whichever model, whose bundle's hash begins so; the first where one bundle has two names."""
    found = client.search_model_versions(f"tags.{BUNDLE_TAG} LIKE '{beginning}%'")
    hashes = {version.tags[BUNDLE_TAG] for version in found}
    if len(hashes) > 1:
        raise ValueError(f"{len(hashes)} bundles begin with {beginning}; give more of the hash")
    return sorted(found, key=lambda version: (version.name, int(version.version)))[0] if found else None


def versions_of(client: MlflowClient, model_name: str, bundle_sha256: str) -> list[ModelVersion]:
    """The versions of this very bundle, the oldest first."""
    found = client.search_model_versions(f"name = '{model_name}' and tags.{BUNDLE_TAG} = '{bundle_sha256}'")
    return sorted(found, key=lambda version: int(version.version))


def only_version(client: MlflowClient, model_name: str, bundle_sha256: str) -> ModelVersion | None:
    """The version of this very bundle, if it was registered.

    A client that lost the connection asks again and may so have made two, as may two machines at once: the first
    stays, later ones are removed while nothing points to them. Another machine may remove them at the same time.
    """
    found = versions_of(client, model_name, bundle_sha256)
    for double in found[1:]:
        still_there = numbered(client, model_name, int(double.version))
        if still_there is not None and not still_there.aliases:
            _delete(client, still_there)
    return found[0] if found else None


def _delete(client: MlflowClient, version: ModelVersion) -> None:
    """Delete a version that may be gone already."""
    from mlflow.exceptions import MlflowException

    try:
        client.delete_model_version(version.name, version.version)
    except MlflowException as error:
        if error.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def verified_bundle(root: Path, version: ModelVersion) -> Path:
    """The folder of a version's bundle, every byte of it checked; downloaded where it is not on this machine."""
    from voiceloom_model.runtime.bundle import bundle_sha256, check_sums

    where = f"the bundle of {version.name} version {version.version}"
    folder = bundle_at(root, f"models:/{version.name}/{version.version}")
    try:
        check_sums(folder)
    except (ValueError, OSError) as error:
        raise ValueError(f"{where} is not the one that was registered: {error}") from error
    if bundle_sha256(folder) != version.tags[BUNDLE_TAG]:
        raise ValueError(f"{where} is not the one that was registered: its hash is {bundle_sha256(folder)[:12]}")
    return folder
