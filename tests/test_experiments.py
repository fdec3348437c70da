"""Experiments: variations of params.yaml by `dvc exp`, a queue of them, and tables that can be read."""

import csv
import io
import json
import os
import re
import shlex
import subprocess
import sys
import textwrap
from contextlib import chdir
from pathlib import Path

import pytest
import yaml
from dvc.repo import Repo

from flows.environment import prepare_environment

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "docs" / "experiments.md").read_text(encoding="utf-8")

STAGE = """
    import json, os, pathlib, yaml
    params = yaml.safe_load(open("params.yaml"))["train"]
    pathlib.Path("model.txt").write_text(json.dumps(params))
    pathlib.Path("reports/metrics").mkdir(parents=True, exist_ok=True)
    wer = params["learning_rate"] * 100 / params["warmup_steps"]
    scores = {"voice_wer": wer, "voice_wer_low": wer, "voice_cer": wer, "recordings_wer": 0.03}
    pathlib.Path("reports/metrics/evaluate.json").write_text(json.dumps(scores))
    print("name:", os.environ.get("DVC_EXP_NAME"))
"""


def dvc(root: Path, *arguments: str) -> str:
    folder = str(Path(sys.executable).parent)
    environment = {**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}", "DVC_NO_ANALYTICS": "1"}
    done = subprocess.run(["dvc", *arguments], cwd=root, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """One stage with our parameters and metrics of our names, committed."""
    prepare_environment()
    root = tmp_path_factory.mktemp("experiments")
    subprocess.run(["git", "init", "-q"], cwd=root, check=True)
    Repo.init(str(root)).close()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (root / "stage.py").write_text(textwrap.dedent(STAGE))
    (root / "params.yaml").write_text((ROOT / "params.yaml").read_text(encoding="utf-8"), encoding="utf-8")
    stage = {
        "cmd": "python stage.py",
        "deps": ["stage.py"],
        "params": ["train"],
        "outs": ["model.txt"],
        "metrics": [{"reports/metrics/evaluate.json": {"cache": False}}],
    }
    (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": {"train": stage}}))
    with chdir(root), Repo(str(root)) as repo:
        repo.reproduce()
    for command in ("add -A", "-c user.name=test -c user.email=test@example.org commit -q -m baseline"):
        subprocess.run(["git", *command.split()], cwd=root, check=True)
    return root


def columns(table: str) -> list[dict]:
    return list(csv.DictReader(io.StringIO(table)))


def shown(root: Path) -> list[dict]:
    """The table by the very command of the guide."""
    (command,) = re.findall(r"^    dvc (exp show .*)$", GUIDE, flags=re.MULTILINE)
    return columns(dvc(root, *shlex.split(command), "--csv"))


@pytest.mark.slow
def test_a_table_of_what_differs_and_of_what_is_to_come(project):
    said = dvc(project, "exp", "run", "-n", "quick", "-S", "train.warmup_steps=200")
    assert "name: quick" in said, "a stage knows by which name DVC has it"
    dvc(project, "exp", "run", "--queue", "-S", "train.seed=choice(8,9)")
    rows = shown(project)
    (quick,) = [row for row in rows if row["Experiment"] == "quick"]
    assert quick["train.warmup_steps"] == "200" and float(quick["voice_wer"]) == pytest.approx(0.0005)
    assert {row["train.seed"] for row in rows if row["State"] == "Queued"} == {"8", "9"}
    told = set(quick) - {"Experiment", "rev", "typ", "Created", "parent", "State", "Executor"}
    assert told == {"train.warmup_steps", "train.seed", "voice_wer"}, "neither what is the same nor beside the point"


def test_the_table_of_the_guide_keeps_the_scores_that_decide():
    evaluate = json.loads((ROOT / "reports/metrics/evaluate.json").read_text(encoding="utf-8"))
    (drop,) = re.findall(r"^    dvc exp show .*--drop '([^']*)'", GUIDE, flags=re.MULTILINE)
    kept = {name for name in evaluate if not re.match(drop, name)}
    assert {"voice_wer", "voice_similarity", "voice_dnsmos", "everyday_wer"} <= kept
    assert len(kept) < 8, kept
