"""Is the voice as good as the reigning champion? Both read the same held-out sentences and are compared pair by pair.

What is hard in a sentence is hard for both and cancels, so that the difference is known better than either figure; its
95 % interval is a bootstrap over sentences, drawn alike every time. A voice is refused where it is worse by more than
the margin, and also, within the margins, where its interval shows it worse in one measure and better in none: a year
of small steps down would else pass one at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from tasks.gate.checks import Check
from tasks.params import GateParams

RESAMPLES = 4000
SEED = 6
#: With fewer sentences in common, an interval means nothing and the totals are compared.
MIN_PAIRS = 10


class Measure(NamedTuple):
    """A score that is compared: its key in the reports, its name, and the sign that makes a loss positive."""

    key: str
    label: str
    sign: int


MEASURES = (
    Measure("wer", "word error rate", 1),
    Measure("similarity", "speaker similarity", -1),
    Measure("dnsmos", "DNSMOS", -1),
)


class Loss(NamedTuple):
    """How much worse the voice is (negative: better), of which two scores, on what, with which interval."""

    voice: float
    champion: float
    mean: float
    basis: str
    interval: tuple[float, float] | None = None

    @property
    def shown_worse(self) -> bool:
        """Whether the interval excludes that the voice is as good."""
        return self.interval is not None and self.interval[0] > 0

    @property
    def shown_better(self) -> bool:
        """Whether the interval excludes that the champion is as good."""
        return self.interval is not None and self.interval[1] < 0


def beside_champion(evaluation: dict, champion: dict, gate: GateParams) -> list[Check]:
    """A check for every measure that the champion has, and one for all of them together."""
    checks, losses = [], {}
    for measure in MEASURES:
        reigning = champion["scores"].get(measure.key)
        if reigning is None:
            continue
        name = f"champion_{measure.key}"
        if evaluation["voice"].get(measure.key) is None:
            sentence = f"{measure.label} was not measured, the champion has {reigning:.3f}"
            checks.append(Check(name, False, sentence))
            continue
        losses[measure] = compare(measure, evaluation, champion)
        checks.append(_within_margin(measure, losses[measure], getattr(gate, f"champion_{measure.key}_margin")))
    return [*checks, _all_in_all(losses)]


def compare(measure: Measure, evaluation: dict, champion: dict) -> Loss:
    """The loss on the sentences that both read, or by the totals where there are too few of them."""
    mine, theirs = (_usable(report, measure) for report in (evaluation, champion))
    common = sorted(name for name in mine.keys() & theirs.keys() if mine[name]["words"] == theirs[name]["words"])
    ears = [report.get("asr_model") for report in (evaluation, champion)]
    if measure.key == "wer" and None not in ears and ears[0] != ears[1]:
        return _by_totals(measure, evaluation, champion, f"by totals, for the champion was heard by {ears[1]}")
    if len(common) < MIN_PAIRS:
        return _by_totals(measure, evaluation, champion, f"by totals, with {len(common)} sentences in common")
    if len(common) == len(mine) == len(theirs):
        basis = f"on the same {len(common)} sentences"
    else:
        basis = f"on the {len(common)} sentences in common (of {len(mine)}; the champion read {len(theirs)})"
    return _paired(measure, [mine[name] for name in common], [theirs[name] for name in common], basis)


def _usable(report: dict, measure: Measure) -> dict[str, dict]:
    """The sentences that have the measure, by id."""
    key = "errors" if measure.key == "wer" else measure.key
    return {one["id"]: one for one in report.get("sentences", ()) if one.get(key) is not None and one["words"]}


def _by_totals(measure: Measure, evaluation: dict, champion: dict, basis: str) -> Loss:
    voice, reigning = evaluation["voice"][measure.key], champion["scores"][measure.key]
    return Loss(voice, reigning, round(measure.sign * (voice - reigning), 6), basis)


def _paired(measure: Measure, mine: Sequence[dict], theirs: Sequence[dict], basis: str) -> Loss:
    """Both averages, their difference and its interval."""
    if measure.key == "wer":
        weights = np.array([one["words"] for one in mine], float)
        values = [np.array([one["errors"] for one in several], float) for several in (mine, theirs)]
    else:
        weights = np.ones(len(mine))
        values = [np.array([one[measure.key] for one in several], float) for several in (mine, theirs)]
    voice, reigning = (float(value.sum() / weights.sum()) for value in values)
    losses = measure.sign * (values[0] - values[1])
    picks = np.random.default_rng(SEED).integers(0, len(losses), (RESAMPLES, len(losses)))
    drawn = losses[picks].sum(axis=1) / weights[picks].sum(axis=1)
    low, high = (round(float(value), 4) for value in np.percentile(drawn, (2.5, 97.5)))
    return Loss(voice, reigning, round(float(losses.sum() / weights.sum()), 6), basis, (low, high))


def _within_margin(measure: Measure, loss: Loss, margin: float) -> Check:
    """Not worse than the champion by more than the margin."""
    passed = loss.mean <= margin
    words = "worse" if loss.mean > 0 else "better"
    difference = f"{abs(loss.mean):.3f} {words} than" if loss.mean else "equal to"
    interval = (
        f" (95 % interval of the loss {loss.interval[0]:+.3f} … {loss.interval[1]:+.3f})" if loss.interval else ""
    )
    sentence = (
        f"{measure.label} {loss.voice:.3f} is {difference} the champion's {loss.champion:.3f} {loss.basis}{interval}; "
        f"at most {margin} worse is allowed"
    )
    return Check(f"champion_{measure.key}", passed, sentence, loss.mean, margin, loss.interval)


def _all_in_all(losses: dict[Measure, Loss]) -> Check:
    """Shown worse in something, it has to be shown better in something else."""
    worse = [measure.label for measure, loss in losses.items() if loss.shown_worse]
    better = [measure.label for measure, loss in losses.items() if loss.shown_better]
    sentence = f"shown worse than the champion in {_listed(worse)} and better in {_listed(better)}"
    return Check("champion", bool(better) or not worse, sentence)


def _listed(labels: Sequence[str]) -> str:
    return ", ".join(labels) or "nothing"
