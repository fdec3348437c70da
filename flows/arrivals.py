"""Take in what has arrived: copy a watched URL into its folder, and pin the new content of folder corpora."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterable
from pathlib import Path

from flows.schedule import Watch
from flows.settings import pin_folders
from flows.watch import listing


def take_in(root: Path, watched: Iterable[Watch], settle_s: float = 0.0) -> list[str]:
    """Bring URLs up to date in their folders, then pin what folder corpora hold now; returns the corpora that changed.

    Folders that changed less than `settle_s` ago are waited for: a run by the clock may come in the middle of a copy.
    Only corpora whose folder is watched, or holds a watched place, are pinned anew: others are as params.yaml says.
    """
    folders = []
    for watch in watched:
        place = watch.place if "://" in watch.place else str(root / watch.place)
        if watch.into is not None:
            mirror(place, root / watch.into)
            place = str(root / watch.into)
        else:
            let_settle(Path(place), settle_s)
        folders.append(Path(place).resolve())
    return pin_folders(root, folders)


def let_settle(folder: Path, settle_s: float) -> None:
    """Wait until nothing in the folder has changed for so long; one that is old costs nothing."""
    while settle_s > 0:
        newest = max((path.stat().st_ctime for path in folder.rglob("*") if path.is_file()), default=0.0)
        if time.time() - newest >= settle_s:
            return
        time.sleep(max(0.1, settle_s - (time.time() - newest)))


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
        partial = target.with_name(f".{target.name}.partial")
        fs.get_file(f"{path.rstrip('/')}/{name}", str(partial))
        os.replace(partial, target)
    for local in listing(str(folder)).keys() - remote.keys():
        (folder / local).unlink()
    state.write_text(json.dumps(remote, indent=1, sort_keys=True), encoding="utf-8")
