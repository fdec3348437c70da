"""Names that a corpus gives, made fit to be ids, file names and UTF-8 text."""

from __future__ import annotations

import re
import unicodedata

_MOST_LETTERS = 200


def safe_name(name: str) -> str:
    """A name of the corpus as a relative path that leads nowhere else: no `..`, no root, no control characters."""
    clean = "".join("_" if unicodedata.category(letter) in ("Cc", "Cs", "Zl", "Zp") else letter for letter in name)
    parts = [part.strip() for part in re.split(r"[/\\]", clean)]
    return "/".join(part for part in parts if part not in ("", ".", ".."))[:_MOST_LETTERS].rstrip("/ ") or "unnamed"


def is_text(*texts: str | None) -> bool:
    """Whether these can be stored: JSON and file names may hold halves of characters, which UTF-8 cannot."""
    try:
        "".join(text for text in texts if text).encode()
    except UnicodeEncodeError:
        return False
    return True


def printable(text: str) -> str:
    """A text that can be stored, with `?` for what cannot."""
    return text.encode(errors="replace").decode()
