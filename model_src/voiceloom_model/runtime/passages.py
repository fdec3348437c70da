"""Long text in passages that a voice can speak in one go, each found only when it is asked for."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

#: Some 15 seconds of speech: no longer than what a voice hears in training.
MAX_CHARACTERS = 240
#: How many letters are spoken in the time of one wide character (Han, kana, Hangul).
WIDE = 4

#: Where to divide, best first: after a sentence, after a clause, between words.
BOUNDARIES = (
    re.compile(r"(?<=[.!?…])[\"'”’)\]]*\s+|(?<=[。！？])[”’」』）]*\s*"),
    re.compile(r"(?<=[,;:—–])\s+|(?<=[，、；：])\s*"),
    re.compile(r"\s+"),
)
_EMPTY_LINE = re.compile(r"\n\s*\n")


def passages(text: str, limit: int = MAX_CHARACTERS) -> Iterator[str]:
    """`text` in passages of at most `limit` characters, wide ones counting `WIDE`; paragraphs are never joined."""
    for paragraph in _between(text, _EMPTY_LINE):
        yield from _divide(" ".join(paragraph.split()), limit)


def _divide(text: str, limit: int, boundaries: tuple[re.Pattern, ...] = BOUNDARIES) -> Iterator[str]:
    """Divide at the best boundary there is; a single word that is too long is cut."""
    length = _length(text)
    if length <= limit:
        yield text
    elif not boundaries:
        size = max(1, limit // (WIDE if length > len(text) else 1))
        yield from (text[start : start + size] for start in range(0, len(text), size))
    else:
        for part in _pack(_between(text, boundaries[0]), limit):
            yield from _divide(part, limit, boundaries[1:])


def _length(text: str) -> int:
    if text.isascii():
        return len(text)
    return len(text) + (WIDE - 1) * sum(map(_is_wide, text))


def _is_wide(letter: str) -> bool:
    return bool(letter) and unicodedata.east_asian_width(letter) in "WF"


def _between(text: str, boundary: re.Pattern) -> Iterator[str]:
    """What lies between the boundaries, empty stretches left out; marks that close a sentence stay with it."""
    start = 0
    for match in boundary.finditer(text):
        if part := text[start : match.end()].strip():
            yield part
        start = match.end()
    if part := text[start:].strip():
        yield part


def _is_hangul(letter: str) -> bool:
    """Korean is wide, but has spaces between its words."""
    return "가" <= letter <= "힣"


def _pack(parts: Iterable[str], limit: int) -> Iterator[str]:
    """Join neighbours as long as they fit."""
    packed = ""
    for part in parts:
        gap = "" if _is_wide(packed[-1:]) and not _is_hangul(packed[-1:]) else " "
        if packed and _length(packed) + len(gap) + _length(part) <= limit:
            packed += gap + part
        else:
            if packed:
                yield packed
            packed = part
    if packed:
        yield packed
