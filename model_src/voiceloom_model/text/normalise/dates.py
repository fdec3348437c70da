"""Dates and times of day."""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.normalise.numerals import case_before, compiled, fill, noun, replace, spell
from voiceloom_model.text.normalise.rules import Rules

_ISO = r"(?<![\w-]){y}-{m}-{d}(?![\w-])"


def read_dates(text: str, rules: Rules) -> str:
    """Dates with the month's name, in the local order of numbers, and in ISO 8601."""
    if not rules.months:
        return text
    for pattern, template in rules.written_dates:
        text = replace(_written(rules, pattern), lambda match, way=template: _date(match, rules, way), text, rules)
    for pattern in (*rules.numeric_dates, _ISO):
        text = replace(_numeric(rules, pattern), lambda match: _date(match, rules, rules.date), text, rules)
    return text


def month_pattern(rules: Rules) -> str:
    """Every written name of a month, the longest first."""
    return "|".join(re.escape(name) for name in sorted(_month_numbers(rules), key=len, reverse=True))


@lru_cache(maxsize=64)
def _month_numbers(rules: Rules) -> dict[str, int]:
    months = enumerate(rules.month_names.split(","), start=1)
    return {name: number for number, names in months for name in names.split()}


@lru_cache(maxsize=256)
def _written(rules: Rules, pattern: str) -> re.Pattern[str]:
    month = rf"(?P<m>{month_pattern(rules)})"
    parts = pattern.replace("{d}", r"(?P<d>\d{1,2})").replace("{m}", month).replace("{y}", r"(?P<y>\d{4})")
    return compiled(rf"(?<![\w.,]){parts}(?!\w)", rules)


@lru_cache(maxsize=256)
def _numeric(rules: Rules, pattern: str) -> re.Pattern[str]:
    parts = pattern.replace("{d}", r"(?P<d>\d{1,2})").replace("{m}", r"(?P<m>\d{1,2})")
    return compiled(parts.replace("{y}", r"(?P<y>\d{4}|\d{2})"), rules)


def _date(match: re.Match[str], rules: Rules, template: str) -> str | None:
    day, year = int(match["d"] or 1), match["y"]
    month = int(match["m"]) if match["m"].isdigit() else _month_numbers(rules)[match["m"]]
    if not (1 <= month <= 12 and 1 <= day <= 31):
        return None
    template = re.sub(r"\[(.*?)\]", r"\1" if year else "", template)
    if day == 1 and rules.first_day:
        template = re.sub(r"\{day[:\w.?]*\}", rules.first_day, template)
    parts = {"day": day, "month": rules.months[month - 1], "year": _whole_year(year or "0")}
    return fill(template, rules, parts, case_before(match, rules))


def _whole_year(year: str) -> int:
    return int(year) if len(year) != 2 else int(year) + (1900 if int(year) > 30 else 2000)


def read_clocks(text: str, rules: Rules) -> str:
    """Times such as 14:30, 8:05:10 or what else `rules.clock_marks` stands in."""
    if not rules.months:
        return text
    text = _clock_range(rules).sub(lambda match: f"{match[1]} {rules.to} ", text)
    return replace(_clock(rules), lambda match: _time(match, rules), text, rules)


@lru_cache(maxsize=64)
def _clock_range(rules: Rules) -> re.Pattern[str]:
    return compiled(r"((?<![\d:.,])\d{1,2}:[0-5]\d)\s?[-–]\s?(?=\d{1,2}:[0-5]\d)", rules)


@lru_cache(maxsize=64)
def _clock(rules: Rules) -> re.Pattern[str]:
    seconds = r"(?::(?P<s>[0-5]\d))?"
    pattern = rf"(?<![\d:.,])(?P<h>[01]?\d|2[0-4])(?:{rules.clock_marks})(?P<min>[0-5]\d){seconds}"
    return compiled(rf"{pattern}(?:{rules.clock_after})?(?![\d:])", rules)


def _time(match: re.Match[str], rules: Rules) -> str:
    hour, minute = int(match["h"]), int(match["min"])
    template = rules.clock if minute else rules.clock_full
    if 0 < minute < 10 and rules.clock_oh:
        template = rules.clock_oh
    words = fill(template, rules, {"hour": hour, "minute": minute, "h": noun_of_hours(rules, hour)})
    if match["s"] and int(match["s"]):
        number = str(int(match["s"]))
        words += f"{rules.space}{spell(rules, int(number))}{rules.space}{noun(rules, rules.clock_second, number)}"
    return words


def noun_of_hours(rules: Rules, hour: int) -> str:
    """ "hour" or "hours", where the unit `h` is known."""
    return noun(rules, rules.units.get("h", ":"), str(hour))
