"""Asterisk prompts: sounds/LANGUAGE_*/**.g722 and core-sounds-LANGUAGE.txt[.gz] with lines `name: text`."""

from __future__ import annotations

import gzip
import re
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.source import Source

#: Remarks for the engineer, not words: `[@]`, `(simple tone sound plays)`, `<beep ascending>`.
_REMARK = re.compile(r"\[[^]]*\]|\([^)]*\)|<[^>]*>")
#: Keys of a telephone, as every prompt of this family calls them.
_KEYS = {"*": "star", "#": "pound"}


def matches(folder: Path) -> bool:
    """Whether the folder holds prompts and a list of their texts."""
    return _texts_file(folder, "") is not None and next(folder.rglob("*.g722"), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every prompt that is speech; prompts whose whole text is a remark (tones, silence) are none."""
    code = language.partition("-")[0]
    listing = _texts_file(folder, code)
    sounds = sorted(path for path in folder.rglob("sounds/*") if re.match(rf"{code}(_|$)", path.name))
    if listing is None or not sounds:
        raise ValueError(f"{folder} holds no prompts with texts in language {code!r}")
    texts = _read_texts(listing)
    recordings = {
        path.relative_to(root).with_suffix("").as_posix(): path for root in sounds for path in root.rglob("*.g722")
    }
    for name in sorted(recordings.keys() | texts.keys()):
        text = texts.get(name)
        if text is None or _spoken(text):
            yield Source(name, recordings.get(name), text and _spoken(text))


def _texts_file(folder: Path, code: str) -> Path | None:
    found = sorted(folder.rglob(f"core-sounds-{code}*.txt*"))
    return found[0] if found else None


def _read_texts(listing: Path) -> dict[str, str]:
    """Texts by prompt name; a prompt that is listed twice keeps its first text."""
    content = listing.read_bytes()
    if listing.suffix == ".gz":
        content = gzip.decompress(content)
    texts: dict[str, str] = {}
    for line in content.decode("utf-8", errors="replace").splitlines():
        name, colon, text = line.partition(":")
        if colon and not line.startswith(";"):
            texts.setdefault(name.strip(), text.strip())
    return texts


def _spoken(text: str) -> str:
    """The words of a text: without remarks, without the dots of a phrase that goes on, keys by name."""
    words = _REMARK.sub(" ", text)
    for key, name in _KEYS.items():
        words = words.replace(key, name)
    return " ".join(words.split()).lstrip(". ")
