"""Which front end reads which language; text goes through normalising, the user's lexicon and the front end.

To add a language: write one small module with a function text → `Reading` and its identity, and add it to the
dict `FRONT_ENDS`.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Mapping
from typing import TypeVar

from voiceloom_model.text import (
    cantonese,
    characters,
    english,
    espeak,
    european,
    french,
    japanese,
    korean,
    mandarin,
    russian,
    spelling,
)
from voiceloom_model.text.lexicon import Lexicon, Piece
from voiceloom_model.text.normalise import NORMALISER, normalise
from voiceloom_model.text.notation import NOTATION, in_one_notation
from voiceloom_model.text.reading import FrontEnd, Reading

Value = TypeVar("Value")

_HYPHEN = re.compile("^-|-$")
_APOSTROPHES = str.maketrans(dict.fromkeys("’‘ʼ`´", "'"))

AMERICAN = FrontEnd(english.american, english.american_identity, english.given)
BRITISH = FrontEnd(english.british, english.british_identity, english.given)
CHARACTERS = FrontEnd(characters.read, characters.identity)

#: The longest tag that begins a language's tag decides. What begins with none is read by its spelling where
#: orthography2ipa knows it (Spanish, Portuguese, Czech, Polish and many more), else by `CHARACTERS`.
FRONT_ENDS: dict[str, FrontEnd] = {
    "en": AMERICAN,
    **dict.fromkeys(("en-gb", "en-au", "en-nz", "en-za"), BRITISH),  # the accents that drop the r
    "de": european.GERMAN,
    "fr": FrontEnd(french.read, french.identity),
    "it": european.ITALIAN,
    "nl": european.DUTCH,
    "ru": FrontEnd(russian.read, russian.identity),
    "zh": FrontEnd(mandarin.read, mandarin.identity),
    **dict.fromkeys(("zh-yue", "yue", "zh-hk"), FrontEnd(cantonese.read, cantonese.identity)),
    "ja": FrontEnd(japanese.read, japanese.identity),
    "ko": FrontEnd(korean.read, korean.identity),
}

#: Front ends that a user may choose for a language instead: name → front end of a language's tag.
CHOICES: dict[str, Callable[[str], FrontEnd]] = {
    characters.NAME: lambda language: CHARACTERS,
    espeak.NAME: espeak.front_end,
}


def front_end_of(language: str, choice: str | None = None) -> FrontEnd:
    """The front end of a BCP 47 tag, or the one of `CHOICES` that was chosen for it.

    Raises `ValueError` for a choice there is not, and for packages that are not installed.
    """
    if choice is not None:
        if choice not in CHOICES:
            raise ValueError(f"there is no front end {choice!r} to choose; there are: {', '.join(CHOICES)}")
        return CHOICES[choice](language)
    found = _longest(FRONT_ENDS, language)
    return found or spelling.front_end(language) or CHARACTERS


def choice_for(language: str, choices: Mapping[str, str]) -> str | None:
    """What `features.front_ends` chooses for a tag: the longest tag that begins it decides."""
    return _longest({tag.lower(): choice for tag, choice in choices.items()}, language)


def choice_of(identity: Mapping[str, str]) -> str | None:
    """The choice that led to a front end with this identity; None for a language's own."""
    return identity["name"] if identity.get("name") in CHOICES else None


def front_end_identity(language: str, choice: str | None = None) -> dict[str, str]:
    """Name, version, data hash, notation and normaliser of what reads `language`; a voice refuses any other."""
    identity = front_end_of(language, choice).identity()
    return {**identity, "notation": NOTATION, "normaliser": NORMALISER}


def read(text: str, language: str, lexicon: Lexicon | None = None, choice: str | None = None) -> Reading:
    """IPA of `text` as `phonemize` gives it, and the words of it that had to be guessed.

    Raises `ValueError` when a package that the language or its numbers need is not installed.
    """
    lexicon = lexicon or Lexicon()
    front_end = front_end_of(language, choice)
    pieces = lexicon.pieces(_plain(text), language, spoken=False)
    pieces = [spoken for piece in pieces for spoken in _spoken(piece, language, lexicon)]
    reading = _read_pieces(pieces, front_end)
    return Reading(in_one_notation(reading.phonemes), reading.guessed)


def phonemize(text: str, language: str, lexicon: Lexicon | None = None, choice: str | None = None) -> str:
    """IPA of `text`: NFD code points, stress mark directly before its vowel, words apart by one space.

    Numbers and abbreviations are written out first, then `lexicon` wins over the language's front end (or the one
    chosen). Punctuation `. , ! ? ; : …` stays attached to its word; dashes become commas, quotes and brackets go.
    """
    return read(text, language, lexicon, choice).phonemes


def out_of_vocabulary(text: str, language: str, lexicon: Lexicon | None = None, choice: str | None = None) -> list[str]:
    """The words of `text`, casefolded, that no lexicon held and a network or CRF guessed, in their order."""
    return list(read(text, language, lexicon, choice).guessed)


def lexicon_key(text: str, language: str, lexicon: Lexicon) -> str:
    """What `lexicon` has to say about `text`, as a part of a row key; empty where it says nothing."""
    if not lexicon:
        return ""
    plain = _plain(text)
    return lexicon.found_in((plain, _normalised(plain, language)), language)


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).translate(_APOSTROPHES)


def _normalised(text: str, language: str) -> str:
    try:
        return normalise(text, language).translate(_APOSTROPHES)
    except ModuleNotFoundError as error:
        raise ValueError(str(error)) from error


def _spoken(piece: Piece, language: str, lexicon: Lexicon) -> list[Piece]:
    """A stretch without an entry: normalised, and cut at the entries that it holds then."""
    if piece.entry is not None:
        return [piece]
    lead, trail = (" " if piece.text[at : at + 1 or None].isspace() else "" for at in (0, -1))
    return lexicon.pieces(lead + _normalised(piece.text, language).strip() + trail, language)


def _read_pieces(pieces: list[Piece], front_end: FrontEnd) -> Reading:
    if front_end.given is not None:
        return front_end.read("".join(_written(piece, front_end.given) for piece in pieces))
    phonemes, guessed = [], []
    for piece in pieces:
        around = _HYPHEN.sub(" ", piece.text)  # what was left of a word that an entry is a part of
        reading = Reading(piece.entry.phonemes) if piece.entry else front_end.read(around)
        lead, trail = (_gap((around or " ")[at : at + 1 or None], piece) for at in (0, -1))
        phonemes.append(f"{lead}{reading.phonemes}{trail}")
        guessed += reading.guessed
    return Reading("".join(phonemes), tuple(guessed))


def _written(piece: Piece, given: Callable[[str, str], str]) -> str:
    return given(piece.text, piece.entry.phonemes) if piece.entry else piece.text


def _gap(edge: str, piece: Piece) -> str:
    """A space where the text has one, and around an entry in a script that has none."""
    unspaced = edge.isalpha() and unicodedata.east_asian_width(edge) == "W"
    return " " if edge.isspace() or (piece.entry and unspaced) else ""


def _longest(table: Mapping[str, Value], language: str) -> Value | None:
    """What a table of small tags holds for the longest beginning of a tag."""
    parts = language.lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((table[tag] for tag in tags if tag in table), None)
