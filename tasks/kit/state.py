"""A run's resumable state, out of a workspace in pieces and into one."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import torch

from tasks.kit.contents import MIB
from tasks.kit.ladder import LADDER, restored
from tasks.kit.pieces import join_pieces, write_pieces
from tasks.params import Params
from tasks.train import STAGE
from tasks.train.job import Job, new_job
from voiceloom_model.training.checkpoint import CURVES, load_state, save_state

#: What of `train` says which network and optimizers a state belongs to.
_SAME = ("size", "parts", "adaptation", "lora_rank")


def job_of(root: Path, params: Params) -> Job:
    """The run that `train` would do in a workspace; call it from there, for `runs/` lies under the current folder."""
    return new_job(root / STAGE.deps["features"], params.train, params.audio, STAGE.code)


def write_state(root: Path, params: Params, folder: Path, piece_mib: float, max_mib: float) -> dict[str, Any]:
    """Write the state of a workspace's run into `folder`, as much of it as fits into `max_mib`.

    Returns what is said of it. Raises `FileNotFoundError` where there is none, `ValueError` where not even the
    weights fit.
    """
    job = job_of(root, params)
    state = load_state(job.folder)
    if state is None:
        raise FileNotFoundError(f"{job.folder} has no state: nothing was trained and saved yet")
    curves, statistics = job.folder / CURVES, job.features / "statistics.json"
    beside = {
        "train": {name: params.train.model_dump()[name] for name in _SAME},
        "curves": curves.read_text(encoding="utf-8") if curves.is_file() else "",
        "statistics": statistics.read_text(encoding="utf-8"),
    }
    for rung in LADDER:
        content = _packed({**beside, "state": rung.reduce(state)})
        if len(content) <= max_mib * MIB:
            about = {"step": state["step"], "phase": state["phase"], "kind": rung.name, "lost": rung.loses}
            write_pieces(content, folder, piece_mib, about)
            return {**about, "mib": round(len(content) / MIB, 1)}
    raise ValueError(f"the averaged weights alone take {len(content) / MIB:.1f} MiB, more than the {max_mib:g} allowed")


def read_state(folder: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """What pieces hold (`state`, as training reads it, `curves`, `statistics`, `train`), and what is said of it."""
    content, about = join_pieces(folder)
    packed = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    return {**packed, "state": restored(packed["state"])}, about


def place_state(root: Path, params: Params, held: dict[str, Any]) -> Job:
    """Put a state that was read where the `train` stage of a workspace goes on from.

    Raises `ValueError` where it belongs to another network or speakers, or where the workspace is further already.
    """
    job = job_of(root, params)
    _check_same(job, params, held)
    step = held["state"]["step"]
    if job.is_finished:
        raise ValueError(f"{job.folder} is a finished run: change params.yaml, or remove it to go on from step {step}")
    known = load_state(job.folder)
    if known is not None and known["step"] > step:
        raise ValueError(f"{job.folder} is at step {known['step']}, beyond {step}: remove it to go back")
    save_state(job.folder, held["state"])
    (job.folder / CURVES).write_text(held["curves"], encoding="utf-8")
    return job


def _check_same(job: Job, params: Params, held: dict[str, Any]) -> None:
    here, there = params.train.model_dump(), held["train"]
    for name in _SAME:
        if here[name] != there[name]:
            raise ValueError(f"the state was trained with train.{name} {there[name]}; params.yaml says {here[name]}")
    ours = json.loads((job.features / "statistics.json").read_text(encoding="utf-8"))["speakers"]
    theirs = json.loads(held["statistics"])["speakers"]
    if list(ours) != list(theirs):
        others = sorted(set(ours) ^ set(theirs))
        raise ValueError(f"the state was trained on other speakers than {job.features} has: {', '.join(others[:5])}")


def write_weights(params: Params, held: dict[str, Any], folder: Path) -> None:
    """The averaged weights of a state as a checkpoint's new folder, which `train.start` takes and `export` reads."""
    from tasks.train.network import build
    from tasks.train.result import write_checkpoint

    if folder.exists():
        raise ValueError(f"{folder} is there already: remove it, or name another folder")
    statistics, state = json.loads(held["statistics"]), held["state"]
    curves = [json.loads(line) for line in held["curves"].splitlines()]
    network = build(statistics, params.train, params.audio)
    network.synthesizer.load_state_dict({**state["model"], **state["ema"]["values"]})
    write_checkpoint(folder, network, state["discriminators"], statistics, params.audio, curves)


def _packed(content: dict[str, Any]) -> bytes:
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
