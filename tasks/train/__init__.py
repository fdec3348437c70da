"""Train a voice: features in, checkpoint out.

Reads `data/features`; writes the averaged weights, their configuration, the discriminators and the curves. The
resumable state lives in the untracked `runs/train/<input key>/`, where only a run with the same data, parameters and
code finds it, so a second attempt after a kill continues at the last saved step.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import AudioParams, TrainParams
from tasks.progress import progress
from tasks.records import shard_paths
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from voiceloom_model.training.loop import Trainer

STAGE = Stage(
    deps={"features": "data/features"},
    outs={"checkpoint": "models/checkpoint"},
    params=("train", "audio"),
    code=(
        "tasks/audio",
        "model_src/voiceloom_model/alignment",
        "model_src/voiceloom_model/config.py",
        "model_src/voiceloom_model/losses.py",
        "model_src/voiceloom_model/nn",
        "model_src/voiceloom_model/training",
    ),
)

RUNS = Path("runs") / "train"
FINISHED = "finished"


def run(*, features: Path, checkpoint: Path, train: TrainParams, audio: AudioParams) -> Metrics:
    """Train to the last step, continuing what an earlier attempt with the same inputs left."""
    import torch

    from tasks.train.utterances import load_splits
    from voiceloom_model.training.checkpoint import read_curves

    torch.set_num_threads(train.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    folder = RUNS / input_key(features, train, audio)
    drop_finished(keep=folder)
    statistics = json.loads((features / "statistics.json").read_text(encoding="utf-8"))
    utterances, held_out = load_splits(features, audio, statistics)
    trainer = _trainer(statistics, train, audio, folder)
    with progress("train", trainer.setting.options.steps, "steps") as advance:
        weights, discriminators = trainer.run(utterances, held_out, _Reporter(advance))
    curves = read_curves(folder)
    if trainer.setting.fabric.is_global_zero:
        _write(checkpoint, weights, discriminators, _description(trainer, statistics, audio), curves)
        (folder / FINISHED).touch()
    return {**_first_and_last(curves), "train_rows": len(utterances), "held_out_rows": len(held_out)}


def drop_finished(keep: Path) -> None:
    """Delete the states of runs that ended. A run's own stays until the next, for a kill before the stage's end."""
    for marker in RUNS.glob(f"*/{FINISHED}"):
        if marker.parent != keep:
            shutil.rmtree(marker.parent)


def input_key(features: Path, train: TrainParams, audio: AudioParams) -> str:
    """A name for everything the weights follow from: data, parameters, code."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(train.model_dump_json().encode() + audio.model_dump_json().encode())
    root = Path(__file__).parents[2]
    sources = sorted(path for entry in STAGE.code for path in _files(root / entry))
    for path in [*sources, *shard_paths(features), features / "statistics.json"]:
        digest.update(path.name.encode() + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(entry: Path) -> Iterable[Path]:
    return entry.rglob("*.py") if entry.is_dir() else [entry]


def _trainer(statistics: dict, train: TrainParams, audio: AudioParams, folder: Path) -> Trainer:
    """A fresh network, and what trains it."""
    import torch
    from lightning_fabric import Fabric

    from voiceloom_model.config import model_config
    from voiceloom_model.features import MelConfig
    from voiceloom_model.nn.synthesizer import Synthesizer
    from voiceloom_model.text import N_LANGUAGES, N_SYMBOLS
    from voiceloom_model.training.loop import Trainer
    from voiceloom_model.training.options import Options

    fabric = Fabric(accelerator="auto", devices="auto", precision=train.precision)
    fabric.launch()
    torch.manual_seed(train.seed)
    config = model_config(
        train.size,
        n_symbols=N_SYMBOLS,
        n_languages=N_LANGUAGES,
        n_mels=audio.n_mels,
        n_fft=audio.n_fft,
        hop_length=audio.hop_length,
    )
    synthesizer = Synthesizer(config)
    synthesizer.mel_mean.copy_(torch.tensor(statistics["mel"]["mean"]))
    synthesizer.mel_std.copy_(torch.tensor(statistics["mel"]["std"]))
    options = Options(**train.model_dump(exclude={"size", "threads", "precision"}))
    return Trainer(fabric, synthesizer, MelConfig(**audio.model_dump()), options, folder)


def _description(trainer: Trainer, statistics: dict, audio: AudioParams) -> dict:
    """`config.json`: all that is needed to build the network again and to know what it heard."""
    from voiceloom_model.text import SYMBOLS

    return {
        "model": trainer.setting.synthesizer.config.to_dict(),
        "mel": audio.model_dump(),
        "symbols": list(SYMBOLS),
        "speakers": {name: speaker["embedding"] for name, speaker in statistics["speakers"].items()},
        "languages": sorted(statistics["hours"]["language"]),
        "hours": statistics["hours"],
    }


def _write(checkpoint: Path, weights: dict, discriminators: dict, description: dict, curves: list[dict]) -> None:
    from voiceloom_model.training.checkpoint import save_weights

    checkpoint.mkdir(parents=True)
    save_weights(checkpoint / "model.safetensors", weights)
    save_weights(checkpoint / "discriminators.safetensors", discriminators)
    for name, content in (("config.json", description), ("curves.json", curves)):
        (checkpoint / name).write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")


def _first_and_last(curves: list[dict]) -> Metrics:
    """Each validation score before the first step and after the last."""
    points = [point for point in curves if any(name.startswith("valid_") for name in point)]
    if not points:
        return {}
    names = [name for name in points[0] if name.startswith("valid_")]
    return {
        f"{name}_{when}": point[name] for name in names for when, point in (("first", points[0]), ("last", points[-1]))
    }


class _Reporter:
    """Turns the trainer's reports into progress: audio a second, and the loss terms."""

    def __init__(self, advance: Callable[[int, str], None]) -> None:
        self._advance, self._step = advance, 0
        self._audio_s, self._started = 0.0, time.monotonic()

    def __call__(self, step: int, audio_s: float, terms: dict[str, float]) -> None:
        self._audio_s += audio_s
        losses = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
        # The first step of a resumed run comes with all those before it.
        self._advance(
            step - self._step, f"{self._audio_s / (time.monotonic() - self._started):.0f} s of audio a second  {losses}"
        )
        self._step = step
