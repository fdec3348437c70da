"""What the words of a passage are called when they get times.

A front end gives phonemes with a space between words; what it is given are words as they are spoken. So the name of a
stretch between spaces is found in three steps. The text is normalised ("$5" becomes "five dollars"). Each written
token that normalising left alone keeps its spelling; the others are named by what they became. An entry of several
words in the user's lexicon is one token, and so is a clause in a script without spaces. Where the front end makes
several words of a token ("well—known"), the token spans them; where it makes none of it (a dash), the token is added
to the word before. When the words cannot be counted off, because some run together, each word of the passage is named
by its phonemes, which is always true.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence

from voiceloom_model.runtime.speech import Sound, Timed
from voiceloom_model.text import Lexicon
from voiceloom_model.text.normalise import normalise

#: Stands for a space in an entry of the lexicon, which is read as one; a character for private use.
_GLUE = "\ue001"
#: Where a clause ends without a space.
_CLAUSE = re.compile(r"(?<=[，、；：。！？,;:.!?])(?=[\u3040-\u9fff])")


def spoken_tokens(text: str, language: str, lexicon: Lexicon) -> list[str]:
    """The words of `text` as they are spoken, with their punctuation, as they are written where that is the same."""
    pieces = lexicon.pieces(text, language, spoken=False)
    normal = "".join(piece.text if piece.entry else _normalised(piece.text, language) for piece in pieces)
    pieces = lexicon.pieces(normal, language)
    glued = "".join(piece.text.replace(" ", _GLUE) if piece.entry else piece.text for piece in pieces)
    spoken, written = [token.replace(_GLUE, " ") for token in _split(glued)], _split(text)
    keys = [[_letters(token) for token in tokens] for tokens in (written, spoken)]
    named = list(spoken)
    for block in difflib.SequenceMatcher(None, *keys, autojunk=False).get_matching_blocks():
        named[block.b : block.b + block.size] = written[block.a : block.a + block.size]
    return named


def _split(text: str) -> list[str]:
    return _CLAUSE.sub(" ", text).split()


def _normalised(text: str, language: str) -> str:
    """`text` as it is spoken, between the spaces that it stood between."""
    lead, trail = (" " if edge.isspace() else "" for edge in (text[:1], text[-1:]))
    return lead + normalise(text, language).strip() + trail


def _letters(token: str) -> str:
    return "".join(filter(str.isalnum, token.casefold())) or token


def timed_words(
    sounds: Sequence[Sound], tokens: Sequence[str], count: Callable[[str], int], frame_s: float, from_s: float
) -> list[Timed]:
    """Times of a passage's words that begins at `from_s`.

    `tokens` are their names as far as they can be told, and `count` says how many words the front end makes of one.
    """
    stretches: dict[int, list[Sound]] = {}
    for sound in sounds:
        stretches.setdefault(sound.word, []).append(sound)
    words = list(stretches.values())
    names = _names(tokens, len(words), count)
    if names is None:
        names = [("".join(sound.text for sound in word), 1) for word in words]
    timed, at = [], 0
    for name, size in names:
        first, last = words[at][0], words[at + size - 1][-1]
        timed.append(Timed(name, from_s + first.start * frame_s, from_s + last.end * frame_s))
        at += size
    return timed


def _names(tokens: Sequence[str], n_words: int, count: Callable[[str], int]) -> list[tuple[str, int]] | None:
    """Each name with how many words it spans; None when they do not add up."""
    sizes = [count(token) for token in tokens]
    if sum(sizes) != n_words:
        return None
    names: list[tuple[str, int]] = []
    lead = ""
    for token, size in zip(tokens, sizes, strict=True):
        if size:
            names.append((lead + token, size))
            lead = ""
        elif names:
            names[-1] = (f"{names[-1][0]} {token}", names[-1][1])
        else:
            lead += f"{token} "
    return names
