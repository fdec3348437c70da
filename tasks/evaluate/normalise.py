"""Text as it is compared: what was to be said and what was heard are brought to the same spelling.

Neither side is favoured, both go through the same steps. In English, abbreviations, dates, times and numbers
are written as words, for a speech recogniser prefers digits where a script has words; then case, punctuation
and the "and" inside a number go. Words spelt apart here and together there ("voice mail") count as errors.
"""

from __future__ import annotations

import re
import unicodedata

NUMBER = re.compile(r"\d+(?:,\d{3})*(?:\.\d+)?(?:st|nd|rd|th)?\b|\d+")
CURRENCY = re.compile(r"([$£€])\s?(\d+(?:,\d{3})*(?:\.\d+)?)")
CURRENCY_NAMES = {"$": "dollars", "£": "pounds", "€": "euros"}
SIGNS = {"%": " percent ", "&": " and ", "@": " at ", "+": " plus ", "#": " number "}
INNER_MARK = re.compile(r"(?<=\w)['’.](?=\w)")
NUMBER_AND = re.compile(r"\b(hundred|thousand|million|billion) and\b")


def normalise(text: str, language: str) -> str:
    """Lower-case words separated by single spaces; `language` is a BCP 47 tag."""
    text = unicodedata.normalize("NFKC", text)
    if language.split("-")[0] == "en":
        text = _english(text)
    text = INNER_MARK.sub("", text.casefold())
    text = "".join(character if _spoken(character) else " " for character in text)
    return " ".join(NUMBER_AND.sub(r"\1", " ".join(text.split())).split())


def _spoken(character: str) -> bool:
    """Letters, digits and combining marks carry speech; everything else separates words."""
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _english(text: str) -> str:
    """Abbreviations, money, signs and numbers as English words."""
    from hibari.g2p.normalize import normalize

    text = CURRENCY.sub(lambda match: f"{match[2]} {CURRENCY_NAMES[match[1]]}", normalize(text))
    for sign, word in SIGNS.items():
        text = text.replace(sign, word)
    return NUMBER.sub(lambda match: f" {_number_words(match[0])} ", text)


def _number_words(number: str) -> str:
    """`1,234` or `2nd` or `3.14` in words; four plain digits from 1100 to 1999 are read as a year."""
    from hibari.g2p import numbers

    digits = number.replace(",", "")
    if digits[-1].isalpha():
        return numbers.ordinal(int(digits[:-2]))
    if "." in digits:
        return numbers.decimal(digits)
    if len(number) == 4 and 1100 <= int(number) < 2000:
        return numbers.year(int(number))
    return numbers.cardinal(int(digits))
