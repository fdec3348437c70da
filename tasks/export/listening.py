"""The ear of the paired test: what is heard of a voice's lines, several at a time.

A recogniser takes thirty seconds of sound for every line, however short it is, so lines of one speaker are heard in
stretches, with pauses between them: a third of the work, and no line is left out. A stretch is also what the bootstrap
draws, since one slip in it may lead to another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from tasks.asr import SAMPLE_RATE_HZ
from tasks.audio import resample
from tasks.evaluate.scoring import count_errors
from tasks.evaluate.similarity import Likeness
from tasks.export.ear import ExactingListener, Expected
from tasks.export.lines import Line
from tasks.export.paired import Hearing
from tasks.export.voices import Passage
from tasks.mos import dnsmos
from tasks.progress import progress
from voiceloom_model.runtime.network import Network

STRETCH_S, PAUSE_S = 14.0, 0.5
#: Stretches heard at a time, each on one thread, so that no figure depends on the machine's number of cores.
AT_ONCE = 2
#: What DNSMOS looks at in one go, nine seconds, the first of a stretch; more is cut into pieces, each as much work.
DNSMOS_SAMPLES = 144160


@dataclass(frozen=True)
class Stretch:
    """Passages of one speaker in one language that are heard together."""

    passages: Sequence[Passage]

    @property
    def line(self) -> Line:
        """The first line, which has the speaker and the language of all."""
        return self.passages[0].line

    @property
    def text(self) -> str:
        """All that is said."""
        return " ".join(passage.line.text for passage in self.passages)

    def spoken_by(self, voice: Network, sample_rate_hz: int) -> np.ndarray:
        """The passages in a voice, with pauses between them: samples (T,)."""
        pause = np.zeros(round(PAUSE_S * sample_rate_hz), np.float32)
        waves = [wave for passage in self.passages for wave in (pause, passage.spoken_by(voice))]
        return np.concatenate(waves[1:])


def stretches(passages: Sequence[Passage], frames_per_s: float) -> list[Stretch]:
    """All passages, in stretches of at most `STRETCH_S`; a longer passage is one by itself."""
    found: dict[tuple[str, str], list[list[Passage]]] = {}
    for passage in passages:
        several = found.setdefault((passage.line.speaker, passage.line.language), [[]])
        if several[-1] and _seconds([*several[-1], passage], frames_per_s) > STRETCH_S:
            several.append([])
        several[-1].append(passage)
    return [Stretch(tuple(some)) for several in found.values() for some in several]


def _seconds(passages: Sequence[Passage], frames_per_s: float) -> float:
    frames = sum(int(passage.plan.durations.sum()) for passage in passages)
    return frames / frames_per_s + PAUSE_S * (len(passages) - 1)


class Ear:
    """Hears voices; `vectors` are the d-vectors (S,) of every speaker's real recordings."""

    def __init__(
        self, listener: ExactingListener, vectors: Mapping[str, Sequence[np.ndarray]], sample_rate_hz: int
    ) -> None:
        self._listener, self._likeness, self._sample_rate_hz = listener, Likeness(vectors), sample_rate_hz

    def hear(self, voice: Network, several: Sequence[Stretch], label: str) -> list[Hearing]:
        """What is heard of every stretch, spoken one after the other and heard two at a time."""
        waves = (stretch.spoken_by(voice, self._sample_rate_hz) for stretch in several)
        with ThreadPoolExecutor(AT_ONCE) as pool, progress(f"export: {label}", len(several), "stretches") as advance:
            found = []
            for hearing in pool.map(self._hear, several, waves):
                found.append(hearing)
                advance(1)
            return found

    def _hear(self, stretch: Stretch, spoken: np.ndarray) -> Hearing:
        from voiceloom_model.speaker import embed

        wave = resample(spoken, self._sample_rate_hz, SAMPLE_RATE_HZ)
        language = stretch.line.language
        found = self._listener.expect(wave, language, stretch.text) or Expected("", 0.0, 0)
        counted = count_errors(stretch.text, found.heard, language) if found.words else {"word_errors": 0, "words": 0}
        return Hearing(
            heard=found.heard,
            word_errors=counted["word_errors"],
            words=counted["words"],
            expected_errors=found.errors,
            expected_words=found.words,
            similarity=self._likeness.to_speaker(embed(wave, SAMPLE_RATE_HZ), stretch.line.speaker),
            dnsmos=dnsmos(np.resize(wave, DNSMOS_SAMPLES))[0],
        )
