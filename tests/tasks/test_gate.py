"""The gate is pure: the same scores give the same sentences."""

import json

import pytest

from tasks.gate import decide, run
from tasks.gate.champion import MEASURES, compare
from tasks.params import GateParams

GATE = GateParams(
    max_wer=0.35,
    min_similarity=0.75,
    min_dnsmos=1.5,
    max_rtf=0.1,
    champion_wer_margin=0.02,
    champion_similarity_margin=0.02,
    champion_dnsmos_margin=0.1,
)
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


def read(count=40, first=0, errors=2, similarity=0.85, dnsmos=2.5):
    """What a voice scored sentence by sentence: every third is hard for everybody."""
    return [
        {
            "id": f"s{number:03d}",
            "errors": errors + 2 * (number % 3 == 0),
            "words": 10,
            "similarity": similarity + 0.01 * (number % 5),
            "dnsmos": dnsmos + 0.1 * (number % 4),
        }
        for number in range(first, first + count)
    ]


def scored(sentences):
    """The totals of sentences, as the reports have them."""
    words = sum(one["words"] for one in sentences)
    means = {name: sum(one[name] for one in sentences) / len(sentences) for name in ("similarity", "dnsmos")}
    return {"wer": sum(one["errors"] for one in sentences) / words, **means}


def candidate(sentences):
    return {"voice": scored(sentences), "sentences": sentences, "asr_model": "ear", "speed_passed": True}


def champion(sentences):
    return {"bundle_sha256": "x", "scores": scored(sentences), "sentences": sentences, "asr_model": "ear"}


def only(checks, name):
    (check,) = (check for check in checks if check.name == name)
    return check


@pytest.mark.parametrize(("wer", "refused"), [(0.27, []), (0.271, ["champion_wer"]), (0.1, [])])
def test_without_sentences_the_totals_decide_and_say_so(wer, refused):
    assert failed(voice(wer=wer), CHAMPION) == refused
    check = only(decide(voice(wer=wer), CHAMPION, GATE), "champion_wer")
    assert "by totals, with 0 sentences in common" in check.sentence and check.interval is None


def test_a_worse_voice_is_refused_with_numbers():
    checks = decide(candidate(read(errors=3)), champion(read(errors=1)), GATE)
    check = only(checks, "champion_wer")
    assert not check.passed and check.value == pytest.approx(0.2) and check.limit == 0.02
    assert check.interval == (0.2, 0.2)
    assert check.sentence == (
        "word error rate 0.370 is 0.200 worse than the champion's 0.170 on the same 40 sentences "
        "(95 % interval of the loss +0.200 … +0.200); at most 0.02 worse is allowed"
    )


@pytest.mark.parametrize(
    ("worse", "name"), [({"similarity": 0.80}, "champion_similarity"), ({"dnsmos": 2.3}, "champion_dnsmos")]
)
def test_every_measure_can_refuse(worse, name):
    assert failed(candidate(read(**worse)), champion(read())) == [name, "champion"]


def test_the_same_voice_and_a_better_one_pass():
    assert failed(candidate(read()), champion(read())) == []
    assert failed(candidate(read(errors=1, similarity=0.9, dnsmos=3.0)), champion(read())) == []


def test_shown_worse_within_the_margins_needs_something_shown_better():
    slightly_worse = read(similarity=0.84)
    checks = decide(candidate(slightly_worse), champion(read()), GATE)
    assert [check.name for check in checks if not check.passed] == ["champion"]
    assert only(checks, "champion").sentence == (
        "shown worse than the champion in speaker similarity and better in nothing"
    )
    assert failed(candidate(read(similarity=0.84, errors=1)), champion(read())) == []


def test_a_difference_of_noise_shows_nothing():
    noisy = read()
    for number, sentence in enumerate(noisy):
        sentence["similarity"] += 0.05 if number % 2 else -0.051
    check = only(decide(candidate(noisy), champion(read()), GATE), "champion_similarity")
    assert check.passed and check.interval[0] < 0 < check.interval[1]
    assert failed(candidate(noisy), champion(read())) == []


def test_only_the_sentences_in_common_are_compared():
    mine, theirs = read(40, first=20), read(40)
    for sentence in theirs[:20]:
        sentence["errors"] = 0  # easy ones that this voice did not read
    check = only(decide(candidate(mine), champion(theirs), GATE), "champion_wer")
    assert check.value == 0
    assert "on the 20 sentences in common (of 40; the champion read 40)" in check.sentence


def test_a_sentence_whose_text_changed_is_not_the_same():
    changed = read()
    changed[0]["words"] = 11
    loss = compare(MEASURES[0], candidate(changed), champion(read()))
    assert "39 sentences in common" in loss.basis


def test_too_few_sentences_in_common_are_no_basis():
    loss = compare(MEASURES[0], candidate(read(9)), champion(read(9)))
    assert loss.interval is None and loss.basis == "by totals, with 9 sentences in common"


def test_word_errors_heard_by_another_ear_are_compared_by_totals():
    other = champion(read()) | {"asr_model": "whisper-tiny"}
    loss = compare(MEASURES[0], candidate(read()), other)
    assert loss.interval is None and "heard by whisper-tiny" in loss.basis
    assert compare(MEASURES[1], candidate(read()), other).interval is not None


def test_what_the_champion_has_must_be_measured():
    evaluation = candidate(read())
    evaluation["voice"]["similarity"] = None
    assert failed(evaluation, champion(read())) == ["similarity", "champion_similarity"]


def test_a_refusal_is_a_result_with_numbers(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(voice(wer=0.9)))
    (tmp_path / "champion.json").write_text(json.dumps(CHAMPION))
    out = tmp_path / "gate.json"
    metrics = run(evaluation=tmp_path / "evaluation.json", champion=tmp_path / "champion.json", decision=out, gate=GATE)
    decision = json.loads(out.read_text())
    assert metrics == {"passed": False, "checks": 6, "checks_failed": 2}
    assert decision["passed"] is False and decision["champion"] == "x"
    assert decision["reasons"] == [
        "word error rate 0.900 is above the limit of 0.35",
        "word error rate 0.900 is 0.650 worse than the champion's 0.250 by totals, with 0 sentences in common; "
        "at most 0.02 worse is allowed",
    ]
    (check,) = (check for check in decision["checks"] if check["name"] == "wer")
    assert (check["value"], check["limit"]) == (0.9, 0.35)


def test_the_same_scores_give_the_same_bytes(tmp_path):
    (tmp_path / "evaluation.json").write_text(json.dumps(candidate(read())))
    (tmp_path / "champion.json").write_text(json.dumps(champion(read(errors=3))))
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
