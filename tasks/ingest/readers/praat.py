"""Praat's text format: a TextGrid's interval tiers from its text, long or short form alike.

Praat itself reads only free-standing numbers, flags and quoted strings; everything else is a comment for people.
Reading so needs a page of code. Neither `textgrid` (MIT; drops intervals that end early, traceback on short files)
nor `praatio` (MIT; one interval that makes no sense loses the file) can keep the rest of a damaged grid.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

#: No recording of speech has more; it bounds the memory that a hostile file can take.
_MOST_INTERVALS = 1_000_000
#: Possessive, so that an unclosed quote costs one look at the rest of the text and no memory.
_TOKEN = re.compile(
    r'"(?P<string>[^"]*+(?:""[^"]*+)*+)"'
    r"|(?<!\S)(?:(?P<number>[-+]?\d[\d.eE+-]*|--undefined--)|<(?P<flag>\w+)>|!.*)(?!\S)"
)


class BrokenTextGrid(ValueError):
    """A text that is no TextGrid, or no longer one from some line on."""


class Interval(NamedTuple):
    """A stretch of a tier in seconds, and the line of the file where it stands."""

    start_s: float
    end_s: float
    text: str
    line: int


@dataclass
class Tier:
    """An interval tier."""

    name: str
    intervals: list[Interval] = field(default_factory=list)


class _Token(NamedTuple):
    kind: str
    value: str
    line: int


def parse(text: str) -> list[Tier]:
    """The interval tiers of a TextGrid, their texts without blanks around; `BrokenTextGrid` says where it ends."""
    tokens = _tokens(text)
    kind, what = _take(tokens, "string").value, _take(tokens, "string").value
    if not kind.startswith("ooTextFile") or not what.startswith("TextGrid"):
        raise BrokenTextGrid(f"it is no TextGrid in text form, but {kind[:40]!r} with {what[:40]!r}")
    _span(tokens)
    if _take(tokens, "flag").value != "exists":
        return []
    tiers = []
    budget = _MOST_INTERVALS
    for _ in range(_count(tokens)):
        tier, is_interval = _tier(tokens, budget)
        budget -= len(tier.intervals)
        tiers += [tier] if is_interval else []
    return tiers


def _tier(tokens: Iterator[_Token], budget: int) -> tuple[Tier, bool]:
    """The next tier, and whether it is one of intervals; a tier of points has them as intervals without length."""
    is_interval = _take(tokens, "string").value == "IntervalTier"
    tier = Tier(_string(tokens).strip(' "'))
    _span(tokens)
    for _ in range(_count(tokens)):
        line, start_s = _seconds(tokens)
        end_s = _seconds(tokens)[1] if is_interval else start_s
        tier.intervals.append(Interval(start_s, end_s, _string(tokens).strip(), line))
        if len(tier.intervals) > budget:
            raise BrokenTextGrid(f"it has more than {_MOST_INTERVALS} intervals")
    return tier, is_interval


def _tokens(text: str) -> Iterator[_Token]:
    line, seen = 1, 0
    for match in _TOKEN.finditer(text):
        line += text.count("\n", seen, match.start())
        seen = match.start()
        if match.lastgroup:
            yield _Token(match.lastgroup, match[match.lastgroup], line)
    line += text.count("\n", seen)
    yield _Token("end", "", line)


def _take(tokens: Iterator[_Token], kind: str) -> _Token:
    token = next(tokens, _Token("end", "", 0))
    if token.kind == "end":
        raise BrokenTextGrid(f"it breaks off at line {token.line}, where a {kind} should follow")
    if token.kind != kind:
        raise BrokenTextGrid(f"line {token.line} has a {token.kind} where a {kind} should be")
    return token


def _string(tokens: Iterator[_Token]) -> str:
    return _take(tokens, "string").value.replace('""', '"')


def _seconds(tokens: Iterator[_Token]) -> tuple[int, float]:
    """A time and its line; what Praat leaves undefined is not a number."""
    token = _take(tokens, "number")
    try:
        return token.line, float(token.value)
    except ValueError:
        return token.line, math.nan


def _span(tokens: Iterator[_Token]) -> None:
    """Pass over where a grid or a tier begins and ends."""
    _take(tokens, "number")
    _take(tokens, "number")


def _count(tokens: Iterator[_Token]) -> int:
    value = _seconds(tokens)[1]
    return int(value) if 0 <= value <= _MOST_INTERVALS else _MOST_INTERVALS + 1
