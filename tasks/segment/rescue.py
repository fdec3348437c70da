"""Sentences that matching missed, found by where they must be: `IAX` written down as `X` between its neighbours."""

from __future__ import annotations

from collections.abc import Iterator

from rapidfuzz.distance import Indel

from tasks.segment.extents import Extent, Spoken
from tasks.segment.gaps import SURE_PAUSE_S, Places
from tasks.segment.sentences import Sentence, tokens

_ALIKE = 0.4
#: A missed sentence was said with no more pauses in it than these.
_GROUPS = 8
_SHORT_WORDS = 2
_UNSURE = 0.5


def rescued(spoken: Spoken, places: Places) -> Spoken:
    """The same with more sentences, and short ones moved.

    A lone missing sentence is where some unused words, between pauses, are like it. A sentence of a word or two that
    has no pause before it is moved: to where its words are heard again, or to where the next one's first word stands
    alone (a recogniser that is a word too early is so for several); or dropped when the recogniser was unsure.
    """
    extents = {extent.sentence.first: extent for extent in spoken.extents}
    order = sorted([*(extent.sentence for extent in spoken.extents), *spoken.missing], key=lambda one: one.first)
    for index, sentence in enumerate(order):
        left = extents.get(order[index - 1].first) if index else None
        right = extents.get(order[index + 1].first) if index + 1 < len(order) else None
        own = extents.get(sentence.first)
        if own and own.last - own.first < _SHORT_WORDS:
            squeezed = _squeezed(own, left, places)
            if squeezed or (index and not left):
                extents |= _moved(own, right, spoken, places)
            if squeezed and extents[sentence.first] == own and places.unsure(own.first, own.last) > _UNSURE:
                del extents[sentence.first]
        elif own:
            continue
        elif (left or not index) and (right or index + 1 == len(order)):
            free = range(left.last + 1 if left else 0, right.first if right else len(places))
            found = _likest(sentence, spoken, free, places)
            extents |= {sentence.first: found} if found else {}
    missing = [sentence for sentence in order if sentence.first not in extents]
    return spoken._replace(extents=[extents[first] for first in sorted(extents)], missing=missing)


def _squeezed(own: Extent, left: Extent | None, places: Places) -> bool:
    """Whether a sentence comes right after the words of another one."""
    if not own.first or (left and left.last + 1 < own.first):
        return False
    return places.gap(own.first - 1).pause_s < SURE_PAUSE_S or places.silent(own.first)


def _moved(own: Extent, right: Extent | None, spoken: Spoken, places: Places) -> dict[int, Extent]:
    """A squeezed sentence, and the one after it, where they rather are; by their first words."""
    end = right.first if right else len(places)
    again = _likest(own.sentence, spoken, range(own.last + 1, end), places)
    if again:
        return {own.sentence.first: again}
    if right and right.first == own.last + 1 < right.last and places.stray(right.first):
        shifted = own._replace(first=right.first, last=right.first)
        return {own.sentence.first: shifted, right.sentence.first: right._replace(first=right.first + 1)}
    return {}


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
