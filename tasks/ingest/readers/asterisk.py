"""Asterisk prompts: sounds/LANGUAGE_*/**.g722 and core-sounds-LANGUAGE.txt[.gz] with lines `name: text`."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

from tasks.ingest.readers.lines import Line, broken, text_lines
from tasks.ingest.readers.places import GLANCE, find
from tasks.ingest.readers.source import Source
from tasks.rowstore import Failure

#: Remarks for the engineer, not words: `[@]`, `(simple tone sound plays)`, `<beep ascending>`.
_REMARK = re.compile(r"\[[^]]*\]|\([^)]*\)|<[^>]*>")
#: Looking for remarks in a line of nothing but brackets takes the square of its length.
_LETTERS = 10_000
#: Keys of a telephone, as every prompt of this family calls them.
_KEYS = {"*": "star", "#": "pound"}


def matches(folder: Path) -> bool:
    """Whether the folder holds prompts and a list of their texts."""
    if next(find(folder, "core-sounds-*.txt*", entries=GLANCE), None) is None:
        return False
    return next(find(folder, "*.g722", entries=GLANCE), None) is not None


def read(folder: Path, language: str) -> Iterator[Source]:
    """Yield every prompt that is speech; prompts whose whole text is a remark (tones, silence) are none."""
    code = language.partition("-")[0]
    listing = next(find(folder, f"core-sounds-{code}*.txt", f"core-sounds-{code}*.txt.gz"), None)
    recordings = _recordings(folder, code)
    if listing is None or not recordings:
        raise ValueError(f"{folder} holds no prompts with texts in language {code!r}")
    texts, bad = _read_texts(listing)
    for name in sorted(recordings.keys() | texts.keys()):
        text = texts.get(name)
        if text is None or _spoken(text):
            yield Source(name, recordings.get(name), text and _spoken(text))
    for line in bad:
        yield broken(folder, listing, line)


def _recordings(folder: Path, code: str) -> dict[str, Path]:
    """Prompts by name, which is their path below sounds/LANGUAGE_VOICE/."""
    found: dict[str, Path] = {}
    for path in find(folder, "*.g722"):
        parts = path.relative_to(folder).parts
        for index in range(1, len(parts) - 1):
            if parts[index - 1] == "sounds" and re.match(rf"{code}(_|$)", parts[index]):
                found["/".join(parts[index + 1 :]).removesuffix(path.suffix)] = path
    return found


def _read_texts(listing: Path) -> tuple[dict[str, str], list[Line]]:
    """Texts by prompt name, of which a prompt that is listed twice keeps its first; and the lines that are no text."""
    texts: dict[str, str] = {}
    bad: list[Line] = []
    for line in text_lines(listing):
        if line.text is None or len(line.text) > _LETTERS:
            problem = line.problem or Failure("line_too_long", f"a prompt has no more than {_LETTERS} letters")
            bad.append(Line(line.number, None, problem))
            continue
        name, colon, text = line.text.partition(":")
        if colon and not line.text.startswith(";"):
            texts.setdefault(name.strip(), text.strip())
    return texts, bad


def _spoken(text: str) -> str:
    """The words of a text: without remarks, without the dots of a phrase that goes on, keys by name."""
    words = _REMARK.sub(" ", text)
    for key, name in _KEYS.items():
        words = words.replace(key, name)
    return " ".join(words.split()).lstrip(". ")
