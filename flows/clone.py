"""`voiceloom clone`: a few minutes of a person's speech and a base voice become a project of their own.

It lies in `clones/NAME`: the same `dvc.yaml`, the same code (by links), parameters that say what to adapt, and a
consent of its own. The project around it, its parameters and its voice stay as they are; both share DVC's cache.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from flows.settings import FolderCorpus, apply_preset, use_folder
from tasks.fetch.content import content_files
from tasks.params import load_params

CLONES = Path("clones")
#: Where a clone finds its base voice, by a link; DVC looks at what is in it.
BASE = Path("models/base")
BASE_FILES = ("config.json", "model.safetensors")
#: What every stage reads of the project around a clone.
LINKED = ("tasks", "model_src", "data/lexicon.tsv", "data/sentences", ".dvcignore")
#: Less speech than this says too little of a voice.
MIN_SPEECH_S = 20.0

#: How a base voice is adapted in each mode; everything else is as in the project's params.yaml.
MODES: dict[str, dict[str, Any]] = {
    "speaker": {"warmup_steps": 200, "adversarial_steps": 0, "learning_rate": 1e-3, "final_learning_rate": 1e-4},
    "lora": {"warmup_steps": 600, "adversarial_steps": 100, "learning_rate": 1e-3, "final_learning_rate": 1e-4},
    "full": {"warmup_steps": 600, "adversarial_steps": 100, "learning_rate": 3e-4, "final_learning_rate": 3e-5},
}


@dataclass(frozen=True)
class CloneRequest:
    """Whose speech lies where, and what is to be made of it; None is what was left out.

    `minutes` ends the training by the clock (such a run cannot be repeated exactly).
    """

    folder: Path
    name: str
    mode: str = "lora"
    base: Path = BASE
    minutes: float | None = None
    language: str | None = None
    licence: str | None = None
    consent: str | None = None

    @property
    def corpus(self) -> FolderCorpus:
        """The folder as a corpus; its path holds wherever a stage runs."""
        return FolderCorpus(self.folder.resolve(), self.name, self.language, self.licence, self.consent)


def set_up(root: Path, request: CloneRequest) -> Path:
    """Make or renew `clones/NAME` under the project `root`; returns its folder.

    Raises `ValueError` or `FileNotFoundError` in one sentence, and then leaves no new folder behind.
    """
    if request.mode not in MODES:
        raise ValueError(f"there is no mode {request.mode!r}; there are: {', '.join(MODES)}")
    base = (root / request.base).resolve()
    audio = _base_audio(base, request.base)
    _check_speech(request.folder)
    name = FolderCorpus(Path(request.name)).name
    workspace = root / CLONES / name
    _check_owner(workspace, request.name)
    with _kept_if_good(workspace):
        _lay_out(root, workspace)
        _link(workspace / BASE, base)
        use_folder(workspace, request.corpus)
        _overlay(workspace, _changes(name, request, audio))
    return workspace


def _base_audio(base: Path, named: Path) -> dict[str, Any]:
    """The sampled world of the base voice, which its clones live in too."""
    if not all((base / name).is_file() for name in BASE_FILES):
        raise FileNotFoundError(
            f"{named} holds no base voice ({' and '.join(BASE_FILES)}): name a trained checkpoint with --base FOLDER; "
            "`voiceloom preset base` and `voiceloom run` leave one in models/checkpoint"
        )
    try:
        return json.loads((base / "config.json").read_text(encoding="utf-8"))["mel"]
    except (ValueError, KeyError, TypeError):
        raise ValueError(
            f"{named} is no checkpoint of Voiceloom: its config.json does not say how the sound was analysed"
        ) from None


def _check_speech(folder: Path) -> None:
    """Refuse a folder that surely holds too little, before anything is started."""
    if not folder.is_dir():
        raise FileNotFoundError(f"the folder {folder} is not there")
    seconds = _seconds(folder)
    if seconds is not None and seconds < MIN_SPEECH_S:
        raise ValueError(
            f"{folder} holds {seconds:.0f} s of sound; a voice is cloned from {MIN_SPEECH_S:.0f} s or more"
        )


def _seconds(folder: Path) -> float | None:
    """How much sound a folder holds; None where a file's header does not tell."""
    import soundfile

    from tasks.audio import SUFFIXES

    paths = [path for path in content_files(folder) if path.suffix.lower() in SUFFIXES]
    try:
        return sum(soundfile.info(path).duration for path in paths) if paths else None
    except (soundfile.LibsndfileError, TypeError):
        return None


def _check_owner(workspace: Path, name: str) -> None:
    """Two people whose names are written alike in a path must not share a folder."""
    if (workspace / "params.yaml").is_file():
        speaker = load_params(workspace / "params.yaml").corpora[0].speaker
        if speaker != name:
            raise ValueError(f"{workspace} is the clone of {speaker!r}; give {name!r} another --name")


@contextmanager
def _kept_if_good(workspace: Path) -> Iterator[None]:
    """A workspace that was not there before goes again if it cannot be finished."""
    is_new = not workspace.exists()
    try:
        yield
    except BaseException:
        if is_new:
            shutil.rmtree(workspace, ignore_errors=True)
        raise


def _lay_out(root: Path, workspace: Path) -> None:
    """The skeleton of a project: DVC's settings, the DAG, links to the code, nobody's consent yet."""
    params = root / "params.yaml"
    if not params.is_file():
        raise FileNotFoundError(f"{params} is not there; run from the project's root folder")
    for folder in (".dvc", "data", "models", "presets"):
        (workspace / folder).mkdir(parents=True, exist_ok=True)
    for name in LINKED:
        _link(workspace / name, root / name)
    dag = yaml.safe_load((root / "dvc.yaml").read_text(encoding="utf-8"))
    deps = dag["stages"]["train"]["deps"]
    deps += [] if BASE.as_posix() in deps else [BASE.as_posix()]
    (workspace / "dvc.yaml").write_text(yaml.safe_dump(dag, sort_keys=False, width=120), encoding="utf-8")
    cache = os.path.relpath(root.resolve() / ".dvc" / "cache", workspace.resolve() / ".dvc")
    settings = f"[core]\n    no_scm = true\n    analytics = false\n[cache]\n    dir = {cache}\n"
    (workspace / ".dvc" / "config").write_text(settings, encoding="utf-8")
    made = [out for stage in dag["stages"].values() for out in stage["outs"]]
    ignored = [*made, "runs", "mlruns", "mlartifacts", "mlflow.db*", ".dvc/tmp", ".dvc/cache"]
    (workspace / ".gitignore").write_text("".join(f"/{name}\n" for name in ignored), encoding="utf-8")
    if not (workspace / "params.yaml").is_file():
        shutil.copyfile(params, workspace / "params.yaml")
        (workspace / "data" / "consent.yaml").write_text("consents: []\n", encoding="utf-8")
        (workspace / "data" / "champion.json").write_text("{}\n", encoding="utf-8")


def _changes(name: str, request: CloneRequest, audio: dict[str, Any]) -> dict[str, Any]:
    """What cloning changes of the parameters, beside the corpus."""
    train = {"start": BASE.as_posix(), "start_with": "all", "adaptation": request.mode, "max_minutes": request.minutes}
    return {
        "audio": audio,
        "train": {**train, "kl_steps": 0, **MODES[request.mode]},
        "register": {"model_name": f"voiceloom-{name}"},
    }


def _overlay(workspace: Path, changes: dict[str, Any]) -> None:
    """Lay them over params.yaml, as a preset that stays to be read."""
    text = "# What `voiceloom clone` laid over params.yaml.\n" + yaml.safe_dump(changes, sort_keys=False)
    (workspace / "presets" / "clone.yaml").write_text(text, encoding="utf-8")
    apply_preset(workspace, "clone")


def _link(place: Path, target: Path) -> None:
    """A relative link, so that the project may be moved as a whole."""
    place.parent.mkdir(parents=True, exist_ok=True)
    if place.is_symlink():
        place.unlink()
    place.symlink_to(os.path.relpath(target.resolve(), place.parent.resolve()))
