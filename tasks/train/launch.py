"""Several processes on this machine: torchrun starts them, and starts them again where one dies."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import sys

from tasks.train.job import MISTAKE, Job

PR_SET_PDEATHSIG = 1  # of Linux's prctl

#: How often all processes are started again after one died; they go on from the last saved step.
MAX_RESTARTS = 3


def launch(job: Job) -> None:
    """Train with `train.processes` processes of their own; raises `ValueError` with what they say a user must mend."""
    mistake = job.folder / MISTAKE
    mistake.unlink(missing_ok=True)
    command = [
        *(sys.executable, "-m", "torch.distributed.run", "--standalone", "--local-addr=127.0.0.1"),
        *(f"--nproc-per-node={job.train.processes}", f"--max-restarts={MAX_RESTARTS}"),
        *("-m", "tasks.train", str(job.save())),
    ]
    # A store shared with the attempt before still names the ports of dead processes (pytorch issue 135712).
    environment = {**os.environ, "TORCH_DISABLE_SHARE_RDZV_TCP_STORE": "1"}
    ended = subprocess.run(command, env=environment, check=False, preexec_fn=_die_with_parent)
    if job.is_finished:
        return
    if mistake.is_file():
        raise ValueError(mistake.read_text(encoding="utf-8"))
    raise OSError(f"the training processes ended with exit code {ended.returncode} after {MAX_RESTARTS} restarts")


def _die_with_parent() -> None:
    """In the child: on Linux it gets SIGTERM when this process is killed, and torchrun then ends what it started."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
