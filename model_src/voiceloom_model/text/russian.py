"""Russian: stress from gruut's lexicon, and on top of its spelling-like phonemes what speech makes of them.

Vowels without stress are reduced, voicing is assimilated within and between consonants, and the endings
-ого, -его and -ться are read as they are said (Avanesov, Русское литературное произношение).
"""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.gruut import gruut_identity, words_of
from voiceloom_model.text.reading import Reading, word_pattern, word_set

VERSION = "1"

_VOWELS = "aeiouɨ"
_HARD_ONLY = {"ʐ", "ʂ", "ts"}
_SOFT_ONLY = {"j", "tɕ", "ɕː"}
_DEVOICED = {"b": "p", "d": "t", "ɡ": "k", "z": "s", "ʐ": "ʂ", "v": "f"}
_VOICED = {**{value: key for key, value in _DEVOICED.items() if value != "f"}, "tɕ": "dʑ", "ts": "dz", "x": "ɣ"}

#: Words of one syllable that lean on their neighbours.
_CLITICS = word_set(
    "а без бы в во да для до же за и из из-за к ко ли на над не ни но о об обо от ото по под при про с со у"
)
_PREPOSITIONS = word_set("без в из из-за к над об от перед под с через")
_HARD_G = word_set("много немного строго дорого недорого убого полого отлого лого того-сего")

#: Spellings that are said otherwise, word by word or by their letters: pattern of the word → (old, new) phonemes.
_SAID: tuple[tuple[re.Pattern, str, str], ...] = (
    (re.compile(r"^(?:чт[оу](?!ж)|ничто|конечно|скучно|нарочно)"), "tɕ", "ʂ"),
    (re.compile(r"т(?:ь)?ся$"), r"tʲ? sʲ a", "ts a"),
    (re.compile(r"^сегодня"), "ɡ o", "v o"),
    (re.compile(r"[сз]ч|жч"), r"[szʐ] tɕ", "ɕː"),
    (re.compile(r"стн"), r"s tʲ? n", "s n"),
    (re.compile(r"здн"), r"z dʲ? n", "z n"),
    (re.compile(r"солнц"), r"o(ː?) l n", r"o\1 n"),
    (re.compile(r"[^л]вств"), "f s t v|v s t v", "s t v"),
)
_GENITIVE = re.compile(r"[ое]го(?:ся)?$")


def read(text: str) -> Reading:
    """IPA of Russian text."""
    words = list(word_pattern().finditer(text))
    pieces, guessed, end = [], [], 0
    for match, follower in zip(words, [*words[1:], None], strict=False):
        word = match[0].casefold()
        joined = follower is not None and word in _PREPOSITIONS and text[match.end() : follower.start()].isspace()
        phonemes, is_guess = _ipa(word, _spelt(follower[0].casefold())[0][0] if joined and follower else "")
        guessed += [word] * is_guess
        pieces += [text[end : match.start()], phonemes]
        end = match.end()
    return Reading("".join([*pieces, text[end:]]), tuple(guessed))


def identity() -> dict[str, str]:
    """What decides the readings."""
    return gruut_identity("ru", VERSION)


@lru_cache(maxsize=50_000)
def _ipa(word: str, follower: str) -> tuple[str, bool]:
    """IPA of a word before a sound that it leans on, or before none."""
    phones, guessed = _spelt(word)
    return "".join(_reduced(_assimilated(phones, follower), clitic=word in _CLITICS)), guessed


@lru_cache(maxsize=50_000)
def _spelt(word: str) -> tuple[list[str], bool]:
    """The lexicon's phonemes of a word, each as it is said in its place but for voicing and stress."""
    phonemes, guessed = words_of("ru").read(word)
    phones = _as_said(word, phonemes.replace("\u0361", "").replace("g", "ɡ")).split()
    return _after_sibilants(phones) or [""], guessed


def _as_said(word: str, phonemes: str) -> str:
    """Space-separated phonemes with the readings that spelling hides."""
    for spelling, old, new in _SAID:
        if spelling.search(word):
            phonemes = re.sub(old, new, phonemes, count=1)
    if _GENITIVE.search(word) and word not in _HARD_G:
        head, _, tail = phonemes.rpartition("ɡ")
        phonemes = f"{head}v{tail}" if head else phonemes
    return phonemes


def _after_sibilants(phones: list[str]) -> list[str]:
    """ʐ, ʂ and ts are hard: what is written и after them is ɨ."""
    pairs = zip(["", *phones], phones, strict=False)
    return [phone.replace("i", "ɨ") if before in _HARD_ONLY else phone for before, phone in pairs]


def _assimilated(phones: list[str], follower: str) -> list[str]:
    """Obstruents take the voicing of the one that follows; at the end of an utterance they are voiceless."""
    result = list(phones)
    before = _voicing(follower.removesuffix("ʲ")) if follower else "voiceless"
    for at in range(len(result) - 1, -1, -1):
        phone, soft = result[at].removesuffix("ʲ"), "ʲ" if result[at].endswith("ʲ") else ""
        if before == "voiceless":
            phone = _DEVOICED.get(phone, phone)
        elif before == "voiced":
            phone = _VOICED.get(phone, phone)
        result[at] = phone + soft
        before = "" if phone == "v" else _voicing(phone)  # v is devoiced but voices nothing
    return result


def _voicing(phone: str) -> str:
    if phone in _DEVOICED or phone in _VOICED.values():
        return "voiced"
    return "voiceless" if phone in {*_DEVOICED.values(), *_VOICED, "ɕː"} else ""


def _reduced(phones: list[str], clitic: bool) -> list[str]:
    """Stress marks before stressed vowels; the others reduced by their place and the consonant before them."""
    vowels = [at for at, phone in enumerate(phones) if phone[0] in _VOWELS]
    stressed = next((at for at in vowels if phones[at].endswith("ː")), None)
    if stressed is None and len(vowels) == 1 and not clitic:
        stressed = vowels[0]
    result = [_dark(phone) for phone in phones]
    for number, at in enumerate(vowels):
        vowel = phones[at].removesuffix("ː")
        if at == stressed and not clitic:
            narrow = at + 1 < len(phones) and _is_soft(phones[at + 1])
            result[at] = f"ˈ{'ɛ' if vowel == 'e' and not narrow else vowel}"
            continue
        pretonic = stressed is not None and number + 1 < len(vowels) and vowels[number + 1] == stressed
        result[at] = _weak(vowel, _is_soft(phones[at - 1]) if at else False, pretonic or at == 0, at == len(phones) - 1)
    return result


def _weak(vowel: str, soft: bool, strong_place: bool, final: bool) -> str:
    """An unstressed vowel; `strong_place` is the syllable before the stress, or the start of the word."""
    if vowel in "iɨ":
        return "ɪ" if vowel == "i" else "ɨ"
    if vowel == "u":
        return "ʊ"
    if vowel == "e":
        return "ɪ" if soft or strong_place else "ɨ"
    if soft:
        return "ə" if final else "ɪ"
    return "ɐ" if strong_place else "ə"


def _is_soft(phone: str) -> bool:
    return phone.endswith("ʲ") or phone in _SOFT_ONLY


def _dark(phone: str) -> str:
    return "ɫ" if phone == "l" else phone
