"""A training run, as it is handed to the processes that do it: what to read, how to train, where its state lies."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

from tasks.params import AudioParams, Section, TrainParams
from tasks.records import shard_paths

RUNS = Path("runs") / "train"
ROOT = Path(__file__).parents[2]
#: In a run's folder: what it is, the finished checkpoint, its metrics (there as soon as it is whole), and what a user
#: must mend.
JOB, CHECKPOINT, FINISHED, MISTAKE = "job.json", "checkpoint", "finished.json", "mistake.txt"
#: What a start's weights and their meaning lie in, when it is a folder.
START_FILES = ("*.json", "*.safetensors")


class Job(Section):
    """One run: the features to learn from, the folder of its state, and its parameters."""

    features: Path
    folder: Path
    train: TrainParams
    audio: AudioParams

    @property
    def is_finished(self) -> bool:
        """Whether its checkpoint is whole."""
        return (self.folder / FINISHED).is_file()

    def save(self) -> Path:
        """Write it into its folder, for other processes."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path = self.folder / JOB
        partial = path.with_name(f"{JOB}.partial-{os.getpid()}")
        partial.write_text(self.model_dump_json(indent=1) + "\n", encoding="utf-8")
        os.replace(partial, path)
        return path

    @classmethod
    def load(cls, path: Path) -> Job:
        """Read what `save` wrote."""
        return cls.model_validate_json(path.read_text(encoding="utf-8"))

    def metrics(self) -> dict:
        """What the finished run measured."""
        return json.loads((self.folder / FINISHED).read_text(encoding="utf-8"))


def new_job(features: Path, train: TrainParams, audio: AudioParams, code: Iterable[str]) -> Job:
    """The job for these inputs; its folder is named by all that the weights follow from."""
    return Job(features=features, folder=RUNS / input_key(features, train, audio, code), train=train, audio=audio)


def drop_finished(keep: Path) -> None:
    """Delete the states of runs that ended. A run's own stays until the next, for a kill before the stage's end."""
    for marker in RUNS.glob(f"*/{FINISHED}"):
        if marker.parent != keep:
            shutil.rmtree(marker.parent)


def input_key(features: Path, train: TrainParams, audio: AudioParams, code: Iterable[str]) -> str:
    """A name for everything the weights follow from: data, parameters, code, and the weights begun with."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(train.model_dump_json().encode() + audio.model_dump_json().encode())
    sources = sorted(path for entry in code for path in _sources(ROOT / entry))
    inputs = [*shard_paths(features), features / "statistics.json", *start_files(train.start)]
    for path in [*sources, *inputs]:
        with path.open("rb") as file:
            digest.update(path.name.encode() + hashlib.file_digest(file, hashlib.blake2b).digest())
    return digest.hexdigest()


def start_files(start: str | None) -> list[Path]:
    """The files of the weights to begin with; `FileNotFoundError` when they are not there."""
    if start is None:
        return []
    path = Path(start)
    if not path.exists():
        raise FileNotFoundError(f"train.start names {start}, which is not there")
    if path.is_dir():
        return sorted(file for pattern in START_FILES for file in path.glob(pattern))
    return [file for file in (path, path.with_name(f"{path.name}.json")) if file.is_file()]


def _sources(entry: Path) -> Iterable[Path]:
    return entry.rglob("*.py") if entry.is_dir() else [entry]
