"""Does a precision harm the voice? The same speech heard at two precisions, compared pair by pair.

What both say alike cancels, so that a difference is known far better than either figure: the interval is a bootstrap
over pairs. A precision is refused when a difference is itself past its limit. Where only the interval reaches past it,
harm is not excluded: it ships, and the report says so.

Word errors are compared twice. As counted, two hundred sentences tell a difference to a point or so, more than the
half point that is allowed, and a precision that harms nothing would be refused every fourth time; so the count refuses
only where its interval shows harm. What decides is the errors to be expected (see `tasks.export.ear`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from tasks.params import ExportParams

RESAMPLES = 4000
#: What is compared, and the parameter that limits its loss.
LIMITS = {
    "expected_wer": "max_wer_increase",
    "wer": "max_wer_increase",
    "similarity": "max_similarity_loss",
    "dnsmos": "max_dnsmos_loss",
}
NAMES = {
    "expected_wer": "expected word error rate",
    "wer": "word error rate",
    "similarity": "similarity",
    "dnsmos": "DNSMOS",
}
#: Where a hearing holds the errors of a rate, and what they are a share of.
ERRORS = {"expected_wer": ("expected_errors", "expected_words"), "wer": ("word_errors", "words")}
#: Decides by its interval alone.
COUNTED = "wer"


@dataclass(frozen=True)
class Hearing:
    """A stretch of speech as it was heard: word errors of so many words, cosine to the speaker, overall DNSMOS.

    `expected_errors` are of `expected_words`, which the recogniser divides in its own way.
    """

    heard: str
    word_errors: int
    words: int
    expected_errors: float
    expected_words: int
    similarity: float | None
    dnsmos: float


@dataclass(frozen=True)
class Loss:
    """How much worse the candidate is: the difference, its 95 % interval, and the most that is allowed."""

    mean: float
    low: float
    high: float
    limit: float

    @property
    def too_much(self) -> bool:
        """The difference is past the limit."""
        return self.mean > self.limit

    @property
    def shown(self) -> bool:
        """There is a loss, whatever its size: the interval lies above zero."""
        return self.low > 0

    @property
    def harm_excluded(self) -> bool:
        """Not even the interval reaches past the limit."""
        return self.high <= self.limit

    def to_dict(self) -> dict[str, float | bool]:
        """Plain values, rounded, as the contract holds them."""
        return {**{name: round(value, 5) for name, value in asdict(self).items()}, "harm_excluded": self.harm_excluded}


def compare(
    reference: Sequence[Hearing], candidate: Sequence[Hearing], export: ExportParams, seed: int = 0
) -> dict[str, Loss]:
    """What the candidate loses in every measure; the stretches of both are the same, in the same order."""
    picks = np.random.default_rng(seed).integers(0, len(reference), (RESAMPLES, len(reference)))
    measures = {name: _pairs(name, reference, candidate) for name in LIMITS}
    return {
        name: _loss(*pairs, picks, getattr(export, LIMITS[name])) for name, pairs in measures.items() if pairs[1].any()
    }


def averages(hearings: Sequence[Hearing]) -> dict[str, float | None]:
    """Word error rate, similarity and DNSMOS of all stretches, rounded; None for what is not known of any."""
    similarities = [hearing.similarity for hearing in hearings if hearing.similarity is not None]
    words, expected = (sum(getattr(one, name) for one in hearings) for name in ("words", "expected_words"))
    values = {
        "wer": sum(one.word_errors for one in hearings) / words if words else None,
        "expected_wer": sum(one.expected_errors for one in hearings) / expected if expected else None,
        "similarity": float(np.mean(similarities)) if similarities else None,
        "dnsmos": float(np.mean([one.dnsmos for one in hearings])),
    }
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def heard_alike(reference: Sequence[Hearing], candidate: Sequence[Hearing]) -> float:
    """The share of stretches of which the same words were heard."""
    return sum(one.heard == other.heard for one, other in zip(reference, candidate, strict=True)) / len(reference)


def reasons(losses: Mapping[str, Loss]) -> list[str]:
    """Why a candidate is refused, a clause for every limit that is passed; none when it may ship."""
    return [
        f"it costs {loss.mean:.4f} of {NAMES[name]}, {loss.limit:g} allowed"
        for name, loss in losses.items()
        if loss.too_much and (name != COUNTED or loss.shown)
    ]


def doubts(losses: Mapping[str, Loss]) -> list[str]:
    """Of what measures that decide harm past the limit is not excluded."""
    return [NAMES[name] for name, loss in losses.items() if name != COUNTED and not loss.harm_excluded]


def _pairs(name: str, reference: Sequence[Hearing], candidate: Sequence[Hearing]) -> tuple[np.ndarray, np.ndarray]:
    """Losses (n,) of all stretches and their weights (n,): words for errors, else one; none where nothing is known."""
    both = list(zip(reference, candidate, strict=True))
    if name in ERRORS:
        errors, words = ERRORS[name]
        lost = [getattr(other, errors) - getattr(one, errors) for one, other in both]
        return np.asarray(lost, float), np.asarray([getattr(one, words) for one in reference], float)
    values = [(getattr(one, name), getattr(other, name)) for one, other in both]
    known = [None not in pair for pair in values]
    lost = [one - other if both_known else 0.0 for (one, other), both_known in zip(values, known, strict=True)]
    return np.asarray(lost, float), np.asarray(known, float)


def _loss(lost: np.ndarray, weights: np.ndarray, picks: np.ndarray, limit: float) -> Loss:
    """The weighted mean of (n,) losses, with the interval of `picks` (RESAMPLES, n)."""
    means = lost[picks].sum(axis=1) / np.maximum(weights[picks].sum(axis=1), 1e-9)
    low, high = np.percentile(means, (2.5, 97.5))
    return Loss(float(lost.sum() / weights.sum()), float(low), float(high), limit)
