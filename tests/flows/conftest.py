"""A toy project of four stages under real git and DVC, and a Prefect server for the tests of a session."""

import shutil
import subprocess
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

STEP = """
    import os, pathlib, sys
    name, source = sys.argv[1], sys.argv[2]
    with open("ran.log", "a") as log:
        log.write(name + "\\n")
    text = pathlib.Path(source).read_text()
    if "kill" in text:
        os.kill(os.getpid(), 9)
    if "once" in text and not os.path.exists("tried"):
        open("tried", "w").close()
        os.kill(os.getpid(), 9)
    if "says" in text:
        print(name, "says", os.environ.get("TRACEPARENT"))
    if "ctrl-c" in text:
        sys.exit(130)
    if "wrong" in text:
        pathlib.Path("runs/logs").mkdir(parents=True, exist_ok=True)
        pathlib.Path(f"runs/logs/{name}.txt").write_text("Traceback\\nValueError: the text is wrong\\n")
        sys.exit(2)
    if "crash" in text:
        sys.exit(3)
    if "slow" in text:
        import time
        pathlib.Path("slow.pid").write_text(str(os.getpid()))
        time.sleep(60)
    pathlib.Path("data", name + ".txt").write_text(text.strip().lower())
"""

DAG = """
    stages:
      zeta:
        cmd: python step.py zeta data/source.txt
        deps: [data/source.txt]
        outs: [data/zeta.txt]
      beta:
        cmd: python step.py beta data/zeta.txt
        deps: [data/zeta.txt]
        outs: [data/beta.txt]
      alone:
        cmd: python step.py alone data/other.txt
        deps: [data/other.txt]
        outs: [data/alone.txt]
      alpha:
        cmd: python step.py alpha data/beta.txt
        deps: [data/beta.txt]
        outs: [data/alpha.txt]
"""


class Project:
    """The toy project, and which of its stages ran."""

    def __init__(self, root):
        self.root = root

    def write(self, name, text):
        (self.root / "data" / f"{name}.txt").write_text(text)

    def ran(self):
        """The stages that ran since this was last asked."""
        log = self.root / "ran.log"
        names = log.read_text().split() if log.is_file() else []
        log.unlink(missing_ok=True)
        return names

    def is_clean(self):
        """Whether `dvc status` would say that data and pipelines are up to date."""
        from dvc.repo import Repo

        with Repo(str(self.root)) as repo:
            return not repo.status()


@pytest.fixture(scope="session")
def empty_project(tmp_path_factory):
    from dvc.repo import Repo

    root = tmp_path_factory.mktemp("empty")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    Repo.init(str(root)).close()
    (root / "step.py").write_text(textwrap.dedent(STEP))
    (root / "dvc.yaml").write_text(textwrap.dedent(DAG))
    (root / "data").mkdir()
    shutil.copy(ROOT / "params.yaml", root)
    return root


@pytest.fixture
def project(tmp_path, empty_project, monkeypatch):
    from flows.environment import prepare_environment

    root = tmp_path / "project"
    shutil.copytree(empty_project, root)
    monkeypatch.chdir(root)
    prepare_environment()
    made = Project(root)
    made.write("source", "Text")
    made.write("other", "Other")
    return made


@pytest.fixture(scope="session")
def prefect_server():
    """An empty Prefect server; starting one takes seconds."""
    from flows.environment import prepare_environment

    prepare_environment()
    from prefect.testing.utilities import prefect_test_harness

    with prefect_test_harness(server_startup_timeout=120):
        yield
