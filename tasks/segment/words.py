"""The words of a recording with their times, as speech recognition hears them: a step of its own, it costs most."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path

import numpy as np
import pyarrow as pa

from tasks.asr import Listener, Word, weights_hash
from tasks.rowstore import row_key
from tasks.segment import vad
from tasks.segment.sound import Sound
from tasks.segment.stretches import Region, speech_regions, stretches

#: Raise it whenever the same recording would give other words.
VERSION = 2

SCHEMA = pa.schema(
    [
        pa.field("text", pa.string()),
        pa.field("start_s", pa.float64()),
        pa.field("end_s", pa.float64()),
        pa.field("probability", pa.float64()),
    ]
)

MODELS = Path("runs/models")
_SLACK_S = 0.16  # the detector comes late to a word and leaves it early
#: Speech this long that no word was heard in is listened to once more.
_UNHEARD_S = 0.25
#: How long letters take to say, and how bad it is (as a log ratio) when speech has none.
_LETTER_S, _BREATH_S, _EMPTY = 0.07, 0.12, 0.5


def key(content_key: str, language: str, model: str) -> str:
    """The row key: the recording's content, its language, the recogniser, the detector."""
    return row_key("words", VERSION, content_key, language.split("-")[0], weights_hash(model), vad.weights_hash())


def listen(payload: tuple[dict, str], model: str) -> list[dict]:
    """Rows of `SCHEMA`, in order of time, for a recording (audio struct, language)."""
    content, language = payload
    sound = Sound(content["bytes"])
    listener = _listener(model)
    heard: dict[Region, list[Word]] = {}
    unheard = speech_regions(sound)
    for _ in range(2):  # what was missed beside other speech is often heard among its like
        for stretch in stretches(unheard):
            wave = np.concatenate([sound.at_16k(region.start_s, region.end_s) for region in stretch])
            heard.update(placed(listener.words(wave, language), stretch))
        fill(heard)
        unheard = [region for region in sorted(heard) if not heard[region] and region.speech_s >= _UNHEARD_S]
    return [_inside(word, region)._asdict() for region in sorted(heard) for word in heard[region]]


@lru_cache(maxsize=1)
def _listener(model: str) -> Listener:
    return Listener(model, MODELS)


def placed(words: Sequence[Word], stretch: Sequence[Region]) -> list[tuple[Region, list[Word]]]:
    """The words of each region, with their times in the recording.

    A word's region is the one whose speech it shares most with, or is nearest to, rather the later one: a word
    after a pause is often said to begin where the one before the pause ended.
    """
    starts = np.cumsum([0.0, *(region.length_s for region in stretch)]).tolist()
    found: list[list[Word]] = [[] for _ in stretch]
    at_least = 0
    for word in words:
        shared = []
        for index in range(at_least, len(stretch)):
            first = starts[index] + stretch[index].silence_before_s
            last = starts[index + 1] - stretch[index].silence_after_s
            shared.append((round(min(word.end_s, last) - max(word.start_s, first), 3), index))
        at_least = max(shared)[1]
        shift = stretch[at_least].start_s - starts[at_least]
        found[at_least].append(word._replace(start_s=word.start_s + shift, end_s=word.end_s + shift))
    return list(zip(stretch, found, strict=True))


def fill(heard: dict[Region, list[Word]]) -> None:
    """Give a region without words the one beside it, where the lengths of words and speech then agree better."""
    regions = sorted(heard)
    words = [heard[region] for region in regions]
    for at, region in enumerate(regions):
        if not words[at] and region.speech_s >= _UNHEARD_S:
            moves = list(_moves(words, regions, at))
            if moves and (best := min(moves))[0] < 0:
                word = words[best[1]].pop(best[2])
                start_s, end_s = region.start_s + region.silence_before_s, region.end_s - region.silence_after_s
                words[at].append(word._replace(start_s=start_s, end_s=end_s))


def _moves(found: Sequence[list[Word]], stretch: Sequence[Region], empty: int) -> Iterator[tuple[float, int, int]]:
    """(What a move costs, from which region, which word) for the words next to an empty region."""
    for at, which in ((empty - 1, -1), (empty + 1, 0)):
        if not 0 <= at < len(stretch) or len(found[at]) < 2:
            continue
        word, rest = found[at][which], found[at][:-1] if which else found[at][1:]
        after = _unlikely(stretch[at], rest) + _unlikely(stretch[empty], [word])
        yield after - _unlikely(stretch[at], found[at]) - _EMPTY, at, which


def _unlikely(region: Region, words: Sequence[Word]) -> float:
    """How far the length of speech is from that of words, as a log ratio."""
    letters = sum(len(word.text.strip()) for word in words)
    return abs(math.log(region.speech_s / (_BREATH_S + _LETTER_S * letters)))


def _inside(word: Word, region: Region) -> Word:
    """A word no further from its region's speech than the detector may be wrong."""
    first = region.start_s + max(0.0, region.silence_before_s - _SLACK_S)
    last = region.end_s - max(0.0, region.silence_after_s - _SLACK_S)
    start_s = min(max(word.start_s, first), last)
    return word._replace(start_s=start_s, end_s=max(start_s, min(word.end_s, last)))
