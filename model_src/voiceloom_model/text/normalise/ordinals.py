"""Ordinals, Roman numerals and the patterns that are a language's own."""

from __future__ import annotations

import re
from functools import lru_cache

from voiceloom_model.text.normalise import roman
from voiceloom_model.text.normalise.numerals import case_before, compiled, fill, in_case, replace, spell
from voiceloom_model.text.normalise.rules import Rules


def read_extra(text: str, rules: Rules) -> str:
    """The language's own patterns."""
    for pattern, template in rules.extra:
        text = replace(pattern, lambda match, way=template: _named(match, rules, way), text, rules)
    return text


def _named(match: re.Match[str], rules: Rules, template: str) -> str:
    parts = {name: int(word) if word.isdigit() else word for name, word in match.groupdict().items() if word}
    return fill(template, rules, parts, case_before(match, rules))


def read_romans(text: str, rules: Rules) -> str:
    """Roman numerals where `rules.romans` says that they are some."""
    for entry in rules.romans:

        def read(match: re.Match[str], entry=entry) -> str | None:
            number = roman.value(match["roman"])
            if number is None:
                return None
            form = entry.form if number <= entry.limit else entry.beyond
            template = entry.template if number <= entry.limit else "{}"
            return match["before"] + template.format(spell(rules, number, form))

        text = replace(_roman_pattern(entry.before, entry.after, rules), read, text, rules)
    return text


@lru_cache(maxsize=256)
def _roman_pattern(before: str, after: str, rules: Rules) -> re.Pattern[str]:
    return compiled(rf"(?P<before>{before})(?P<roman>[IVXLC]+)(?:{after})(?!\w)", rules)


def read_ordinals(text: str, rules: Rules) -> str:
    """Ordinals by their suffix (3rd, 2ª, 5-го) or, in German and Czech, their stop (der 3. Mann)."""
    for suffix, form in rules.ordinals:

        def read(match: re.Match[str], form: str = form) -> str:
            return spell(rules, int(re.sub(r"\D", "", match["n"])), in_case(rules, form, case_before(match, rules)))

        text = replace(
            rf"(?<![\w.,])(?P<n>\d{{1,3}}(?:{rules.groups}\d{{3}})+|\d{{1,6}}){suffix}(?!\w)", read, text, rules
        )
    if rules.dotted_ordinals:
        text = replace(_dotted_pattern(rules), lambda match: _dotted_ordinal(match, rules), text, rules)
    return text


@lru_cache(maxsize=64)
def _dotted_pattern(rules: Rules) -> re.Pattern[str]:
    return compiled(
        rf"(?P<before>\b(?:{rules.dotted_ordinals}) )?(?<![\w.,])(?P<n>\d{{1,4}})\.(?=\s(?P<next>\w))", rules
    )


def _dotted_ordinal(match: re.Match[str], rules: Rules) -> str | None:
    before = match["before"] or ""
    if not before and not match["next"].islower():
        return None
    case = rules.governors.get(before.strip().lower(), "") if before else case_before(match, rules)
    return before + spell(rules, int(match["n"]), in_case(rules, "o", case))
