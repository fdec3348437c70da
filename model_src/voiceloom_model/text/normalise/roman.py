"""Roman numerals."""

from __future__ import annotations

import re

_LETTERS = {"I": 1, "V": 5, "X": 10, "L": 50, "C": 100}
_WELL_FORMED = re.compile(r"C{0,3}(?:XC|XL|L?X{0,3})(?:IX|IV|V?I{0,3})")


def value(numeral: str) -> int | None:
    """The number of a numeral below 400, None where it is no proper one."""
    if not _WELL_FORMED.fullmatch(numeral) or not numeral:
        return None
    digits = [_LETTERS[letter] for letter in numeral]
    return sum(-a if a < b else a for a, b in zip(digits, [*digits[1:], 0], strict=True))
