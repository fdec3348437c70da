"""All that has digits in it: each kind of number in its turn, then the plain ones."""

from __future__ import annotations

import re

from voiceloom_model.text.normalise.dates import month_pattern
from voiceloom_model.text.normalise.measures import read_measures, read_money
from voiceloom_model.text.normalise.numerals import (
    case_before,
    compiled,
    fill,
    known,
    noun,
    replace,
    spell,
    spell_digits,
)
from voiceloom_model.text.normalise.ordinals import read_ordinals
from voiceloom_model.text.normalise.rules import Rules
from voiceloom_model.text.normalise.written import MINUS, alternatives, cardinal, number_pattern, spoken

_SIGNS = "$€£¥"
_VULGAR = {
    **{"½": "1/2", "⅓": "1/3", "⅔": "2/3", "¼": "1/4", "¾": "3/4", "⅕": "1/5", "⅖": "2/5", "⅗": "3/5", "⅘": "4/5"},
    **{"⅙": "1/6", "⅚": "5/6", "⅛": "1/8", "⅜": "3/8", "⅝": "5/8", "⅞": "7/8"},
}


def read_amounts(text: str, rules: Rules) -> str:
    """Everything that is left with digits in it, in words."""
    if not known(rules):
        return text
    for reader in (_phones, _dotted, read_ordinals, _ranges, _fractions, read_money, read_measures, _numbers):
        text = reader(text, rules)
    return text


def write_fractions(text: str) -> str:
    """½ as 1/2, apart from a number before it."""
    for symbol, fraction in _VULGAR.items():
        if symbol in text:
            text = re.sub(rf"(?<=\d)\s?{symbol}", f" {fraction}", text).replace(symbol, fraction)
    return text


def read_left_digits(text: str, rules: Rules) -> str:
    """What nothing else has read, one by one: any digit in a language without numbers, a superscript 2 or 3."""
    spaced = rules.space or " " * (not known(rules))
    plain = str.maketrans("²³", "23")
    return re.sub(r"\d+|[²³]", lambda match: spaced + spell_digits(rules, match[0].translate(plain)) + spaced, text)


def _phones(text: str, rules: Rules) -> str:
    """Telephone numbers: groups of single digits, or of pairs as in French, with commas between."""
    pattern = rf"(?<![\w.,+/-])(?<!\d )(?:{rules.phone}|(?:\+|0)[\d ()/-]{{5,}}\d)(?![\w/-]|[.,]\d)"
    return replace(pattern, lambda match: _phone(match[0], rules), text, rules)


def _phone(number: str, rules: Rules) -> str | None:
    groups = re.findall(r"\d+", number)
    named = len(groups) > 1 or number.startswith("+") or re.fullmatch(rules.phone, number)
    if not named or not 6 <= sum(map(len, groups)) <= 16:
        return None
    pairs = rules.phone_pairs and all(len(group) == 2 for group in groups)
    words = [_pair(group, rules) if pairs else spell_digits(rules, group) for group in groups]
    plus = rules.symbols.get("+", "") + rules.space if number.startswith("+") else ""
    return plus + (", " if rules.space else "、").join(words)


def _pair(digits: str, rules: Rules) -> str:
    return spell(rules, int(digits)) if digits[0] != "0" else spell_digits(rules, digits)


def _dotted(text: str, rules: Rules) -> str:
    """Versions and addresses such as 1.2.3, unless the stops part thousands."""

    def read(match: re.Match[str]) -> str | None:
        if re.fullmatch(number_pattern(rules), match[0]):
            return None
        numbers = (cardinal(part, rules) for part in match[0].split("."))
        return f"{rules.space}{rules.dot}{rules.space}".join(numbers)

    return replace(r"(?<![\w.,])\d+(?:\.\d+)+(?![\w]|[.,]\d)", read, text, rules)


def _ranges(text: str, rules: Rules) -> str:
    number = number_pattern(rules)
    unit = r"(?:\s?(?:[%€]|°C))?"
    pattern = rf"(?<![\w.,:-])([{_SIGNS}]?{number}{unit})(\s?[-–~〜]\s?|:)(?=[{_SIGNS}]?{number}(?![\w-]*[-:]\d))"

    def read(match: re.Match[str]) -> str:
        word = rules.ratio if match[2] == ":" and rules.ratio else rules.to
        if match[2] == ":" and re.match(r"\d\d(?!\d)", match.string[match.end() :]):
            word = ""  # minutes and seconds
        sign = match[1][0] if match[1][0] in _SIGNS else ""  # $5–10: five to ten dollars
        again = "" if match.string[match.end()] in _SIGNS else sign
        return match[1].removeprefix(sign) + (f"{rules.space}{word}{rules.space}" if word else rules.space) + again

    return compiled(pattern, rules).sub(read, text)


def _fractions(text: str, rules: Rules) -> str:
    parts = rules.fractions
    if parts is None:
        return text
    one, many = _table(parts.one), _table(parts.many)

    def read(match: re.Match[str]) -> str | None:
        n, d = int(match["n"]), int(match["d"])
        if d == 0:
            return None
        unit = f" {noun(rules, rules.units[match['u']], '2.5' if match['whole'] else rules.part)}" if match["u"] else ""
        if match["whole"] and parts.half and (n, d) == (1, 2):
            return fill(parts.half, rules, {"whole": int(match["whole"])}) + unit
        words = f"{spell(rules, int(match['whole']))} {parts.joined} " if match["whole"] else ""
        if n == 1 and d in one:
            words += one[d]
        elif 1 < n < 20 and d in many:
            words += f"{spell(rules, n, parts.form)} {many[d]}"
        else:
            words += fill(parts.other, rules, {"n": n, "d": d})
        return words + unit

    end = r"(?!\w)" if rules.space else r"(?![A-Za-z])"
    measure = rf"(?:\s?(?P<u>{alternatives(rules.units)}){end})?"
    pattern = rf"(?<![\w./,])(?:(?P<whole>\d{{1,4}})\s)?(?P<n>\d{{1,3}})/(?P<d>\d{{1,3}}){measure}(?![\w/]|[.,]\d)"
    return replace(pattern, read, text, rules)


def _table(names: str) -> dict[int, str]:
    return {int(key): name.replace("_", " ") for key, _, name in (item.partition(":") for item in names.split())}


def _numbers(text: str, rules: Rules) -> str:
    text = re.sub(r"(?<=\d),(?=\d{1,2}(?!\d))", ", ", text) if rules.decimal != "," else text
    text = re.sub(r"(?<=\d)(?=[^\W\d_])|(?<=[^\W\d_])(?=\d)", rules.space, text) if rules.space else text
    sign = rf"(?:(?<![\w.,)%{MINUS}])[{MINUS}])?"
    pattern = rf"(?<![\d.,]){sign}{number_pattern(rules)}|\d+"
    return replace(pattern, lambda match: _number_in_text(match, rules), text, rules)


def _number_in_text(match: re.Match[str], rules: Rules) -> str:
    number, rest = match[0], match.string[match.end() :]
    if number.isdigit() and len(number) == 4 and int(number) in rules.years:
        before = match.string[: match.start()]
        lone = rules.no_year and not re.match(rules.no_year, rest)
        if lone or re.search(rf"(?:{rules.year_context}|\b(?:{month_pattern(rules)})[.,]?)\s?$", before):
            return spell(rules, int(number), "y")
    for written, following, form in rules.agreement:
        if re.fullmatch(written, number) and re.match(following, rest):
            return spoken(number, rules, form, case_before(match, rules))
    return spoken(number, rules, "", case_before(match, rules))
