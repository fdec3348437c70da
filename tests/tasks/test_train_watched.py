"""What a training run shows while it lasts: scores of held-out texts, audio, pictures, and a live MLflow run."""

import json

import numpy as np
import pytest
import soundfile

from tasks.params import TrainParams
from tasks.records import FEATURES, read_rows, write_shard
from tasks.train import STAGE, run
from tasks.train.job import new_job

TRAIN = TrainParams(
    **{"size": "tiny", "seed": 1, "threads": 1, "precision": "32-true", "warmup_steps": 12, "adversarial_steps": 0},
    **{"frames_per_batch": 512, "segment_frames": 32, "learning_rate": 1e-3, "final_learning_rate": 1e-4},
    **{"ema_decay": 0.9, "checkpoint_every": 6, "validate_every": 6, "listen_every": 6, "listen_sentences": 2},
)


class Parrot:
    """A listener that hears the same words in everything."""

    def __init__(self, *_):
        pass

    def hear(self, wave, language):
        assert wave.dtype == np.float32 and len(wave) > 0 and language == "en-US"
        return "thank you for calling our house"


@pytest.fixture
def features(features_table, tmp_path, monkeypatch):
    """Features with enough of the speaker to train on, in a folder to work in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tasks.asr.Listener", Parrot)
    rows = list(read_rows(features_table, FEATURES))
    rows += [row | {"id": f"{row['id']}-again"} for row in rows if row["split"] == "train"]
    write_shard(rows, tmp_path / "features", 0, FEATURES)
    vector = np.mean([row["speaker_embedding"] for row in rows], axis=0)
    statistics = {
        "mel": {"mean": [-5.0] * 80, "std": [2.0] * 80},
        "speakers": {"heart": {"embedding": (vector / np.linalg.norm(vector)).tolist()}},
        "hours": {"language": {"en-US": 0.1}},
    }
    (tmp_path / "features" / "statistics.json").write_text(json.dumps(statistics))
    return tmp_path / "features"


def folder_of(features, audio):
    return new_job(features, TRAIN, audio, STAGE.code).folder


def test_held_out_texts_are_scored_kept_and_drawn(features, audio, tmp_path, capsys):
    metrics = run(
        features=features, checkpoint=tmp_path / "out", learning=tmp_path / "learning.json", train=TRAIN, audio=audio
    )
    folder = folder_of(features, audio)
    points = {point["step"]: point for point in json.loads((tmp_path / "out" / "curves.json").read_text())}
    # "Thank you for calling our office." has one word of six wrong; "That agent is already logged on." has all.
    assert points[6]["valid_wer"] == points[12]["valid_wer"] == pytest.approx((1 + 6) / 12, abs=1e-4)
    assert -1 <= points[12]["valid_similarity"] <= 1 and 1 <= points[12]["valid_dnsmos"] <= 5
    assert metrics["valid_wer_last"] == points[12]["valid_wer"]
    for step in ("0000006", "0000012"):
        names = sorted(path.name for path in (folder / "media" / step).iterdir())
        assert names == ["01.flac", "01.png", "02.flac", "02.png"]
    wave, rate = soundfile.read(folder / "media" / "0000012" / "01.flac")
    assert rate == 16000 and len(wave) % 256 == 0 and np.abs(wave).max() > 0
    assert "MLflow" not in capsys.readouterr().err


def test_a_tracking_server_that_is_away_is_one_line(features, audio, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    train = TRAIN.model_copy(update={"listen_every": 0})
    run(features=features, checkpoint=tmp_path / "out", learning=tmp_path / "learning.json", train=train, audio=audio)
    said = [line for line in capsys.readouterr().err.splitlines() if "MLflow" in line]
    assert len(said) == 1 and "http://127.0.0.1:9 is not told any more" in said[0]


@pytest.mark.slow
def test_a_live_run_has_curves_pictures_and_audio_and_is_continued(features, audio, tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    from tasks.register.registry import connect

    connect(tmp_path)
    for _ in range(2):  # the second finds the state of the first, and the same run
        run(
            features=features,
            checkpoint=tmp_path / "out",
            learning=tmp_path / "learning.json",
            train=TRAIN,
            audio=audio,
        )
        (tmp_path / "out").rename(tmp_path / f"out-{_}")
        (folder_of(features, audio) / "finished.json").unlink()
    client = connect(tmp_path)
    experiment = client.get_experiment_by_name("training")
    (found,) = client.search_runs([experiment.experiment_id])
    assert found.info.run_name == folder_of(features, audio).name[:12] and found.info.status == "FINISHED"
    assert found.data.params["train.listen_every"] == "6" and "train_gradient_norm" in found.data.metrics
    assert {metric.step for metric in client.get_metric_history(found.info.run_id, "valid_wer")} == {6, 12}
    media = client.list_artifacts(found.info.run_id, "media/0000012")
    assert {item.path.rsplit("/", 1)[1] for item in media} == {"01.flac", "01.png", "02.flac", "02.png"}
