"""Text → its words, comparable however they are written, and its sentences; positions are characters of the text."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import NamedTuple

#: Scripts written without spaces: each character is a word of its own.
_UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff"
#: Vowel signs and accents belong to their word, though `\w` does not know it.
_MARKS = "\u0300-\u036f\u0591-\u05c7\u064b-\u065f\u0670\u0900-\u0963\u0966-\u0dff"
_WORD = re.compile(rf"[{_UNSPACED}]|(?:(?![{_UNSPACED}])[^\W_]|[{_MARKS}])+(?:['’](?:[^\W_]|[{_MARKS}])+)*")
_PARAGRAPH = re.compile(r"\n\s*\n")
_OPENING = "\"'“‘„‚«‹([{¿¡「『（"
_SENTENCE_END = re.compile(r"[.!?…。！？।]+[\"'”’»)\]]*\s*$")
_CLAUSE_END = re.compile(r"[,;:.!?…—–，、；：。！？।]+[\"'”’»)\]]*\s*$")


class Token(NamedTuple):
    """A word for comparison, and the characters of the text that it stands for; `14th` and `M.` are words too."""

    normal: str
    start: int
    end: int


class Sentence(NamedTuple):
    """Characters `start` to `end` of a text, words `first` up to `last` (exclusive), and its paragraph's number."""

    start: int
    end: int
    first: int
    last: int
    paragraph: int


def tokens(text: str, language: str) -> list[Token]:
    """The words of a text; a number is the words it is read as."""
    found: list[Token] = []
    for match in _WORD.finditer(text):
        for normal in _normals(match[0], language):
            found.append(Token(normal, match.start(), match.end()))
    return found


def _normals(word: str, language: str) -> list[str]:
    """How a word is compared: spelt out, without case, accents and marks."""
    if any(letter.isdigit() for letter in word):
        word = _spelt(word, language)
    folded = unicodedata.normalize("NFKD", word.casefold())
    bare = "".join(" " if letter in " -" else letter for letter in folded if letter.isalnum() or letter in " -")
    return bare.split()


def _spelt(word: str, language: str) -> str:
    from voiceloom_model.text.normalise import normalise

    try:
        return normalise(word, language)
    except ModuleNotFoundError:  # this language's numbers are an extra; digits still match digits
        return word


def sentences(text: str, language: str, words: list[Token]) -> list[Sentence]:
    """The sentences of a text that hold words, in order."""
    found: list[Sentence] = []
    at = 0
    for number, (start, end) in enumerate(_paragraphs(text)):
        for sentence_end in _sentence_ends(text, start, end, language):
            last = at
            while last < len(words) and words[last].start < sentence_end:
                last += 1
            if last > at:
                found.append(Sentence(words[at].start, sentence_end, at, last, number))
            at = last
    return [_with_marks(text, sentence, found[index - 1].end if index else 0) for index, sentence in enumerate(found)]


def _with_marks(text: str, sentence: Sentence, after: int) -> Sentence:
    """A sentence from the quotation marks before its first word, and without the space at its end."""
    start = opening(text, sentence.start, after)
    return sentence._replace(start=start, end=start + len(text[start : sentence.end].rstrip()))


def opening(text: str, start: int, after: int) -> int:
    """Where what opens the word at `start` begins: its quotation marks and brackets, none before `after`."""
    while start > after and text[start - 1] in _OPENING:
        start -= 1
    return start


def _paragraphs(text: str) -> Iterator[tuple[int, int]]:
    """Paragraphs end at blank lines; without any, where a line ends and the next does not begin in lower case."""
    breaks = [match.span() for match in _PARAGRAPH.finditer(text)]
    if not breaks:
        breaks = [
            match.span() for match in re.finditer(r"\n", text) if not text[match.end() : match.end() + 1].islower()
        ]
    start = 0
    for stop, following in [*breaks, (len(text), len(text))]:
        yield start, stop
        start = following


def _sentence_ends(text: str, start: int, end: int, language: str) -> Iterator[int]:
    from sentencex.sentencex import get_sentence_boundaries

    plain = text[start:end].replace("\n", " ")
    for boundary in get_sentence_boundaries(language.split("-")[0], plain):
        yield start + boundary["end_index"]


def ends_sentence(text: str) -> bool:
    """Whether a text ends in a mark that ends sentences."""
    return bool(_SENTENCE_END.search(text))


def ends_clause(text: str) -> bool:
    """Whether a text ends in a mark at which speakers pause."""
    return bool(_CLAUSE_END.search(text))


def spoken_text(text: str) -> str:
    """A stretch of a book as one line."""
    return " ".join(text.split())
