"""The only file that calls DVC: what is stale, in which order, and one stage reproduced.

DVC's API is not thread-safe, so every call opens a `Repo` of its own, and waits while another process holds
the lock.
"""

from __future__ import annotations

import contextlib
import logging
import re
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml

T = TypeVar("T")

#: Seconds to wait before asking for a lock again; DVC itself waits a few seconds each time.
LOCK_WAITS_S = (1, 2, 4, 8, 16)


class StageError(RuntimeError):
    """A stage's command ended badly; its own sentence is in the message, `code` is its exit status."""

    def __init__(self, stage: str, code: int, sentence: str):
        # All three go to `args`, so that the error survives being pickled by Prefect.
        super().__init__(stage, code, sentence)
        self.stage, self.code, self.sentence = stage, code, sentence

    def __str__(self) -> str:
        """The sentence, led by the stage's name."""
        return f"{self.stage}: {self.sentence}"


def stage_order(root: Path) -> list[str]:
    """The stages in the order `dvc.yaml` gives them."""
    path = root / "dvc.yaml"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is not there; run from the project's root folder")
    return list(yaml.safe_load(path.read_text(encoding="utf-8"))["stages"])


def stale_stages(root: Path) -> list[str]:
    """The stages that are not up to date and all that depend on them, in the order of `dvc.yaml`."""
    stale = _with_repo(root, _stale_with_dependents)
    return [stage for stage in stage_order(root) if stage in stale]


def reproduce(root: Path, stage: str) -> bool:
    """`dvc repro --single-item STAGE`; True when it ran or was restored, False when nothing had changed.

    The stage's child process writes straight to this terminal. Raises `StageError` when it ends badly.
    """
    from dvc.exceptions import DvcException, ReproductionError

    with _no_orphans():
        try:
            return bool(_with_repo(root, lambda repo: repo.reproduce(stage, single_item=True)))
        except ReproductionError as error:
            cause = error.__cause__ or error
            if not isinstance(cause, DvcException):  # a timeout, or our own mistake
                raise cause from None
            raise _stage_error(root, stage, cause) from error


def _stale_with_dependents(repo: Any) -> set[str]:
    """Names of the stages that `dvc status` lists, and of everything downstream of them."""
    import networkx

    changed = set(repo.status())
    graph = repo.index.graph  # an edge leads from a stage to the one it depends on
    dependents = (networkx.ancestors(graph, stage) for stage in graph if stage.addressing in changed)
    return changed | {stage.addressing for found in dependents for stage in found}


def _with_repo(root: Path, call: Callable[[Any], T]) -> T:
    """`call` on a fresh `Repo`; a held lock is waited for, a broken project is one sentence."""
    from dvc.exceptions import DvcException, NotDvcRepoError, ReproductionError
    from dvc.lock import LockError
    from dvc.repo import Repo

    _silence_handlers()
    for wait_s in (*LOCK_WAITS_S, None):
        try:
            with Repo(str(root)) as repo:
                return call(repo)
        except LockError:
            if wait_s is None:
                raise ValueError(
                    f"another DVC command is at work in {root}: wait for it, then run this again"
                ) from None
            time.sleep(wait_s)
        except NotDvcRepoError:
            raise FileNotFoundError(f"{root} is not a DVC project; run `dvc init` in it once") from None
        except ReproductionError:
            raise
        except DvcException as error:
            raise ValueError(f"DVC: {' '.join(str(error).split())}") from error
    raise AssertionError("the last wait is None")


def _silence_handlers() -> None:
    """Drop the handlers DVC installs on import: inside a flow every line would come twice."""
    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers.clear()


@contextlib.contextmanager
def _no_orphans() -> Iterator[None]:
    """When the body is interrupted (a timeout, Ctrl-C), end the children that it started."""
    import psutil

    this = psutil.Process()
    before = set(this.children(recursive=True))
    try:
        yield
    except BaseException:
        orphans = set(this.children(recursive=True)) - before
        for orphan in orphans:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.terminate()
        _, alive = psutil.wait_procs(orphans, timeout=10)
        for orphan in alive:
            with contextlib.suppress(psutil.NoSuchProcess):
                orphan.kill()
        raise


def _stage_error(root: Path, stage: str, failed: BaseException) -> StageError:
    """What a failed command left behind: its exit status, and its sentence where it wrote one."""
    found = re.search(r"exited with (-?\d+)$", str(failed))
    if found is None:  # DVC's own complaint: an output is missing, a disk is full
        return StageError(stage, 1, " ".join(str(failed).split()))
    code = int(found.group(1))
    if code < 0:  # killed: -9 or 137 depends on whether the shell that DVC found stays between
        code = 128 - code
    trace = root / "runs" / "logs" / f"{stage}.txt"
    if code == 2 and trace.is_file():
        last_line = trace.read_text(encoding="utf-8").strip().splitlines()[-1]
        return StageError(stage, code, last_line.partition(": ")[2])
    return StageError(stage, code, f"`python -m tasks.stage {stage}` ended with status {code}")
