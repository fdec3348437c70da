"""Which stretches of a passage sound in one go, so that first audio comes soon and memory stays flat.

The division depends on the number of frames alone. A voice at 8 bits rounds by the range of all it computes at
once, so only the same windows give the same samples: `say` and `stream` both speak exactly these.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

FIRST_FRAMES, NEXT_FRAMES = 192, 768
#: A remainder shorter than this joins the window before it.
LEAST_FRAMES = 192


class Window(NamedTuple):
    """Frames `start` … `stop` are heard; `first` … `last`, with their neighbourhood, are computed."""

    start: int
    stop: int
    first: int
    last: int


def windows(n_frames: int, context: int | None) -> Iterator[Window]:
    """The windows of `n_frames` frames, each of which depends on `context` frames to either side; None: on all."""
    if context is None:
        yield Window(0, n_frames, 0, n_frames)
        return
    start, size = 0, FIRST_FRAMES
    while start < n_frames:
        stop = start + size
        stop = n_frames if n_frames - stop < LEAST_FRAMES else stop
        yield Window(start, stop, max(0, start - context), min(n_frames, stop + context))
        start, size = stop, NEXT_FRAMES


def in_chunks(waves: Iterator[np.ndarray], size: int) -> Iterator[np.ndarray]:
    """The same samples in chunks of `size`, the last one what is left."""
    kept: list[np.ndarray] = []
    held = 0
    for wave in waves:
        kept.append(wave)
        held += len(wave)
        if held >= size:
            whole = np.concatenate(kept)
            held = len(whole) % size
            yield from np.split(whole[: len(whole) - held], range(size, len(whole) - held, size))
            kept = [whole[len(whole) - held :]]
    if held:
        yield np.concatenate(kept)
