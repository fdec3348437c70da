"""The only file that calls DVC: what is stale, in which order, and one stage reproduced.

DVC's API is not thread-safe, so every call opens a `Repo` of its own, and waits while another process holds
the lock.
"""

from __future__ import annotations

import logging
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import yaml

from flows import pull
from flows._processes import marked
from flows._workspace import BusyError, run_mark

T = TypeVar("T")

#: Seconds to wait before asking for a lock again; DVC itself waits a few seconds each time.
LOCK_WAITS_S = (1, 2, 4, 8, 16)

#: Errors in a stage's trace, each at the beginning of a line, that a lost connection leaves and a later try may not.
LOST_CONNECTION = re.compile(
    r"^(\w+\.)*(Connection\w*Error|NewConnectionError|NameResolutionError|(Connect|Read|Pool)Timeout(Error)?|TimeoutError"
    r"|MaxRetryError|RemoteDisconnected|RemoteProtocolError|IncompleteRead|ChunkedEncodingError|EndpointConnectionError"
    r"|URLError|gaierror)\b",
    re.MULTILINE,
)


class StageError(RuntimeError):
    """A stage's command ended badly; its own sentence is in the message, `code` is its exit status.

    `transient` says that the cause lies outside of the stage (a signal, a lost connection) and may be gone later.
    """

    def __init__(self, stage: str, code: int, sentence: str, transient: bool = False):
        # All of them go to `args`, so that the error survives being pickled by Prefect.
        super().__init__(stage, code, sentence, transient)
        self.stage, self.code, self.sentence, self.transient = stage, code, sentence, transient

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
    stale = _with_repo(root, pull.stale)
    return [stage for stage in stage_order(root) if stage in stale]


def reproduce(root: Path, stage: str, force: bool = False) -> bool:
    """`dvc repro --single-item STAGE`; True when it ran or was restored, False when nothing had changed.

    The stage's child process writes straight to this terminal; none of its processes outlives this call. Raises
    `StageError` when it ends badly, `BusyError` while another command holds what it needs, `KeyboardInterrupt` when
    Ctrl-C ended it.
    """
    from dvc.exceptions import DvcException, ReproductionError
    from dvc.lock import LockError

    with marked(run_mark(root)):
        try:
            return _with_repo(root, lambda repo: pull.reproduce(repo, stage, force))
        except ReproductionError as error:
            cause = error.__cause__ or error
            if isinstance(cause, LockError):
                raise _busy(root) from None
            if not isinstance(cause, DvcException):  # a timeout, or our own mistake
                raise cause from None
            raise _stage_error(root, stage, cause) from error


def push(root: Path, stages: list[str]) -> None:
    """Send what these stages made to the DVC remote; nothing where none is set."""
    _with_repo(root, lambda repo: pull.push(repo, stages))


def bring_beside(root: Path, paths: list[str], source: Path) -> None:
    """Bring outputs into the clone `root`: from its DVC remote, else from the cache of the project `source`."""
    cache = _with_repo(source, lambda repo: repo.cache.local.path)
    _with_repo(root, lambda repo: pull.bring(repo, paths, cache))


def is_lock(content: object) -> bool:
    """Whether DVC can make something of a `dvc.lock` with this content."""
    from dvc.schema import COMPILED_LOCKFILE_SCHEMA
    from voluptuous import Invalid

    try:
        COMPILED_LOCKFILE_SCHEMA(content)
    except Invalid:
        return False
    return True


def _with_repo(root: Path, call: Callable[[Any], T]) -> T:
    """`call` on a fresh `Repo`; a held lock is waited for, a broken project is one sentence."""
    from dvc.exceptions import DvcException, FileTransferError, NotDvcRepoError, ReproductionError
    from dvc.lock import LockError
    from dvc.repo import Repo

    _silence_handlers()
    for wait_s in (*LOCK_WAITS_S, None):
        try:
            with Repo(str(root)) as repo:
                return call(repo)
        except LockError:
            if wait_s is None:
                raise _busy(root) from None
            time.sleep(wait_s)
        except NotDvcRepoError:
            raise FileNotFoundError(f"{root} is not a DVC project; run `dvc init` in it once") from None
        except ReproductionError:
            raise
        except FileTransferError as error:  # the store's doing, and it may have passed later
            raise ConnectionError(f"DVC: {' '.join(str(error).split())}") from error
        except DvcException as error:
            raise ValueError(f"DVC: {' '.join(str(error).split())}") from error
    raise AssertionError("the last wait is None")


def _busy(root: Path) -> BusyError:
    return BusyError(f"another DVC command is at work in {root}: wait for it, then run this again")


def _silence_handlers() -> None:
    """Drop the handlers DVC installs on import: inside a flow every line would come twice."""
    for name in ("dvc", "dvc_objects", "dvc_data"):
        logging.getLogger(name).handlers.clear()


def _stage_error(root: Path, stage: str, failed: BaseException) -> BaseException:
    """What a failed command left behind: its exit status, and its sentence where it wrote one."""
    found = re.search(r"exited with (-?\d+)$", str(failed))
    if found is None:  # DVC's own complaint: an output is missing, a disk is full
        return StageError(stage, 1, " ".join(str(failed).split()))
    code = int(found.group(1))
    if code < 0:  # killed: -9 or 137 depends on whether the shell that DVC found stays between
        code = 128 - code
    if code == 128 + signal.SIGINT:
        return KeyboardInterrupt()
    trace = root / "runs" / "logs" / f"{stage}.txt"
    if code == 2 and trace.is_file():
        text = trace.read_text(encoding="utf-8").strip()
        sentence = text.splitlines()[-1].partition(": ")[2]
        return StageError(stage, code, sentence, transient=bool(LOST_CONNECTION.search(text)))
    sentence = f"`python -m tasks.stage {stage}` ended with status {code}"
    return StageError(stage, code, sentence, transient=code > 128)
