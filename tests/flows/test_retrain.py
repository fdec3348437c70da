"""The flow on a toy project, with real Prefect, DVC and MLflow."""

import json
import shutil

import psutil
import pytest
import yaml

from flows._dvc import StageError
from flows.retrain import TIME_LIMIT_S, retrain, run_stage, snapshot_champion
from tasks.stage import STAGES

CHAMPION = {"model_name": "v", "bundle_sha256": "x", "scores": {"wer": 0.25}}


@pytest.fixture
def quick_retry(monkeypatch):
    monkeypatch.setattr(run_stage, "retry_delay_seconds", 0)


def test_one_task_a_stage_then_nothing(project, prefect_server, capsys):
    assert retrain(project.root) == ["zeta", "beta", "alone", "alpha"]
    assert project.ran() == ["zeta", "beta", "alone", "alpha"]
    assert "[2/4] beta" in capsys.readouterr().err
    assert project.is_clean()
    assert retrain(project.root) == []
    assert project.ran() == []


def test_only_what_changed_runs_again(project, prefect_server):
    retrain(project.root)
    project.ran()
    project.write("source", "TEXT")
    assert retrain(project.root) == ["zeta"]
    assert project.ran() == ["zeta"]


def test_the_flow_and_dvc_repro_leave_the_same_lock(project, prefect_server):
    from dvc.repo import Repo

    retrain(project.root)
    by_flow = yaml.safe_load((project.root / "dvc.lock").read_text())
    (project.root / "dvc.lock").unlink()
    shutil.rmtree(project.root / ".dvc" / "cache" / "runs")
    project.ran()
    with Repo(str(project.root)) as repo:
        repo.reproduce()
    assert sorted(project.ran()) == ["alone", "alpha", "beta", "zeta"]
    assert yaml.safe_load((project.root / "dvc.lock").read_text()) == by_flow


@pytest.mark.parametrize(("text", "sentence"), [("wrong", "the text is wrong"), ("crash", "status 3")])
def test_what_would_fail_alike_is_not_retried(project, prefect_server, quick_retry, text, sentence):
    project.write("source", text)
    with pytest.raises(StageError, match=sentence):
        retrain(project.root)
    assert project.ran() == ["zeta"]


def test_a_killed_stage_is_tried_once_more(project, prefect_server, quick_retry):
    project.write("source", "kill")
    with pytest.raises(StageError, match="status 137"):
        retrain(project.root)
    assert project.ran() == ["zeta", "zeta"]


@pytest.mark.timeout(200, method="thread")  # the other method takes the alarm that Prefect needs
def test_a_stage_that_takes_too_long_is_stopped(project, prefect_server, quick_retry, monkeypatch):
    monkeypatch.setitem(TIME_LIMIT_S, "zeta", 2)
    project.write("source", "slow")
    with pytest.raises(TimeoutError):
        retrain(project.root)
    assert not psutil.pid_exists(int((project.root / "slow.pid").read_text()))


def test_the_flow_leaves_a_table_and_its_progress(project, prefect_server):
    from prefect.artifacts import Artifact

    retrain(project.root)
    table = json.loads(Artifact.get(key="retrain-stages").data)
    assert [row["stage"] for row in table] == ["zeta", "beta", "alone", "alpha"]
    assert Artifact.get(key="retrain-progress").data == 100.0


def test_results_are_never_cached(project):
    from prefect.cache_policies import NO_CACHE

    assert run_stage.cache_policy == NO_CACHE
    assert not run_stage.persist_result and not retrain.persist_result


def test_the_snapshot_is_the_same_bytes_each_time(project, monkeypatch):
    monkeypatch.setattr("flows.retrain.champion_scores", lambda root, name: CHAMPION)
    path = project.root / "data" / "champion.json"
    for _ in range(2):
        snapshot_champion(project.root, ["train", "gate"])
    assert json.loads(path.read_text()) == CHAMPION
    written = path.stat().st_mtime_ns
    snapshot_champion(project.root, ["train", "gate"])
    assert path.stat().st_mtime_ns == written


def test_no_champion_is_the_committed_file(project):
    snapshot_champion(project.root, ["train"])
    assert (project.root / "data" / "champion.json").read_text() == "{}\n"


def test_the_voice_just_registered_is_not_its_own_champion(project, monkeypatch):
    monkeypatch.setattr("flows.retrain.champion_scores", lambda root, name: CHAMPION)
    snapshot_champion(project.root, ["gate", "register"])
    assert not (project.root / "data" / "champion.json").exists()


def test_time_limits_are_of_stages_that_exist():
    assert set(TIME_LIMIT_S) <= set(STAGES)
