"""Registering with a real MLflow database in a temporary folder; the bundle's graphs are never loaded."""

import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest

from tasks.register import ensure_registered
from tasks.register.contents import leaves, scores
from tasks.register.lineage import lock_sha256
from tasks.register.model import REQUIREMENTS, signature
from tasks.register.registry import bundle_folder, champion_scores, connect, registered_voices
from tests.registering import EVALUATION, Registering, empty_database


@pytest.fixture
def project(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Registering(tmp_path)


def test_a_passing_voice_becomes_challenger_and_champion(project):
    metrics, receipt = project.register()
    assert metrics == {"model_name": "test-voice", "gate_passed": True}
    assert set(receipt) == {"model_name", "bundle_sha256", "gate_passed"}
    (voice,) = registered_voices(project.root)
    assert (voice.version, sorted(voice.aliases)) == (1, ["challenger", "champion"])
    assert voice.bundle_sha256 == receipt["bundle_sha256"]


def test_the_run_shows_scores_curves_parameters_and_samples(project):
    project.curves = [{"step": 1, "mel": 2.0}, {"step": 2, "mel": 1.0}]
    project.write_bundle(b"weights")
    project.write_reports()
    project.register()
    client = connect(project.root)
    version = client.get_model_version_by_alias("test-voice", "champion")
    logged = client.get_run(version.run_id)
    assert logged.data.params["train.size"] == "tiny"
    assert logged.data.metrics["recordings_wer"] == 0.03
    assert [point.value for point in client.get_metric_history(version.run_id, "mel")] == [2.0, 1.0]
    assert {file.path for file in client.list_artifacts(version.run_id)} >= {
        "curves.png",
        "reports",
        "samples",
    }
    assert "reports/data.html" in {file.path for file in client.list_artifacts(version.run_id, "reports")}
    assert version.tags["consent_ids"] == "a, b"


def test_the_same_bundle_gets_no_second_version_and_the_same_receipt(project):
    first = project.register()
    assert project.register() == first
    assert [voice.version for voice in registered_voices(project.root)] == [1]


def test_a_new_report_of_the_same_bundle_replaces_the_scores(project):
    project.register()
    project.write_reports(passed=True, wer=0.2)
    project.register()
    assert [voice.version for voice in registered_voices(project.root)] == [1]
    assert champion_scores(project.root, "test-voice")["scores"]["wer"] == 0.2


def test_a_refused_voice_is_challenger_only_and_the_champion_stays(project):
    project.register()
    project.write_bundle(b"other weights")
    project.write_reports(passed=False, wer=0.9)
    project.register()
    aliases = {voice.version: voice.aliases for voice in registered_voices(project.root)}
    assert aliases == {2: ["challenger"], 1: ["champion"]}
    assert champion_scores(project.root, "test-voice")["scores"]["wer"] == 0.25


def test_a_fresh_server_gets_the_voice_once(project):
    project.register()
    shutil.copy(empty_database(), project.root / "mlflow.db")
    write_receipt = (project.root / "reports" / "registration.json").read_bytes()
    for _ in range(2):
        ensure_registered(project.root, "test-voice")
    (voice,) = registered_voices(project.root)
    assert sorted(voice.aliases) == ["challenger", "champion"]
    assert (project.root / "reports" / "registration.json").read_bytes() == write_receipt


def test_making_sure_leaves_a_rollback_alone(project):
    project.register()
    project.write_bundle(b"other weights")
    project.write_reports(passed=True)
    project.register()
    connect(project.root).set_registered_model_alias("test-voice", "champion", "1")
    ensure_registered(project.root, "test-voice")
    assert connect(project.root).get_model_version_by_alias("test-voice", "champion").version == 1


def test_no_champion_is_an_empty_answer_and_a_champion_has_no_dates(project):
    assert champion_scores(project.root, "test-voice") == {}
    project.register()
    champion = champion_scores(project.root, "test-voice")
    assert champion["scores"] == {"dnsmos": 2.5, "similarity": 0.8, "utterances": 60.0, "wer": 0.25}
    assert champion["sentences"] == EVALUATION["sentences"] and champion["asr_model"] == "ear"
    assert set(champion) == {"model_name", "bundle_sha256", "scores", "asr_model", "sentences"}


def test_a_store_out_of_reach_is_an_error_and_a_lost_report_is_none(project):
    project.register()
    store = project.root / "mlartifacts"
    store.rename(project.root / "elsewhere")
    with pytest.raises(ConnectionError, match=r"no folder .*mlartifacts on this machine"):
        champion_scores(project.root, "test-voice")
    (project.root / "elsewhere").rename(store)
    (report,) = store.rglob("evaluation.json")
    report.unlink()
    champion = champion_scores(project.root, "test-voice")
    assert (champion["scores"]["wer"], champion["sentences"]) == (0.25, [])


def test_the_model_declares_no_torch_and_holds_the_bundle_and_no_pickle(project):
    project.register()
    bundle = bundle_folder(project.root, "test-voice", "champion")
    assert (bundle / "fp32" / "encoder.onnx").read_bytes() == b"weights"
    model = bundle.parent.parent
    declared = {line.split("==")[0] for line in (model / "requirements.txt").read_text().split()}
    assert declared == set(REQUIREMENTS)
    assert not [file for file in model.rglob("*") if file.suffix in (".pkl", ".pickle", ".pyc")]


class RememberingVoice:
    sample_rate_hz = 16000

    def say(self, text, **manner):
        type(self).told = (text, manner)
        return np.full(4, 0.5, np.float32)


def test_the_loaded_model_takes_text_and_what_else_is_given(project, monkeypatch):
    monkeypatch.setattr("voiceloom_model.runtime.Voice.load", lambda folder: RememberingVoice())
    project.register()
    connect(project.root)
    model = mlflow.pyfunc.load_model("models:/test-voice@champion")
    spoken = model.predict(pd.DataFrame({"text": ["Hello."]}))
    default = {"speaker": None, "language": None, "speed": 1.0, "seed": 0}
    assert RememberingVoice.told == ("Hello.", default)
    assert spoken.audio[0].dtype == np.float32 and list(spoken.sample_rate_hz) == [16000]
    given = {"speaker": "eva", "language": "en-US", "speed": 1.5, "seed": 3}
    model.predict(pd.DataFrame([{"text": "Hello."} | given]))
    assert RememberingVoice.told == ("Hello.", given)
    with pytest.raises(mlflow.MlflowException, match="text"):
        model.predict(pd.DataFrame({"speaker": ["eva"]}))


def test_scores_of_another_bundle_are_refused(project):
    project.write_bundle(b"other weights")
    with pytest.raises(ValueError, match="run the stage evaluate again"):
        project.register()
    assert registered_voices(project.root) == []


def test_an_unknown_alias_names_the_way_out(project):
    with pytest.raises(ValueError, match="voiceloom voices"):
        bundle_folder(project.root, "test-voice", "champion")


def test_signature_asks_only_for_text():
    required = [column.name for column in signature().inputs.inputs if column.required]
    assert required == ["text"]
    assert signature().outputs.input_names() == ["audio", "sample_rate_hz"]


def test_scores_are_flat_numbers():
    flat = dict(scores(EVALUATION))
    assert flat["voice_wer"] == 0.25
    assert set(flat) == {
        "voice_wer",
        "voice_similarity",
        "voice_dnsmos",
        "voice_utterances",
        "recordings_wer",
        "everyday_wer",
        "everyday_sentences",
        "size_mb",
    }


def test_leaves_name_their_path():
    assert dict(leaves({"a": {"b": [1, {"c": 2}]}})) == {"a.b.0": 1, "a.b.1.c": 2}


def test_the_lock_hash_does_not_depend_on_registration(tmp_path):
    (tmp_path / "dvc.lock").write_text("stages: {gate: {cmd: a}}\n")
    before = lock_sha256(tmp_path)
    (tmp_path / "dvc.lock").write_text("stages: {gate: {cmd: a}, register: {cmd: b}}\n")
    assert lock_sha256(tmp_path) == before
