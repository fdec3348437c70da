"""Numbers as they are written: their pattern, their parts, their reading."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from voiceloom_model.text.normalise.numerals import LONGEST, in_case, spell, spell_decimal, spell_digits
from voiceloom_model.text.normalise.rules import Rules

MINUS = "-−"


@lru_cache(maxsize=64)
def number_pattern(rules: Rules) -> str:
    """Pattern of a number without sign: grouped or not, with decimals or not."""
    grouped = rf"\d{{1,3}}(?:{rules.groups}\d{{3}})+(?!\d)"
    return rf"(?:{grouped}|\d+)(?:{re.escape(rules.decimal)}\d+)?"


def alternatives(table: Iterable[str]) -> str:
    """A pattern of any of the keys, the longest first."""
    return "|".join(re.escape(key) for key in sorted(table, key=len, reverse=True)) or "(?!)"


def split(number: str, rules: Rules) -> tuple[str, str]:
    """The digits before and after the decimal separator, ungrouped and without sign."""
    whole, _, part = number.lstrip(MINUS).partition(rules.decimal)
    return re.sub(r"\D", "", whole), part


def plain(number: str, rules: Rules) -> str:
    """A written number as "1234.5", for `Rules.plural`."""
    whole, part = split(number, rules)
    return (whole.lstrip("0") or "0") + (f".{part}" if part else "")


def spoken(number: str, rules: Rules, form: str = "", case: str = "") -> str:
    """A number as it is written ("-1.234,5") in words."""
    whole, part = split(number, rules)
    minus = rules.minus + rules.space if number[0] in MINUS else ""
    form = in_case(rules, form, case)
    if not part:
        grouped = whole != number.lstrip(MINUS)
        return minus + (spell(rules, int(whole), form) if grouped else cardinal(whole, rules, form))
    if not rules.point and len(part) <= 6:
        return minus + spell_decimal(rules, f"{whole}.{part}")
    if rules.decimals is not None and len(part) <= 3:
        return minus + rules.decimals(lambda value, way: spell(rules, value, way), whole, part)
    zeros = len(part) - len(part.lstrip("0"))
    if rules.fraction_as_number and len(part) - zeros <= 2 and zeros < len(part):
        tail = [*([spell_digits(rules, "0" * zeros)] if zeros else []), spell(rules, int(part))]
    else:
        tail = [spell_digits(rules, part)]
    return minus + rules.space.join([spell(rules, int(whole)), rules.point, *tail])


def cardinal(digits: str, rules: Rules, form: str = "") -> str:
    """Digits without separators: one by one where they are a name rather than a number (007, 4815162342)."""
    named = (digits[0] == "0" and len(digits) > 1) or (len(digits) >= 10 and not digits.endswith("000000"))
    return spell_digits(rules, digits) if named or len(digits) > LONGEST else spell(rules, int(digits), form)
