"""Is a precision of any use: smaller and faster than fp32? Only the answer is kept, for times differ every time."""

from __future__ import annotations

import statistics
import time
from collections.abc import Sequence
from pathlib import Path

from tasks.export.voices import Passage
from voiceloom_model.runtime.network import Network

REPEATS = 5
#: Faster means by a tenth at least; less is noise, and another answer every time.
FASTER = 0.9


def smaller(reference: Path, candidate: Path) -> bool:
    """The candidate, a file or a folder, takes fewer bytes."""
    return size(candidate) < size(reference)


def size(path: Path) -> int:
    """Bytes of a file, or of all files directly in a folder."""
    return sum(file.stat().st_size for file in path.iterdir()) if path.is_dir() else path.stat().st_size


def faster(reference: Network, candidate: Network, passages: Sequence[Passage]) -> bool:
    """The candidate speaks the passages in less time: the median ratio of runs in turn.

    Both compute on the calling thread, whose own time does not depend on what else the machine does.
    """
    for voice in (reference, candidate):
        _seconds(voice, passages)  # what the first run allocates is not measured
    ratios = [_seconds(candidate, passages) / _seconds(reference, passages) for _ in range(REPEATS)]
    return statistics.median(ratios) < FASTER


def _seconds(voice: Network, passages: Sequence[Passage]) -> float:
    started = time.thread_time()
    for passage in passages:
        passage.spoken_by(voice)
    return time.thread_time() - started
