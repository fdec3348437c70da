"""The stage runner: an output is there whole or not at all, and a mistake is one sentence."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from tasks import stage as runner
from tasks.stage import Stage, main, run_stage

ROOT = Path(__file__).parents[2]
DECLARED = Stage(
    deps={"given": "data/in.txt"}, outs={"made": "data/made", "page": "reports/page.txt"}, params=("gate",)
)


@pytest.fixture
def project(tmp_path, monkeypatch):
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "in.txt").write_text("in")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def use(monkeypatch):
    """Make `run` the stage called gate."""

    def install(run, declared=DECLARED):
        module = SimpleNamespace(STAGE=declared, run=run)
        monkeypatch.setattr(runner.importlib, "import_module", lambda name: module)

    return install


def write_both(*, given, made, page, gate):
    made.mkdir()
    (made / "part.txt").write_text(given.read_text() + str(gate.max_wer))
    page.write_text("page")
    return {"parts": 1}


def test_outputs_metrics_and_time_are_in_place_afterwards(project, use):
    use(write_both)
    assert run_stage("gate", project) == {"parts": 1}
    assert (project / "data" / "made" / "part.txt").read_text() == "in0.35"
    assert json.loads((project / "reports" / "metrics" / "gate.json").read_text()) == {"parts": 1}
    assert json.loads((project / "runs" / "stages" / "gate.json").read_text())["seconds"] >= 0


def test_an_old_output_is_replaced_whole(project, use):
    use(write_both)
    (project / "data" / "made").mkdir()
    (project / "data" / "made" / "stale.txt").write_text("old")
    run_stage("gate", project)
    assert [path.name for path in (project / "data" / "made").iterdir()] == ["part.txt"]


@pytest.mark.parametrize("error", [ValueError("too loud"), OSError(28, "No space left on device")])
def test_a_failure_half_way_leaves_everything_as_it_was(project, use, capsys, error):
    def half(*, given, made, page, gate):
        made.mkdir()
        (made / "part.txt").write_text("half")
        raise error

    use(write_both)
    run_stage("gate", project)
    before = {path: path.read_bytes() for path in project.rglob("*.txt")}
    use(half)
    assert main(["gate"]) == 2
    sentence = capsys.readouterr().err
    assert sentence.count("\n") == 1
    assert str(error) in sentence
    logs = project / "runs" / "logs" / "gate.txt"
    assert "Traceback" in logs.read_text()
    assert {path: path.read_bytes() for path in project.rglob("*.txt") if path != logs} == before
    assert not (project / "runs" / "staging" / "gate").exists()


def test_what_an_earlier_kill_left_in_staging_is_not_taken(project, use):
    left = project / "runs" / "staging" / "gate" / "data" / "made"
    left.mkdir(parents=True)
    (left / "half.txt").write_text("half")
    use(write_both)
    run_stage("gate", project)
    assert [path.name for path in (project / "data" / "made").iterdir()] == ["part.txt"]


def test_a_missing_input_names_the_stage_and_the_file(project, use, capsys):
    (project / "data" / "in.txt").unlink()
    use(write_both)
    assert main(["gate"]) == 2
    assert "stage gate needs" in (sentence := capsys.readouterr().err) and "data/in.txt" in sentence


def test_our_own_mistake_is_not_hidden(project, use):
    def broken(*, given, made, page, gate):
        raise KeyError("ours")

    use(broken)
    with pytest.raises(KeyError):
        main(["gate"])


def run_command(folder, *arguments):
    return subprocess.run(
        [sys.executable, "-m", "tasks.stage", *arguments],
        cwd=folder,
        env={"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}", "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
    )


def test_the_command_knows_its_stages(tmp_path):
    result = run_command(tmp_path, "tune")
    assert result.returncode == 2
    assert "there is no stage 'tune'; the stages are: fetch, ingest" in result.stderr


def test_the_command_refuses_a_hop_that_does_not_divide(tmp_path):
    params = (ROOT / "params.yaml").read_text().replace("hop_length: 256", "hop_length: 300")
    (tmp_path / "params.yaml").write_text(params)
    result = run_command(tmp_path, "gate")
    assert result.returncode == 2
    assert result.stderr.count("\n") == 1
    assert "hop_length 300 does not divide n_fft 1024" in result.stderr
    assert not (tmp_path / "reports").exists()
