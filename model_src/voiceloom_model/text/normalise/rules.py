"""What the engine needs to know of a language: `Rules`, filled by one file of data a language.

Three notations keep the tables short. A *form* names a way to spell a number: "" counts, "m"/"f"/"n" agree with a
gender, "o…" is an ordinal, "y" a year, "d" digit by digit; `Rules.forms` says which rule set of unicode-rbnf each
form is. A *noun* is "gender:one|few|many|part", the forms that `Rules.plural` chooses among (the last one stands for
any that is missing). A *template* is text with "{name:form}" where a number comes, "{name}" where a word comes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

Speller = Callable[[int, str], str]


class Roman(NamedTuple):
    """Roman numerals between `before` and `after` (patterns) are spelt in `form` up to `limit`, then as `beyond`."""

    before: str
    after: str = ""
    form: str = ""
    limit: int = 10_000
    beyond: str = ""
    template: str = "{}"


class Fractions(NamedTuple):
    """Names of the parts: `one` "2:half 3:third …", `many` its plural; 2½ has `joined` between."""

    one: str
    many: str
    joined: str
    other: str  # template of {n} and {d} for all the rest
    form: str = ""  # of the number of parts
    half: str = ""  # ½ after a whole number, where it differs


def table(entries: str) -> dict[str, str]:
    """A table written "key=value; key, key=value"; a key may be "=" itself."""
    pairs = (entry[:1] + "\0".join(entry[1:].split("=", 1)) for entry in entries.split("; "))
    return {key: words for keys, _, words in (pair.partition("\0") for pair in pairs) for key in keys.split(", ")}


def one_or_more(number: str) -> int:
    """Which form of a noun: the first for 1, else the second (Germanic languages, Spanish, Italian)."""
    return 0 if number == "1" else 1


def below_two(number: str) -> int:
    """The first form for 0, 1 and their decimals (French, Brazilian Portuguese)."""
    return 0 if re.match(r"[01](?:[.,]|$)", number) else 1


def never(_: str) -> int:
    """Nouns without a plural."""
    return 0


@dataclass(frozen=True, kw_only=True, eq=False)  # its identity is its key in caches
class Rules:
    """The data of one language; every table may be empty."""

    language: str  # as unicode-rbnf names it
    decimal: str = ","
    groups: str = r"[. ']"  # pattern of the thousands separators
    forms: Mapping[str, str] = field(default_factory=dict)
    spell: Speller | None = None  # instead of unicode-rbnf
    polish: tuple[tuple[str, str, str], ...] = ()  # pattern of a form, pattern in its words, replacement
    digits: str = ""  # ten words, 0 to 9, for digit by digit; empty: as they are counted
    space: str = " "  # between a spelt number and its neighbours

    point: str = ""  # empty: decimals as CLDR reads them
    minus: str = "-"
    fraction_as_number: bool = False  # 3,14 read as three, fourteen
    decimals: Callable[[Speller, str, str], str] | None = None  # reads 3,14 some other way
    to: str = ""  # 10–20
    ratio: str = ""  # 3:1, where it is not as 10–20
    years: range = range(0)  # numbers read as years ("y") after `year_context` or a month
    year_context: str = ""  # pattern of what stands before a year
    no_year: str = ""  # pattern of what follows a number that is none; without it the context alone decides
    agreement: tuple[tuple[str, str, str], ...] = ()  # pattern of a number, pattern of what follows it, form
    governors: Mapping[str, str] = field(default_factory=dict)  # word before → case: form "m" becomes "m.case"
    decline: Callable[[str, str], str] | None = None  # a noun after five or more and a case → that case of it
    cases: Mapping[str, Callable[[str], int]] = field(default_factory=dict)  # case → which form of a noun

    plural: Callable[[str], int] = one_or_more
    part: str = "1"  # the number that half a kilometre counts as
    percent: str = ":%"
    units: Mapping[str, str] = field(default_factory=dict)
    unit_template: str = "{number} {noun}"
    percent_template: str = "{number} {noun}"
    money: Mapping[str, str] = field(default_factory=dict)  # symbol → noun, or "noun/noun of the hundredth"
    money_template: str = "{whole} {noun} {part} {cents}"
    big: Mapping[str, str] = field(default_factory=dict)  # "Mio." → noun, between a number and a currency
    of: str = " "  # between a big number and its currency

    months: tuple[str, ...] = ()  # as dates speak them
    month_names: str = ""  # as they are written: "January Jan, February Feb, …"
    written_dates: tuple[tuple[str, str], ...] = ()  # pattern with {d} {m} {y} → template; […] goes without year
    numeric_dates: tuple[str, ...] = ()  # patterns with {d} {m} {y} as numbers
    first_day: str = ""  # the 1st of a month, where it does not count like the others
    date: str = "{day} {month} {year:y}"  # template of numeric dates

    clock: str = "{hour} {minute}"
    clock_full: str = "{hour}"
    clock_oh: str = ""  # minutes 1-9, where they read otherwise
    clock_marks: str = ":"  # pattern between hours and minutes
    clock_after: str = ""  # swallowed after a time, such as " Uhr"
    clock_second: str = ":"  # noun

    phone: str = r"(?!)"
    phone_pairs: bool = False
    fractions: Fractions | None = None
    ordinals: tuple[tuple[str, str], ...] = ()  # pattern of a suffix → form
    dotted_ordinals: str = ""  # pattern of the words before "3." that make an ordinal of it
    romans: tuple[Roman, ...] = ()
    extra: tuple[tuple[str, str], ...] = ()  # pattern with named numbers → template, before all else

    abbreviations: Mapping[str, str] = field(default_factory=dict)
    closing: Mapping[str, str] = field(default_factory=dict)  # abbreviations that may end a sentence
    before_number: Mapping[str, str] = field(default_factory=dict)
    before_name: Mapping[str, str] = field(default_factory=dict)
    symbols: Mapping[str, str] = field(default_factory=dict)
    at: str = "@"
    dot: str = "."
    slash: str = "/"
    hyphen: str = "-"
    domains: Mapping[str, str] = field(default_factory=dict)  # last part of an address → its reading
    underscore: str = "_"
