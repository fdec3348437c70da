"""Sentences and the words heard of them → pieces of a recording that begin and end where it is quiet."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from tasks.params import SegmentParams
from tasks.segment.extents import Extent, Spoken
from tasks.segment.gaps import SURE_PAUSE_S, Places
from tasks.segment.sentences import ends_clause, ends_sentence, opening

#: Neighbouring sentences stay apart at a pause; at a short one only when both last a second.
PAUSE_S = 0.2
_SHORT_PAUSE_S = 0.1
_SHORT_S = 1.0
#: Inside a sentence there is no cut without such a pause.
_INNER_PAUSE_S = 0.06
#: A recogniser that slips beside a pause writes a word or two too many.
_SLIP = 2
#: A full stop and a pause this long end a sentence.
_ENDING_PAUSE_S = 0.35
#: A sentence shorter than an utterance may be joins its neighbour up to this pause.
_JOIN_S = 0.6
#: What a mark in the text is worth, in seconds of pause, when a place to cut is chosen.
_CLAUSE_S, _SENTENCE_S = 0.1, 0.3


class Piece(NamedTuple):
    """Characters `start` to `end` of the text, its words `tokens`, heard words `first` to `last` (inclusive), and two
    moments in silence around them."""

    start: int
    end: int
    tokens: range
    first: int
    last: int
    start_s: float
    end_s: float
    pause_s: float  # before it
    paragraph: int

    @property
    def length_s(self) -> float:
        """Seconds between the two moments."""
        return self.end_s - self.start_s


def pieces(spoken: Spoken, places: Places, segment: SegmentParams) -> list[Piece]:
    """One piece a sentence: joined with its neighbour where nothing parts them, cut where it is too long."""
    found: list[Piece] = []
    for piece in _apart(widened(spoken.extents, places), places, spoken.read):
        if found and _belongs(found[-1], piece, segment):
            before = found.pop()
            tokens = range(before.tokens.start, piece.tokens.stop)
            piece = piece._replace(
                start=before.start, tokens=tokens, first=before.first, start_s=before.start_s, pause_s=before.pause_s
            )
        found.append(piece)
    return [
        part
        for piece in found
        for sentence in cut_at(piece, [cut for cut in inner_cuts(piece, spoken, places) if _ends(cut)], spoken, places)
        for part in _short_enough(sentence, spoken, places, segment.max_duration_s)
    ]


def _ends(cut: Cut) -> bool:
    """Whether a sentence ends at a cut though its mark looked like an abbreviation's: `It was May. Nobody came.`"""
    return cut.ends_sentence and cut.pause_s >= _ENDING_PAUSE_S


def _apart(extents: Sequence[Extent], places: Places, read: bool) -> Iterator[Piece]:
    """A piece for each sentence."""
    several = {word: one.last > one.first for one in extents for word in (one.first, one.last)}
    for sentence, first, last, _, _ in extents:
        before = places.border(first - 1, several.get(first - 1, False), several[first])
        if read and several[first] and places.stray(first):
            before = places.gap(first)
        after = places.border(last, several[last], several.get(last + 1, False))
        tokens, end_s = range(sentence.first, sentence.last), max(before.start_s, after.end_s)
        yield Piece(
            *(sentence.start, sentence.end, tokens, first, last),
            *(before.start_s, end_s, before.pause_s, sentence.paragraph),
        )


def _belongs(before: Piece, piece: Piece, segment: SegmentParams) -> bool:
    """Whether a sentence is to share a piece with the one before it."""
    if piece.first != before.last + 1 or piece.tokens.start != before.tokens.stop:
        return False
    if piece.end_s - before.start_s > segment.max_duration_s:
        return False
    shorter_s = min(before.length_s, piece.length_s)
    if shorter_s < segment.min_duration_s and piece.paragraph == before.paragraph:
        return piece.pause_s < _JOIN_S
    return piece.pause_s < (_SHORT_PAUSE_S if shorter_s >= _SHORT_S else PAUSE_S)


def widened(extents: Sequence[Extent], places: Places) -> list[Extent]:
    """Sentences with the heard words beside them that must be theirs: misheard, or miswritten in the text."""
    edges = [[extent.first, extent.last] for extent in extents]
    for index in range(len(extents) + 1):
        left = extents[index - 1] if index else None
        right = extents[index] if index < len(extents) else None
        free = range(left.last + 1 if left else 0, right.first if right else len(places))
        unheard = (left.unheard_after if left else 0, right.unheard_before if right else 0)
        taken = _claims(free, unheard, places) if free else (0, 0)
        if left:
            edges[index - 1][1] += taken[0]
        if right:
            edges[index][0] -= taken[1]
    return [extent._replace(first=first, last=last) for extent, (first, last) in zip(extents, edges, strict=True)]


def _claims(free: range, unheard: tuple[int, int], places: Places) -> tuple[int, int]:
    """How many of the free words between two sentences are the first's, and how many the second's.

    What no pause parts from a sentence is its; what stands alone is the one's that lacks as many words.
    """
    parted = [word for word in range(free.start - 1, free.stop) if places.gap(word).pause_s >= SURE_PAUSE_S]
    if not parted:
        share = unheard[0] / sum(unheard) if sum(unheard) else 0.0
        return round(share * len(free)), len(free) - round(share * len(free)) if sum(unheard) else 0
    left, right = parted[0] + 1 - free.start, free.stop - 1 - parted[-1]
    lacking = (unheard[0] - left, unheard[1] - right)
    alone = parted[-1] - parted[0]
    left = left if left <= unheard[0] + _SLIP else 0
    right = right if right <= unheard[1] + _SLIP else 0
    if 0 < alone <= lacking[0] + _SLIP and lacking[0] > 0:
        left = parted[-1] + 1 - free.start
    elif 0 < alone <= lacking[1] + _SLIP and lacking[1] > 0:
        right = free.stop - 1 - parted[0]
    return left, right


def _short_enough(piece: Piece, spoken: Spoken, places: Places, longest_s: float) -> Iterator[Piece]:
    """A piece, cut where the reader pauses most until no part is too long; whole where there is no pause."""
    cuts = [
        cut
        for cut in inner_cuts(piece, spoken, places)
        if _SHORT_S < cut.at_s - piece.start_s < piece.length_s - _SHORT_S
    ]
    if piece.length_s <= longest_s or not cuts:
        yield piece
        return
    for part in parts(piece, max(cuts, key=lambda cut: cut.worth), spoken, places):
        yield from _short_enough(part, spoken, places, longest_s)


class Cut(NamedTuple):
    """A place inside a piece: before which word of the text, after which heard word, when, the pause, its worth."""

    token: int
    word: int
    at_s: float
    pause_s: float
    worth: float
    ends_sentence: bool


def inner_cuts(piece: Piece, spoken: Spoken, places: Places) -> list[Cut]:
    """The pauses inside a piece between two words that were both found."""
    found = []
    for token in piece.tokens[1:]:
        word = int(spoken.said_to[token - 1])
        if word < 0 or spoken.said_from[token] != word + 1:
            continue
        gap = places.gap(word)
        if gap.pause_s >= _INNER_PAUSE_S and gap.end_s > piece.start_s and gap.start_s < piece.end_s:
            before = spoken.text[spoken.words[token - 1].start : spoken.words[token].start]
            ends = ends_sentence(before)
            mark_s = _SENTENCE_S if ends else _CLAUSE_S if ends_clause(before) else 0.0
            found.append(Cut(token, word, gap.end_s, gap.pause_s, gap.pause_s + mark_s, ends))
    return found


def cut_at(piece: Piece, cuts: Sequence[Cut], spoken: Spoken, places: Places) -> Iterator[Piece]:
    """A piece, cut at each of `cuts`, which are in order."""
    for cut in cuts:
        before, piece = parts(piece, cut, spoken, places)
        yield before
    yield piece


def parts(piece: Piece, cut: Cut, spoken: Spoken, places: Places) -> tuple[Piece, Piece]:
    """A piece in two."""
    gap = places.gap(cut.word)
    at = opening(spoken.text, spoken.words[cut.token].start, spoken.words[cut.token - 1].end)
    left, right = range(piece.tokens.start, cut.token), range(cut.token, piece.tokens.stop)
    return (
        piece._replace(end=at, tokens=left, last=cut.word, end_s=gap.end_s),
        piece._replace(start=at, tokens=right, first=cut.word + 1, start_s=gap.start_s),
    )
