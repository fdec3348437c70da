"""What each process of a training run does; the first of them also writes, listens and reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

from filelock import FileLock, Timeout

from tasks.stage import Metrics
from tasks.train.job import CHECKPOINT, FINISHED, Job
from tasks.train.network import Network, build
from tasks.train.result import write_checkpoint
from tasks.train.utterances import Splits, aligned, load_splits

if TYPE_CHECKING:
    from lightning_fabric import Fabric

    from voiceloom_model.training.loop import Trainer

DURATIONS = "durations.npz"
#: How long another process may take to die before this one gives up.
LOCK_S = 60.0


def work(job: Job) -> None:
    """Train to the end, continuing what an earlier attempt with the same inputs left, and write the checkpoint.

    Raises `ValueError` or `OSError` in one sentence for what a user can mend.
    """
    import torch

    from voiceloom_model.training import ranks

    torch.set_num_threads(max(1, job.train.threads // job.train.processes))
    fabric = ranks.join(job.train.precision)
    if fabric.device.type == "cpu":
        torch.use_deterministic_algorithms(True, warn_only=True)
    first = fabric.is_global_zero
    with _alone(job.folder) if first else nullcontext():
        statistics = json.loads((job.features / "statistics.json").read_text(encoding="utf-8"))
        network = build(statistics, job.train, job.audio)
        splits = _splits(job, statistics, network, fabric)
        trainer = _trainer(job, network, fabric)
        if first:
            _lead(job, trainer, network, splits, statistics)
        else:
            trainer.run(splits.train, splits.held_out)


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Two processes that write one run's state would spoil it."""
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / "lock")
    try:
        lock.acquire(timeout=LOCK_S)
    except Timeout:
        raise ValueError(f"another process is training in {folder}: wait for it, or end it") from None
    try:
        yield
    finally:
        lock.release()


def _splits(job: Job, statistics: dict, network: Network, fabric: Fabric) -> Splits:
    """The utterances; where the network cannot align by itself, the first process does, and the others wait."""
    config = network.synthesizer.config
    splits = load_splits(job.features, job.audio, statistics, config.layout)
    if config.alignment != "flat_start":
        return splits
    if fabric.is_global_zero:
        splits = aligned(splits, job.folder / DURATIONS)
    fabric.barrier()
    return splits if fabric.is_global_zero else aligned(splits, job.folder / DURATIONS)


def _trainer(job: Job, network: Network, fabric: Fabric) -> Trainer:
    from voiceloom_model.features import MelConfig
    from voiceloom_model.training.loop import Trainer

    mel = MelConfig(**job.audio.model_dump())
    return Trainer(fabric, network.synthesizer, mel, network.options, job.folder, network.discriminators)


def _lead(job: Job, trainer: Trainer, network: Network, splits: Splits, statistics: dict) -> None:
    """Train as the first process: with progress, an ear and a tracker; then write what was asked for."""
    from tasks.train.reporting import observed
    from voiceloom_model.training.checkpoint import read_curves

    with observed(job, network.options, splits, statistics) as hooks:
        _, discriminators = trainer.run(splits.train, splits.held_out, hooks)
    curves = read_curves(job.folder)
    partial = job.folder / f"{CHECKPOINT}.partial"
    shutil.rmtree(partial, ignore_errors=True)
    write_checkpoint(partial, network, discriminators, statistics, job.audio, curves)
    shutil.rmtree(job.folder / CHECKPOINT, ignore_errors=True)
    partial.rename(job.folder / CHECKPOINT)
    rows = {"steps": trainer.step, "train_rows": len(splits.train), "held_out_rows": len(splits.held_out)}
    (job.folder / FINISHED).write_text(json.dumps({**first_and_last(curves), **rows}) + "\n", encoding="utf-8")


def first_and_last(curves: list[dict]) -> Metrics:
    """Each validation score when it was first measured, and when last."""
    names = dict.fromkeys(name for point in curves for name in point if name.startswith("valid_"))
    measured = {name: [point[name] for point in curves if name in point] for name in names}
    return {
        f"{name}_{when}": values[place]
        for name, values in measured.items()
        for when, place in (("first", 0), ("last", -1))
    }
