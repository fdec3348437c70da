"""What a kill in the middle of DVC's own writing spoils, and how it is mended before the next run.

DVC writes `dvc.lock` and its list of who reads and writes what (`.dvc/tmp/rwlock`) in place: half a file of either
would stop every later run.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import psutil
import yaml

#: LibYAML's where it is there: a long file takes it no time.
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)

log = logging.getLogger("voiceloom.mending")

RWLOCK = Path(".dvc") / "tmp" / "rwlock"
KEPT = Path(".dvc") / "tmp" / "voiceloom-dvc.lock"


def mend(root: Path) -> None:
    """Put both files right; the caller holds the workspace."""
    _mend_lock(root)
    _mend_rwlock(root / RWLOCK)


def keep_lock(root: Path) -> None:
    """Remember `dvc.lock` as it is, now that a stage has ended well and nobody writes it."""
    if (root / "dvc.lock").is_file():
        partial = root / f"{KEPT}.partial"
        shutil.copyfile(root / "dvc.lock", partial)
        os.replace(partial, root / KEPT)


def _mend_lock(root: Path) -> None:
    """A `dvc.lock` that cannot be read is replaced by the last one that was whole; the run cache knows the rest."""
    path = root / "dvc.lock"
    if not path.is_file() or _is_whole(path) or not (root / KEPT).is_file():
        return
    if "<<<<<<<" in path.read_text(encoding="utf-8", errors="replace"):
        return  # git's, and for the user to settle
    log.warning("%s was broken off while DVC wrote it; the one before takes its place", path)
    partial = path.with_name(f".{path.name}.partial")
    shutil.copyfile(root / KEPT, partial)
    os.replace(partial, path)


def _is_whole(path: Path) -> bool:
    """Whether DVC can read it to its end; half of it may well be YAML."""
    from flows._dvc import is_lock

    with contextlib.suppress(OSError, ValueError, yaml.YAMLError):
        text = path.read_text(encoding="utf-8")
        content = yaml.load(text, Loader=LOADER)
        return is_lock(content) and text.endswith("\n") and isinstance(content.get("stages"), dict)
    return False


def _mend_rwlock(path: Path) -> None:
    """Forget a list that is broken, or whose processes are all gone: their numbers may be others' by now."""
    if not path.is_file():
        return
    try:
        numbers = set(_numbers(json.loads(path.read_text(encoding="utf-8"))))
    except (ValueError, KeyError, TypeError, AttributeError):
        numbers = set()
    if not any(_wrote(number, path.stat().st_mtime) for number in numbers):
        path.unlink(missing_ok=True)


def _numbers(content: dict) -> Iterator[int]:
    for entry in content.get("write", {}).values():
        yield int(entry["pid"])
    for entries in content.get("read", {}).values():
        yield from (int(entry["pid"]) for entry in entries)


def _wrote(number: int, written: float) -> bool:
    """Whether the process of this number was there when the file was written."""
    with contextlib.suppress(psutil.Error):
        return psutil.Process(number).create_time() <= written
    return False
