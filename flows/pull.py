"""What a worker with an empty cache brings from the DVC remote: what its stale stages read, and no more.

Called by `flows/_dvc.py` alone, with a `Repo` that it has opened. Without a default remote nothing here changes what
DVC does: an output that is not there is made again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

#: What `dvc status` says of something that is not here.
ABSENT = {"deleted", "not in cache"}


def stale(repo: Any) -> set[str]:
    """Names of the stages that have to run: those that changed and all that depend on them.

    With a default remote, an output that is merely not here does not count as a change, for it can be brought. It
    counts again where a stale stage reads it and the remote has not got it either.
    """
    status = repo.status()
    if not has_remote(repo):
        return _with_dependents(repo, status)
    outs = _outs(repo)
    deps = {stage.addressing: stage.deps for stage in repo.index.stages}
    names = {name for name, found in status.items() if not _is_absent_only(found, deps[name], outs)}
    while True:
        found = _with_dependents(repo, names)
        lost = {out.stage.addressing for out in _needed(found, deps, outs) if not _can_be_brought(repo, out)}
        if lost <= found:
            return found
        names |= lost


def reproduce(repo: Any, stage: str, force: bool = False) -> bool:
    """`dvc repro --single-item STAGE` with what it reads brought first; True when it ran or was restored.

    An output that could be brought need not be here for the stage to be up to date.
    """
    (found,) = repo.stage.collect(stage)
    _bring_deps(repo, found)
    spared = has_remote(repo) and all(_can_be_brought(repo, out) for out in found.outs if out.use_cache)
    return bool(repo.reproduce(stage, single_item=True, force=force, allow_missing=spared))


def push(repo: Any, stages: list[str]) -> None:
    """Send what these stages made to the default remote, if there is one."""
    if stages and has_remote(repo):
        repo.push(targets=stages)


def has_remote(repo: Any) -> bool:
    """Whether the project names a default remote."""
    return bool(repo.config["core"].get("remote"))


def _bring_deps(repo: Any, stage: Any) -> None:
    """Bring the outputs of other stages that this one reads and that are not here."""
    if has_remote(repo):
        outs = _outs(repo)
        missing = [dep.def_path for dep in stage.deps if not dep.exists and str(dep) in outs]
        if missing:
            repo.pull(missing)


def _outs(repo: Any) -> dict[str, Any]:
    """Every output that DVC keeps, by its path."""
    return {str(out): out for stage in repo.index.stages for out in stage.outs if out.use_cache}


def _with_dependents(repo: Any, names: Iterable[str]) -> set[str]:
    import networkx

    names = set(names)
    graph = repo.index.graph  # an edge leads from a stage to the one it depends on
    dependents = (networkx.ancestors(graph, stage) for stage in graph if stage.addressing in names)
    return names | {stage.addressing for found in dependents for stage in found}


def _is_absent_only(found: list, deps: Iterable[Any], outs: dict[str, Any]) -> bool:
    """Whether all that `dvc status` has to say of a stage is that outputs of the DAG are not here.

    A dependency must be locked as its stage has it locked, else a run was broken off between the two.
    """
    changes = [change for entry in found if isinstance(entry, dict) for change in entry.values()]
    if len(changes) < len(found) or not all(isinstance(change, dict) for change in changes):
        return False
    paths = {path: word for change in changes for path, word in change.items()}
    locked = {str(dep): dep.hash_info for dep in deps}
    return all(
        isinstance(word, str)
        and word in ABSENT
        and path in outs
        and locked.get(path, outs[path].hash_info) == outs[path].hash_info
        for path, word in paths.items()
    )


def _needed(stages: set[str], deps: dict[str, Any], outs: dict[str, Any]) -> Iterator[Any]:
    """The outputs of other stages that these read and that are not here."""
    for stage in stages:
        for dep in deps[stage]:
            out = outs.get(str(dep))
            if out is not None and out.stage.addressing not in stages and not dep.exists:
                yield out


def _can_be_brought(repo: Any, out: Any) -> bool:
    """Whether cache or remote hold it; a folder's listing is the last of it that DVC sends."""
    if not out.hash_info:
        return False
    return not out.changed_cache() or repo.cloud.get_remote_odb(command="pull").exists(out.hash_info.value)


def bring(repo: Any, paths: list[str], cache: str) -> None:
    """Bring outputs with an open `Repo`: from its default remote, else from the cache of another project."""
    if not paths:
        return
    remote = repo.config["core"].get("remote")
    if not remote:
        remote = "cache-beside"
        with repo.config.edit("local") as settings:
            settings.setdefault("remote", {})[remote] = {"url": str(Path(cache).parents[1])}
    repo.pull(targets=paths, remote=remote)
