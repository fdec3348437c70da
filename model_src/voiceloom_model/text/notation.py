"""The one notation that every front end ends in: IPA in NFD, stress before vowels, punctuation as a voice knows it."""

from __future__ import annotations

import re
import unicodedata

NOTATION = "2"  # raise it when `in_one_notation` changes
VOWELS = "aeiouyæøœɐɑɒɔəɘɛεɜɝɞɚɤɨɪɯɵɶʉʊʌʏᵻ"

_EARLY_STRESS = re.compile(rf"([ˈˌ])([^{VOWELS}ˈˌ\s]+)(?=[{VOWELS}])")
_DASH = re.compile(r"\s*(?:[—–―]|\s-+\s)\s*")
_QUOTES_AND_BRACKETS = str.maketrans(dict.fromkeys('"“”„«»‹›「」『』《》〈〉（）【】()[]{}_^$¿¡·', " "))
_MARKS = str.maketrans("。，、！？；：｡､؟،؛।॥۔።・", ".,,!?;:.,?,;.... ")

#: IPA that the table of symbols lacks → the nearest that it has; what is finer than a voice can learn goes.
_NEAREST = str.maketrans(
    {
        **dict.fromkeys(
            "\u0361\u035c\u0311\u0318\u0319\u031a\u031c\u031e\u031f\u0320\u0324\u032c\u0330\u0331\u0339\u033c", ""
        ),
        **dict.fromkeys("\u02e0\u207f\u200b\u200c\u200d\u0334", ""),
        **dict(zip("˩˨˧˦˥", "12345", strict=True)),
        **{"ʱ": "ʰ", "ʼ": "ʔ", "ˀ": "ʔ", "\u0325": "\u030a", "\u0348": "ː"},
    }
)


def in_one_notation(phonemes: str) -> str:
    """What a front end made, in NFD, its punctuation attached to words and its stress marks before vowels."""
    phonemes = unicodedata.normalize("NFD", phonemes)
    phonemes = phonemes.translate(_NEAREST).translate(_QUOTES_AND_BRACKETS).translate(_MARKS)
    phonemes = _DASH.sub(", ", phonemes)
    phonemes = re.sub(r"\.{2,}", "…", phonemes)
    phonemes = re.sub(r"\s+(?=[.,!?;:…])", "", phonemes)
    phonemes = re.sub(r"([.!?;:…,]),+", r"\1", phonemes)  # a dash after a mark adds nothing
    phonemes = re.sub(r"([.,!?;:…])(?=[^\s\d.,!?;:…])", r"\1 ", phonemes)
    phonemes = _EARLY_STRESS.sub(r"\2\1", phonemes)
    return " ".join(phonemes.split()).strip(" ,")
