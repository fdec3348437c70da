"""Weights to begin with from a checkpoint of our own, or from a public voice made one of ours."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal, NamedTuple, get_args

import torch
from torch import Tensor

from voiceloom_model.config import PARTS, ModelConfig
from voiceloom_model.text.symbols import SYMBOLS
from voiceloom_model.warm.files import read_json, read_tensors
from voiceloom_model.warm.published import Published, first_of, our_rows

How = Literal["all", "matching", "decoder"]

CONFIG, WEIGHTS, DISCRIMINATORS = "config.json", "model.safetensors", "discriminators.safetensors"
#: Its rows are the people of other data.
SPEAKER_TABLE = "speakers.weight"
_WHOLE = f"a checkpoint is a folder with {CONFIG} and {WEIGHTS}"
_SYMBOL_TABLE = "text.symbols.weight"
_MATCHING = "start_with matching takes what fits"


class Start(NamedTuple):
    """What a network begins with: `load_state_dict(weights, strict=False)`; discriminators where there are such.

    `report` says in a sentence how much of the network that is.
    """

    weights: dict[str, Tensor]
    discriminators: dict[str, Tensor] | None
    report: str


class Source(NamedTuple):
    """Weights under our names, of which `absent` are not the source's own, and what they were made for."""

    path: Path
    config: ModelConfig
    weights: Mapping[str, Tensor]
    symbols: Mapping[str, int]
    sample_rate_hz: int
    absent: tuple[str, ...] = ()


def load_start(path: str | Path, config: ModelConfig, how: How = "all") -> Start:
    """What a network of `config` takes from one of our checkpoint folders.

    "all" is everything but the speaker table, "matching" what has the same name and shape (symbols are moved by their
    names), "decoder" the decoder. Raises `FileNotFoundError` or `ValueError` where that cannot be.
    """
    source = read_checkpoint(Path(path))
    beside = Path(path) / DISCRIMINATORS
    same_judge = source.config.discriminator_width == config.discriminator_width
    discriminators = read_tensors(beside, _WHOLE) if beside.is_file() and same_judge else None
    return taken(source, config, how)._replace(discriminators=discriminators)


def read_checkpoint(folder: Path) -> Source:
    """A checkpoint folder of our own."""
    about = read_json(folder / CONFIG, _WHOLE)
    try:
        config, rate = ModelConfig.from_dict(about["model"]), int(about["mel"]["sample_rate_hz"])
        symbols = {symbol: index for index, symbol in enumerate(about["symbols"])}
    except (KeyError, TypeError) as error:
        raise ValueError(f"{folder / CONFIG} describes no voice of ours: {error}") from error
    return Source(folder, config, read_tensors(folder / WEIGHTS, _WHOLE), symbols, rate)


def of_published(path: Path, voice: Published) -> Source:
    """A public voice that reads our symbols."""
    return Source(path, voice.config, voice.weights, voice.extra.symbols, voice.extra.sample_rate_hz, voice.extra.fresh)


def taken(source: Source, config: ModelConfig, how: How) -> Start:
    """What a network of `config` takes from a source (see `load_start`), without discriminators."""
    if how not in get_args(How):
        raise ValueError(f"there is no start_with {how!r}; there are: {', '.join(get_args(How))}")
    wanted = {name: shape for name, shape in _shapes(config).items() if name != SPEAKER_TABLE}
    if how == "decoder":
        wanted = {name: shape for name, shape in wanted.items() if name.startswith("decoder.")}
    weights = dict(source.weights)
    if how == "all":
        _check_parts(source, config)
    if dict(source.symbols) != SYMBOLS and _SYMBOL_TABLE in weights:
        weights[_SYMBOL_TABLE] = our_rows(weights[_SYMBOL_TABLE], source.symbols)
    fitting = {
        name: weights[name]
        for name, shape in wanted.items()
        if name in weights and name not in source.absent and weights[name].shape == shape
    }
    if how != "matching":
        _check_whole(source, wanted, weights, how)
    if not fitting:
        raise ValueError(f"nothing of {source.path} fits this network")
    return Start(fitting, None, _report(source.path, fitting, _shapes(config)))


def _check_parts(source: Source, config: ModelConfig) -> None:
    """`ValueError` for other symbols or other parts. How it was aligned is no matter."""
    if dict(source.symbols) != SYMBOLS:
        raise ValueError(f"{source.path} was trained with other symbols than there are now; {_MATCHING}, by name")
    parts = [(part, getattr(source.config, part), getattr(config, part)) for part in PARTS if part != "alignment"]
    others = [f"{part} {theirs}, here {here}" for part, theirs, here in parts if theirs != here]
    if others:
        raise ValueError(f"{source.path} is made of other parts than this network: {'; '.join(others)}; {_MATCHING}")


def _check_whole(source: Source, wanted: Mapping, weights: Mapping[str, Tensor], how: How) -> None:
    """`ValueError` that names the first weights which do not fit, or which one of the two lacks."""
    others = [f"{name} {_of(weights, name)}, here {list(shape)}" for name, shape in wanted.items()
              if name not in source.absent and (name not in weights or weights[name].shape != shape)]  # fmt: skip
    if how == "all":
        others += [f"{name}, here none" for name in weights if name not in wanted and name != SPEAKER_TABLE]
    if others:
        raise ValueError(f"{source.path} does not fit this network: {first_of(others)}; {_MATCHING}")


def _of(weights: Mapping[str, Tensor], name: str) -> str:
    return str(list(weights[name].shape)) if name in weights else "is missing"


def _shapes(config: ModelConfig) -> dict[str, torch.Size]:
    """The names and shapes of a network's state."""
    from voiceloom_model.nn.synthesizer import Synthesizer

    with torch.device("meta"):
        return {name: value.shape for name, value in Synthesizer(config).state_dict().items()}


def _report(path: Path, fitting: Iterable[str], every: Iterable[str]) -> str:
    every, fitting = list(every), set(fitting)
    new = Counter(name.split(".")[0] for name in every if name not in fitting)
    parts = ", ".join(f"{part} ({count})" for part, count in new.items())
    return f"{len(fitting)} of {len(every)} weights are those of {path}" + (f"; new: {parts}" if parts else "")


def with_data_sizes(source: Source, config: ModelConfig) -> ModelConfig:
    """The source's network, for the symbols, languages, mel bands and speakers of `config`."""
    return replace(
        source.config,
        n_symbols=config.n_symbols,
        n_languages=config.n_languages,
        n_mels=config.n_mels,
        n_speakers=config.n_speakers,
    )
