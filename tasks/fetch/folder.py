"""Corpora that are folders on this machine: copied, so that what was used stays as it was."""

from __future__ import annotations

import shutil
from pathlib import Path

from tasks.fetch.content import content_files, content_sha256
from tasks.params import FolderSource


def fetch(name: str, source: FolderSource, target: Path) -> None:
    """Copy the folder's regular, unhidden files into the empty `target`; no link is followed out of it."""
    folder = Path(source.path).expanduser()
    if not folder.is_dir():
        raise FileNotFoundError(f"corpus {name}: the folder {folder} is not there")
    if target.resolve().is_relative_to(folder.resolve()):
        raise ValueError(f"corpus {name}: {folder} holds this project; choose the folder of the recordings")
    for path in content_files(folder):
        copy = target / path.relative_to(folder)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    if source.sha256 and (found := content_sha256(target)) != source.sha256:
        raise ValueError(
            f"corpus {name}: folder {source.path} changed since it was declared "
            f"(sha256 {found}, not {source.sha256}); run again with `voiceloom run --corpus {source.path}`"
        )
