"""What the gate asks of a voice by itself: thresholds."""

from __future__ import annotations

from typing import NamedTuple

from tasks.params import GateParams


class Check(NamedTuple):
    """One question put to the voice: the answer, in words and in numbers.

    `value` is the score, or how much worse than the champion it is; `limit` what was asked of it; `interval` is the
    95 % interval of `value` where there is one.
    """

    name: str
    passed: bool
    sentence: str
    value: float | None = None
    limit: float | None = None
    interval: tuple[float, float] | None = None


def thresholds(evaluation: dict, gate: GateParams) -> list[Check]:
    """The questions that need no champion."""
    voice = evaluation["voice"]
    return [
        _at_most("wer", voice.get("wer"), gate.max_wer, "word error rate"),
        _at_least("similarity", voice.get("similarity"), gate.min_similarity, "speaker similarity"),
        _at_least("dnsmos", voice.get("dnsmos"), gate.min_dnsmos, "DNSMOS"),
        _speed(bool(evaluation.get("speed_passed")), gate.max_rtf),
    ]


def _at_most(name: str, value: float | None, limit: float, label: str) -> Check:
    if value is None:
        return Check(name, False, f"{label} was not measured, at most {limit} is asked", limit=limit)
    passed = value <= limit
    sentence = f"{label} {value:.3f} is {'within' if passed else 'above'} the limit of {limit}"
    return Check(name, passed, sentence, value, limit)


def _at_least(name: str, value: float | None, limit: float, label: str) -> Check:
    if value is None:
        return Check(name, False, f"{label} was not measured, at least {limit} is asked", limit=limit)
    passed = value >= limit
    sentence = f"{label} {value:.3f} {'reaches' if passed else 'is below'} the {limit} asked"
    return Check(name, passed, sentence, value, limit)


def _speed(passed: bool, limit: float) -> Check:
    # The measured factor differs from run to run and must not enter an output that a later stage reads.
    verdict = "stayed within" if passed else "was above"
    return Check("rtf", passed, f"real-time factor {verdict} the limit of {limit}", limit=limit)
