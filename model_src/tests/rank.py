"""One rank of a small training run, for the tests that start several: `torchrun rank.py FOLDER SETTING`.

SETTING is JSON: `options` (fields of `Options`), `broken` (this utterance's mel is not a number) and `die_at` (the
last rank kills itself after this step, the first time).
"""

import json
import os
import signal
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from made_up import MEL, make_utterance
from safetensors.torch import save_file

from voiceloom_model.config import model_config
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.loop import Trainer
from voiceloom_model.training.options import Options
from voiceloom_model.training.ranks import join
from voiceloom_model.training.watching import Hooks

TRAINED_ON = 10


def made_utterances(broken: int | None = None) -> list:
    made = [make_utterance(index, 6 + index % 5, 48 + 8 * (index % 7)) for index in range(TRAINED_ON + 2)]
    if broken is not None:
        made[broken] = replace(made[broken], mel=np.full_like(made[broken].mel, np.nan))
    return made


def main(folder: Path, options: dict, broken: int | None = None, die_at: int | None = None) -> None:
    """Train, and leave the weights in `folder`."""
    torch.set_num_threads(1)
    fabric = join("32-true")
    torch.manual_seed(0)
    synthesizer = Synthesizer(model_config("tiny", n_symbols=40, n_languages=4, dropout=0.0))
    trainer = Trainer(fabric, synthesizer, MEL, Options(**options), folder)
    first_attempt = os.environ.get("TORCHELASTIC_RESTART_COUNT", "0") == "0"

    def report(step: int, *_) -> None:
        if fabric.is_global_zero:
            with (folder / "steps.txt").open("a") as file:
                file.write(f"{step}\n")
        if step == die_at and first_attempt and fabric.global_rank == fabric.world_size - 1:
            os.kill(os.getpid(), signal.SIGKILL)

    made = made_utterances(broken)
    weights, discriminators = trainer.run(made[:TRAINED_ON], made[TRAINED_ON:], Hooks(report))
    if fabric.is_global_zero:
        everything = {**weights, **{f"judge.{name}": value for name, value in discriminators.items()}}
        save_file({name: value.contiguous() for name, value in everything.items()}, folder / "weights.safetensors")


if __name__ == "__main__":
    main(Path(sys.argv[1]), **json.loads(sys.argv[2]))
