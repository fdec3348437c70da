"""`voiceloom reproduce`: a registered version made again in a fresh clone, and which hashes are the same.

The clone has the version's commit (and what was not committed), its own row store, and nothing that a stage made but
the fetched corpora: those come from the DVC remote, or from this project's cache. Every stage runs, whatever a shared
cache may remember of it. Nothing is registered.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

import yaml

from flows._dvc import bring_beside, reproduce, stage_order
from tasks.register.lineage import CHAMPION, ENVIRONMENT, LOCK, PATCH, environment
from tasks.register.provenance import lineage_folder
from tasks.register.versions import named_version

#: What brings the corpora, which are given, and what would register the result.
NOT_REPEATED = ("fetch", "register")
#: Of so many packages the versions are compared in words.
NAMED_PACKAGES = 5


class Compared(NamedTuple):
    """An output of a stage, the hash it had and the one it has now (None: it is not there)."""

    stage: str
    path: str
    former: str
    found: str | None

    @property
    def same(self) -> bool:
        """Whether it is the same to the byte."""
        return self.former == self.found

    def __str__(self) -> str:
        """A line of the report."""
        if self.same:
            return f"{self.stage:<10} same       {self.path}  {self.former}"
        return f"{self.stage:<10} DIFFERENT  {self.path}  {self.found or 'nothing'}, was {self.former}"


def reproduce_version(
    root: Path,
    model_name: str,
    name: str,
    into: Path | None = None,
    until: str | None = None,
    say: Callable[[str], None] = print,
) -> bool:
    """Make a version again in the new folder `into`, up to the stage `until`; whether every hash is the same.

    Every finding is told to `say` as soon as it is known.
    """
    version = named_version(root, model_name, name)
    lineage = lineage_folder(root, version)
    former = yaml.safe_load((lineage / LOCK).read_text(encoding="utf-8")).get("stages") or {}
    _chosen(list(former), former, until)  # a slip of the pen is told before anything is cloned
    into = (into or root / "runs" / "reproduce" / f"{version.name}-{version.version}").resolve()
    project = _check_out(root, into, version.tags, lineage)
    for difference in _differences(version.tags, (lineage / ENVIRONMENT).read_text(encoding="utf-8")):
        say(difference)
    stages = _chosen(stage_order(project), former, until)
    with _alone(project):
        _bring_data(root, project, former)
        compared = []
        for stage in stages:
            reproduce(project, stage, force=True)
            found = list(_compare(project, stage, former))
            compared += found
            for line in found:
                say(str(line))
    differing = sum(not one.same for one in compared)
    verdict = f"{differing} of them differ" if differing else "all have the hashes"
    say(f"{len(compared)} outputs of {len(stages)} stages, {verdict} of {version.name} version {version.version}")
    return not differing


def _check_out(root: Path, into: Path, tags: dict[str, str], lineage: Path) -> Path:
    """A fresh clone at the version's commit, with what was not committed; returns the project's folder in it.

    A clone that could not be made whole is removed again.
    """
    if into.exists() and (not into.is_dir() or any(into.iterdir())):
        raise ValueError(f"{into} is not empty; give another folder with --into")
    commit, folder = tags.get("git_revision", "unknown"), tags.get("git_folder", ".")
    if commit == "unknown":
        raise ValueError("this version was made outside git: nobody knows with which code, so it cannot be made again")
    into.parent.mkdir(parents=True, exist_ok=True)
    with _removed_on_failure(into):
        _git(root, "clone", "--quiet", "--no-checkout", _git(root, "rev-parse", "--show-toplevel"), str(into))
        _git(into, "checkout", "--quiet", "--detach", commit)
        if (lineage / PATCH).is_file():
            _git(into, "apply", "--whitespace=nowarn", str(lineage / PATCH))
        if not (into / folder / "dvc.yaml").is_file():
            raise ValueError(f"commit {commit[:12]} holds no dvc.yaml in {folder}: git does not keep it")
        if (lineage / CHAMPION).is_file():
            (into / folder / "data").mkdir(exist_ok=True)
            shutil.copyfile(lineage / CHAMPION, into / folder / "data" / "champion.json")
    return into / folder


@contextlib.contextmanager
def _removed_on_failure(folder: Path) -> Iterator[None]:
    try:
        yield
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise


def _git(folder: Path, *arguments: str) -> str:
    done = subprocess.run(["git", *arguments], cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ValueError(f"git {arguments[0]}: {' '.join(done.stderr.split()) or 'it failed without a word'}")
    return done.stdout.strip()


def _chosen(order: list[str], former: dict[str, dict], until: str | None) -> list[str]:
    stages = [stage for stage in order if stage in former and stage not in NOT_REPEATED]
    if until is None:
        return stages
    if until not in stages:
        raise ValueError(f"there is no stage {until!r} to stop after; there are: {', '.join(stages)}")
    return stages[: stages.index(until) + 1]


@contextlib.contextmanager
def _alone(project: Path) -> Iterator[None]:
    """Stages run the clone's code, in the clone, and remember nothing of earlier work."""
    settings = {"PYTHONPATH": f"{project}{os.pathsep}{project / 'model_src'}", "VOICELOOM_STORE": None}
    before = {name: os.environ.get(name) for name in settings}
    _set(settings)
    try:
        with contextlib.chdir(project):
            yield
    finally:
        _set(before)


def _set(settings: dict[str, str | None]) -> None:
    for name, value in settings.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def _bring_data(root: Path, project: Path, former: dict[str, dict]) -> None:
    """What the fetch stage had made, and whatever else was read that neither git nor a stage brings."""
    given = {name: former[name] for name in NOT_REPEATED if name in former}
    lock = {"schema": "2.0", "stages": given}
    (project / "dvc.lock").write_text(yaml.safe_dump(lock, sort_keys=False), encoding="utf-8")
    settings = root / ".dvc" / "config.local"
    if settings.is_file():
        shutil.copyfile(settings, project / ".dvc" / "config.local")
    outs = [out["path"] for entry in given.values() for out in entry["outs"]]
    bring_beside(project, [path for path in outs if not (project / path).exists()], root)
    made = {out["path"] for entry in former.values() for out in entry["outs"]}
    for path in {dep["path"] for entry in former.values() for dep in entry.get("deps", ())} - made:
        _copy_missing(root / path, project / path)


def _copy_missing(source: Path, target: Path) -> None:
    if target.exists():
        return
    if not source.exists():
        raise FileNotFoundError(f"{source} was read when the version was made, and is neither in git nor here")
    target.parent.mkdir(parents=True, exist_ok=True)
    (shutil.copytree if source.is_dir() else shutil.copyfile)(source, target)


def _compare(project: Path, stage: str, former: dict[str, dict]) -> Iterator[Compared]:
    """The outputs of a stage that has just run beside those it had."""
    entry = yaml.safe_load((project / "dvc.lock").read_text(encoding="utf-8"))["stages"][stage]
    found = {out["path"]: out.get("md5") for out in entry["outs"]}
    for out in former[stage]["outs"]:
        yield Compared(stage, out["path"], out.get("md5", ""), found.get(out["path"]))


def _differences(tags: dict[str, str], former: str) -> Iterator[str]:
    """What is not as it was then, in words: files that no patch kept, and what is installed or set differently."""
    if "git_left_out" in tags:
        yield f"Not kept with the version: {tags['git_left_out']}"
    then, now = set(former.splitlines()), set(environment().splitlines())
    gone = [line.removeprefix("# ") for line in sorted(then - now, key=str.lower)]
    if gone:
        more = f" and {len(gone) - NAMED_PACKAGES} more" if len(gone) > NAMED_PACKAGES else ""
        yield f"Not as it was then: {'; '.join(gone[:NAMED_PACKAGES])}{more} (lineage/{ENVIRONMENT})"
