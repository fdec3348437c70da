"""How fast the voice is on this machine. The figures differ from run to run, so they stay in `runs/`."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence

from voiceloom_model.runtime import Voice

REPEATS = 3
FIRST_WORDS = "Good morning."


def measure_speed(voice: Voice, texts: Sequence[str]) -> dict[str, float]:
    """Medians on the voice's threads: `rtf`, seconds of work a second of audio, and `first_audio_ms`.

    First audio is a short sentence from its text to its last sample.
    """
    voice.say(FIRST_WORDS)  # what the first call allocates is not measured
    factors = []
    for text in texts:
        for _ in range(REPEATS):
            seconds, samples = _timed(voice, text)
            factors.append(seconds * voice.sample_rate_hz / samples)
    first = [_timed(voice, FIRST_WORDS)[0] for _ in range(REPEATS)]
    return {
        "rtf": round(statistics.median(factors), 5),
        "first_audio_ms": round(1000 * statistics.median(first), 2),
    }


def _timed(voice: Voice, text: str) -> tuple[float, int]:
    started = time.perf_counter()
    samples = len(voice.say(text))
    return time.perf_counter() - started, samples
