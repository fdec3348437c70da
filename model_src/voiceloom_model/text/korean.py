"""Korean: Hangul rewritten as it is said, then orthography2ipa's rules from letters to sounds.

The rewriting follows the standard pronunciation (표준 발음법, chapters 4 to 6): finals move to an empty onset, ㅎ
aspirates its neighbour, stops become nasal before nasals, ㄴ and ㄹ become alike, and stops make stops tense.
"""

from __future__ import annotations

import re
from itertools import pairwise

from voiceloom_model.text import spelling
from voiceloom_model.text.reading import Reading

VERSION = "1"

_ONSETS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_CODAS = ("", *"ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ")
_FIRST, _VOWELS = 0xAC00, 21
_I = 20  # the vowel ㅣ

#: A final of two letters: what stays and what moves to an empty onset.
_SPLIT = {
    **{"ㄳ": "ㄱㅆ", "ㄵ": "ㄴㅈ", "ㄺ": "ㄹㄱ", "ㄻ": "ㄹㅁ", "ㄼ": "ㄹㅂ", "ㄽ": "ㄹㅆ", "ㄾ": "ㄹㅌ", "ㄿ": "ㄹㅍ"},
    **{"ㅄ": "ㅂㅆ", "ㄶ": "ㄴㅎ", "ㅀ": "ㄹㅎ"},
}
_AT_END = {
    **dict.fromkeys("ㄲㅋㄳㄺ", "ㄱ"),
    **dict.fromkeys("ㅅㅆㅈㅊㅌㅎ", "ㄷ"),
    **dict.fromkeys("ㅍㅄㄿ", "ㅂ"),
    **dict.fromkeys("ㄼㄽㄾㅀ", "ㄹ"),
    **{"ㄵ": "ㄴ", "ㄶ": "ㄴ", "ㄻ": "ㅁ"},
}
_ASPIRATED = dict(zip("ㄱㄷㅂㅈ", "ㅋㅌㅍㅊ", strict=True))
_TENSE = dict(zip("ㄱㄷㅂㅅㅈ", "ㄲㄸㅃㅆㅉ", strict=True))
_NASAL = dict(zip("ㄱㄷㅂ", "ㅇㄴㅁ", strict=True))
_PALATAL = {"ㄷ": "ㅈ", "ㅌ": "ㅊ"}
_WORD = re.compile("[\uac00-\ud7a3]{2,}")


def read(text: str) -> Reading:
    """IPA of Korean text."""
    return spelling.read(_WORD.sub(lambda match: as_said(match[0]), text), "ko")


def identity() -> dict[str, str]:
    """What decides the readings."""
    spelling.front_end("ko")  # says so when orthography2ipa is missing
    own = spelling.identity("ko")
    return {**own, "version": f"{own['version']} + hangul {VERSION}"}


def as_said(word: str) -> str:
    """A word of Hangul respelt as it is said: 감사합니다 → 감사함니다."""
    syllables = [_parts(syllable) for syllable in word]
    for left, right in pairwise(syllables):
        left[2], right[0] = _met(left[2], right[0], right[1])
    syllables[-1][2] = _AT_END.get(syllables[-1][2], syllables[-1][2])
    return "".join(map(_joined, syllables))


def _met(coda: str, onset: str, vowel: int) -> tuple[str, str]:
    """The final of a syllable and the onset of the next, as they are said together."""
    stays, moves = _SPLIT.get(coda, ("", coda))
    if onset == "ㅇ":
        if coda in ("", "ㅇ"):
            return coda, onset
        if moves == "ㅎ":
            return ("", stays) if stays else ("", "ㅇ")
        return stays, _PALATAL.get(moves, moves) if vowel == _I else moves
    if moves == "ㅎ" and onset in _ASPIRATED:
        return stays, _ASPIRATED[onset]
    if moves == "ㅎ" and onset == "ㅅ":
        return stays, "ㅆ"
    coda = _AT_END.get(coda, coda)
    if onset == "ㅎ" and coda in _ASPIRATED:
        return "", _ASPIRATED[coda]
    return _assimilated(coda, onset)


def _assimilated(coda: str, onset: str) -> tuple[str, str]:
    if coda in _NASAL and onset in ("ㄴ", "ㅁ", "ㄹ"):
        return _NASAL[coda], "ㄴ" if onset == "ㄹ" else onset
    if coda in ("ㅁ", "ㅇ") and onset == "ㄹ":
        return coda, "ㄴ"
    if {coda, onset} == {"ㄴ", "ㄹ"}:
        return "ㄹ", "ㄹ"
    if coda in _NASAL:
        return coda, _TENSE.get(onset, onset)
    return coda, onset


def _parts(syllable: str) -> list:
    """Onset, number of the vowel and final."""
    number = ord(syllable) - _FIRST
    rest, coda = divmod(number, len(_CODAS))
    onset, vowel = divmod(rest, _VOWELS)
    return [_ONSETS[onset], vowel, _CODAS[coda]]


def _joined(parts: list) -> str:
    onset, vowel, coda = parts
    return chr(_FIRST + (_ONSETS.index(onset) * _VOWELS + vowel) * len(_CODAS) + _CODAS.index(coda))
