"""Where a voice comes from: what its registered version carries so that it leads back to code, data and consents.

Short facts become tags; the whole goes into the run's folder `lineage`: `dvc.lock` and the hash of every dependency,
the recordings, the consents, hours by speaker, the installed packages, and the patch where the code was not committed.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
import tempfile
from collections import defaultdict
from functools import cache
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import yaml

from tasks.register.revision import current_revision

#: Tag of a registered version → column of the data card's attribution.
TERMS = {
    "corpora": "corpus",
    "speakers": "speaker",
    "languages": "language",
    "licences": "licence",
    "consent_ids": "consent_id",
}
#: The run's folder, and the files in it.
FOLDER = "lineage"
LOCK, PATCH, RECORDINGS, CONSENTS = "dvc.lock", "uncommitted.patch", "recordings.parquet", "consents.json"
CHAMPION, ENVIRONMENT, DEPENDENCIES, HOURS = "champion.json", "environment.txt", "dependencies.json", "hours.json"
#: Longer tags are cut: some databases take no more.
MAX_TAG = 4000


def lineage_tags(root: Path, card: Path, voice: Path) -> dict[str, str]:
    """Tags that lead a registered version back to its code, data and consents."""
    attribution = json.loads(card.read_text(encoding="utf-8"))["attribution"]
    revision, stages = current_revision(root), lock_stages(root)
    tags = {
        "git_revision": revision.commit,
        "git_dirty": str(revision.dirty).lower(),
        "git_folder": revision.folder,
        **({"git_left_out": "; ".join(revision.left_out)} if revision.left_out else {}),
        "dvc_lock_sha256": lock_sha256(root),
        "environment_sha256": hashlib.sha256(environment().encode()).hexdigest(),
        "data_sha256": data_sha256(voice),
        "hours_by_speaker": json.dumps(hours_by_speaker(attribution), ensure_ascii=False),
        **{f"md5.{path}": md5 for path, md5 in _hashes(stages, "outs").items() if not path.startswith("reports/")},
    }
    for tag, column in TERMS.items():
        tags[tag] = ", ".join(sorted({source[column] for source in attribution}))
    return {name: _cut(value) for name, value in tags.items()}


def log_lineage(root: Path, card: Path, sources: Path, heard: Path) -> None:
    """Log the folder `lineage` in the active run."""
    import mlflow

    from tasks.register.recordings import write_recordings  # brings pyarrow, which a run without news is spared

    attribution = json.loads(card.read_text(encoding="utf-8"))["attribution"]
    stages, revision = lock_stages(root), current_revision(root)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / LOCK).write_text(yaml.safe_dump({"schema": "2.0", "stages": stages}, sort_keys=False))
        _write_json(folder / DEPENDENCIES, dependencies(stages))
        _write_json(folder / HOURS, hours_by_speaker(attribution))
        _write_json(folder / CONSENTS, _consents(root, {source["consent_id"] for source in attribution}))
        (folder / ENVIRONMENT).write_text(environment(), encoding="utf-8")
        write_recordings(sources, heard, folder / RECORDINGS)
        if revision.patch:
            (folder / PATCH).write_bytes(revision.patch)
        champion = root / "data" / "champion.json"
        if champion.is_file():
            (folder / CHAMPION).write_bytes(champion.read_bytes())
        mlflow.log_artifacts(str(folder), FOLDER)


def lock_stages(root: Path) -> dict[str, dict]:
    """What `dvc.lock` says of the stages up to registration, whose own entry is written only afterwards."""
    path = root / "dvc.lock"
    if not path.is_file():
        return {}
    stages = yaml.safe_load(path.read_text(encoding="utf-8")).get("stages", {})
    return {name: entry for name, entry in stages.items() if name != "register"}


def lock_sha256(root: Path) -> str:
    """Hash of `dvc.lock` up to registration; `unknown` without one."""
    stages = lock_stages(root)
    return hashlib.sha256(json.dumps(stages, sort_keys=True).encode()).hexdigest() if stages else "unknown"


def dependencies(stages: dict[str, dict]) -> dict[str, Any]:
    """By stage: the hash of every dependency and output, and its parameters."""
    return {
        name: {
            "deps": _hashes({name: entry}, "deps"),
            "outs": _hashes({name: entry}, "outs"),
            "params": entry.get("params", {}),
        }
        for name, entry in stages.items()
    }


def hours_by_speaker(attribution: list[dict]) -> dict[str, float]:
    """How much of every speaker is in the data."""
    hours: defaultdict[str, float] = defaultdict(float)
    for source in attribution:
        hours[source["speaker"]] += source.get("hours", 0.0)
    return {speaker: round(total, 4) for speaker, total in sorted(hours.items())}


@cache
def environment() -> str:
    """The interpreter, the threads and every installed package, a line each, in the way of a constraints file."""
    found = {f"{package.name}=={package.version}" for package in distributions() if package.name}
    header = f"# Python {platform.python_version()} on {platform.system()} {platform.machine()}"
    # How sums are split over threads moves their last digits, and what a speech recogniser makes of them.
    threads = f"# OMP_NUM_THREADS={os.environ.get('OMP_NUM_THREADS', '')}, {os.cpu_count()} processors"
    return "\n".join([header, threads, *sorted(found, key=str.lower)]) + "\n"


def data_sha256(voice: Path) -> str:
    """The hash of what a voice was trained on, as its bundle says."""
    return json.loads((voice / "voice.json").read_text(encoding="utf-8")).get("data_sha256", "unknown")


def _hashes(stages: dict[str, dict], kind: str) -> dict[str, str]:
    return {item["path"]: item.get("md5", "") for entry in stages.values() for item in entry.get(kind, ())}


def _consents(root: Path, used: set[str]) -> list[dict]:
    """The entries of data/consent.yaml that the voice rests on."""
    path = root / "data" / "consent.yaml"
    known = yaml.safe_load(path.read_text(encoding="utf-8")) if path.is_file() else None
    return [consent for consent in (known or {}).get("consents") or () if consent.get("id") in used]


def _cut(value: str) -> str:
    return value if len(value) <= MAX_TAG else f"{value[: MAX_TAG - 1]}…"


def _write_json(path: Path, content: object) -> None:
    path.write_text(json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n", encoding="utf-8")
