"""Which front end reads which language, and the one notation that all of them end in.

To add a language: write one small module with a function text → IPA and its identity, and add it to the dict
`FRONT_ENDS`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from typing import NamedTuple

from voiceloom_model.text import characters, english

NOTATION = "1"  # raise it when `_in_one_notation` changes
VOWELS = "aeiouyæøœɐɑɒɔəɘɛεɜɝɞɚɤɨɪɯɵɶʉʊʌʏᵻ"

_EARLY_STRESS = re.compile(rf"([ˈˌ])([^{VOWELS}ˈˌ\s]+)(?=[{VOWELS}])")
_DASH = re.compile(r"\s*(?:[—–―]|\s-+\s)\s*")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))
_QUOTES_AND_BRACKETS = str.maketrans(dict.fromkeys('"“”„«»()[]{}_^$', " "))


class FrontEnd(NamedTuple):
    """One way from text to IPA: the function, and what decides its output (name, version, data hash)."""

    phonemes_of: Callable[[str], str]
    identity: Callable[[], dict[str, str]]


AMERICAN = FrontEnd(english.american, english.american_identity)
BRITISH = FrontEnd(english.british, english.british_identity)
CHARACTERS = FrontEnd(characters.phonemes_of, characters.identity)

#: The longest tag that begins a language's tag decides; what begins with none is read by `CHARACTERS`.
FRONT_ENDS: dict[str, FrontEnd] = {
    "en": AMERICAN,
    **dict.fromkeys(("en-gb", "en-au", "en-nz", "en-za"), BRITISH),  # the accents that drop the r
}


def front_end_of(language: str) -> FrontEnd:
    """The front end of a BCP 47 tag."""
    parts = language.lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((FRONT_ENDS[tag] for tag in tags if tag in FRONT_ENDS), CHARACTERS)


def front_end_identity(language: str) -> dict[str, str]:
    """Name, version, data hash and notation of what reads `language`; a voice refuses any other."""
    return {**front_end_of(language).identity(), "notation": NOTATION}


def phonemize(text: str, language: str) -> str:
    """IPA of `text`: NFD code points, stress mark directly before its vowel, words apart by one space.

    Punctuation `. , ! ? ; : …` stays attached to its word; dashes become commas, quotes and brackets go.
    """
    plain = unicodedata.normalize("NFC", text).translate(_APOSTROPHES)
    return _in_one_notation(front_end_of(language).phonemes_of(plain))


def _in_one_notation(phonemes: str) -> str:
    phonemes = unicodedata.normalize("NFD", phonemes)
    phonemes = _DASH.sub(", ", phonemes).translate(_QUOTES_AND_BRACKETS)
    phonemes = re.sub(r"\.{2,}", "…", phonemes)
    phonemes = re.sub(r"\s+(?=[.,!?;:…])", "", phonemes)
    phonemes = re.sub(r"([.!?;:…,]),+", r"\1", phonemes)  # a dash after a mark adds nothing
    phonemes = re.sub(r"([.,!?;:…])(?=[^\s\d.,!?;:…])", r"\1 ", phonemes)
    phonemes = _EARLY_STRESS.sub(r"\2\1", phonemes)
    return " ".join(phonemes.split()).strip(" ,")
