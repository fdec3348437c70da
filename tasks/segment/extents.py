"""Which heard words each sentence of a text spans: by matching, or, where the text is what was heard, by position."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Indel

from tasks.segment.match import match
from tasks.segment.sentences import Sentence, Token, sentences, tokens

#: A sentence is found when half of its letters were heard, in words that are at least half like it.
_FOUND = 0.5
#: A sentence less like what was heard than this may hold on to words of another, so many at each end.
_ALIKE = 0.75
_LOOSE_WORDS = 6


class Extent(NamedTuple):
    """A found sentence: heard words `first` to `last` (inclusive), and how many of its words before and after those
    were not heard."""

    sentence: Sentence
    first: int
    last: int
    unheard_before: int
    unheard_after: int


class Spoken(NamedTuple):
    """A text and what was heard of it; `read`: whether somebody read it out, else a recogniser wrote it down.

    `words` are the text's; `said_from`, `said_to` (one a text word) the first and last heard word that say it, −1 for
    none; `extents` the sentences found, in order; `missing` the others.
    """

    text: str
    language: str
    read: bool
    words: list[Token]
    said_from: np.ndarray
    said_to: np.ndarray
    extents: list[Extent]
    missing: list[Sentence]


def as_heard(heard: Sequence[Mapping], language: str) -> Spoken:
    """The text that a recogniser wrote, each word said where it was heard."""
    text = "".join(word["text"] for word in heard)
    owner = np.repeat(np.arange(len(heard)), [len(word["text"]) for word in heard])
    words = tokens(text, language)
    said_from = np.array([owner[word.start] for word in words], int)
    said_to = np.array([owner[word.end - 1] for word in words], int)
    whole = sentences(text, language, words)
    extents = [Extent(one, int(said_from[one.first]), int(said_to[one.last - 1]), 0, 0) for one in whole]
    return Spoken(text, language, False, words, said_from, said_to, extents, [])


def as_read(text: str, heard: Sequence[Mapping], language: str) -> Spoken:
    """A text that was read out, of which some sentences may be missing and others may have been added."""
    words = tokens(text, language)
    whole = sentences(text, language, words)
    as_written = as_heard(heard, language)
    found = _Matched(words, as_written)
    found.match(whole)
    # Words of sentences that were never said hold on to words of their neighbours: once more without them.
    found.match([sentence for sentence in whole if found.extent(sentence)])
    extents = _disjoint(extent for sentence in whole if (extent := found.extent(sentence)))
    said = {extent.sentence for extent in extents}
    missing = [sentence for sentence in whole if sentence not in said]
    return Spoken(text, language, True, words, found.said_from, found.said_to, extents, missing)


def _disjoint(extents: Iterable[Extent]) -> list[Extent]:
    """Without what two sentences share: `13 50` heard as `1350` is where the first one is."""
    found: list[Extent] = []
    for extent in extents:
        first = max(extent.first, found[-1].last + 1) if found else extent.first
        if first <= extent.last:
            found.append(extent._replace(first=first))
    return found


class _Matched:
    """The words of a text matched to those of what was heard."""

    def __init__(self, words: Sequence[Token], heard: Spoken):
        self._normals = [word.normal for word in words]
        self._heard, self._heard_normals = heard, [word.normal for word in heard.words]
        self._forget()

    def _forget(self) -> None:
        size = len(self._normals)
        self.share = np.zeros(size)
        self.said_from, self.said_to = np.full(size, -1), np.full(size, -1)
        self._token_from, self._token_to = np.full(size, -1), np.full(size, -1)

    def match(self, chosen: Sequence[Sentence]) -> None:
        """Match the words of these sentences alone."""
        self._forget()
        index = [at for sentence in chosen for at in range(sentence.first, sentence.last)]
        starts = set(np.cumsum([0, *(sentence.last - sentence.first for sentence in chosen)]).tolist())
        found = match([self._normals[at] for at in index], self._heard_normals, starts)
        self.share[index] = found.share
        for word, first, last in zip(index, found.first.tolist(), found.last.tolist(), strict=True):
            if first >= 0:
                self._token_from[word], self._token_to[word] = first, last
                self.said_from[word], self.said_to[word] = self._heard.said_from[first], self._heard.said_to[last]

    def extent(self, sentence: Sentence) -> Extent | None:
        """What heard words a sentence spans; None when too little of it, or too much else, was heard."""
        own = range(sentence.first, sentence.last)
        letters = [len(self._normals[word]) for word in own]
        heard = [word for word in own if self.said_from[word] >= 0]
        if not heard or np.dot(letters, self.share[sentence.first : sentence.last]) < _FOUND * sum(letters):
            return None
        whole = range(self._token_from[heard[0]], self._token_to[heard[-1]] + 1)
        tokens, likeness = self._tightened("".join(self._normals[word] for word in own), whole)
        if likeness < _FOUND:
            return None
        before = heard[0] - sentence.first if tokens.start == whole.start else 0
        after = sentence.last - 1 - heard[-1] if tokens.stop == whole.stop else 0
        first, last = self._heard.said_from[tokens[0]], self._heard.said_to[tokens[-1]]
        return Extent(sentence, int(first), int(last), before, after)

    def _tightened(self, wanted: str, tokens: range) -> tuple[range, float]:
        """Heard words, without those at the ends that make them less like a sentence; and how like it they are."""
        likeness = self._likeness(wanted, tokens)
        for end in (1, 0):
            for cut in range(1, _LOOSE_WORDS + 1):
                shorter = tokens[cut:] if end else tokens[: len(tokens) - cut]
                if likeness < _ALIKE and len(shorter) > 0 and (found := self._likeness(wanted, shorter)) > likeness:
                    return self._tightened(wanted, shorter) if found < _ALIKE else (shorter, found)
        return tokens, likeness

    def _likeness(self, wanted: str, tokens: range) -> float:
        return Indel.normalized_similarity(wanted, "".join(self._heard_normals[tokens.start : tokens.stop]))
