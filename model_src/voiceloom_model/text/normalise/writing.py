"""What is written but not read as it stands: addresses, abbreviations, symbols."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from voiceloom_model.text.normalise.numerals import replace, spell_digits
from voiceloom_model.text.normalise.rules import Rules

_EMAIL = r"[\w.+-]*\w@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}"
_URL = r"(?:(?:https?|ftp)://|www\.)[^\s<>\"，。；、）]*[^\s<>\".,;:!?)'\]，。；、）]"
_DOMAIN = r"(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:com|org|net|edu|gov|io|eu|info)(?:/[\w/.-]*\w)?(?!\w|\.\w)"
_LINK = re.compile(rf"{_EMAIL}|{_URL}|{_DOMAIN}")
_ASCII_LINK = re.compile(_LINK.pattern, re.ASCII)
_NEVER_SPOKEN = re.compile(r"[*_\\|^~<>{}\[\]•·●■◆†‡¶™®©¨¯¸˘˙˚˛˜˝]+")


def read_links(text: str, rules: Rules) -> str:
    """E-mail and web addresses part by part: "john dot doe at example dot com"."""
    text = re.sub(r"<([^\W\d][^<>]*)>", r" \1 ", text)
    if "." not in text:
        return text
    return replace(_LINK if rules.space else _ASCII_LINK, lambda match: _address(match[0], rules), text, rules)


def _address(address: str, rules: Rules) -> str:
    address = re.sub(r"^\w+://", "", address).rstrip("/")
    marks = {"@": rules.at, ".": rules.dot, "/": rules.slash, "-": rules.hyphen, "_": rules.underscore}
    words = []
    for part in re.findall(r"[^\W\d_]+|\d+|\S", re.sub(r"\bwww\b", "w.w.w.", address).replace("w.w.w..", "w w w .")):
        words.append(spell_digits(rules, part) if part.isdecimal() else marks.get(part, part if part.isalnum() else ""))
    last = rules.domains.get(words[-1].lower(), words[-1])
    return " ".join(word for word in (*words[:-1], last) if word)


def read_abbreviations(text: str, rules: Rules) -> str:
    """Abbreviations in words; the stop that also ends the sentence stays."""
    pattern = abbreviation_pattern(rules)
    return re.sub(pattern, lambda match: _abbreviation(match, rules), text) if pattern != "(?!)" else text


@lru_cache(maxsize=64)
def abbreviation_pattern(rules: Rules) -> str:
    """Every abbreviation of a language as one pattern; a space inside one may be missing."""
    tables = (rules.abbreviations, rules.closing, rules.before_number, rules.before_name)
    keys = {key for table in tables for key in _capitalised(table)}
    if not keys:
        return "(?!)"
    alternatives = (re.escape(key).replace(r"\ ", r"\s?") for key in sorted(keys, key=len, reverse=True))
    start, end = (r"(?<![\w.])", r"(?!\w)") if rules.space else ("", "")
    return rf"{start}(?:{'|'.join(alternatives)}){end}"


@lru_cache(maxsize=64)
def _by_letters(rules: Rules) -> list[dict[str, str]]:
    tables = (rules.before_number, rules.before_name, rules.abbreviations, rules.closing)
    return [{key.replace(" ", ""): words for key, words in _capitalised(table).items()} for table in tables]


def _capitalised(table: Mapping[str, str]) -> dict[str, str]:
    """A table of abbreviations with those that begin a sentence: Fig. beside fig."""
    return {key[0].upper() + key[1:]: words[0].upper() + words[1:] for key, words in table.items()} | {**table}


def _abbreviation(match: re.Match[str], rules: Rules) -> str:
    if _measure_after_number(match, rules):
        return match[0]
    written, rest = match[0].replace(" ", ""), match.string[match.end() :]
    before_number, before_name, always, closing = _by_letters(rules)
    next_letter = rest.lstrip()[:1]
    space = "" if not next_letter.isalnum() or rest[:1].isspace() else rules.space
    numbered = next_letter.isdigit() or re.match(r"[IVXLC]+\b", rest.lstrip())
    if written in before_number and numbered:
        return before_number[written] + space
    if written in before_name and next_letter.isupper():
        return before_name[written] + space
    words = always.get(written) or closing.get(written)
    if words is None:
        return match[0]
    ends = not rest.strip("\"') ") or (written in closing and rest[:1].isspace() and next_letter.isupper())
    return words + ("." if ends and written.endswith(".") and not words.endswith(".") else space)


def _measure_after_number(match: re.Match[str], rules: Rules) -> bool:
    """5 min., 3 Mio.: a unit after its number is no abbreviation of anything else."""
    tables = (rules.units, rules.money, rules.big)
    if not any(written in table for table in tables for written in (match[0], match[0].rstrip("."))):
        return False
    return match.string[: match.start()].rstrip()[-1:].isdigit()


def read_symbols(text: str, rules: Rules) -> str:
    """Symbols as words; those that nobody reads become a space."""
    if rules.symbols:
        text = re.sub(_symbol_pattern(rules), lambda match: _spaced(rules.symbols[match[0]], rules), text)
    return text


@lru_cache(maxsize=64)
def _symbol_pattern(rules: Rules) -> str:
    return "|".join(re.escape(symbol) for symbol in sorted(rules.symbols, key=len, reverse=True))


def _spaced(word: str, rules: Rules) -> str:
    return f"{rules.space}{word}{rules.space}" if word else " "


def tidy(text: str, rules: Rules) -> str:
    """What is left of brackets, bullets and spaces after the words are in."""
    text = re.sub(r"(?<=[^\W\d_])/(?=[^\W\d_])", " ", text)
    text = _NEVER_SPOKEN.sub(" ", text)
    text = re.sub(r"\s+([,.;!?])", r"\1", text)
    return " ".join(text.split())
