"""The gate is pure: the same scores give the same sentences."""

import json

import pytest

from tasks.gate import decide, run
from tasks.params import GateParams

GATE = GateParams(max_wer=0.35, min_similarity=0.75, min_dnsmos=1.5, max_rtf=0.1, champion_wer_margin=0.02)
GOOD = {"voice": {"wer": 0.3, "similarity": 0.8, "dnsmos": 2.5}, "speed_passed": True}
CHAMPION = {"model_name": "v", "bundle_sha256": "x", "scores": {"wer": 0.25}}


def voice(**scores):
    return GOOD | {"voice": GOOD["voice"] | scores}


def failed(evaluation, champion=None):
    return [check.name for check in decide(evaluation, champion or {}, GATE) if not check.passed]


def test_a_good_voice_passes_every_check():
    assert failed(GOOD) == []


@pytest.mark.parametrize(
    ("evaluation", "name"),
    [
        (voice(wer=0.36), "wer"),
        (voice(similarity=0.7), "similarity"),
        (voice(dnsmos=1.4), "dnsmos"),
        (GOOD | {"speed_passed": False}, "rtf"),
        (voice(similarity=None), "similarity"),
        ({"voice": {"similarity": 0.8, "dnsmos": 2.5}, "speed_passed": True}, "wer"),
    ],
)
def test_each_threshold_refuses_alone(evaluation, name):
    assert failed(evaluation) == [name]


def test_limits_themselves_pass():
    assert failed(voice(wer=0.35, similarity=0.75, dnsmos=1.5)) == []


@pytest.mark.parametrize(("wer", "refused"), [(0.27, []), (0.271, ["champion"]), (0.1, [])])
def test_not_worse_than_the_champion_by_more_than_the_margin(wer, refused):
    assert failed(voice(wer=wer), CHAMPION) == refused


def test_a_refusal_is_a_result_with_numbers(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(voice(wer=0.9)))
    (tmp_path / "champion.json").write_text(json.dumps(CHAMPION))
    out = tmp_path / "gate.json"
    metrics = run(evaluation=tmp_path / "evaluation.json", champion=tmp_path / "champion.json", decision=out, gate=GATE)
    decision = json.loads(out.read_text())
    assert metrics == {"passed": False, "checks": 5, "checks_failed": 2}
    assert decision["passed"] is False
    assert decision["reasons"] == [
        "word error rate 0.900 is above the limit of 0.35",
        "word error rate 0.900 is worse than the champion's 0.250 with a margin of 0.02",
    ]


def test_the_same_scores_give_the_same_bytes(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(GOOD))
    (tmp_path / "champion.json").write_text("{}")
    made = []
    for name in ("one.json", "two.json"):
        run(
            evaluation=tmp_path / "evaluation.json",
            champion=tmp_path / "champion.json",
            decision=tmp_path / name,
            gate=GATE,
        )
        made.append((tmp_path / name).read_bytes())
    assert made[0] == made[1]
