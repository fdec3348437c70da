"""From text as it is written to text as it is spoken; which words stand for what, each language's file says."""

from __future__ import annotations

import re
from functools import lru_cache
from importlib import import_module

from voiceloom_model.text.languages import base_language
from voiceloom_model.text.normalise import amounts, dates, ordinals, writing
from voiceloom_model.text.normalise.clean import clean
from voiceloom_model.text.normalise.rules import Rules

NORMALISER = "1"  # raise it when a reading changes

#: Languages with a file of rules here; any other has its numbers spelt.
RULES = {name: name for name in ("en", "de", "es", "fr", "it", "ru", "cs", "nl", "pt", "zh", "ja")}
RULES |= {"yue": "zh"}
#: Where CLDR's decimals come out wrong (3,5 as "trzy przecinek zero").
_POINT_WORDS = {"pl": "przecinek", "kk": "бүтін", "ky": "бүтүн", "zu": "iphuzu"}
#: Languages without rules here that write 3.5, not 3,5.
_POINT_LANGUAGES = frozenset(
    [
        "he",
        "hi",
        "ko",
        "th",
        "ms",
        "ta",
        "te",
        "bn",
        "ur",
        "sw",
        "cy",
        "ga",
        "am",
        "fa",
        "ar",
        "ne",
        "my",
        "km",
        "fil",
        "zu",
        "yo",
        "mt",
    ]
)
_PASSES = 4  # a reading may open another ("Fig. IV" → "Figure IV"); real text settles in two


def normalise(text: str, language: str) -> str:
    """`text` as a speaker of `language` (a BCP 47 tag) would read it out, without a digit in it.

    A language with neither rules here nor numbers in CLDR has its digits spelt one by one where ten words are
    known, else they stay, one by one and in ASCII. Normalising twice changes nothing.

    Raises:
        ModuleNotFoundError: a number has to be spelt and the `languages` extra is missing (English needs none).
    """
    text = clean(text)
    rules = rules_of(language)
    for _ in range(_PASSES):
        if not _expandable(rules).search(text):
            break
        text, before = clean(_expand(text, rules)), text
        if text == before:
            break
    return text


def _expand(text: str, rules: Rules) -> str:
    text = writing.read_links(amounts.write_fractions(text), rules)
    text = dates.read_dates(text, rules)
    text = ordinals.read_extra(text, rules)
    text = ordinals.read_romans(text, rules)
    text = dates.read_clocks(text, rules)
    text = writing.read_abbreviations(text, rules)
    if any(letter.isdigit() for letter in text):
        text = amounts.read_amounts(text, rules)
    text = writing.read_symbols(text, rules)
    text = amounts.read_left_digits(text, rules)
    return writing.tidy(text, rules)


@lru_cache(maxsize=64)
def rules_of(language: str) -> Rules:
    """The rules of a BCP 47 tag; a regional tag (`en-GB`) may have its own in the language's file."""
    base = "sr_Latn" if language.lower().startswith("sr-latn") else base_language(language)
    if base not in RULES:
        point = base in _POINT_LANGUAGES
        groups = "," if point else r"[. ']"
        return Rules(language=base, decimal="." if point else ",", groups=groups, point=_POINT_WORDS.get(base, ""))
    module = import_module(f"voiceloom_model.text.normalise.{RULES[base]}")
    parts = language.lower().split("-")
    tags = ("-".join(parts[:length]) for length in range(len(parts), 0, -1))
    return next((module.REGIONS[tag] for tag in tags if tag in module.REGIONS), module.RULES)


@lru_cache(maxsize=64)
def _expandable(rules: Rules) -> re.Pattern[str]:
    """What any pass could act on: text without it goes through untouched."""
    words = writing.abbreviation_pattern(rules)
    symbols = re.escape("".join(rules.symbols)) + r"@\u00b2\u00b3½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞*|\\~_"
    romans = r"|\b[IVXLC]+" if rules.romans else ""
    return re.compile(rf"[\d{symbols}]|://|www\.{romans}|{words}")
