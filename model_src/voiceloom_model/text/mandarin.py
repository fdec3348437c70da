"""Mandarin: jieba's words, pypinyin's readings with tone sandhi, and a table from pinyin to IPA.

A syllable ends in its tone, 1 to 5 (5 is the neutral one); the syllables of a word are not divided.
"""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.mixed import read_mixed
from voiceloom_model.text.reading import Reading, data_hash, package_versions, require, word_set

VERSION = "1"

HAN = re.compile(r"[\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+")
_INITIALS = {
    **{"b": "p", "p": "pʰ", "m": "m", "f": "f", "d": "t", "t": "tʰ", "n": "n", "l": "l", "g": "k", "k": "kʰ"},
    **{"h": "x", "j": "tɕ", "q": "tɕʰ", "x": "ɕ", "zh": "ʈʂ", "ch": "ʈʂʰ", "sh": "ʂ", "r": "ʐ", "z": "ts"},
    **{"c": "tsʰ", "s": "s"},
}
_FINALS = {
    **{"a": "a", "o": "wo", "e": "ɤ", "ê": "ɛ", "ai": "ai", "ei": "ei", "ao": "au", "ou": "ou", "an": "an", "en": "ən"},
    **{"ang": "aŋ", "eng": "əŋ", "ong": "ʊŋ", "er": "aɚ", "i": "i", "ia": "ja", "ie": "jɛ", "iao": "jau", "iu": "jou"},
    **{"iou": "jou", "ian": "jɛn", "in": "in", "iang": "jaŋ", "ing": "iŋ", "iong": "jʊŋ", "io": "jo", "u": "u"},
    **{"ua": "wa", "uo": "wo", "uai": "wai", "ui": "wei", "uei": "wei", "uan": "wan", "un": "wən", "uen": "wən"},
    **{"uang": "waŋ", "ueng": "wəŋ", "v": "y", "ve": "ɥɛ", "van": "ɥɛn", "vn": "yn", "m": "m", "n": "n", "ng": "ŋ"},
}
_APICAL = {"zh": "ɻ̩", "ch": "ɻ̩", "sh": "ɻ̩", "r": "ɻ̩", "z": "ɹ̩", "c": "ɹ̩", "s": "ɹ̩"}
_SYLLABLE = re.compile(r"(zh|ch|sh|[bpmfdtnlgkhjqxrzcs]?)([a-zê]+?)(r?)([1-5])")
_NO_RHOTIC = word_set("女儿 婴儿 幼儿 孤儿 少儿 胎儿 男儿 健儿 宠儿 女兒 嬰兒 幼兒 孤兒")
_DATA = ("jieba/dict.txt",)


def read(text: str) -> Reading:
    """IPA of Chinese text; words in Latin letters are read as English."""
    return read_mixed(text, HAN, _han)


def identity() -> dict[str, str]:
    """What decides the readings."""
    require("zh", "jieba", "pypinyin")
    versions = package_versions("jieba", "pypinyin", "hibari-tts")
    return {"name": "jieba+pypinyin", "version": f"{versions} + {VERSION}", "data": data_hash("jieba", _DATA)}


def _han(characters: str) -> Reading:
    """Words apart by a space; a character without a reading is left as it is, and reported."""
    from pypinyin import Style, lazy_pinyin

    words = _segmenter().lcut(characters)
    options = {"neutral_tone_with_five": True, "tone_sandhi": True, "v_to_u": False, "errors": list}
    syllables = iter(lazy_pinyin(words, style=Style.TONE3, **options))
    read = [_word(word, [next(syllables, "") for _ in word]) for word in words]
    unread = tuple(word for word, phonemes in zip(words, read, strict=True) if HAN.search(phonemes))
    return Reading(" ".join(read), unread)


def _word(word: str, syllables: list[str]) -> str:
    rhotic = len(word) > 1 and word[-1] in "儿兒" and word not in _NO_RHOTIC
    if rhotic:
        *syllables, _ = syllables
        syllables[-1] = re.sub(r"([1-5])$", r"r\1", syllables[-1])
    return "".join(pinyin_ipa(syllable) for syllable in syllables)


@lru_cache(maxsize=4096)
def pinyin_ipa(syllable: str) -> str:
    """IPA of one syllable of pinyin with its tone digit (`zhong1`, ü as v); what is none stays as it is."""
    match = _SYLLABLE.fullmatch(_spelt_out(syllable))
    if match is None:
        return syllable
    initial, final, rhotic, tone = match.groups()
    if final + rhotic == "er":
        return f"aɚ{tone}"
    if final == "i" and initial in _APICAL:
        body = _APICAL[initial]
    else:
        body = _FINALS.get(_rounded(initial, final), final)
        body = body[1:] if body == "wo" and final == "o" and initial in ("b", "p", "m", "f") else body
    return f"{_INITIALS.get(initial, '')}{body}{'ɚ' if rhotic else ''}{tone}"


def _rounded(initial: str, final: str) -> str:
    """After j, q and x, u is ü; and üe may be written ue anywhere."""
    if initial in ("j", "q", "x") and final.startswith("u"):
        return "v" + final[1:]
    return "ve" if final == "ue" else final


def _spelt_out(syllable: str) -> str:
    """Syllables that begin with y or w, by the finals they stand for."""
    syllable = syllable.replace("ü", "v")
    if syllable.startswith("yu"):
        return "v" + syllable[2:]
    if syllable.startswith("y"):
        return syllable[1:] if syllable[1:2] == "i" else "i" + syllable[1:]
    if syllable.startswith("w"):
        return syllable[1:] if syllable[1:2] == "u" else "u" + syllable[1:]
    return syllable


@lru_cache(maxsize=1)
def _segmenter():
    """jieba with its own dictionary, loaded without the cache file that it would leave for all users of a machine."""
    require("zh", "jieba", "pypinyin")
    import jieba

    segmenter = jieba.Tokenizer()
    segmenter.FREQ, segmenter.total = segmenter.gen_pfdict(segmenter.get_dict_file())
    segmenter.initialized = True
    return segmenter
