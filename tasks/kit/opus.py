"""Sound as Ogg Opus and back, at any sample rate, by libsndfile.

Letters: T samples.
"""

from __future__ import annotations

import io

import numpy as np
import soundfile as sf

from tasks import audio

#: The rates that Opus knows.
RATES_HZ = (8000, 12000, 16000, 24000, 48000)
#: What libsndfile's compression levels 1 and 0 stand for, in bits a second.
_SLOWEST, _FASTEST = 6000, 256000


def opus_rate(rate_hz: int) -> int:
    """The rate at which Opus keeps everything of sound at `rate_hz` that it can."""
    return next((rate for rate in RATES_HZ if rate >= rate_hz), RATES_HZ[-1])


def encoded(wave: np.ndarray, rate_hz: int, kbps: int) -> bytes:
    """(T,) at any rate → Ogg Opus of about `kbps` kbit/s."""
    content, rate = io.BytesIO(), opus_rate(rate_hz)
    level = 1 - (1000 * kbps - _SLOWEST) / (_FASTEST - _SLOWEST)
    samples = audio.resample(wave, rate_hz, rate)
    sf.write(content, samples, rate, format="OGG", subtype="OPUS", compression_level=min(max(level, 0.0), 1.0))
    return content.getvalue()


def decoded(content: bytes) -> tuple[np.ndarray, int]:
    """Ogg Opus → (T,) float32 and its rate."""
    return sf.read(io.BytesIO(content), dtype="float32")
