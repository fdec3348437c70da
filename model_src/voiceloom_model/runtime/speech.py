"""Speech with times: which phoneme and which word sounds when.

Letters: N tokens.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from voiceloom_model.text import SYMBOLS, Tokens
from voiceloom_model.text.symbols import END_ID, START_ID, STRESS_MARKS

_SYMBOLS = {index: symbol for symbol, index in SYMBOLS.items()}
_MARKS = {0: "", **{level: mark for mark, level in STRESS_MARKS.items()}}


class Timed(NamedTuple):
    """A phoneme, a word or a passage, and when it sounds."""

    text: str
    start_s: float
    end_s: float


@dataclass(frozen=True)
class Speech:
    """Samples (T,) and what is heard in them, in order.

    A phoneme is a symbol with its stress mark before it and its length, tone and other marks after it. A word is as it
    stands in the text, its punctuation included; see `runtime.words`. Pauses and punctuation are in none of both.
    """

    samples: np.ndarray
    sample_rate_hz: int
    phonemes: tuple[Timed, ...]
    words: tuple[Timed, ...]


class Sound(NamedTuple):
    """A phoneme in frames of its passage, and which of the words between spaces it belongs to."""

    text: str
    start: int
    end: int
    word: int


def frames_a_token(tokens: Tokens, durations: Sequence[int], layout: str) -> list[int]:
    """Frames of each token of `encode` from those of the tokens as laid out, (N,).

    Spread, a stress mark counts to the token after it, and a blank to the one before it.
    """
    if layout != "spread":
        return list(durations)
    frames, at = [], 0
    for level in tokens.stress:
        size = 4 if level else 2
        frames.append(sum(durations[at : at + size]))
        at += size
    return frames


def sounds(tokens: Tokens, frames: Sequence[int]) -> Iterator[Sound]:
    """The phonemes of a passage, from its tokens and their frames (N,)."""
    made: Sound | None = None
    end = word = 0
    for token, level, size in zip(*tokens, frames, strict=True):
        start, end, symbol = end, end + int(size), _SYMBOLS[token]
        if made and _is_mark(symbol):
            made = made._replace(text=made.text + symbol, end=end)
            continue
        if made:
            yield made
        spoken = token not in (START_ID, END_ID) and symbol.isalpha()
        made = Sound(_MARKS[level] + symbol, start, end, word) if spoken else None
        word += symbol == " "
    if made:
        yield made


def _is_mark(symbol: str) -> bool:
    """Length, aspiration, nasality, rhotic hook, tone, pitch: what changes the phoneme before it."""
    return unicodedata.category(symbol) in {"Lm", "Mn", "Nd", "Sk", "Sm"}
