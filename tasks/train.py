"""Train a voice: features in, checkpoint out.

Reads `data/features`; writes the averaged weights, their configuration, the discriminators and the curves. The
resumable state lives in the untracked `runs/train/<input key>/`, where only a run with the same data, parameters and
code finds it, so a second attempt after a kill continues at the last saved step.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks.params import AudioParams, TrainParams
from tasks.records import FEATURES, read_rows, shard_paths
from tasks.stage import Metrics, Stage

if TYPE_CHECKING:
    from voiceloom_model.training.data import Utterance

STAGE = Stage(
    deps={"features": "data/features"},
    outs={"checkpoint": "models/checkpoint"},
    params=("train", "audio"),
    code=(
        "model_src/voiceloom_model/alignment",
        "model_src/voiceloom_model/config.py",
        "model_src/voiceloom_model/losses.py",
        "model_src/voiceloom_model/nn",
        "model_src/voiceloom_model/training",
    ),
)

FINISHED_CURVES = "curves.json"


def run(*, features: Path, checkpoint: Path, train: TrainParams, audio: AudioParams) -> Metrics:
    """Train to the last step, continuing what an earlier attempt with the same inputs left."""
    import torch

    from voiceloom_model.training.checkpoint import read_curves

    torch.set_num_threads(train.threads)
    torch.use_deterministic_algorithms(True, warn_only=True)
    folder = Path("runs") / "train" / input_key(features, train, audio)
    statistics = json.loads((features / "statistics.json").read_text(encoding="utf-8"))
    trainer, utterances, held_out = _prepare(features, statistics, train, audio, folder)
    with _Progress(train.warmup_steps + train.adversarial_steps) as progress:
        weights, discriminators = trainer.run(utterances, held_out, progress.report)
    curves = read_curves(folder)
    if trainer.setting.fabric.is_global_zero:
        _write(checkpoint, weights, discriminators, _description(trainer, statistics, audio), curves)
        shutil.rmtree(folder)
    return {**_first_and_last(curves), "train_rows": len(utterances), "held_out_rows": len(held_out)}


def input_key(features: Path, train: TrainParams, audio: AudioParams) -> str:
    """A name for everything the weights follow from: data, parameters, code."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(train.model_dump_json().encode() + audio.model_dump_json().encode())
    root = Path(__file__).parents[1]
    sources = sorted(path for entry in STAGE.code for path in _files(root / entry))
    for path in [*sources, *shard_paths(features), features / "statistics.json"]:
        digest.update(path.name.encode() + hashlib.blake2b(path.read_bytes()).digest())
    return digest.hexdigest()


def _files(entry: Path) -> Iterable[Path]:
    return entry.rglob("*.py") if entry.is_dir() else [entry]


def _prepare(features: Path, statistics: dict, train: TrainParams, audio: AudioParams, folder: Path):
    """Build the network and the trainer, and load the utterances of both splits."""
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
    trainer = Trainer(fabric, synthesizer, MelConfig(**audio.model_dump()), options, folder)
    means = {name: speaker["embedding"] for name, speaker in statistics["speakers"].items()}
    splits, utterances = zip(*_utterances(features, audio, means), strict=True)
    if "train" not in splits:
        raise ValueError(f"{features} holds no utterance of the train split; lower segment.held_out_share")
    by_split = {
        name: [utterance for split, utterance in zip(splits, _aligned(utterances), strict=True) if split == name]
        for name in ("train", "test")
    }
    return trainer, by_split["train"], by_split["test"]


def _aligned(utterances: Sequence[Utterance]) -> list[Utterance]:
    """Give every utterance its durations."""
    from voiceloom_model.alignment import align

    columns = ([getattr(u, name) for u in utterances] for name in ("tokens", "stress", "mel"))
    return [replace(u, durations=found) for u, found in zip(utterances, align(*columns), strict=True)]


def _utterances(features: Path, audio: AudioParams, means: dict[str, list[float]]) -> Iterator[tuple[str, Utterance]]:
    """Yield (split, utterance) of every feature row, in the order of ids."""
    import numpy as np

    from tasks.audio import from_flac
    from voiceloom_model.text import language_id
    from voiceloom_model.training.data import Utterance

    for row in sorted(read_rows(features, FEATURES), key=lambda row: row["id"]):
        frames = row["n_frames"]
        wave = np.zeros(frames * audio.hop_length, np.int16)
        samples = from_flac(row["audio"]["bytes"])[0][: len(wave)]
        wave[: len(samples)] = np.round(samples * 32768)
        yield (
            row["split"],
            Utterance(
                id=row["id"],
                tokens=np.asarray(row["phoneme_ids"], np.int64),
                stress=np.asarray(row["stress_ids"], np.int64),
                durations=np.empty(0, np.int64),
                language=language_id(row["language"]),
                mel=np.asarray(row["mel"], np.float16).reshape(audio.n_mels, frames).T,
                wave=wave,
                speaker=np.asarray(row["speaker_embedding"], np.float32),
                speaker_mean=np.asarray(means[row["speaker"]], np.float32),
            ),
        )


def _description(trainer, statistics: dict, audio: AudioParams) -> dict:
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
    for name, content in (("config.json", description), (FINISHED_CURVES, curves)):
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


class _Progress:
    """A bar on a terminal, a line every ten seconds elsewhere: step, speed, time left, losses."""

    def __init__(self, steps: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

        console = Console(stderr=True)
        self.steps, self.audio_s, self.started, self.first = steps, 0.0, time.monotonic(), None
        self.next_line = self.started + 10
        self.bar = None
        if console.is_terminal:
            columns = [TextColumn("train {task.completed}/{task.total}"), BarColumn(), TimeRemainingColumn()]
            self.bar = Progress(*columns, TextColumn("{task.description}"), console=console)
            self.task = self.bar.add_task("", total=steps)

    def __enter__(self) -> _Progress:
        if self.bar:
            self.bar.start()
        return self

    def __exit__(self, *error) -> None:
        if self.bar:
            self.bar.stop()

    def report(self, step: int, audio_s: float, terms: dict[str, float]) -> None:
        """Called after every step."""
        self.first = step - 1 if self.first is None else self.first
        self.audio_s += audio_s
        elapsed = time.monotonic() - self.started
        losses = " ".join(f"{name} {value:.3f}" for name, value in terms.items())
        words = f"{self.audio_s / elapsed:.0f} s audio/s  {losses}"
        if self.bar:
            self.bar.update(self.task, completed=step, description=words)
        elif time.monotonic() > self.next_line or step == self.steps:
            left = elapsed / (step - self.first) * (self.steps - step)
            print(f"train {step}/{self.steps}  {left:.0f} s left  {words}", file=sys.stderr, flush=True)
            self.next_line = time.monotonic() + 10
