"""Text in another script with words in Latin letters between: those are read as English, which is always there."""

from __future__ import annotations

import re
from collections.abc import Callable

from voiceloom_model.text import english
from voiceloom_model.text.reading import Reading

_LATIN = re.compile(r"[A-Za-z]+(?:['’. -]?[A-Za-z]+)*")


def read_mixed(text: str, native: re.Pattern, read_native: Callable[[str], Reading]) -> Reading:
    """Read the stretches that match `native` with `read_native`, Latin ones as English; the rest stays."""
    guessed: list[str] = []

    def replace(match: re.Match) -> str:
        stretch = match[0]
        reading = read_native(stretch) if native.match(stretch) else english.american(stretch)
        guessed.extend(reading.guessed)
        return f" {reading.phonemes} "

    phonemes = re.sub(rf"{native.pattern}|{_LATIN.pattern}", replace, text)
    return Reading(phonemes, tuple(guessed))
