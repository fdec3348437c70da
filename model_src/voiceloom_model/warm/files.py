"""Reading what may be missing, cut short or something else: each such file is one clear error."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor


def present(path: Path, whole: str) -> Path:
    """The path of a file that must be there; `whole` says what it is a part of."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: {whole}")
    return path


def read_json(path: Path, whole: str) -> dict[str, Any]:
    """A JSON object; `FileNotFoundError` or `ValueError` for anything else."""
    try:
        content = json.loads(present(path, whole).read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no whole JSON file: {error}") from error
    if not isinstance(content, dict):
        raise ValueError(f"{path} holds a {type(content).__name__}; expected an object")
    return content


def read_tensors(path: Path, whole: str) -> dict[str, Tensor]:
    """A safetensors file; `FileNotFoundError` or `ValueError` for anything else."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    try:
        return load_file(present(path, whole))
    except SafetensorError as error:
        raise ValueError(f"{path} is no whole safetensors file: {error}") from error
