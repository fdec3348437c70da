"""A few steps of each phase, timed: does training run here, and how fast?"""

from __future__ import annotations

import json
import statistics
import tempfile
import time
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from tasks.kit.state import job_of
from tasks.params import Params

#: Steps of a phase that compile and allocate; they are told apart.
_FIRST = 3


def smoke(root: Path, params: Params, precision: str, steps: int) -> dict:
    """Take `steps` warm-up and `steps` adversarial steps from the features of a workspace; how long each took, in ms.

    Nothing is kept. `first_s` is the time to the end of the first step, data and alignment left out.
    """
    import torch

    from tasks.train.network import build
    from tasks.train.utterances import aligned, load_splits
    from voiceloom_model.features import MelConfig
    from voiceloom_model.training import ranks
    from voiceloom_model.training.loop import Trainer
    from voiceloom_model.training.watching import Hooks

    job = job_of(root, params)
    train = params.train.model_copy(update={"precision": precision})
    torch.set_num_threads(train.threads)
    fabric = ranks.join(train.precision)
    features = json.loads((job.features / "statistics.json").read_text(encoding="utf-8"))
    network = build(features, train, params.audio)
    config = network.synthesizer.config
    splits = load_splits(job.features, params.audio, features, config.layout)
    options = replace(
        network.options, warmup_steps=steps, adversarial_steps=steps, checkpoint_every=steps, max_minutes=None
    )
    moments = [time.perf_counter()]
    frames: list[float] = []

    def report(_step: int, audio_s: float, _terms: dict[str, float]) -> None:
        moments.append(time.perf_counter())
        frames.append(audio_s)

    with tempfile.TemporaryDirectory() as folder:
        if config.alignment == "flat_start":
            splits = aligned(splits, Path(folder) / "durations.npz")
        mel = MelConfig(**params.audio.model_dump())
        trainer = Trainer(fabric, network.synthesizer, mel, options, Path(folder), network.discriminators)
        moments[0] = time.perf_counter()
        trainer.run(splits.train, splits.held_out, Hooks(report=report))
    times = [after - before for before, after in pairwise(moments)]
    found = {
        "precision": precision,
        "device": str(fabric.device),
        "loading_share": round(trainer.clock.loading_share, 3),
    }
    for name, some in (("warmup", slice(0, steps)), ("adversarial", slice(steps, 2 * steps))):
        found |= _summary(name, times[some], frames[some])
    if fabric.device.type == "cuda":
        found["gpu_mib_max"] = round(torch.cuda.max_memory_allocated() / 2**20)
    return found


def _summary(name: str, times: list[float], audio_s: list[float]) -> dict[str, float]:
    steady, sounds = times[_FIRST:] or times, audio_s[_FIRST:] or audio_s
    return {
        f"{name}_first_s": round(times[0], 2),
        f"{name}_step_ms": round(1000 * statistics.median(steady), 1),
        f"{name}_audio_s_per_s": round(sum(sounds) / sum(steady), 1),
    }
