"""Where a voice comes from: the revision, the locked DAG, and the terms under which its data may be used."""

from __future__ import annotations

import hashlib
import json
import subprocess
from pathlib import Path

import yaml

#: Tag of a registered version → column of the data card's attribution.
TERMS = {
    "corpora": "corpus",
    "speakers": "speaker",
    "languages": "language",
    "licences": "licence",
    "consent_ids": "consent_id",
}


def lineage_tags(root: Path, card: Path) -> dict[str, str]:
    """Tags that lead a registered version back to its code, and by the data card to data and consents."""
    attribution = json.loads(card.read_text(encoding="utf-8"))["attribution"]
    tags = {"git_revision": git_revision(root), "dvc_lock_sha256": lock_sha256(root)}
    for tag, column in TERMS.items():
        tags[tag] = ", ".join(sorted({source[column] for source in attribution}))
    return tags


def git_revision(root: Path) -> str:
    """The checked-out commit, `-dirty` when tracked files differ from it; `unknown` outside git."""
    try:
        found = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
    return found.stdout.strip()


def lock_sha256(root: Path) -> str:
    """Hash of `dvc.lock` up to registration, whose own entry is written only afterwards."""
    path = root / "dvc.lock"
    if not path.is_file():
        return "unknown"
    stages = yaml.safe_load(path.read_text(encoding="utf-8")).get("stages", {})
    before = {name: entry for name, entry in stages.items() if name != "register"}
    return hashlib.sha256(json.dumps(before, sort_keys=True).encode()).hexdigest()
