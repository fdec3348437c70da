"""A change of voice inside a piece: the d-vectors of its beginning and its end differ, and so those around a pause.

A pair of voices is told apart by one limit on the cosine, without clusters. Over 1.6 s of read speech, one voice
falls below it in 1 to 3 of 100 cases, a woman and a man nearly always, two women in every other case; a piece that is
cut without need is still cut in a pause.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tasks.segment.extents import Spoken
from tasks.segment.gaps import SURE_PAUSE_S, Places
from tasks.segment.pieces import Piece, inner_cuts, parts
from tasks.segment.sound import Sound
from tasks.segment.vad import RATE_HZ

WINDOW_S = 1.6
ALIKE = 0.6
#: A recording shorter than this is taken to be of one voice.
SHORTEST_S = 30.0


def one_voice_each(piece: Piece, spoken: Spoken, places: Places, sound: Sound) -> Iterator[Piece]:
    """A piece, cut at a pause where another voice goes on."""
    cuts = [
        cut
        for cut in inner_cuts(piece, spoken, places)
        if cut.pause_s >= SURE_PAUSE_S and piece.start_s + WINDOW_S / 2 < cut.at_s < piece.end_s - WINDOW_S / 2
    ]
    if not cuts or _likeness(piece, piece.start_s + WINDOW_S, piece.end_s - WINDOW_S, sound) >= ALIKE:
        yield piece
        return
    likeness, cut = min((_likeness(piece, cut.at_s, cut.at_s, sound), cut) for cut in cuts)
    if likeness >= ALIKE:
        yield piece
        return
    for part in parts(piece, cut, spoken, places):
        yield from one_voice_each(part, spoken, places, sound)


def _likeness(piece: Piece, before_s: float, after_s: float, sound: Sound) -> float:
    """The cosine between the voice up to one moment and the voice from another on, inside a piece."""
    left = _voice(sound, max(piece.start_s, before_s - WINDOW_S), before_s)
    right = _voice(sound, after_s, min(piece.end_s, after_s + WINDOW_S))
    return float(left @ right)


def _voice(sound: Sound, start_s: float, end_s: float) -> np.ndarray:
    from voiceloom_model.speaker import embed

    return embed(sound.at_16k(start_s, end_s), RATE_HZ)
