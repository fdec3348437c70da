"""One judge for all: real recordings and the voice go through the same ear and the same measures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

import numpy as np

from tasks import asr
from tasks.audio import resample
from tasks.evaluate.scoring import Score, count_errors
from tasks.evaluate.similarity import Likeness
from tasks.evaluate.spoken import Spoken
from tasks.mos import SAMPLE_RATE_HZ, dnsmos


class Judge:
    """Scores utterances; `recordings` say what the speakers really sound like."""

    def __init__(self, listener: asr.Listener, recordings: Sequence[Spoken]) -> None:
        vectors, self._places = defaultdict(list), {}
        for recording in recordings:
            self._places[recording.id] = len(vectors[recording.speaker])
            vectors[recording.speaker].append(_vector(recording))
        self._listener, self._likeness = listener, Likeness(vectors)

    def score(self, spoken: Spoken, real: bool) -> Score:
        """Score one utterance; a `real` one is compared with the speaker's other recordings only."""
        wave = resample(spoken.wave, spoken.sample_rate_hz, SAMPLE_RATE_HZ)
        heard = self._listener.hear(wave, spoken.language)
        overall, p808 = dnsmos(wave)
        if real:
            similarity = self._likeness.of_recording(self._places[spoken.id], spoken.speaker)
        else:
            similarity = self._likeness.to_speaker(_vector(spoken), spoken.speaker)
        return Score(
            id=spoken.id,
            text=spoken.text,
            heard=heard,
            **count_errors(spoken.text, heard, spoken.language),
            similarity=similarity,
            dnsmos=overall,
            dnsmos_p808=p808,
        )


def _vector(spoken: Spoken) -> np.ndarray:
    """The d-vector of an utterance, computed unless it came with one."""
    from voiceloom_model.speaker import embed

    return spoken.vector if spoken.vector is not None else embed(spoken.wave, spoken.sample_rate_hz)
