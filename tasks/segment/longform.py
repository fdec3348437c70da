"""Plans for recordings longer than an utterance: a book that is read, or speech whose text a recogniser wrote."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np

from tasks.params import SegmentParams
from tasks.rowstore import Rejected
from tasks.segment import vad
from tasks.segment.activity import Activity, Span
from tasks.segment.extents import Spoken, as_heard, as_read
from tasks.segment.gaps import Places
from tasks.segment.pieces import Piece, cut_at, inner_cuts, pieces
from tasks.segment.plan import Plan, name_of, wrong_length
from tasks.segment.rescue import rescued
from tasks.segment.sentences import Sentence, spoken_text
from tasks.segment.sound import Sound
from tasks.segment.speakers import SHORTEST_S, one_voice_each

#: Where nobody wrote the text, a pause this long ends a piece whatever the recogniser's punctuation says.
_ENDING_PAUSE_S = 0.7
#: A recogniser this unsure of its words, on average, is not believed.
_SURE = 0.4
#: Less speech than this, beside the text, is a cough or a slip, and dropped without a word.
_UNREAD_S = 1.0
_UNREAD_GAP_S = 0.5
#: A recording that reads less than this share of a text reads a part of it; what lies outside is not missing.
_WHOLE_SHARE = 0.6
_SHOWN_WORDS = 8


class Listening(NamedTuple):
    """A recording and what is known of it: its activity, and the words heard in it, in order."""

    sound: Sound
    activity: Activity
    words: Sequence[Mapping]
    language: str


def plan_book(text: str, listening: Listening, segment: SegmentParams) -> list[Plan]:
    """What of a text is read where; what of it is not read; what is said that it lacks."""
    places = Places(listening.words, listening.activity)
    spoken = rescued(as_read(text, listening.words, listening.language), places)
    if not spoken.extents:
        raise Rejected("text_not_found", f"none of the text's {len(spoken.missing)} sentences was heard in it")
    found = _read_plans(spoken, places, listening, segment)
    return [*found, *_missing(spoken), *_unread(found, listening)]


def plan_part(text: str, span: Span, listening: Listening, segment: SegmentParams) -> list[Plan]:
    """What of a text is read in a span of a recording."""
    inside = [word for word in listening.words if span[0] <= _middle(word) < span[1]]
    places = Places(inside, listening.activity, span)
    return _read_plans(as_read(text, inside, listening.language), places, listening, segment)


def _read_plans(spoken: Spoken, places: Places, listening: Listening, segment: SegmentParams) -> list[Plan]:
    return [
        _plan(part, spoken, listening.activity, segment)
        for piece in pieces(spoken, places, segment)
        for part in _one_voice(piece, spoken, places, listening.sound)
    ]


def plan_unwritten(listening: Listening, segment: SegmentParams) -> list[Plan]:
    """The sentences that a recogniser wrote, without those it is unsure of."""
    if not listening.words:
        raise Rejected("no_words", "speech recognition heard no words in it")
    places = Places(listening.words, listening.activity)
    spoken = as_heard(listening.words, listening.language)
    return [
        _sure(_plan(part, spoken, listening.activity, segment), part, listening.words)
        for piece in pieces(spoken, places, segment)
        for phrase in _phrases(piece, spoken, places)
        for part in _one_voice(phrase, spoken, places, listening.sound)
    ]


def _middle(word: Mapping) -> float:
    return (word["start_s"] + word["end_s"]) / 2


def _one_voice(piece: Piece, spoken: Spoken, places: Places, sound: Sound) -> Iterator[Piece]:
    if sound.duration_s < SHORTEST_S:
        yield piece
    else:
        yield from one_voice_each(piece, spoken, places, sound)


def _phrases(piece: Piece, spoken: Spoken, places: Places) -> Iterator[Piece]:
    """A piece, cut at every long pause."""
    cuts = [cut for cut in inner_cuts(piece, spoken, places) if cut.pause_s >= _ENDING_PAUSE_S]
    return cut_at(piece, cuts, spoken, places)


def _plan(piece: Piece, spoken: Spoken, activity: Activity, segment: SegmentParams) -> Plan:
    text = spoken_text(spoken.text[piece.start : piece.end])
    span = activity.trim(piece.start_s, piece.end_s, segment.padding_s)
    if span is None:
        name = name_of(piece.start_s)
        return Plan(piece.start_s, piece.end_s, name, text, None, "no_speech", f"no speech where {text!r} should be")
    reason, message = wrong_length(span, segment) or (None, None)
    return Plan(*span, name_of(span[0]), text, None, reason, message)


def _sure(plan: Plan, piece: Piece, heard: Sequence[Mapping]) -> Plan:
    """A plan, refused when the words were not heard well enough."""
    mean = float(np.mean([word["probability"] for word in heard[piece.first : piece.last + 1]]))
    if plan.reason or mean >= _SURE:
        return plan
    return plan._replace(reason="unsure_transcript", message=f"mean word probability {mean:.2f}: {plan.text!r}")


def _missing(spoken: Spoken) -> Iterator[Plan]:
    """The sentences that were not found: all, or, when a part of the text is read, those within that part."""
    first, last = spoken.extents[0].sentence, spoken.extents[-1].sentence
    whole = last.last - first.first >= _WHOLE_SHARE * len(spoken.words)
    order = sorted([*(extent.sentence for extent in spoken.extents), *spoken.missing], key=lambda one: one.first)
    number = {sentence.first: at + 1 for at, sentence in enumerate(order)}
    near = partial(_between, first=first, last=last)
    for sentence in spoken.missing:
        if whole or near(sentence):
            words = spoken_text(spoken.text[sentence.start : sentence.end]).split()
            shown = " ".join(words[:_SHOWN_WORDS]) + (" …" if len(words) > _SHOWN_WORDS else "")
            name = f"sentence-{number[sentence.first]:04d}"
            yield Plan(0.0, 0.0, name, None, None, "sentence_not_found", f"not heard: {shown!r}")


def _between(sentence: Sentence, first: Sentence, last: Sentence) -> bool:
    return first.first <= sentence.first <= last.first


def _unread(found: Sequence[Plan], listening: Listening) -> Iterator[Plan]:
    """Speech that no piece has."""
    free = listening.activity.speech.copy()
    for plan in found:
        free[int(plan.start_s / vad.WINDOW_S) : int(np.ceil(plan.end_s / vad.WINDOW_S))] = False
    edges = np.flatnonzero(np.diff(np.concatenate(([0], free.astype(np.int8), [0])))).reshape(-1, 2)
    spans: list[list[float]] = []
    for start_s, end_s in (edges * vad.WINDOW_S).tolist():
        if spans and start_s - spans[-1][1] < _UNREAD_GAP_S and not _parted(spans[-1][1], start_s, found):
            spans[-1][1] = end_s
        else:
            spans.append([start_s, end_s])
    for start_s, end_s in spans:
        if listening.activity.speech_s(start_s, end_s) >= _UNREAD_S:
            said = [word["text"] for word in listening.words if start_s <= _middle(word) < end_s]
            message = f"{start_s:.2f}–{end_s:.2f} s: heard {''.join(said).strip()!r}"
            yield Plan(start_s, end_s, f"speech-{name_of(start_s)}", None, None, "not_in_text", message)


def _parted(start_s: float, end_s: float, found: Sequence[Plan]) -> bool:
    """Whether a piece lies between two moments."""
    return any(start_s < plan.end_s and plan.start_s < end_s for plan in found)
