"""The command line: light, one sentence for a mistake, and nothing started that is not needed."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from flows.cli import main

ROOT = Path(__file__).parents[2]
HEAVY = ("torch", "prefect", "mlflow", "dvc", "pandas", "librosa", "onnxruntime")

IMPORTED = """
import sys
sys.argv = ["voiceloom", *sys.argv[1:]]
try:
    from flows.cli import main
    main()
except SystemExit:
    pass
import json
print("\\n" + json.dumps(sorted(sys.modules)))
"""


def environment(**extra):
    return os.environ | {"PYTHONPATH": f"{ROOT}:{ROOT / 'model_src'}", **extra}


def cli(monkeypatch, *arguments):
    """Call the command in this process; returns its exit status."""
    monkeypatch.setattr(sys, "argv", ["voiceloom", *arguments])
    try:
        main()
    except SystemExit as stop:
        return stop.code or 0
    return 0


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["list"],
        ["check"],
        ["run", "--help"],
        ["clone", "--help"],
        ["serve", "--help"],
        ["preset", "no-such"],
    ],
)
def test_light_commands_import_nothing_heavy(arguments):
    result = subprocess.run(
        [sys.executable, "-c", IMPORTED, *arguments],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
    )
    modules = json.loads(result.stdout.splitlines()[-1])
    assert "flows.cli" in modules
    assert not set(HEAVY) & set(modules)


def test_help_is_instant():
    command = [sys.executable, "-c", "from flows.cli import main; main()", "--help"]
    seconds = []
    for _ in range(4):
        started = time.perf_counter()
        result = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
        seconds.append(time.perf_counter() - started)
        assert "voices" in result.stdout
    assert min(seconds) <= 0.7


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["preset", "no-such"], "the presets are: "),
        (["say", "hello", "--voice", "nobody@champion"], "`voiceloom voices` lists them"),
        (["say", "hello"], "`voiceloom run` makes one"),
        (["run", "--speaker", "Eva"], "add --corpus FOLDER"),
        (["run", "--corpus", "no/such/folder"], "the corpus folder no/such/folder is not there"),
    ],
)
def test_a_users_mistake_is_one_line(project, monkeypatch, capsys, arguments, expected):
    (project.root / "presets").mkdir()
    assert cli(monkeypatch, *arguments) == 2
    captured = capsys.readouterr()
    assert captured.err.count("\n") == 1 and captured.err.startswith("voiceloom: ")
    assert expected in captured.err
    assert captured.out == ""


def test_our_own_mistake_keeps_its_traceback(monkeypatch):
    def broken():
        raise RuntimeError("ours")

    monkeypatch.setattr("flows.cli.app", broken)
    with pytest.raises(RuntimeError, match="ours"):
        main()


def test_an_unknown_key_stops_a_run_before_anything_starts(project, monkeypatch, capsys):
    params = project.root / "params.yaml"
    params.write_text(params.read_text().replace("warmup_steps", "warmup_step"))
    assert cli(monkeypatch, "run") == 2
    assert "did you mean 'warmup_steps'?" in capsys.readouterr().err
    assert project.ran() == []


def test_a_run_then_a_run_with_nothing_to_do(project, prefect_server, monkeypatch, capfd):
    assert cli(monkeypatch, "run") == 0
    assert project.ran() == ["zeta", "beta", "alone", "alpha"]
    assert "alpha" in capfd.readouterr().out
    monkeypatch.setattr("flows.retrain.retrain", lambda *_: pytest.fail("the flow was started"))
    assert cli(monkeypatch, "run") == 0
    captured = capfd.readouterr()
    assert project.ran() == []
    assert "Nothing is stale." in captured.err and "alpha" in captured.out


@pytest.mark.parametrize(("text", "expected"), [("wrong", ""), ("crash", "voiceloom: zeta: ")])
def test_a_failing_stage_exits_2_without_a_traceback(project, prefect_server, monkeypatch, capfd, text, expected):
    monkeypatch.setattr("flows.retrain.run_stage.retry_delay_seconds", 0)
    project.write("source", text)
    assert cli(monkeypatch, "run") == 2
    errors = capfd.readouterr().err
    assert "Traceback" not in errors
    assert errors.endswith("[1/4] zeta\n") if not expected else expected in errors.splitlines()[-1]


def test_a_server_that_does_not_answer_is_one_line(project):
    command = [sys.executable, "-c", "from flows.cli import main; main()", "run"]
    variables = environment(PREFECT_API_URL="http://127.0.0.1:9/api")
    result = subprocess.run(command, env=variables, capture_output=True, text=True)
    assert result.returncode == 2
    assert result.stderr == "voiceloom: no Prefect server answers at http://127.0.0.1:9/api\n"
    assert project.ran() == []


@pytest.mark.slow
def test_without_a_server_one_is_started_for_the_run(project):
    folder = project.root / "home"
    command = [sys.executable, "-c", "from flows.cli import main; main()"]
    variables = environment(PREFECT_HOME=str(folder))
    result = subprocess.run([*command, "run"], env=variables, capture_output=True, text=True)
    assert (result.returncode, result.stderr.splitlines()[0]) == (0, "[1/4] zeta")
    started = time.perf_counter()
    again = subprocess.run([*command, "run"], env=variables, capture_output=True, text=True)
    assert again.returncode == 0 and "Nothing is stale." in again.stderr
    assert time.perf_counter() - started < 15
