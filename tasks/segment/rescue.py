"""Sentences that matching missed, found by where they must be: `IAX` written down as `X` between its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz.distance import Indel

from tasks.segment.extents import Extent, Spoken
from tasks.segment.pieces import SURE_PAUSE_S, Places
from tasks.segment.sentences import Sentence, tokens

_ALIKE = 0.4
#: A missed sentence was said with no more pauses in it than these.
_GROUPS = 8
_SHORT_WORDS = 2
_UNSURE = 0.5


def rescued(spoken: Spoken, places: Places) -> Spoken:
    """The same with more sentences: lone missing ones that some unused words, between pauses, are like.

    A sentence of a word or two with no pause before it is moved there as well, or dropped when the recogniser was
    unsure of it: one that says a word too early often says it again where it is.
    """
    extents = {extent.sentence.first: extent for extent in spoken.extents}
    order = sorted([*(extent.sentence for extent in spoken.extents), *spoken.missing], key=lambda one: one.first)
    for index, sentence in enumerate(order):
        left = extents.get(order[index - 1].first) if index else None
        right = extents.get(order[index + 1].first) if index + 1 < len(order) else None
        if (index and not left) or (index + 1 < len(order) and not right):
            continue
        start, end = left.last + 1 if left else 0, right.first if right else len(places)
        own = extents.get(sentence.first)
        if own and not _squeezed(own, start, places):
            continue
        found = _likest(sentence, spoken, range(own.last + 1 if own else start, end), places)
        if found:
            extents[sentence.first] = found
        elif own and places.unsure(own.first, own.last) > _UNSURE:
            del extents[sentence.first]
    missing = [sentence for sentence in order if sentence.first not in extents]
    return spoken._replace(extents=[extents[first] for first in sorted(extents)], missing=missing)


def _squeezed(extent: Extent, start: int, places: Places) -> bool:
    """Whether a short sentence comes right after the words of the one before it."""
    short = extent.last - extent.first < _SHORT_WORDS
    return short and 0 < start == extent.first and places.gap(extent.first - 1).pause_s < SURE_PAUSE_S


def _likest(sentence: Sentence, spoken: Spoken, free: range, places: Places) -> Extent | None:
    wanted = "".join(word.normal for word in spoken.words[sentence.first : sentence.last])
    best, found = _ALIKE, None
    for first, last in _between_pauses(free, places):
        heard = "".join(word.normal for word in tokens(places.text(first, last), spoken.language))
        likeness = Indel.normalized_similarity(wanted, heard)
        if likeness >= best:
            best, found = likeness, Extent(sentence, first, last, 0, 0)
    return found


def _between_pauses(free: range, places: Places) -> Iterator[tuple[int, int]]:
    """First and last of every run of free words with a pause at both ends."""
    parted = [word for word in range(free.start - 1, free.stop) if places.gap(word).pause_s >= SURE_PAUSE_S]
    for at, before in enumerate(parted):
        yield from ((before + 1, after) for after in parted[at + 1 : at + 1 + _GROUPS])
