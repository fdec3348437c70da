"""Where a recording is speech and where it is quiet: what decides at which moment it may be cut.

Letters: W windows of the voice activity detector (32 ms), F frames of 8 ms.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tasks.segment import vad
from tasks.segment.sound import Sound

LOUD = 10**-2.5  # 25 dB below the mean of speech: vowels and fricatives, no breath
FRAME_S = 0.008
_FRAME = 128
_GAP = 3  # windows: the closure of a plosive inside a word
_AROUND = 625  # windows (20 s): what speech and noise are like near a moment
_STEP = 125
_ABOVE_NOISE = 2.0  # in power: what is no louder than this above the quietest tenth is quiet
_BELOW_SPEECH = 0.1  # however noisy: nothing within 10 dB of speech is quiet

_MAX_SNR_DB = 100.0  # digital silence around speech has no noise to speak of
_NEAR = 32  # windows (1 s): the noise beside a stretch is its noise

Span = tuple[float, float]


class Activity(NamedTuple):
    """Speech (W,) bool, power of each window (W,), quiet (F,) bool; and how long the recording is."""

    duration_s: float
    speech: np.ndarray
    power: np.ndarray
    quiet: np.ndarray

    def pauses(self, start_s: float, end_s: float, least_s: float) -> list[Span]:
        """The quiet stretches of at least `least_s` between two moments."""
        first = max(0, round(start_s / FRAME_S))
        quiet = self.quiet[first : max(first, round(end_s / FRAME_S))]
        edges = np.flatnonzero(np.diff(np.concatenate(([0], quiet.astype(np.int8), [0])))) + first
        found = (edges.reshape(-1, 2) * FRAME_S).tolist()
        return [(start, end) for start, end in found if end - start >= least_s - 1e-9]

    def speech_s(self, start_s: float, end_s: float) -> float:
        """Seconds of speech between two moments."""
        first, last = round(start_s / vad.WINDOW_S), round(end_s / vad.WINDOW_S)
        return float(self.speech[max(0, first) : max(0, last)].sum()) * vad.WINDOW_S

    def snr_db(self, start_s: float, end_s: float) -> float:
        """Signal-to-noise ratio of a stretch that holds speech, in dB; the noise may lie up to a second beside it."""
        first, last = max(0, round(start_s / vad.WINDOW_S) - _NEAR), round(end_s / vad.WINDOW_S) + _NEAR
        speech, power = self.speech[first:last].copy(), self.power[first:last]
        inside = np.arange(first, first + len(speech)) * vad.WINDOW_S
        speech &= (inside >= start_s - vad.WINDOW_S) & (inside < end_s)
        return signal_to_noise_db(power, speech if speech.any() else ~speech)

    def trim(self, start_s: float, end_s: float, padding_s: float) -> Span | None:
        """What of a stretch is speech, with padding; None when there is none."""
        first = int(np.ceil(start_s / vad.WINDOW_S - 1e-6))
        last = len(self.speech) if end_s >= self.duration_s else int(end_s / vad.WINDOW_S + 1e-6)
        speech, power = self.speech[first:last], self.power[first:last]
        if not speech.any():
            return None
        at = first * vad.WINDOW_S
        start, end = bounds(power > power[speech].mean() * LOUD, speech, 0.0)
        return max(start_s, at + start - padding_s), min(end_s, at + end + padding_s)


def signal_to_noise_db(power: np.ndarray, speech: np.ndarray) -> float:
    """Mean power of speech over that of the quietest tenth of all windows, in dB; (W,) each.

    Not over the windows without speech: in a recording cut close they hold the beginnings and ends of words.
    """
    noise = np.sort(power)[: max(1, len(power) // 10)].mean()
    return float(min(10 * np.log10(power[speech].mean() / max(noise, 1e-12)), _MAX_SNR_DB))


def activity(sound: Sound, threshold: float) -> Activity:
    """Listen to all of a recording, block by block."""
    detector = vad.Detector()
    probabilities, windows, frames = [], [], []
    for block in sound.blocks_at_16k():
        probabilities.append(detector.hear(block))
        windows.append(mean_power(block, vad.WINDOW))
        frames.append(mean_power(np.pad(block, (0, -len(block) % vad.WINDOW)), _FRAME))
    speech = vad.speech_windows(np.concatenate([*probabilities, detector.end()]), threshold)
    power = np.concatenate(windows)
    quiet = _smooth(np.concatenate(frames)) < np.repeat(_quiet_limits(power, speech), vad.WINDOW // _FRAME)
    return Activity(sound.duration_s, speech, power, quiet)


def mean_power(wave: np.ndarray, width: int) -> np.ndarray:
    """Mean power of each `width` samples: (T,) → (T ÷ width rounded up,); the last is filled with zeros."""
    padded = np.pad(wave.astype(np.float64), (0, -len(wave) % width))
    return np.mean(padded.reshape(-1, width) ** 2, axis=1)


def _smooth(power: np.ndarray) -> np.ndarray:
    return np.convolve(power, np.full(3, 1 / 3), mode="same")


def _quiet_limits(power: np.ndarray, speech: np.ndarray) -> np.ndarray:
    """Below which power each window (W,) is quiet: well below the speech around it, or near the noise."""
    overall = power[speech].mean() if speech.any() else 1.0
    limits = np.empty(len(power))
    for at in range(0, len(power), _STEP):
        near = slice(max(0, at - _AROUND // 2), at + _AROUND // 2)
        loud = power[near][speech[near]]
        level = loud.mean() if len(loud) else overall
        noise = np.sort(power[near])[: max(1, len(power[near]) // 10)].mean()
        limits[at : at + _STEP] = max(level * LOUD, min(noise * _ABOVE_NOISE, level * _BELOW_SPEECH))
    return limits


def bounds(loud: np.ndarray, speech: np.ndarray, padding_s: float) -> Span:
    """First and last second to keep, from (W,) bool each.

    From the detector's first to its last window of speech, and outward over windows as loud as speech: the
    detector comes late to a word and leaves it early.
    """
    first, last = np.flatnonzero(speech)[[0, -1]]
    before = _outward(loud[:first][::-1])
    after = _outward(loud[last + 1 :])
    return (first - before) * vad.WINDOW_S - padding_s, (last + 1 + after) * vad.WINDOW_S + padding_s


def _outward(loud: np.ndarray) -> int:
    """How many windows, going outward, belong to the word: up to the last loud one before a gap."""
    reach = 0
    for index in np.flatnonzero(loud):
        if index - reach > _GAP:
            break
        reach = int(index) + 1
    return reach
