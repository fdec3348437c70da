"""The front end `characters`, for every language without one of its own: a letter stands for itself.

Letters are casefolded; those of other scripts are written in Latin ones by uroman ("This project uses the universal
romanizer software 'uroman' written by Ulf Hermjakob, USC Information Sciences Institute (2015-2020)"). What the
table of symbols lacks then, such as most accents, is left out by `encode` and reported. A voice trained so learns
spelling and sound at once, which regular orthographies bear, English would not.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version

from voiceloom_model.text.reading import Reading, require, word_pattern
from voiceloom_model.text.symbols import SYMBOLS

NAME = "characters"
VERSION = "2"
ROMANISER = "1.3.1.1"  # what is installed with `voiceloom-model[languages]`


def read(text: str) -> Reading:
    """The casefolded letters of `text`, in Latin script."""
    return Reading(word_pattern().sub(lambda match: _word(match[0]), text))


def identity() -> dict[str, str]:
    """Name and version, and the romaniser's; there is no data behind it."""
    try:
        romaniser = version("uroman")
    except PackageNotFoundError:
        romaniser = ROMANISER  # not needed for Latin script, so its absence is no other front end
    return {"name": NAME, "version": f"{VERSION} uroman {romaniser}", "data": ""}


@lru_cache(maxsize=50_000)
def _word(word: str) -> str:
    word = unicodedata.normalize("NFD", word.casefold())
    if all(letter in SYMBOLS for letter in word if letter.isalpha()):
        return word
    romanised = str(_romaniser().romanize_string(unicodedata.normalize("NFC", word)))
    return re.sub(r"[^\w' -]", "", romanised.casefold())


@lru_cache(maxsize=1)
def _romaniser():
    require("text that is not in Latin letters", "uroman")
    from uroman import Uroman

    return Uroman()
