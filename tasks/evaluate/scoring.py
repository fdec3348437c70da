"""From single utterances to the figures of a set: error rates with their uncertainty, and means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import jiwer
import numpy as np

from tasks.evaluate.normalise import normalise

RESAMPLES = 2000


@dataclass(frozen=True)
class Score:
    """One utterance: what was to be said, what was heard, and how it sounds. `similarity` is a cosine."""

    id: str
    text: str
    heard: str
    word_errors: int
    words: int
    character_errors: int
    characters: int
    similarity: float | None
    dnsmos: float
    dnsmos_p808: float

    @property
    def wer(self) -> float:
        """Word error rate of this utterance."""
        return self.word_errors / self.words


def count_errors(text: str, heard: str, language: str) -> dict[str, int]:
    """Word and character errors of `heard` against `text`, both normalised, and the counts they refer to."""
    expected, found = normalise(text, language), normalise(heard, language)
    if not expected:
        raise ValueError(f"{text!r} has no words to be heard")
    words = jiwer.process_words(expected, found)
    characters = jiwer.process_characters(expected, found)
    return {
        "word_errors": words.substitutions + words.deletions + words.insertions,
        "words": len(expected.split()),
        "character_errors": characters.substitutions + characters.deletions + characters.insertions,
        "characters": len(expected),
    }


def interval(errors: Sequence[int], totals: Sequence[int], seed: int) -> tuple[float, float]:
    """95 % bootstrap interval of sum(errors) / sum(totals), utterances drawn with replacement."""
    picks = np.random.default_rng(seed).integers(0, len(errors), (RESAMPLES, len(errors)))
    rates = np.asarray(errors)[picks].sum(axis=1) / np.asarray(totals)[picks].sum(axis=1)
    low, high = np.percentile(rates, (2.5, 97.5))
    return float(low), float(high)


def summarise(scores: Sequence[Score], seed: int) -> dict[str, float | None]:
    """The figures of a set, rounded; every figure is `None` for an empty set."""
    names = ("wer", "wer_low", "wer_high", "cer", "similarity", "dnsmos", "dnsmos_p808")
    if not scores:
        return dict.fromkeys(names)
    errors, words = [score.word_errors for score in scores], [score.words for score in scores]
    low, high = interval(errors, words, seed)
    cer = sum(score.character_errors for score in scores) / sum(score.characters for score in scores)
    similarities = [score.similarity for score in scores if score.similarity is not None]
    values = (
        sum(errors) / sum(words),
        low,
        high,
        cer,
        float(np.mean(similarities)) if similarities else None,
        float(np.mean([score.dnsmos for score in scores])),
        float(np.mean([score.dnsmos_p808 for score in scores])),
    )
    return {name: None if value is None else round(value, 4) for name, value in zip(names, values, strict=True)}
