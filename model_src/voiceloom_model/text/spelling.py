"""Languages that sound as they are spelt, by orthography2ipa's rules: Spanish, Portuguese, Czech and many others.

There is no lexicon and so nothing out of vocabulary. Rules see a clause at a time, for what crosses words;
punctuation and digits between clauses stay as they are.
"""

from __future__ import annotations

import logging
import re
import unicodedata
from functools import lru_cache, partial
from typing import TYPE_CHECKING

from voiceloom_model.text.reading import FrontEnd, Reading, package_versions, require, word_pattern

if TYPE_CHECKING:
    from orthography2ipa import G2P

NAME = "orthography2ipa"
VERSION = "1"

_LIKELY = {"pt": "pt-BR"}  # what a bare tag means where CLDR and the package differ
_RIVER_PLATE = ("es-AR", "es-UY")
_CETA = ("es-ES", "es-GQ")  # where c and z are θ; elsewhere they are s, and not all of the rules say so

#: Tones that are written on the vowel (Yoruba), as digits after it; accents that mean none go, as do accent numbers.
_TONES = str.maketrans({"\u0300": "1", "\u0304": "3", "\u0301": "5", **dict.fromkeys("\u0302\u0306\u0308\u030c¹²", "")})


def front_end(language: str) -> FrontEnd | None:
    """The front end of a BCP 47 tag; None when there are no rules for its script and language.

    Raises `NotInstalled` when orthography2ipa is missing.
    """
    code = _code(language)
    return None if code is None else FrontEnd(partial(read, code=code), partial(identity, code))


def read(text: str, code: str) -> Reading:
    """IPA of `text` by the rules `code`."""
    rules, corrections = _rules(code), _corrections(code)

    text = text.replace(";", "?") if code.startswith("el") else text

    def replace(match: re.Match) -> str:
        phonemes = unicodedata.normalize("NFD", rules.transcribe(match[0].strip())).translate(_TONES)
        return f" {phonemes.translate(corrections)} "

    return Reading(_clause_pattern().sub(replace, text))


def identity(code: str) -> dict[str, str]:
    """What decides the readings: the rules come with the package."""
    return {"name": f"{NAME}-{code}", "version": f"{package_versions(NAME)} + {VERSION}", "data": ""}


@lru_cache(maxsize=16)
def _corrections(code: str) -> dict[int, str]:
    """What the rules of a dialect do not carry through: seseo outside Spain, yeísmo at the River Plate."""
    seseo = {"θ": "s"} if code.startswith("es-") and not code.startswith(_CETA) else {}
    rioplatense = {"ʝ": "ʃ"} if code.startswith(_RIVER_PLATE) else {}
    return str.maketrans(seseo | rioplatense)


@lru_cache(maxsize=1)
def _clause_pattern() -> re.Pattern:
    word = word_pattern().pattern
    return re.compile(rf"{word}(?:\s+{word})*")


@lru_cache(maxsize=16)
def _rules(code: str) -> G2P:
    from orthography2ipa import G2P

    return G2P(code)


@lru_cache(maxsize=64)
def _code(language: str) -> str | None:
    """The rules from letters to sounds for a tag, in the nearest dialect that has some."""
    require(language, NAME)
    logging.getLogger(NAME).setLevel(logging.ERROR)  # it warns of plugins that it can do without
    from orthography2ipa import get

    try:
        spec = get(_LIKELY.get(language.lower(), language))
    except KeyError:
        return None
    same_language = spec.code.split("-")[0].lower() == language.split("-")[0].lower()
    usable = bool(spec.graphemes) and spec.orthography_kind.value == "native"
    return spec.code if same_language and usable else None
