"""Train a voice: features in, checkpoint out.

Reads `data/features`, and the weights it begins with where `train.start` names some; writes the averaged weights,
their configuration, the discriminators, the curves, and the adapter where a voice was adapted; and for `dvc plots`
how well held-out utterances were read, in reports/learning.json. The resumable state lives in the untracked
`runs/train/<input key>/`, where only a run with the same data, parameters and code finds it: a second attempt after a
kill continues at the last saved step.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

from tasks.params import AudioParams, TrainParams
from tasks.stage import Metrics, Stage

STAGE = Stage(
    deps={"features": "data/features"},
    outs={"checkpoint": "models/checkpoint", "learning": "reports/learning.json"},
    params=("train", "audio"),
    code=(
        "tasks/audio",
        "tasks/asr.py",
        "tasks/mos.py",
        "tasks/evaluate/judge.py",
        "tasks/evaluate/normalise.py",
        "tasks/evaluate/scoring.py",
        "tasks/evaluate/similarity.py",
        "tasks/evaluate/spoken.py",
        "model_src/voiceloom_model/adapt",
        "model_src/voiceloom_model/alignment",
        "model_src/voiceloom_model/config.py",
        "model_src/voiceloom_model/losses.py",
        "model_src/voiceloom_model/nn",
        "model_src/voiceloom_model/speaker.py",
        "model_src/voiceloom_model/text/layout.py",
        "model_src/voiceloom_model/training",
        "model_src/voiceloom_model/warm",
    ),
)


#: The curves that `dvc plots` draws; it wants all of them in every row.
PLOTTED = ("step", "valid_mel_text", "valid_mel_posterior")


def run(*, features: Path, checkpoint: Path, learning: Path, train: TrainParams, audio: AudioParams) -> Metrics:
    """Train to the last step, continuing what an earlier attempt with the same inputs left."""
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise ValueError("several processes cannot run one stage: let torchrun start `-m tasks.train`, then the stage")
    from tasks.train.job import CHECKPOINT, drop_finished, new_job
    from tasks.train.launch import launch
    from tasks.train.work import work

    job = new_job(features, train, audio, STAGE.code)
    drop_finished(keep=job.folder)
    if not job.is_finished:
        (launch if train.processes > 1 else work)(job)
    shutil.copytree(job.folder / CHECKPOINT, checkpoint)
    curves = json.loads((checkpoint / "curves.json").read_text(encoding="utf-8"))
    rows = [{name: point[name] for name in PLOTTED} for point in curves if all(name in point for name in PLOTTED)]
    learning.write_text(json.dumps(rows, indent=1) + "\n", encoding="utf-8")
    return job.metrics()
