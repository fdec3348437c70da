"""The flow on a toy project, with real Prefect, DVC and MLflow."""

import json
import shutil

import pytest
import yaml

from flows._dvc import StageError
from flows._workspace import BusyError, only_run
from flows.retrain import BACKOFF_S, TIME_LIMIT_S, is_transient, retrain, run_stage, snapshot_champion
from tasks.params import load_params
from tasks.stage import STAGES
from tests.servers import lives

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


def test_a_killed_stage_is_tried_again_as_often_as_declared(project, prefect_server, quick_retry):
    project.write("source", "kill")
    with pytest.raises(StageError, match="status 137"):
        retrain(project.root)
    assert project.ran() == ["zeta"] * (1 + len(BACKOFF_S))


def test_what_has_passed_by_the_next_try_is_no_failure(project, prefect_server, quick_retry):
    project.write("source", "once")
    assert retrain(project.root) == ["zeta", "beta", "alone", "alpha"]
    assert project.ran() == ["zeta", "zeta", "beta", "alone", "alpha"]
    assert project.is_clean()


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (StageError("train", 137, "killed"), False),
        (StageError("train", 137, "killed", transient=True), True),
        (BusyError("busy"), True),
        (ConnectionResetError(), True),
        (ValueError("wrong"), False),
        (TimeoutError(), False),
        (None, False),
    ],
)
def test_only_what_may_pass_is_worth_a_retry(error, expected):
    assert is_transient(error) is expected


def test_ctrl_c_in_a_stage_ends_the_run(project, prefect_server):
    project.write("source", "ctrl-c")
    with pytest.raises(KeyboardInterrupt):
        retrain(project.root)
    assert project.ran() == ["zeta"]


def test_one_run_at_a_time(project, prefect_server):
    with only_run(project.root), pytest.raises(BusyError, match="another run is at work"):
        retrain(project.root)
    assert project.ran() == []


def test_a_stage_is_run_again_when_asked(project, prefect_server):
    retrain(project.root)
    project.ran()
    assert retrain(project.root, force=["beta"]) == ["beta"]
    assert project.ran() == ["beta"]
    with pytest.raises(ValueError, match="the stages are: zeta, beta, alone, alpha"):
        retrain(project.root, force=["gamma"])


def test_parameters_may_be_changed_for_a_run(project, prefect_server):
    retrain(project.root, changes={"train.seed": 77})
    assert load_params(project.root / "params.yaml").train.seed == 77


@pytest.mark.timeout(200, method="thread")  # the other method takes the alarm that Prefect needs
def test_a_stage_that_takes_too_long_is_stopped(project, prefect_server, quick_retry, monkeypatch):
    monkeypatch.setitem(TIME_LIMIT_S, "zeta", 2)
    project.write("source", "slow")
    with pytest.raises(TimeoutError):
        retrain(project.root)
    assert not lives(int((project.root / "slow.pid").read_text()))


def test_the_flow_leaves_a_table_and_its_progress(project, prefect_server):
    from prefect.artifacts import Artifact

    retrain(project.root)
    table = json.loads(Artifact.get(key="retrain-stages").data)
    assert [row["stage"] for row in table] == ["zeta", "beta", "alone", "alpha"]
    assert {row["outcome"] for row in table} == {"done"}
    assert Artifact.get(key="retrain-progress").data == 100.0


def test_scores_stand_beside_the_champions(project):
    from flows.artifacts import report_links, score_rows

    assert score_rows(project.root) == []
    write(project.root / "reports/evaluation.json", {"voice": {"wer": 0.2, "similarity": 0.8}})
    write(project.root / "data/champion.json", CHAMPION)
    wer = {"name": "wer", "passed": True, "sentence": "good"}
    loss = {"name": "champion_wer", "passed": True, "sentence": "no worse", "value": -0.05, "interval": [-0.1, 0.0]}
    checks = [wer, loss, {"name": "rtf", "passed": True, "sentence": "fast"}]
    write(project.root / "reports/gate.json", {"passed": True, "reasons": ["good"], "checks": checks})
    unknown = dict.fromkeys(("voice", "champion", "loss", "interval"))
    compared = {"voice": 0.2, "champion": 0.25, "loss": -0.05, "interval": [-0.1, 0.0]}
    assert score_rows(project.root) == [
        {"score": "wer", **compared, "said": "good; no worse"},
        {"score": "similarity", **unknown, "voice": 0.8, "said": ""},
        {"score": "rtf", **unknown, "said": "fast"},
    ]
    assert "reports/gate.json" in report_links(project.root, "v")


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_a_server_that_left_costs_the_artifacts_only(project, monkeypatch, caplog):
    import httpx

    from flows.artifacts import Progress

    def gone(**_):
        raise httpx.ConnectError("nobody there")

    monkeypatch.setattr("prefect.artifacts.create_progress_artifact", gone)
    Progress().update(100.0)
    assert "nobody there" in caplog.text


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


@pytest.mark.parametrize(("scored", "written"), [("x", False), ("y", True)])
def test_a_voice_that_reigns_no_more_is_compared_with_the_one_that_does(project, monkeypatch, scored, written):
    monkeypatch.setattr("flows.retrain.champion_scores", lambda root, name: CHAMPION)
    write(project.root / "reports" / "evaluation.json", {"bundle_hash": scored})
    snapshot_champion(project.root, ["register"])
    assert not (project.root / "data" / "champion.json").exists()
    snapshot_champion(project.root, ["gate", "register"])
    assert (project.root / "data" / "champion.json").exists() == written


def test_time_limits_are_of_stages_that_exist():
    assert set(TIME_LIMIT_S) <= set(STAGES)
