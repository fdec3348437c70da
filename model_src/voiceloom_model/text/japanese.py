"""Japanese by haqumei (Open JTalk's dictionary, inside the package): IPA with pitch accent.

`↑` stands before the mora where pitch rises, `↓` where it falls; every accent phrase is a word of its own and
begins low. English words in Latin letters haqumei reads itself.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from voiceloom_model.text.reading import Reading, package_versions, require

VERSION = "1"

_MARKS = re.compile(r"[.,!?;:…。、！？；：「」『』（）]+")
_IPA = {"β\u031e": "w", "ɰ\u0303": "ɴ"}


def read(text: str) -> Reading:
    """IPA of Japanese text."""
    pieces: list[str] = []
    guessed: list[str] = []
    high = False
    for word in _analyser().g2ipa_prosody(text):
        if _MARKS.fullmatch(word.word) or word.word.isdigit():
            pieces.append(word.word)
        elif word.is_unknown and not word.is_ignored:
            guessed.append(word.word)
        items: list[Any] = word.tokens
        for item in items:
            if item.kind == "boundary":
                pieces.append(" ")
                high = False
                continue
            phones, high = _token(item, high)
            pieces.append(phones)
    return Reading("".join(pieces), tuple(guessed))


def identity() -> dict[str, str]:
    """What decides the readings; the dictionary is compiled into the package."""
    require("ja", "haqumei")
    return {"name": "haqumei", "version": f"{package_versions('haqumei')} + {VERSION}", "data": ""}


def _token(item: Any, high: bool) -> tuple[str, bool]:
    """One sound with the marks of its one or two morae, and where it leaves the pitch."""
    found = item.token.symbol or ""
    symbol = _IPA.get(found, found)
    marks: list[str] = []
    for step in item.prosody:
        if step.kind != "pitch" or step.pitch is None:
            continue
        now = int(step.pitch) == 1
        marks.append("" if now == high else "↑" if now else "↓")
        high = now
    first, second = [*marks, "", ""][:2]
    if second and symbol.endswith("ː"):
        return f"{first}{symbol[:-1]}{second}ː", high
    return f"{first}{second}{symbol}", high


@lru_cache(maxsize=1)
def _analyser():
    require("ja", "haqumei")
    from haqumei import Haqumei

    return Haqumei()
