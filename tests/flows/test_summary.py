"""The closing table: every stage, the scores beside the recordings', and where to look."""

import io
import json

import pytest
from rich.console import Console

from flows.summary import print_summary, stage_rows

SCORES = {"wer": 0.25, "wer_low": 0.2, "wer_high": 0.3, "cer": 0.1, "similarity": 0.8, "dnsmos": 2.5}
EVALUATION = {
    "bundle_hash": "x",
    "precision": "int8",
    "voice": SCORES | {"utterances": 80},
    "recordings": SCORES | {"wer": 0.03, "wer_low": 0.02, "wer_high": 0.05, "utterances": 80},
    "everyday": {"wer": 0.45, "wer_low": 0.36, "wer_high": 0.55, "cer": 0.2, "dnsmos": 2.4, "sentences": 20},
    "size_mb": 25.04,
    "speed_passed": True,
}


@pytest.fixture
def root(tmp_path):
    (tmp_path / "dvc.yaml").write_text("stages: {fetch: {}, train: {}, gate: {}}\n")
    return tmp_path


def write(root, name, content):
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def printed(root, registered=None):
    console = Console(record=True, width=160, file=io.StringIO())
    print_summary(root, registered, console)
    return console.export_text()


def test_rows_and_seconds_of_each_stage(root):
    write(root, "reports/metrics/fetch.json", {"a_files": 3, "b_files": 4, "a_mb": 1.5})
    write(root, "reports/metrics/train.json", {"train_rows": 290, "valid_mel_last": 1.0})
    write(root, "runs/stages/train.json", {"seconds": 600.25})
    assert stage_rows(root, ["fetch", "train", "gate"]) == [
        {"stage": "fetch", "rows": 7, "seconds": None},
        {"stage": "train", "rows": 290, "seconds": 600.25},
        {"stage": "gate", "rows": None, "seconds": None},
    ]


def test_before_any_run_there_is_a_table_and_no_complaint(root):
    text = printed(root)
    assert "fetch" in text and "Scores" not in text and "evaluation.html" not in text


def test_scores_stand_beside_the_real_recordings(root):
    write(root, "reports/evaluation.json", EVALUATION)
    write(root, "reports/gate.json", {"passed": False, "reasons": ["word error rate 0.250 is above 0.2"]})
    write(root, "runs/evaluation_speed.json", {"rtf": 0.0067, "first_audio_ms": 30})
    text = printed(root, "Model:  voiceloom-demo, version 3, alias challenger")
    (line,) = [line for line in text.splitlines() if "word error rate ↓" in line]
    assert "25.0% (20%–30%)" in line and "3.0% (2%–5%)" in line and "45.0%" in line
    assert "25.0 MB, real-time factor 0.0067" in text
    assert "refused; word error rate 0.250 is above 0.2" in text
    assert "voiceloom-demo, version 3, alias challenger" in text


def test_where_to_look_names_what_is_there(root):
    write(root, "reports/evaluation.html", "page")
    for number in range(1, 5):
        write(root, f"runs/samples/sample-{number}.wav", "")
    text = printed(root)
    assert "reports/evaluation.html" in text and "runs/samples/sample-3.wav" in text
    assert "sample-4" not in text
    assert "prefect server start" in text and "mlflow server" in text
