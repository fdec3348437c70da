"""Registering with a real MLflow database in a temporary folder; the bundle's graphs are never loaded."""

import hashlib
import json
import shutil

import mlflow
import numpy as np
import pandas as pd
import pytest

from tasks.params import RegisterParams
from tasks.register import STAGE, ensure_registered, run
from tasks.register.contents import leaves, scores
from tasks.register.lineage import lock_sha256
from tasks.register.model import REQUIREMENTS, signature
from tasks.register.registry import bundle_folder, champion_scores, connect, registered_voices
from voiceloom_model.runtime.bundle import bundle_sha256

EVALUATION = {
    "heard": {"voice": [{"id": "a", "wer": 0.5}]},
    "voice": {"wer": 0.25, "similarity": 0.8, "dnsmos": 2.5, "utterances": 60},
    "recordings": {"wer": 0.03},
    "everyday": {"wer": 0.45, "sentences": 20},
    "size_mb": 25.0,
    "speed_passed": True,
}

ATTRIBUTION = [
    {"corpus": "one", "speaker": "Eva", "language": "en-US", "licence": "CC0-1.0", "consent_id": consent}
    for consent in ("b", "a")
]


@pytest.fixture(scope="module")
def empty_database(tmp_path_factory):
    """MLflow's tables, made once: making them takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{folder}/mlflow.db")
        connect(folder).search_registered_models()
    return folder / "mlflow.db"


@pytest.fixture
def project(tmp_path, monkeypatch, empty_database):
    monkeypatch.chdir(tmp_path)
    shutil.copy(empty_database, tmp_path / "mlflow.db")
    (tmp_path / "params.yaml").write_text("train: {size: tiny}\nregister: {model_name: test-voice}\n")
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports" / "evaluation.html").write_text("<p>heard")
    (tmp_path / "reports" / "data.json").write_text(json.dumps({"attribution": ATTRIBUTION}))
    (tmp_path / "reports" / "data.html").write_text("<p>who")
    (tmp_path / "runs" / "samples").mkdir(parents=True)
    (tmp_path / "runs" / "samples" / "one.wav").write_bytes(b"RIFF")
    write_bundle(tmp_path, b"weights")
    write_reports(tmp_path, passed=True)
    return tmp_path


def write_bundle(project, content):
    voice = project / "models" / "voice"
    voice.mkdir(parents=True, exist_ok=True)
    (voice / "voice.json").write_text("{}")
    (voice / "curves.json").write_text(json.dumps([{"step": 1, "mel": 2.0}, {"step": 2, "mel": 1.0}]))
    (voice / "encoder.onnx").write_bytes(content)
    (voice / "SHA256SUMS").write_text(f"{hashlib.sha256(content).hexdigest()}  encoder.onnx\n")


def write_reports(project, passed, **voice):
    evaluation = EVALUATION | {
        "voice": EVALUATION["voice"] | voice,
        "bundle_hash": bundle_sha256(project / "models" / "voice"),
    }
    (project / "reports" / "evaluation.json").write_text(json.dumps(evaluation))
    (project / "reports" / "gate.json").write_text(json.dumps({"passed": passed}))


def register(project):
    paths = {argument: project / path for argument, path in (STAGE.deps | STAGE.outs).items()}
    metrics = run(**paths, register=RegisterParams(model_name="test-voice"))
    return metrics, json.loads(paths["receipt"].read_text())


def test_a_passing_voice_becomes_challenger_and_champion(project):
    metrics, receipt = register(project)
    assert metrics == {"model_name": "test-voice", "promoted": True}
    assert set(receipt) == {"model_name", "bundle_sha256", "gate_passed"}
    (voice,) = registered_voices(project)
    assert (voice.version, sorted(voice.aliases)) == (1, ["challenger", "champion"])
    assert voice.bundle_sha256 == receipt["bundle_sha256"]


def test_the_run_shows_scores_curves_parameters_and_samples(project):
    register(project)
    client = connect(project)
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
    first = register(project)
    assert register(project) == first
    assert [voice.version for voice in registered_voices(project)] == [1]


def test_a_new_report_of_the_same_bundle_replaces_the_scores(project):
    register(project)
    write_reports(project, passed=True, wer=0.2)
    register(project)
    assert [voice.version for voice in registered_voices(project)] == [1]
    assert champion_scores(project, "test-voice")["scores"]["wer"] == 0.2


def test_a_refused_voice_is_challenger_only_and_the_champion_stays(project):
    register(project)
    write_bundle(project, b"other weights")
    write_reports(project, passed=False, wer=0.9)
    register(project)
    aliases = {voice.version: voice.aliases for voice in registered_voices(project)}
    assert aliases == {2: ["challenger"], 1: ["champion"]}
    assert champion_scores(project, "test-voice")["scores"]["wer"] == 0.25


def test_a_fresh_server_gets_the_voice_once(project, empty_database):
    register(project)
    shutil.copy(empty_database, project / "mlflow.db")
    write_receipt = (project / "reports" / "registration.json").read_bytes()
    for _ in range(2):
        ensure_registered(project, "test-voice")
    (voice,) = registered_voices(project)
    assert sorted(voice.aliases) == ["challenger", "champion"]
    assert (project / "reports" / "registration.json").read_bytes() == write_receipt


def test_making_sure_leaves_a_rollback_alone(project):
    register(project)
    write_bundle(project, b"other weights")
    write_reports(project, passed=True)
    register(project)
    connect(project).set_registered_model_alias("test-voice", "champion", "1")
    ensure_registered(project, "test-voice")
    assert connect(project).get_model_version_by_alias("test-voice", "champion").version == 1


def test_no_champion_is_an_empty_answer_and_a_champion_has_no_dates(project):
    assert champion_scores(project, "test-voice") == {}
    register(project)
    champion = champion_scores(project, "test-voice")
    assert champion["scores"] == {"dnsmos": 2.5, "similarity": 0.8, "utterances": 60.0, "wer": 0.25}
    assert set(champion) == {"model_name", "bundle_sha256", "scores"}


def test_the_model_declares_no_torch_and_holds_the_bundle_and_no_pickle(project):
    register(project)
    bundle = bundle_folder(project, "test-voice", "champion")
    assert (bundle / "encoder.onnx").read_bytes() == b"weights"
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
    register(project)
    connect(project)
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
    write_bundle(project, b"other weights")
    with pytest.raises(ValueError, match="run the stage evaluate again"):
        register(project)
    assert registered_voices(project) == []


def test_an_unknown_alias_names_the_way_out(project):
    with pytest.raises(ValueError, match="voiceloom voices"):
        bundle_folder(project, "test-voice", "champion")


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
