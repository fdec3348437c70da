"""One process of a training run, as torchrun starts it: `python -m tasks.train [JOB]`.

Without JOB it is the run that `params.yaml` describes, so that several machines train it together:

    TORCH_DISABLE_SHARE_RDZV_TCP_STORE=1 torchrun --nnodes=2 --nproc-per-node=8 --max-restarts=3 \\
        --rdzv-backend=c10d --rdzv-endpoint=HOST:PORT -m tasks.train

on each of them, in copies of the project that share `runs/`; `voiceloom run` on one of them then finds it finished.
"""

from __future__ import annotations

import sys
from pathlib import Path

from tasks.params import load_params
from tasks.train import STAGE
from tasks.train.job import MISTAKE, Job, new_job
from tasks.train.work import work


def main(argv: list[str]) -> int:
    """Do this process's part; a mistake of the user's is one sentence, left for whoever started the processes."""
    try:
        job = Job.load(Path(argv[0])) if argv else _of_this_project(Path())
    except (ValueError, OSError) as error:
        print(f"voiceloom: train: {error}", file=sys.stderr)
        return 2
    try:
        work(job)
    except (ValueError, OSError) as error:
        if not argv:
            print(f"voiceloom: train: {error}", file=sys.stderr)
            return 2
        # To be started again would not help: all processes end, as if all were well, and the launcher looks here.
        (job.folder / MISTAKE).write_text(str(error), encoding="utf-8")
    return 0


def _of_this_project(root: Path) -> Job:
    params = load_params(root / "params.yaml")
    return new_job(root / STAGE.deps["features"], params.train, params.audio, STAGE.code)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
