"""May this voice be promoted? Thresholds and the reigning champion decide.

Reads reports/evaluation.json and data/champion.json (the champion's scores, `{}` when none reigns), writes
reports/gate.json. Pure: the same files and parameters give the same decision. A refusal is no error.
"""

from __future__ import annotations

import json
from pathlib import Path

from tasks.gate.champion import beside_champion
from tasks.gate.checks import Check, thresholds
from tasks.params import GateParams
from tasks.stage import Metrics, Stage

__all__ = ["STAGE", "Check", "decide", "run"]

STAGE = Stage(
    deps={"evaluation": "reports/evaluation.json", "champion": "data/champion.json"},
    outs={"decision": "reports/gate.json"},
    params=("gate",),
    code=("tasks/gate",),
)


def run(*, evaluation: Path, champion: Path, decision: Path, gate: GateParams) -> Metrics:
    """Write the decision with a sentence for every check; returns whether the voice passed."""
    scores = json.loads(evaluation.read_text(encoding="utf-8"))
    reigning = json.loads(champion.read_text(encoding="utf-8"))
    checks = decide(scores, reigning, gate)
    passed = all(check.passed for check in checks)
    content = {
        "passed": passed,
        "reasons": [check.sentence for check in checks if check.passed == passed],
        "checks": [_as_json(check) for check in checks],
        # Whom it was compared with: `register` promotes only over this very champion.
        "champion": reigning.get("bundle_sha256"),
    }
    decision.write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")
    return {
        "passed": passed,
        "checks": len(checks),
        "checks_failed": sum(not check.passed for check in checks),
    }


def decide(evaluation: dict, champion: dict, gate: GateParams) -> list[Check]:
    """Put every question; `evaluation` and `champion` are laid out as the stages write them."""
    checks = thresholds(evaluation, gate)
    if champion:
        checks += beside_champion(evaluation, champion, gate)
    return checks


def _as_json(check: Check) -> dict:
    """A check without the numbers it does not have."""
    return {name: value for name, value in check._asdict().items() if value is not None}
