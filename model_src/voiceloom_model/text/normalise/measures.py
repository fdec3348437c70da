"""Money, per cent and units of measure."""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.normalise.numerals import case_before, compiled, fill, gender, in_case, noun, replace, spell
from voiceloom_model.text.normalise.rules import Rules
from voiceloom_model.text.normalise.written import MINUS, alternatives, number_pattern, plain, split, spoken


def read_money(text: str, rules: Rules) -> str:
    """Amounts of money, the sign before or after: $5.30, 12,50 €, 3 Mio. Euro."""
    if not rules.money:
        return text
    pattern = _money_pattern(rules)
    return replace(pattern, lambda match: _price(match, rules) + _stop(match, match["s2"] or ""), text, rules)


@lru_cache(maxsize=64)
def _money_pattern(rules: Rules) -> re.Pattern[str]:
    signs = alternatives(rules.money)
    number, big = rf"[{MINUS}]?{number_pattern(rules)}", rf"(?:\s?(?P<b>{alternatives(rules.big)})(?!\w))?"
    before = rf"(?<![^\W\d_])(?P<s1>{signs})\s?(?P<n1>{number}){big.replace('<b>', '<b1>')}"
    end = r"(?!\w)" if rules.space else ""
    after = rf"(?<![\w.,])(?P<n2>{number}){big.replace('<b>', '<b2>')}\s?(?P<s2>{signs}){end}"
    return compiled(f"{before}|{after}", rules)


def _price(match: re.Match[str], rules: Rules) -> str:
    sign, number, big = (match[f"{key}1"] or match[f"{key}2"] for key in "snb")
    units, _, hundredths = rules.money[sign].partition("/")
    whole, part = split(number, rules)
    case = case_before(match, rules)
    if big:
        count = rules.big[big]
        words = spoken(number, rules, gender(count), case)
        return f"{words} {noun(rules, count, plain(number, rules), case)}{rules.of}{noun(rules, units, '2', 'big')}"
    if not (hundredths and len(part) == 2 and rules.money_template) or part == "00":
        number = number[: -len(part) - 1] if part == "00" and rules.money_template else number
        return _counted(number, units, rules, case)
    minus = rules.minus + rules.space if number[0] in MINUS else ""
    parts = {
        "whole": spell(rules, int(whole), in_case(rules, gender(units), case)),
        "noun": noun(rules, units, whole.lstrip("0") or "0", case),
        "part": spell(rules, int(part), in_case(rules, gender(hundredths), case)),
        "cents": noun(rules, hundredths, part.lstrip("0"), case),
    }
    if not int(whole):
        return f"{minus}{fill('{part} {cents}', rules, parts)}"
    return minus + fill(rules.money_template, rules, parts)


def _counted(number: str, nouns: str, rules: Rules, case: str) -> str:
    parts = {
        "number": spoken(number, rules, gender(nouns), case),
        "noun": noun(rules, nouns, plain(number, rules), case),
    }
    return fill(rules.unit_template, rules, parts)


def read_measures(text: str, rules: Rules) -> str:
    """Numbers with a unit or a per cent sign."""
    pattern = _measure_pattern(rules)
    return replace(pattern, lambda match: _measure(match, rules) + _stop(match, match["u"]), text, rules)


def _stop(match: re.Match[str], unit: str) -> str:
    """The stop of "5 min." where it also ends the sentence."""
    rest = match.string[match.end() :].lstrip("\"')")
    return (
        "."
        if unit.endswith(".") and (not rest or (re.match(r"\s+[^\W\d_]", rest) and rest.lstrip()[0].isupper()))
        else ""
    )


@lru_cache(maxsize=64)
def _measure_pattern(rules: Rules) -> re.Pattern[str]:
    units = {**rules.units, **{unit.translate(str.maketrans("²³", "23")): noun for unit, noun in rules.units.items()}}
    end = r"(?!\w)" if rules.space else r"(?![A-Za-z])"
    sign = rf"(?:(?<![\w.,)%{MINUS}])[{MINUS}])?"
    return compiled(
        rf"(?<![\d.,])(?P<n>{sign}{number_pattern(rules)})\s?(?P<u>%|(?:{alternatives(units)}){end})", rules
    )


def _measure(match: re.Match[str], rules: Rules) -> str:
    number, unit, case = match["n"], match["u"], case_before(match, rules)
    if unit == "%":
        words = {"number": spoken(number, rules, gender(rules.percent), case)}
        words["noun"] = noun(rules, rules.percent, plain(number, rules), case)
        return fill(rules.percent_template, rules, words)
    nouns = rules.units.get(unit) or rules.units[unit.translate(str.maketrans("23", "²³"))]
    return _counted(number, nouns, rules, case)
