"""What lies in a kit, and the sums that say it is whole. Nothing here needs a package."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

MANIFEST = "manifest.json"
#: The utterances without their sound, what they are cut from, and what a teacher reads.
UTTERANCES, SOUNDS, TEACHER = "utterances", "sounds.parquet", "teacher.parquet"
PHONEMES, FRONT_ENDS, EMBEDDINGS = "phonemes.parquet", "front_ends.json", "embeddings.parquet"
#: What is laid into the workspace there as it is.
WORKSPACE = "workspace"
CODE, WHEELS, ENCODER = "code.zip", "wheels", "resemblyzer"

MIB = 1 << 20


def sha256(path: Path) -> str:
    """The hash of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def files_of(folder: Path) -> list[Path]:
    """Every file under a folder but its manifest, in order."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path != folder / MANIFEST)


def size_mib(folder: Path) -> float:
    """What all files under a folder take."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / MIB


def write_manifest(folder: Path, about: dict) -> None:
    """Write down what the kit is, and every file's sum."""
    sums = {path.relative_to(folder).as_posix(): sha256(path) for path in files_of(folder)}
    (folder / MANIFEST).write_text(json.dumps({**about, "sha256": sums}, indent=1) + "\n", encoding="utf-8")


def verified(folder: Path) -> dict:
    """The manifest of a kit whose files are all whole.

    Raises `FileNotFoundError` or `ValueError` that names the first one which is not.
    """
    path = folder / MANIFEST
    if not path.is_file():
        raise FileNotFoundError(f"{folder} is no kit: {MANIFEST} is missing")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
        sums = manifest["sha256"].items()
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"{path} is damaged: bring the kit here again") from error
    for name, expected in sums:
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder / name} is missing: bring the kit here again")
        if sha256(folder / name) != expected:
            raise ValueError(f"{folder / name} is damaged, its sum is not that of {MANIFEST}: bring the kit here again")
    return manifest
