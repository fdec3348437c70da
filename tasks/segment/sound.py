"""A recording's FLAC, read a stretch at a time: hours of it never lie in memory as samples.

Letters: T samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import soundfile as sf

from tasks import audio
from tasks.segment import vad

#: Up to here a recording is read and resampled in one go.
_WHOLE_S = 300.0
_BLOCK_S = 60.0
#: Heard by the resampler on both sides of a stretch, so that its edges are as in the whole.
_MARGIN_S = 0.05


class Sound:
    """FLAC bytes opened for reading; times are in seconds."""

    def __init__(self, flac: bytes):
        self._file = sf.SoundFile(io.BytesIO(flac))
        self.rate_hz: int = self._file.samplerate
        self.duration_s: float = self._file.frames / self.rate_hz

    def samples(self, start: int, end: int) -> np.ndarray:
        """Samples `start` to `end` of the recording, as far as there are any; float32 (T,) at its own rate."""
        self._file.seek(min(start, self._file.frames))
        return self._file.read(end - start, dtype="float32")

    def at_16k(self, start_s: float, end_s: float) -> np.ndarray:
        """A stretch at 16 kHz, float32 (T,)."""
        first, last = max(0.0, start_s - _MARGIN_S), min(self.duration_s, end_s + _MARGIN_S)
        wave = self.samples(round(first * self.rate_hz), round(last * self.rate_hz))
        wave = audio.resample(wave, self.rate_hz, vad.RATE_HZ)
        skipped = round((start_s - first) * vad.RATE_HZ)
        return wave[skipped : skipped + round((end_s - start_s) * vad.RATE_HZ)]

    def blocks_at_16k(self) -> Iterator[np.ndarray]:
        """All of it at 16 kHz, float32; every block but the last is whole windows of the detector."""
        self._file.seek(0)
        if self.duration_s <= _WHOLE_S:
            yield audio.resample(self._file.read(dtype="float32"), self.rate_hz, vad.RATE_HZ)
        else:
            yield from _whole_windows(self._resampled())

    def _resampled(self) -> Iterator[np.ndarray]:
        import soxr

        stream = soxr.ResampleStream(self.rate_hz, vad.RATE_HZ, 1, dtype="float32", quality="HQ")
        for block in self._file.blocks(int(_BLOCK_S * self.rate_hz), dtype="float32"):
            last = self._file.tell() == self._file.frames
            yield block if self.rate_hz == vad.RATE_HZ else stream.resample_chunk(block, last=last)


def _whole_windows(blocks: Iterator[np.ndarray]) -> Iterator[np.ndarray]:
    left = np.zeros(0, np.float32)
    for block in blocks:
        left = np.concatenate([left, block])
        whole = len(left) // vad.WINDOW * vad.WINDOW
        yield left[:whole]
        left = left[whole:]
    yield left
