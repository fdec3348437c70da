"""The committed `dvc.lock` is a promise: the data stages give its bytes again, here and on other machines."""

import shutil
from pathlib import Path

import pytest
import yaml

from tasks.stage import run_stage

ROOT = Path(__file__).parents[1]
DATA_STAGES = ("fetch", "ingest", "segment", "features")

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def md5s(root: Path, paths: list[str]) -> dict[str, str]:
    """The hashes DVC gives to files and folders."""
    from dvc.repo import Repo
    from dvc_data.hashfile.build import build

    with Repo(str(root)) as repo:
        found = {}
        for path in paths:
            _, _, tree = build(repo.cache.local, str(root / path), repo.cache.local.fs, "md5", dry_run=True)
            found[path] = tree.hash_info.value
        return found


def test_data_stages_give_the_hashes_of_the_committed_lock(tmp_path, monkeypatch):
    if shutil.which("apt-get") is None:
        pytest.skip("the demo's corpus is a Debian package and there is no apt-get here")
    lock = yaml.safe_load((ROOT / "dvc.lock").read_text(encoding="utf-8"))["stages"]
    for name in ("params.yaml", "dvc.yaml", "data/consent.yaml", "data/lexicon.tsv"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".dvc").mkdir()
    (tmp_path / ".dvc" / "config").write_text("[core]\n    no_scm = true\n    analytics = false\n")
    monkeypatch.chdir(tmp_path)
    for stage in DATA_STAGES:
        run_stage(stage, tmp_path)
    expected = {out["path"]: out["md5"] for stage in DATA_STAGES for out in lock[stage]["outs"]}
    expected = {path: value for path, value in expected.items() if not path.startswith("reports/metrics")}
    assert md5s(tmp_path, list(expected)) == expected
