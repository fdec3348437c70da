"""What of a recording is listened to at once: its speech, packed into stretches of up to 28 s that end in silence.

Long silence is left out: a recogniser makes words of it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np

from tasks.segment import vad
from tasks.segment.sound import Sound

_STRETCH_S = 28.0
_PADDING = 10  # windows of silence kept on each side of speech
_THRESHOLD = 0.5


class Region(NamedTuple):
    """A stretch to listen to, in seconds, how much silence of it lies at its two ends, and the pause before it."""

    start_s: float
    end_s: float
    silence_before_s: float = 0.0
    silence_after_s: float = 0.0
    pause_s: float = 0.0

    @property
    def length_s(self) -> float:
        """Seconds."""
        return self.end_s - self.start_s

    @property
    def speech_s(self) -> float:
        """Seconds without the silence at its ends."""
        return max(vad.WINDOW_S, self.length_s - self.silence_before_s - self.silence_after_s)


def speech_regions(sound: Sound) -> list[Region]:
    """Where speech is, in seconds, with up to 0.32 s of the silence around it; regions may touch."""
    detector = vad.Detector()
    blocks = [detector.hear(block) for block in sound.blocks_at_16k()]
    probabilities = np.concatenate([*blocks, detector.end()])
    speech = vad.speech_windows(probabilities, _THRESHOLD)
    edges = np.flatnonzero(np.diff(np.concatenate(([0], speech.astype(np.int8), [0]))))
    runs = [run for start, end in edges.reshape(-1, 2).tolist() for run in _parts(start, end, probabilities)]
    regions = []
    for index, (start, end) in enumerate(runs):
        before = start - runs[index - 1][1] if index else start
        after = runs[index + 1][0] - end if index + 1 < len(runs) else len(probabilities) - end
        lead, trail = min(before / 2, _PADDING), min(after / 2, _PADDING)
        start_s, end_s = (start - lead) * vad.WINDOW_S, min(sound.duration_s, (end + trail) * vad.WINDOW_S)
        regions.append(Region(start_s, end_s, *(silence * vad.WINDOW_S for silence in (lead, trail, before))))
    return regions


def _parts(start: int, end: int, probabilities: np.ndarray) -> Iterator[tuple[int, int]]:
    """A run of windows, in parts no longer than a stretch, cut where speech is least likely."""
    longest = int(_STRETCH_S / vad.WINDOW_S) - 2 * _PADDING
    while end - start > longest:
        cut = start + longest // 2 + int(np.argmin(probabilities[start + longest // 2 : start + longest]))
        yield start, cut
        start = cut
    yield start, end


def stretches(regions: Sequence[Region]) -> Iterator[list[Region]]:
    """Regions packed, in order, into stretches of up to 28 s that end in the longest pause of their last third."""
    packed: list[Region] = []
    for region in regions:
        packed.append(region)
        while len(packed) > 1 and _length(packed) > _STRETCH_S:
            last = _longest_pause(packed)
            yield packed[:last]
            packed = packed[last:]
    if packed:
        yield packed


def _length(regions: Sequence[Region]) -> float:
    return sum(region.length_s for region in regions)


def _longest_pause(regions: Sequence[Region]) -> int:
    """Before which region (not the first) a stretch should end."""
    late = [at for at in range(1, len(regions)) if _length(regions[:at]) > 2 / 3 * _STRETCH_S]
    return max(late or [len(regions) - 1], key=lambda at: (regions[at].pause_s, at))
