"""Numbers as words: unicode-rbnf's rule sets, or a language's own function."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from functools import lru_cache
from typing import TYPE_CHECKING

from voiceloom_model.text.normalise.rules import Rules

if TYPE_CHECKING:
    from unicode_rbnf import RbnfEngine

#: unicode-rbnf knows no number of 18 digits; from here on digits are read one by one.
LONGEST = 15

#: Languages that unicode-rbnf lacks are read digit by digit.
_TEN_DIGITS = {
    "bn": "শূন্য এক দুই তিন চার পাঁচ ছয় সাত আট নয়",
    "te": "సున్నా ఒకటి రెండు మూడు నాలుగు ఐదు ఆరు ఏడు ఎనిమిది తొమ్మిది",
    "ur": "صفر ایک دو تین چار پانچ چھ سات آٹھ نو",
    "eu": "zero bat bi hiru lau bost sei zazpi zortzi bederatzi",
    "gl": "cero un dous tres catro cinco seis sete oito nove",
    "uz": "nol bir ikki uch toʻrt besh olti yetti sakkiz toʻqqiz",
    "mn": "тэг нэг хоёр гурав дөрөв тав зургаа долоо найм ес",
    "yo": "òdo ọ̀kan èjì ẹ̀ta ẹ̀rin àrún ẹ̀fà èje ẹ̀jọ ẹ̀sán",
    "la": "nihil unus duo tres quattuor quinque sex septem octo novem",
}
_ALIASES = {"nb": "no", "tl": "fil", "iw": "he", "in": "id", "sh": "sr_Latn"}


def spell(rules: Rules, number: int, form: str = "") -> str:
    """`number` (not negative) in words of `rules`' language, in `form`."""
    if form == "d" or number >= 10**LONGEST:
        return spell_digits(rules, str(number))
    if rules.spell is not None:
        words = rules.spell(number, form)
        if words:
            return words
    rule_set = rules.forms.get(form) or rules.forms.get(form.partition(".")[0])
    words = _format(rules.language, number, rule_set)
    for forms, pattern, replacement in rules.polish:
        if re.fullmatch(forms, form):
            words = re.sub(pattern, replacement, words)
    return words


def spell_decimal(rules: Rules, number: str) -> str:
    """A number such as "3.5" as CLDR reads it."""
    return _format(rules.language, Decimal(number), None)


def spell_digits(rules: Rules, digits: str) -> str:
    """`digits` one by one; as they are, apart by spaces, in a language whose words for them are not known."""
    words = (rules.digits or _TEN_DIGITS.get(rules.language, "")).split()
    if words:
        return rules.space.join(words[int(digit)] for digit in digits)
    if not known(rules):
        return " ".join(digits)
    return rules.space.join(spell(rules, int(digit)) for digit in digits)


def known(rules: Rules) -> bool:
    """Whether numbers of this language can be spelt as numbers at all."""
    if rules.spell is not None:
        return True
    return rules.language not in _TEN_DIGITS and _load(rules.language) is not None


def _format(language: str, number: int | Decimal, rule_set: str | None) -> str:
    engine = _load(language)
    if engine is None:
        raise ValueError(f"no words for the numbers of language {language!r}")
    from unicode_rbnf.engine import NoRuleForNumberError

    try:
        words = engine.format_number(number, ruleset_names=[rule_set] if rule_set else None).text
    except NoRuleForNumberError:  # Khmer and Sundanese end at 999 thousand million
        words = " ".join(engine.format_number(int(digit)).text for digit in str(number) if digit.isdigit())
    return words.replace("\u200b", "")  # Thai comes with marks where a line may break


@lru_cache(maxsize=64)
def _load(language: str) -> RbnfEngine | None:
    """The number rules of a language, or None where CLDR has none."""
    try:
        from unicode_rbnf import RbnfEngine
    except ModuleNotFoundError:
        raise ModuleNotFoundError(
            f"numbers of language {language!r} need unicode-rbnf: pip install 'voiceloom-model[languages]'"
        ) from None
    name = _ALIASES.get(language, language)
    return RbnfEngine.for_language(name) if name in RbnfEngine.get_supported_languages() else None


def fill(template: str, rules: Rules, parts: Mapping[str, int | str], case: str = "") -> str:
    """`template` with its parts: numbers spelt in the form they stand with, words as they are."""

    def part(match: re.Match[str]) -> str:
        value = parts[match[1]]
        return value if isinstance(value, str) else spell(rules, value, in_case(rules, match[2] or "", case))

    return re.sub(r"\{(\w+)(?::([\w.?]+))?\}", part, template)


def in_case(rules: Rules, form: str, case: str) -> str:
    """`form` in `case`, where the language has it; "o?gen" is genitive where nothing else is asked for."""
    form, _, usual = form.partition("?")
    inflected = f"{form}.{case or usual}"
    return inflected if inflected in rules.forms else f"{form}.{usual}" if usual else form


def case_before(match: re.Match[str], rules: Rules) -> str:
    """The case that the word before a match asks for; "" for none."""
    if not rules.governors:
        return ""
    word = re.search(r"([^\W\d_]+)\W?\s*$", match.string[max(0, match.start() - 30) : match.start()])
    return rules.governors.get(word[1].lower(), "") if word else ""


def noun(rules: Rules, nouns: str, number: str, case: str = "") -> str:
    """The form of a noun ("gender:one|many") that goes with a number such as "1" or "2.5"."""
    forms = nouns.partition(":")[2].split("|")
    if rules.decline is not None and case not in rules.cases:
        declined = rules.decline(forms[-1], case)
        if declined:
            return declined
    return forms[min((rules.cases.get(case) or rules.plural)(number), len(forms) - 1)]


def gender(nouns: str) -> str:
    """The gender that a noun ("gender:one|many") gives its number."""
    return nouns.partition(":")[0]


def replace(
    pattern: str | re.Pattern[str], reader: Callable[[re.Match[str]], str | None], text: str, rules: Rules
) -> str:
    """`text` with matches as `reader` reads them (None: left alone), never grown together with a letter beside."""

    def read(match: re.Match[str]) -> str:
        words = reader(match)
        if words is None or not rules.space:
            return match[0] if words is None else words
        before, after = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        head, tail = words[:1].isalnum() and before.isalnum(), words[-1:].isalnum() and after.isalnum()
        return " " * head + words + " " * tail

    return re.sub(pattern if isinstance(pattern, re.Pattern) else compiled(pattern, rules), read, text)


@lru_cache(maxsize=4096)
def compiled(pattern: str, rules: Rules) -> re.Pattern[str]:
    """`pattern` for text of `rules`: where words are written without spaces, only Latin letters make a word."""
    return re.compile(pattern, re.UNICODE if rules.space else re.ASCII)
