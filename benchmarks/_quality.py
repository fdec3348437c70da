"""One judge for every voice of `quality.py`: what each says and how it is scored, row by row."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from statistics import mean
from typing import TYPE_CHECKING

import numpy as np
from _measures import distance, distillmos
from _pipeline import ROOT
from _talkers import SEED, Say, ours

if TYPE_CHECKING:
    from tasks.evaluate.judge import Judge
    from tasks.evaluate.scoring import Score
    from tasks.evaluate.spoken import Spoken


@dataclass
class Bench:
    """What is said, who is compared with whom, and the rows of the table so far."""

    texts: list[str]
    language: str
    recordings: list[Spoken]
    rows: dict[str, dict] = field(default_factory=dict)

    @cached_property
    def judge(self) -> Judge:
        """One for all."""
        from tasks.asr import Listener
        from tasks.evaluate.judge import Judge

        return Judge(Listener("whisper-base", ROOT / "runs" / "models"), self.recordings)

    def bundle(self, name: str, folder: Path, precisions: Sequence[str]) -> None:
        """The default speaker at each precision that the bundle has, on open and on held-out texts."""
        from voiceloom_model.runtime.bundle import read_description

        description = read_description(folder)
        speaker = next(iter(description.speakers))
        language = self._spoken_language(description.languages, description.speakers[speaker]["language"])
        first: list[Score] = []
        for precision in (one for one in precisions if one in description.precisions):
            say = ours(folder, precision, speaker, language)
            scores = self._hear(f"{name}, {precision}", say, speaker)
            if first:
                self.rows[f"{name}, {precision}"]["worse_by"] = worse(scores, first)
            first = first or scores
            if self._own(speaker):
                self._respeak(f"{name}, {precision}, held-out texts", say, speaker)

    def peer(self, name: str, make: Callable[[], Say]) -> None:
        """The voice of others, unless its packages cannot be had."""
        try:
            say = make()
        except (ImportError, OSError, ValueError) as error:
            print(f"without {name}: {error}")
            return
        self._hear(name, say, name)

    def real(self) -> None:
        """The recordings themselves, by speaker."""
        for speaker in sorted({one.speaker for one in self.recordings}):
            own = self._own(speaker)
            scores = [self.judge.score(one, real=True) for one in own]
            self._row(f"recordings of {speaker}", own, scores)

    def likeness(self) -> dict[str, float | None]:
        """How like recordings are to their own speaker and to others: mean cosines, and the tails that may meet."""
        from tasks.evaluate.similarity import Likeness

        vectors: dict[str, list[np.ndarray]] = {}
        for one in self.recordings:
            if one.vector is not None:
                vectors.setdefault(one.speaker, []).append(one.vector)
        known = Likeness(vectors)
        same = [known.of_recording(index, name) for name, own in vectors.items() for index in range(len(own))]
        other = [
            known.to_speaker(vector, name)
            for name in vectors
            for mine in vectors
            if mine != name
            for vector in vectors[mine]
        ]
        return {
            **tails("same", [one for one in same if one is not None], 5),
            **tails("other", [one for one in other if one is not None], 95),
        }

    def _spoken_language(self, languages: Sequence[str], own: str) -> str:
        """The speaker's own where it is the asked one, else the first of that language that the voice knows."""
        fitting = [one for one in (own, *languages) if one.split("-")[0] == self.language.split("-")[0]]
        if not fitting:
            raise SystemExit(f"the voice speaks {', '.join(languages)}, not {self.language}")
        return fitting[0]

    def _own(self, speaker: str) -> list[Spoken]:
        return [one for one in self.recordings if one.speaker == speaker]

    def _hear(self, name: str, say: Say, speaker: str) -> list[Score]:
        """Let a voice say the open texts."""
        from tasks.evaluate.spoken import Spoken

        spoken = [
            Spoken(f"open/{number:02d}", text, speaker, self.language, *say(text))
            for number, text in enumerate(self.texts, start=1)
        ]
        scores = [self.judge.score(one, real=False) for one in spoken]
        self._row(name, spoken, scores)
        return scores

    def _respeak(self, name: str, say: Say, speaker: str) -> None:
        """Let a voice say what its speaker was recorded with, and compare."""
        from tasks.evaluate.spoken import Spoken

        own = [one for one in self._own(speaker) if one.language.split("-")[0] == self.language.split("-")[0]]
        if not own:
            return
        spoken = [Spoken(one.id, one.text, speaker, one.language, *say(one.text)) for one in own]
        self._row(name, spoken, [self.judge.score(one, real=False) for one in spoken])
        apart = [distance(at_16k(one), at_16k(real)) for one, real in zip(spoken, own, strict=True)]
        melodies = [one.f0_semitones for one in apart if one.f0_semitones is not None]
        self.rows[name] |= {"mcd_db": round(mean(one.mcd_db for one in apart), 2)}
        self.rows[name] |= {"f0_semitones": round(mean(melodies), 2)} if melodies else {}

    def _row(self, name: str, spoken: Sequence[Spoken], scores: Sequence[Score]) -> None:
        from tasks.evaluate.scoring import summarise

        self.rows[name] = {
            **summarise(scores, SEED),
            "distillmos": round(mean(distillmos(at_16k(one)) for one in spoken), 3),
        }
        print(name, self.rows[name], flush=True)


def at_16k(spoken: Spoken) -> np.ndarray:
    """The samples (T,) as every judge hears them."""
    from tasks.audio import resample

    return resample(spoken.wave, spoken.sample_rate_hz, 16000)


def worse(scores: Sequence[Score], first: Sequence[Score]) -> dict[str, list[float]]:
    """[mean, low, high] of the loss against `first` in every measure, as the gate compares with the champion."""
    from tasks.gate.champion import MEASURES, compare

    mine, theirs = (
        {"voice": summary, "scores": summary, "sentences": told} for summary, told in map(told_of, (scores, first))
    )
    losses = {one.key: compare(one, mine, theirs) for one in MEASURES if mine["voice"][one.key] is not None}
    return {name: [round(loss.mean, 4), *(loss.interval or ())] for name, loss in losses.items()}


def told_of(scores: Sequence[Score]) -> tuple[dict, list[dict]]:
    """The figures of a set and those of its sentences."""
    from tasks.evaluate.scoring import summarise

    names = {"id": "id", "errors": "word_errors", "words": "words", "similarity": "similarity", "dnsmos": "dnsmos"}
    told = [{name: getattr(score, attribute) for name, attribute in names.items()} for score in scores]
    return summarise(scores, SEED), told


def tails(name: str, values: Sequence[float], percentile: float) -> dict[str, float | None]:
    """The mean, and the percentile towards the other distribution."""
    if not values:
        return {f"{name}_mean": None, f"{name}_p{percentile}": None}
    low = float(np.percentile(values, percentile))
    return {f"{name}_mean": round(mean(values), 4), f"{name}_p{percentile}": round(low, 4)}
