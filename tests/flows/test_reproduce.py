"""A registered version made again in a fresh clone: real git, DVC and MLflow on a toy project of four stages."""

import shutil
import subprocess
import textwrap

import pytest
import yaml

from flows._dvc import reproduce, stage_order
from flows.reproduce import reproduce_version
from tasks.register.lineage import lineage_tags, log_lineage
from tasks.register.registry import connect
from tests.registering import MODEL, Registering

STEP = """
    import os, pathlib, sys
    name, source, target = sys.argv[1:]
    text = pathlib.Path(source).read_text() if source != "-" else "Brought"
    if os.environ.get("DRIFT") == name:
        text += " differently"
    with open("ran.log", "a") as log:
        log.write(name + "\\n")
    pathlib.Path(target).parent.mkdir(parents=True, exist_ok=True)
    pathlib.Path(target).write_text(name + ": " + text)
"""

DAG = {
    "fetch": {"cmd": "python step.py fetch - data/raw.txt", "deps": ["step.py"], "outs": ["data/raw.txt"]},
    "train": {
        "cmd": "python step.py train data/raw.txt models/weights.txt",
        "deps": ["data/raw.txt", "step.py", "base.txt"],
        "outs": ["models/weights.txt"],
    },
    "gate": {
        "cmd": "python step.py gate models/weights.txt data/gate.txt",
        "deps": ["models/weights.txt", "data/champion.json"],
        "outs": ["data/gate.txt"],
    },
    "register": {
        "cmd": "python step.py register data/gate.txt data/receipt.txt",
        "deps": ["data/gate.txt"],
        "outs": ["data/receipt.txt"],
    },
}


def git(folder, *arguments):
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", *identity, *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def registered(tmp_path_factory):
    """A project whose stages ran, with an uncommitted change, and a version that remembers it."""
    import mlflow
    from dvc.repo import Repo

    from flows.environment import prepare_environment

    root = tmp_path_factory.mktemp("project")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(root)
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{root}/mlflow.db")
        prepare_environment()
        made = Registering(root)
        git(root, "init", "-q")
        Repo.init(str(root)).close()
        (root / "step.py").write_text(textwrap.dedent(STEP))
        (root / "dvc.yaml").write_text(yaml.safe_dump({"stages": DAG}, sort_keys=False))
        (root / ".gitignore").write_text("/mlflow.db\n/mlartifacts\n/runs\n/reports\n/models\n/base.txt\n/ran.log\n")
        git(root, "add", ".")
        git(root, "commit", "-qm", "first")
        (root / "step.py").write_text((root / "step.py").read_text() + "# not committed\n")
        (root / "base.txt").write_text("weights to start from")
        (root / "data" / "champion.json").write_text('{"scores": {}}\n')
        for stage in stage_order(root):
            reproduce(root, stage)
        client = connect(root)
        experiment = client.create_experiment("x", artifact_location=(root / "mlartifacts").as_uri())
        card, reports = root / "reports" / "data.json", root / "reports"
        tags = lineage_tags(root, card, made.voice)
        with mlflow.start_run(experiment_id=experiment) as run:
            log_lineage(root, card, reports / "sources.parquet", reports / "heard.parquet")
        client.create_registered_model(MODEL)
        client.create_model_version(MODEL, "x", run.info.run_id, tags=tags | {"bundle_sha256": "a" * 64})
        (root / "data" / "champion.json").write_text('{"scores": {"wer": 1}}\n')  # life goes on
        (root / "step.py").write_text("raise SystemExit(1)\n")
    return root


@pytest.fixture
def again(registered, monkeypatch):
    """again(into, …) → whether all hashes are the same, and what was said."""
    monkeypatch.chdir(registered)

    def run(into, name="1", **more):
        said = []
        return reproduce_version(registered, MODEL, name, into, say=said.append, **more), said

    return run


def test_every_hash_is_the_same_and_every_stage_but_fetch_ran(again, tmp_path):
    same, said = again(tmp_path / "clone")
    assert same, said
    assert said[-1] == f"2 outputs of 2 stages, all have the hashes of {MODEL} version 1"
    assert [line.split()[:3] for line in said[:-1]] == [
        ["train", "same", "models/weights.txt"],
        ["gate", "same", "data/gate.txt"],
    ]
    assert (tmp_path / "clone" / "ran.log").read_text().split() == ["train", "gate"]
    assert (tmp_path / "clone" / "data" / "raw.txt").read_text() == "fetch: Brought"
    assert (tmp_path / "clone" / "step.py").read_text().endswith("# not committed\n")


def test_what_comes_out_differently_is_named(again, tmp_path, monkeypatch):
    monkeypatch.setenv("DRIFT", "train")
    same, said = again(tmp_path / "clone")
    assert not same
    assert said[0].startswith("train      DIFFERENT  models/weights.txt  ") and ", was " in said[0]
    assert said[-1].startswith("2 outputs of 2 stages, 2 of them differ")


def test_it_may_end_early(again, tmp_path):
    same, said = again(tmp_path / "clone", until="train")
    assert same and len(said) == 2
    with pytest.raises(ValueError, match="there are: train, gate"):
        again(tmp_path / "other", until="nowhere")
    assert not (tmp_path / "other").exists()


def test_the_project_itself_is_left_alone(again, registered, tmp_path):
    before = sorted(str(path) for path in (registered / ".dvc" / "cache").rglob("*"))
    lock = (registered / "dvc.lock").read_bytes()
    again(tmp_path / "clone")
    assert sorted(str(path) for path in (registered / ".dvc" / "cache").rglob("*")) == before
    assert (registered / "dvc.lock").read_bytes() == lock


def test_data_comes_from_the_remote_where_one_is_set(again, registered, tmp_path, monkeypatch):
    from dvc.repo import Repo

    with Repo(str(registered)) as repo, repo.config.edit("local") as settings:
        settings["core"] = {"remote": "store"}
        settings["remote"] = {"store": {"url": str(tmp_path / "store")}}
    with Repo(str(registered)) as repo:
        repo.push()
    shutil.move(registered / ".dvc" / "cache" / "files", tmp_path / "files")
    try:
        assert again(tmp_path / "clone")[0]
    finally:
        shutil.move(tmp_path / "files", registered / ".dvc" / "cache" / "files")
        (registered / ".dvc" / "config.local").unlink()


def test_a_shared_cache_does_not_answer_for_a_run(again, registered, tmp_path, monkeypatch):
    from dvc.repo import Repo

    with Repo(str(registered)) as repo, repo.config.edit("local") as settings:
        settings["cache"] = {"dir": str(registered / ".dvc" / "cache")}
    kept = shutil.copytree(registered / ".dvc" / "cache", tmp_path / "kept")
    monkeypatch.setenv("DRIFT", "train")
    try:
        same, said = again(tmp_path / "clone")
    finally:
        (registered / ".dvc" / "config.local").unlink()
        shutil.rmtree(registered / ".dvc" / "cache")
        shutil.move(kept, registered / ".dvc" / "cache")
    assert (tmp_path / "clone" / "ran.log").read_text().split() == ["train", "gate"]
    assert not same and "DIFFERENT" in said[0]


def test_what_cannot_be_made_again_is_one_sentence(again, registered, tmp_path):
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    with pytest.raises(ValueError, match="is not empty"):
        again(tmp_path / "full")
    with pytest.raises(ValueError, match="voiceloom voices"):
        again(tmp_path / "clone", name="9")
    client = connect(registered)
    revision = client.get_model_version(MODEL, "1").tags["git_revision"]
    client.set_model_version_tag(MODEL, "1", "git_revision", "0" * 40)
    try:
        with pytest.raises(ValueError, match="git checkout"):
            again(tmp_path / "clone")
        assert not (tmp_path / "clone").exists()
        client.set_model_version_tag(MODEL, "1", "git_revision", "unknown")
        with pytest.raises(ValueError, match="outside git"):
            again(tmp_path / "clone")
    finally:
        client.set_model_version_tag(MODEL, "1", "git_revision", revision)
