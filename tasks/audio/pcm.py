"""Samples at another rate, and the FLAC that tables hold.

Letters: T samples.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator

import numpy as np
import soundfile as sf


def resample(wave: np.ndarray, rate_hz: int, target_hz: int) -> np.ndarray:
    """(T,) at `rate_hz` → (T × target_hz ÷ rate_hz,) at `target_hz`."""
    if rate_hz == target_hz:
        return wave
    import soxr

    return soxr.resample(wave, rate_hz, target_hz, quality="HQ")


def resample_blocks(blocks: Iterable[np.ndarray], rate_hz: int, target_hz: int) -> Iterator[np.ndarray]:
    """What `resample` makes of the blocks (T,) together, block by block."""
    if rate_hz == target_hz:
        yield from blocks
        return
    import soxr

    stream = soxr.ResampleStream(rate_hz, target_hz, 1, dtype="float32", quality="HQ")
    for block in blocks:
        yield stream.resample_chunk(np.ascontiguousarray(block))
    yield stream.resample_chunk(np.zeros(0, np.float32), last=True)


def to_flac(wave: np.ndarray, rate_hz: int) -> bytes:
    """(T,) → FLAC, 16 bits."""
    return blocks_to_flac([wave], rate_hz)


def blocks_to_flac(blocks: Iterable[np.ndarray], rate_hz: int) -> bytes:
    """Blocks (T,), one after the other → FLAC, 16 bits.

    Full scale is 2¹⁵, as in `from_flac`: what came from 16 bits goes back to the same bits. (libsndfile would
    scale by 2¹⁵ - 1.)
    """
    buffer = io.BytesIO()
    with sf.SoundFile(buffer, "w", rate_hz, 1, format="FLAC", subtype="PCM_16") as file:
        for block in blocks:
            file.write(np.clip(np.rint(block * 32768.0), -32768, 32767).astype(np.int16))
    return buffer.getvalue()


def from_flac(content: bytes) -> tuple[np.ndarray, int]:
    """FLAC bytes → (T,) and sample rate in Hz."""
    return sf.read(io.BytesIO(content), dtype="float32")
