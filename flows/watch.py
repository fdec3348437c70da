"""Has new data arrived? A place's listing, its fingerprint, and whether it has stopped changing."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable, Iterable
from pathlib import Path

#: What a file system may say of a file that changes with its content, best first.
MARKS = ("ETag", "etag", "md5Hash", "md5", "checksum", "content_hash", "mtime", "LastModified", "created")

#: Files that are still being written, or that no corpus holds.
UNFINISHED = (".part", ".partial", ".tmp", ".crdownload", "~")


def listing(place: str) -> dict[str, str]:
    """Every file below a folder or fsspec URL: relative path → what changes when the file does.

    Hidden and unfinished files are left out. Raises `OSError` when the place cannot be read.
    """
    if "://" not in place:
        return _local(Path(place))
    from fsspec.core import url_to_fs

    try:
        fs, path = url_to_fs(place, use_listings_cache=False, skip_instance_cache=True)
        found = dict(fs.find(path, detail=True))
        there = bool(found) or fs.exists(path)
    except Exception as error:  # a store raises what it likes, and some of it is no OSError
        reason = " ".join(str(error).split()) or type(error).__name__
        raise OSError(f"{without_password(place)} cannot be read: {reason}") from error
    if not there:
        raise FileNotFoundError(f"{without_password(place)} is not there")
    start = len(path.rstrip("/")) + 1
    return {name[start:]: _mark(info) for name, info in found.items() if _counts(name[start:])}


def without_password(place: str) -> str:
    """The place as it may be shown: user and password in a URL left out."""
    return re.sub(r"//[^/@]+@", "//", place)


def _local(folder: Path) -> dict[str, str]:
    if not folder.is_dir():
        raise FileNotFoundError(f"{folder} is not there")
    files = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if _counts(name) and path.is_file():
            status = path.stat()
            files[name] = f"{status.st_size} {status.st_mtime_ns}"
    return files


def _mark(info: dict) -> str:
    marks = [str(info[name]) for name in MARKS if info.get(name) is not None]
    return " ".join([str(info.get("size")), *marks[:1]])


def _counts(name: str) -> bool:
    return not name.endswith(UNFINISHED) and not any(part.startswith(".") for part in name.split("/"))


def fingerprint(places: Iterable[str]) -> str | None:
    """Identity of all listings together; None when no place holds a file."""
    listings = {place: listing(place) for place in places}
    if not any(listings.values()):
        return None
    return hashlib.blake2b(json.dumps(listings, sort_keys=True).encode(), digest_size=16).hexdigest()


class Settling:
    """Remembers since when a fingerprint is what it is: whoever copies files in has finished by then."""

    def __init__(self, settle_s: float, clock: Callable[[], float] = time.monotonic):
        self.settle_s, self.clock = settle_s, clock
        self._seen: str | None = None
        self._since = 0.0

    def settled(self, now: str | None) -> bool:
        """Whether the fingerprint was seen before and has been the same for `settle_s`."""
        if now is None or now != self._seen:
            self._seen, self._since = now, self.clock()
            return False
        return self.clock() - self._since >= self.settle_s
