"""The paired test of a bundle's precisions, in words and a table, for the model card."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COLUMNS = ("", "wrong words", "costs", "expected", "costs", "similarity", "costs", "DNSMOS", "costs", "same durations")
HEAD = f"| {' | '.join(COLUMNS)} |\n{'|---' * len(COLUMNS)}|"
EXPECTED = "Expected errors are what is left of one of the probability that the recogniser gives each word of the text."
UNTESTED = "The other precisions were not compared with fp32 by ear."


def trial_text(trial: Mapping[str, Any]) -> str:
    """What was heard at each precision, which were refused and why, and where harm is not excluded."""
    candidates: Mapping[str, Mapping[str, Any]] = trial["candidates"]
    if not candidates:
        return ""
    if not trial["lines"]:
        return UNTESTED
    intro = f"Each said the same {trial['lines']} sentences with fp32's noise and durations"
    listener = (
        f"heard by {trial['asr_model']} in {trial['stretches']} stretches; 95 % intervals are over these. {EXPECTED}"
    )
    table = [HEAD, _exact(trial["fp32"])] if trial["fp32"] else []
    rows = [_row(name, verdict) for name, verdict in candidates.items() if "loss" in verdict]
    verdicts = [f"- {_verdict(name, verdict)}" for name, verdict in candidates.items()]
    return "\n".join([f"{intro}, {listener}", "", *table, *rows, "", *verdicts])


def _exact(heard: Mapping[str, Any]) -> str:
    errors = f"{_share(heard['wer'])} | | {_share(heard['expected_wer'])}"
    return f"| fp32 | {errors} | | {_plain(heard['similarity'])} | | {_plain(heard['dnsmos'])} | | |"


def _row(name: str, verdict: Mapping[str, Any]) -> str:
    loss = verdict["loss"]
    cells = (
        _share(verdict["wer"]),
        _cost(loss.get("wer"), 100, " points"),
        _share(verdict["expected_wer"]),
        _cost(loss.get("expected_wer"), 100, " points"),
        _plain(verdict["similarity"]),
        _cost(loss.get("similarity"), 1, ""),
        _plain(verdict["dnsmos"]),
        _cost(loss.get("dnsmos"), 1, ""),
        f"{verdict['durations_kept']:.1%}",
    )
    return f"| {name} | {' | '.join(cells)} |"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.1%}"


def _plain(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _cost(loss: Mapping[str, float] | None, scale: float, unit: str) -> str:
    if loss is None:
        return "–"
    mean, low, high = (scale * loss[key] for key in ("mean", "low", "high"))
    digits = 1 if scale > 1 else 3
    return f"{mean:+.{digits}f}{unit} ({low:+.{digits}f} … {high:+.{digits}f})"


def _verdict(name: str, verdict: Mapping[str, Any]) -> str:
    """One sentence for one candidate."""
    if verdict["refused_because"]:
        return f"{name} is refused: {'; '.join(verdict['refused_because'])}."
    if verdict["harm_not_excluded"]:
        measures = " and ".join(verdict["harm_not_excluded"])
        return f"{name} passes, but the interval of {measures} reaches past the limit: harm is not excluded."
    return f"{name} passes, and harm past the limits is excluded."
