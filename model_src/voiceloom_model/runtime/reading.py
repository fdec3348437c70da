"""Text to passages of tokens, read by the front ends that the voice was trained with, as far as it has to be."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from voiceloom_model import text as front_end
from voiceloom_model.runtime.passages import passages
from voiceloom_model.runtime.speech import Sound, sounds

#: More phonemes than any passage has but of numbers or of a strange lexicon; what has more is spoken in pieces.
MAX_TOKENS = 480
_SPACE = front_end.SYMBOLS[" "]


class Passage(NamedTuple):
    """A stretch of text that is spoken in one go, and its tokens as `encode` gives them.

    A piece of a passage that was too long has no text of its own.
    """

    text: str
    tokens: front_end.Tokens


class Reader:
    """Reads text by the user's lexicon and by the front ends (by language) of `Description.front_ends`."""

    def __init__(self, lexicon: front_end.Lexicon, front_ends: Mapping[str, Mapping[str, str]]) -> None:
        self.lexicon = lexicon
        self._choices = {language: front_end.choice_of(identity) for language, identity in front_ends.items()}

    def passages(self, text: str, language: str) -> Iterator[Passage]:
        """What of `text` can be spoken, read as it is asked for; `ValueError` at once when that is nothing."""
        read = (piece for passage in passages(text) for piece in _in_pieces(passage, self._tokens(passage, language)))
        spoken = (passage for passage in read if next(_sounds(passage.tokens), None))
        first = next(spoken, None)
        if first is None:
            raise ValueError(f"{reprlib.repr(text)} holds nothing to say in {language}")
        return itertools.chain([first], spoken)

    def words(self, text: str, language: str) -> int:
        """How many words, with spaces between them, the front end makes of `text`."""
        return len({sound.word for sound in _sounds(self._tokens(text, language))})

    def _tokens(self, text: str, language: str) -> front_end.Tokens:
        return front_end.encode(front_end.phonemize(text, language, self.lexicon, self._choices[language]))


def _in_pieces(text: str, tokens: front_end.Tokens) -> Iterator[Passage]:
    """A passage, cut between words, or anywhere in a word without end, to at most `MAX_TOKENS`."""
    ids, stress = tokens
    if len(ids) <= MAX_TOKENS:
        yield Passage(text, tokens)
        return
    start, end, size = 1, len(ids) - 1, MAX_TOKENS - 2
    while start < end:
        stop = min(start + size, end)
        if stop < end and _SPACE in ids[start + 1 : stop]:
            stop -= ids[start:stop][::-1].index(_SPACE)
        piece = front_end.Tokens([ids[0], *ids[start:stop], ids[-1]], [0, *stress[start:stop], 0])
        yield Passage("", piece)
        start = stop


def _sounds(tokens: front_end.Tokens) -> Iterator[Sound]:
    return sounds(tokens, [1] * len(tokens.ids))
