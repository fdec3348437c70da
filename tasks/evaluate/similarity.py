"""Speaker similarity (SECS): the cosine of a d-vector and the mean d-vector of the speaker's recordings."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np


def cosine(first: np.ndarray, second: np.ndarray) -> float:
    """The cosine of two vectors, -1 to 1."""
    return float(first @ second / (np.linalg.norm(first) * np.linalg.norm(second)))


class Likeness:
    """The d-vectors of real recordings by speaker, to compare others with."""

    def __init__(self, recordings: Mapping[str, Sequence[np.ndarray]]):
        self._recordings = {name: np.stack(list(vectors)).astype(np.float64) for name, vectors in recordings.items()}

    def to_speaker(self, vector: np.ndarray, speaker: str) -> float | None:
        """Similarity of a synthetic d-vector to the mean of the speaker's recordings; `None` without any."""
        if speaker not in self._recordings:
            return None
        return cosine(np.asarray(vector, np.float64), self._recordings[speaker].mean(axis=0))

    def of_recording(self, index: int, speaker: str) -> float | None:
        """Similarity of the speaker's recording `index` to the mean of the others; `None` without others."""
        vectors = self._recordings[speaker]
        if len(vectors) < 2:
            return None
        return cosine(vectors[index], np.delete(vectors, index, axis=0).mean(axis=0))
