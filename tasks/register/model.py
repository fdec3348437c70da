"""The voice as a model that `mlflow.pyfunc.load_model` loads, without torch and without pickles."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mlflow.models import ModelSignature

#: All that speaking needs; the versions that are installed, and therefore tested, are pinned.
REQUIREMENTS = ("numpy", "onnxruntime", "hibari-tts", "mlflow", "pandas")


def log_voice(bundle: Path) -> str:
    """Log the bundle and the code that speaks with it in the active run; returns the model's id."""
    import mlflow

    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        package = _copy_package(Path(folder))
        # An input example would be spoken while logging; the voice was evaluated already.
        warnings.filterwarnings("ignore", message=".*An input example was not provided")
        logged = mlflow.pyfunc.log_model(
            name="voice",
            python_model=str(package / "runtime" / "pyfunc.py"),
            artifacts={"voice": str(bundle)},
            code_paths=[str(package)],
            signature=signature(),
            pip_requirements=[f"{name}=={version(name)}" for name in REQUIREMENTS],
        )
    return logged.model_id


def signature() -> ModelSignature:
    """Text in, audio out; who speaks, in which language, how fast and with which seed may be left out."""
    from mlflow.models import ModelSignature
    from mlflow.types import ColSpec, DataType, Schema, TensorSpec
    from mlflow.types.schema import Array

    inputs: list[ColSpec | TensorSpec] = [
        ColSpec(DataType.string, "text"),
        ColSpec(DataType.string, "speaker", required=False),
        ColSpec(DataType.string, "language", required=False),
        ColSpec(DataType.double, "speed", required=False),
        ColSpec(DataType.long, "seed", required=False),
    ]
    outputs: list[ColSpec | TensorSpec] = [
        ColSpec(Array(DataType.float), "audio"),
        ColSpec(DataType.long, "sample_rate_hz"),
    ]
    return ModelSignature(inputs=Schema(inputs), outputs=Schema(outputs))


def _copy_package(folder: Path) -> Path:
    """The model package's source without byte code, as it travels with the model."""
    spec = find_spec("voiceloom_model")
    assert spec is not None and spec.submodule_search_locations, "voiceloom-model is installed"
    package = folder / "voiceloom_model"
    shutil.copytree(spec.submodule_search_locations[0], package, ignore=shutil.ignore_patterns("__pycache__"))
    return package
