"""Cantonese: ToJyutping's readings (BSD, its table is in the package), and a table from jyutping to IPA.

A syllable ends in its tone, 1 to 6 as jyutping has them; text has no words here, so a space parts the syllables.
"""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.mandarin import HAN
from voiceloom_model.text.mixed import read_mixed
from voiceloom_model.text.reading import Reading, data_hash, package_versions, require

VERSION = "1"

_SYLLABLE = re.compile(r"(gw|kw|ng|[bpmfdtnlgkhwzcsj]?)(aa|oe|eo|yu|[aeiou]?)(ng|[iumnptk]?)([1-6])")
_INITIALS = {
    **{"b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ"},
    **{"ng": "ŋ", "h": "h", "gw": "kʷ", "kw": "kʷʰ", "w": "w", "z": "ts", "c": "tsʰ", "s": "s", "j": "j"},
}
_NUCLEI = {"aa": "aː", "a": "ɐ", "e": "ɛː", "i": "iː", "o": "ɔː", "oe": "œː", "eo": "ɵ", "u": "uː", "yu": "yː"}
_SHORT = {"ei": "ei", "ou": "ou", "ing": "ɪŋ", "ik": "ɪk", "ung": "ʊŋ", "uk": "ʊk", "eoi": "ɵy"}
_CODAS = {"ng": "ŋ", "i": "i", "u": "u"}


def read(text: str) -> Reading:
    """IPA of Cantonese text; words in Latin letters are read as English."""
    return read_mixed(text, HAN, _han)


def identity() -> dict[str, str]:
    """What decides the readings."""
    require("zh-yue", "ToJyutping")
    versions = package_versions("ToJyutping", "hibari-tts")
    data = data_hash("ToJyutping", ("ToJyutping/trie.txt",))
    return {"name": "ToJyutping", "version": f"{versions} + {VERSION}", "data": data}


def _han(characters: str) -> Reading:
    require("zh-yue", "ToJyutping")
    import ToJyutping

    pairs = ToJyutping.get_jyutping_list(characters)
    read = [jyutping_ipa(jyutping) if jyutping else character for character, jyutping in pairs]
    return Reading(" ".join(read), tuple(character for character, jyutping in pairs if not jyutping))


@lru_cache(maxsize=4096)
def jyutping_ipa(syllables: str) -> str:
    """IPA of jyutping with tone digits (`jyut6`; a few characters have two syllables)."""
    return "".join(_syllable(syllable) for syllable in syllables.split())


def _syllable(syllable: str) -> str:
    match = _SYLLABLE.fullmatch(syllable)
    if match is None:
        return syllable
    initial, nucleus, coda, tone = match.groups()
    body = _SHORT.get(nucleus + coda) or _NUCLEI.get(nucleus, "") + _CODAS.get(coda, coda)
    if not nucleus and initial in ("m", "ng") and not coda:
        return f"{_INITIALS[initial]}\u0329{tone}"
    if not nucleus and not initial:
        return f"{_CODAS.get(coda, coda)}\u0329{tone}"
    return f"{_INITIALS.get(initial, '')}{body}{tone}"
