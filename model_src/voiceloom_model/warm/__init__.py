"""Warm starts: weights to begin with from our checkpoints, Hugging Face's VITS voices and Piper's.

`start_weights` takes what a network needs from any of them; `load_hf`, `save_hf` and `load_piper` are the public
formats by themselves.
"""

from __future__ import annotations

from pathlib import Path

from voiceloom_model.config import ModelConfig
from voiceloom_model.warm.checkpoint import (
    CONFIG,
    How,
    Source,
    Start,
    load_start,
    of_published,
    read_checkpoint,
    taken,
    with_data_sizes,
)
from voiceloom_model.warm.files import read_json
from voiceloom_model.warm.huggingface import load_hf
from voiceloom_model.warm.huggingface_out import save_hf
from voiceloom_model.warm.piper import load_piper
from voiceloom_model.warm.published import Extra, Published, as_first_speaker, with_our_symbols

__all__ = [
    "Extra",
    "Published",
    "Start",
    "load_hf",
    "load_piper",
    "load_start",
    "save_hf",
    "start_config",
    "start_weights",
    "with_our_symbols",
]

_KINDS = "a folder of our own checkpoint, a folder of a Hugging Face VITS voice, or a Piper voice's .onnx"


def start_config(path: str | Path, config: ModelConfig, sample_rate_hz: int | None = None) -> ModelConfig:
    """The configuration that `start_weights(…, "all")` fits: the source's, for the data that `config` was made for.

    Raises `ValueError` where the source's sample rate (if given), hop or FFT size are others than the data's.
    """
    source = _source(Path(path))
    found = (source.sample_rate_hz, source.config.hop_length, source.config.n_fft)
    asked = (sample_rate_hz or source.sample_rate_hz, config.hop_length, config.n_fft)
    if found != asked:
        raise ValueError(
            f"{path} speaks at {found[0]} Hz with hop {found[1]} and FFT size {found[2]}; "
            f"audio asks for {asked[0]} Hz, hop {asked[1]} and FFT size {asked[2]}"
        )
    return with_data_sizes(source, config)


def start_weights(path: str | Path, config: ModelConfig, how: How = "all") -> Start:
    """What a network of `config` takes from a checkpoint or a public voice (see `load_start`).

    What a public voice does not hold stays as the network has it. Raises `FileNotFoundError` or `ValueError`.
    """
    path = Path(path)
    return load_start(path, config, how) if _is_ours(path) else taken(_source(path), config, how)


def _is_ours(path: Path) -> bool:
    return path.is_dir() and "model" in read_json(path / CONFIG, f"a start is {_KINDS}")


def _source(path: Path) -> Source:
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: a start is {_KINDS}")
    if path.suffix == ".onnx":
        return of_published(path, as_first_speaker(load_piper(path)))
    if not path.is_dir():
        raise ValueError(f"{path} is nothing to start from: a start is {_KINDS}")
    if _is_ours(path):
        return read_checkpoint(path)
    return of_published(path, with_our_symbols(as_first_speaker(load_hf(path))))
