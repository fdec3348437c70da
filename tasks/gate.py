"""May this voice be promoted? Thresholds and the reigning champion decide.

Reads reports/evaluation.json and data/champion.json (the champion's scores, `{}` when none reigns), writes
reports/gate.json. Pure: the same files and parameters give the same decision. A refusal is no error.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import NamedTuple

from tasks.params import GateParams
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={"evaluation": "reports/evaluation.json", "champion": "data/champion.json"},
    outs={"decision": "reports/gate.json"},
    params=("gate",),
    code=("tasks/gate.py",),
)


class Check(NamedTuple):
    """One question put to the voice, and the answer in words."""

    name: str
    passed: bool
    sentence: str


def run(*, evaluation: Path, champion: Path, decision: Path, gate: GateParams) -> Metrics:
    """Write the decision with a sentence for every check; returns whether the voice passed."""
    scores = json.loads(evaluation.read_text(encoding="utf-8"))
    checks = decide(scores, json.loads(champion.read_text(encoding="utf-8")), gate)
    passed = all(check.passed for check in checks)
    content = {
        "passed": passed,
        "reasons": [check.sentence for check in checks if check.passed == passed],
        "checks": [check._asdict() for check in checks],
    }
    decision.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return {
        "passed": passed,
        "checks": len(checks),
        "checks_failed": sum(not check.passed for check in checks),
    }


def decide(evaluation: dict, champion: dict, gate: GateParams) -> list[Check]:
    """Put every question; `evaluation` and `champion` are laid out as the stages write them."""
    voice = evaluation["voice"]
    checks = [
        _at_most("wer", voice.get("wer"), gate.max_wer, "word error rate"),
        _at_least("similarity", voice.get("similarity"), gate.min_similarity, "speaker similarity"),
        _at_least("dnsmos", voice.get("dnsmos"), gate.min_dnsmos, "DNSMOS"),
        _speed(bool(evaluation.get("speed_passed")), gate.max_rtf),
    ]
    if champion:
        checks.append(_beside_champion(voice.get("wer"), champion, gate.champion_wer_margin))
    return checks


def _at_most(name: str, value: float | None, limit: float, label: str) -> Check:
    if value is None:
        return Check(name, False, f"{label} was not measured, at most {limit} is asked")
    passed = value <= limit
    return Check(name, passed, f"{label} {value:.3f} is {'within' if passed else 'above'} the limit of {limit}")


def _at_least(name: str, value: float | None, limit: float, label: str) -> Check:
    if value is None:
        return Check(name, False, f"{label} was not measured, at least {limit} is asked")
    passed = value >= limit
    return Check(name, passed, f"{label} {value:.3f} {'reaches' if passed else 'is below'} the {limit} asked")


def _speed(passed: bool, limit: float) -> Check:
    # The measured factor differs from run to run and must not enter an output that a later stage reads.
    verdict = "stayed within" if passed else "was above"
    return Check("rtf", passed, f"real-time factor {verdict} the limit of {limit}")


def _beside_champion(wer: float | None, champion: dict, margin: float) -> Check:
    """Not worse than the reigning champion by more than the margin."""
    reigning = champion["scores"]["wer"]
    if wer is None:
        return Check("champion", False, f"word error rate was not measured, the champion has {reigning:.3f}")
    passed = wer <= reigning + margin
    verdict = "is not worse" if passed else "is worse"
    return Check(
        "champion",
        passed,
        f"word error rate {wer:.3f} {verdict} than the champion's {reigning:.3f} with a margin of {margin}",
    )
