"""The commands about registered voices, as they are typed."""

import resource
import subprocess
import sys

import pytest
import typer
from typer.testing import CliRunner

from flows import commands_registry
from tests import registering
from tests.registering import Registering

TIMED = """
import sys, typer
from flows import commands_registry
app = typer.Typer()
commands_registry.add(app)
app(sys.argv[1:])
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        patch.chdir(root)
        made = Registering(root)
        (root / "params.yaml").write_text((registering.ROOT / "params.yaml").read_text())
        made.register()
        made.register_another(b"better")
    return made


@pytest.fixture
def voiceloom(project, monkeypatch):
    """voiceloom(*arguments) → what the command printed; mistakes are raised, as `main` sees them."""
    app = typer.Typer()
    commands_registry.add(app)
    monkeypatch.chdir(project.root)

    def run(*arguments):
        result = CliRunner().invoke(app, arguments)
        if isinstance(result.exception, ValueError | OSError):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.output

    return lambda command, *arguments: run(command, *arguments, "--model", registering.MODEL)


def test_the_story_of_a_year_in_a_minute(voiceloom, project):
    assert "version 1 reigns again" in voiceloom("rollback", "--reason", "it lisps")
    assert "Nothing done" in voiceloom("rollback")
    assert "may be promoted again" in voiceloom("promote", "2", "--release")
    assert "version 2 is held: the speaker asked" in voiceloom("promote", "2", "--hold", "the speaker asked")
    with pytest.raises(ValueError, match="is held"):
        voiceloom("promote", "2")
    voiceloom("promote", "2", "--release")
    assert "version 2 reigns instead of version 1" in voiceloom("promote", "2", "--reason", "heard by ten people")
    lines = voiceloom("promotions").splitlines()
    expected = ["promoted", "promoted", "rolled back", "released", "held", "released", "promoted"]
    assert [line[32:43].strip() for line in lines] == expected
    assert "CC0-1.0" in voiceloom("trace", "2")


def test_opposites_are_one_sentence(voiceloom):
    with pytest.raises(ValueError, match="give one of them"):
        voiceloom("promote", "1", "--hold", "x", "--release")
    with pytest.raises(ValueError, match="say why"):
        voiceloom("promote", "1", "--hold", " ")


@pytest.mark.slow
def test_rollback_takes_no_more_than_five_seconds(project):
    """Of processor time, imports and all: it waits for nobody, and a busy machine would only add its own."""
    command = [sys.executable, "-c", TIMED, "rollback", "--model", registering.MODEL]
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=project.root, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode == 0 and "reigns again" in done.stdout, done.stderr
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime <= 5
