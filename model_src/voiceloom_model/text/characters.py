"""The front end `characters`, for every language without one of its own: a letter stands for itself.

Letters are casefolded and decomposed (NFD). What the table of symbols lacks, such as most accents and every
script but the Latin one, is left out by `encode` and reported; digits stay digits. A voice trained so learns
spelling and sound at once, which regular orthographies (Spanish, Italian, Finnish) bear, English would not.
"""

from __future__ import annotations

NAME = "characters"
VERSION = "1"


def phonemes_of(text: str) -> str:
    """The casefolded characters of `text`."""
    return text.casefold()


def identity() -> dict[str, str]:
    """Name and version; there is no data behind it."""
    return {"name": NAME, "version": VERSION, "data": ""}
