"""Take in what has arrived: copy a watched URL into its folder, and pin the new content of folder corpora."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from pathlib import Path

from flows.schedule import Watch
from flows.settings import pin_folders
from flows.watch import listing


def take_in(root: Path, watched: Iterable[Watch]) -> list[str]:
    """Bring URLs up to date in their folders, then pin what folder corpora hold now; returns the corpora that changed.

    Only corpora whose folder is watched, or holds a watched place, are pinned anew: others are as params.yaml says.
    """
    folders = []
    for watch in watched:
        place = watch.place if "://" in watch.place else str(root / watch.place)
        if watch.into is not None:
            mirror(place, root / watch.into)
            place = str(root / watch.into)
        folders.append(Path(place).resolve())
    return pin_folders(root, folders)


def mirror(place: str, folder: Path) -> None:
    """Make the folder's files those of the URL: new and changed ones are copied whole, others are removed."""
    from fsspec.core import url_to_fs

    remote = listing(place)
    if not remote:
        raise ValueError(f"{place} holds no files: {folder} is left as it is")
    state = folder.with_name(f".{folder.name}.mirror.json")
    known = json.loads(state.read_text(encoding="utf-8")) if state.is_file() else {}
    fs, path = url_to_fs(place)
    for name, mark in remote.items():
        target = folder / name
        if not target.resolve().is_relative_to(folder.resolve()):
            raise ValueError(f"{place} holds {name!r}, which leads out of {folder}")
        if known.get(name) == mark and target.is_file():
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(target.name + ".partial")
        fs.get_file(f"{path.rstrip('/')}/{name}", str(partial))
        os.replace(partial, target)
    for local in listing(str(folder)).keys() - remote.keys():
        (folder / local).unlink()
    state.write_text(json.dumps(remote, indent=1, sort_keys=True), encoding="utf-8")
