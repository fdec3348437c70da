"""Names of files and of rows in other tools, made from ids: safe on every file system, and each given once."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter
from collections.abc import Mapping

_UNSAFE = re.compile(r"[^\w.-]|^\.")
_MAX_BYTES = 120


def unique_names(wanted: Mapping[str, str]) -> dict[str, str]:
    """Id → name, from id → the name it would like; slashes stay and become folders.

    A name that had to be changed, or that a file system without upper case would confuse with another, ends in a
    hash of its id.
    """
    safe = {row_id: "/".join(map(_safe_part, name.split("/"))) for row_id, name in wanted.items()}
    times = Counter(map(_folded, safe.values()))
    return {
        row_id: name if name == wanted[row_id] and times[_folded(name)] == 1 else f"{name}-{_digest(row_id)}"
        for row_id, name in safe.items()
    }


def _safe_part(part: str) -> str:
    """One part of a path: letters, digits, dots, dashes; no hidden file, no parent folder, not too long."""
    safe = _UNSAFE.sub("_", part) or "_"
    return safe.encode()[:_MAX_BYTES].decode(errors="ignore")


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name.casefold())


def _digest(row_id: str) -> str:
    return hashlib.blake2b(row_id.encode(), digest_size=4).hexdigest()
