"""Two voices say the same sentences, are listened to alike, and stand side by side on one page.

A room and not a stage: nothing of the pipeline reads what is made here.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tasks.evaluate.scoring import Score
from tasks.evaluate.spoken import Spoken, read_sentences
from voiceloom_model.runtime import Voice

RUNS = Path("runs")


@dataclass
class Side:
    """One of the two: how it is called, what it said and how fast, how it was heard, and what its report says."""

    name: str
    bundle_sha256: str
    precision: str
    speaker: str
    size_mb: float
    spoken: list[Spoken]
    real_time_factor: float
    report: dict = field(default_factory=dict)
    scores: list[Score] = field(default_factory=list)

    @property
    def seconds(self) -> float:
        """How long all that it said is."""
        return sum(len(one.wave) / one.sample_rate_hz for one in self.spoken)


def choose_texts(voices: Sequence[Voice], sentences: Path, count: int, texts: Path | None) -> tuple[str, list[str]]:
    """The language that both speak, and the sentences: of the file `texts`, else the everyday ones.

    The language is that of the first voice's default speaker; `ValueError` where the other does not speak it.
    """
    first, second = voices
    language = first.description.speakers[first.speakers[0]]["language"]
    if language not in second.description.languages:
        raise ValueError(f"one voice speaks {language}, the other {', '.join(second.description.languages)}")
    path = texts or sentences / f"everyday-{language.split('-')[0]}.txt"
    if not path.is_file():
        raise FileNotFoundError(f"there is no {path}; give a file of sentences with --texts")
    found = read_sentences(path)[: None if texts else count]
    if not found:
        raise ValueError(f"{path} holds no sentence")
    return language, found


def speak(voice: Voice, bundle: Path, name: str, language: str, texts: Sequence[str], seed: int) -> Side:
    """Let a voice say every text, once before the clock runs."""
    from voiceloom_model.runtime.bundle import bundle_sha256, speaking_bytes

    speaker = voice.speakers[0]
    voice.say(texts[0], speaker, language, seed=seed)
    started = time.perf_counter()
    waves = [voice.say(text, speaker, language, seed=seed) for text in texts]
    taken = time.perf_counter() - started
    spoken = [
        Spoken(f"{number:03d}", text, speaker, language, np.asarray(wave, np.float32), voice.sample_rate_hz)
        for number, (text, wave) in enumerate(zip(texts, waves, strict=True), start=1)
    ]
    size_mb = speaking_bytes(bundle, voice.precision) / 1e6
    side = Side(name, bundle_sha256(bundle), voice.precision, speaker, size_mb, spoken, 0.0)
    side.real_time_factor = taken / side.seconds
    return side


def listen(sides: Sequence[Side], voices: Sequence[Voice], asr_model: str) -> None:
    """Score what was said; each voice is likened to its own speaker, as its bundle knows them."""
    from tasks.asr import Listener
    from tasks.evaluate.judge import Judge

    listener = Listener(asr_model, RUNS / "models", 1)
    for side, voice in zip(sides, voices, strict=True):
        known = np.asarray(voice.description.speakers[side.speaker]["embedding"], np.float32)
        one = side.spoken[0]
        speaker = Spoken("speaker", "", side.speaker, one.language, np.zeros(1, np.float32), one.sample_rate_hz, known)
        judge = Judge(listener, [speaker])
        side.scores = [judge.score(spoken, real=False) for spoken in side.spoken]
