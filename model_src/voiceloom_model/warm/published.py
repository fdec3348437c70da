"""A public voice as ours: its configuration, its weights under our names, and what else its files say."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import torch
from torch import Tensor

from voiceloom_model.config import ModelConfig
from voiceloom_model.text.symbols import END_ID, PAD_ID, START_ID, SYMBOLS

#: What no published voice has; it starts at zero and changes nothing.
_OURS_ALONE = ("text.stress.weight", "text.languages.weight", "mel_mean", "mel_std")
#: Where speakers are heard; a voice of one speaker hears none.
PROJECTIONS = ".speaker."
_SYMBOL_TABLE = "text.symbols.weight"
_NAMED_AT_MOST = 3


@dataclass(frozen=True)
class Extra:
    """What a voice's files say beside its weights.

    `symbols` are the rows of the symbol table by name, `speakers` vectors (S,) by name, `tokenizer` what
    `tokenizer_config.json` says, `fresh` the names of weights that the files lack and that are as in a new network.
    """

    symbols: Mapping[str, int]
    sample_rate_hz: int
    noise_scale: float = 0.667
    duration_noise_scale: float = 0.8
    language: str = "und"
    speakers: Mapping[str, Tensor] = field(default_factory=dict)
    tokenizer: Mapping = field(default_factory=dict)
    fresh: tuple[str, ...] = ()


class Published(NamedTuple):
    """A public voice: `Synthesizer(config).load_state_dict(weights)` speaks like it."""

    config: ModelConfig
    weights: dict[str, Tensor]
    extra: Extra


def new_weights(config: ModelConfig) -> dict[str, Tensor]:
    """The state of a new network, always the same."""
    from voiceloom_model.nn.synthesizer import Synthesizer

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return Synthesizer(config).state_dict()


def assembled(
    config: ModelConfig, found: Callable[[str], Tensor | None], source: str, may_lack: tuple[str, ...]
) -> tuple[dict[str, Tensor], tuple[str, ...]]:
    """A whole state: what `found` gives for each of our names, else a new network's; and the names of the latter.

    Missing may be what no published voice has, and names that hold one of `may_lack`; anything else, and a shape that
    does not fit, is a `ValueError` that names `source` and the first of them.
    """
    weights, fresh, missing, wrong = {}, [], [], []
    for name, new in new_weights(config).items():
        value = found(name)
        if value is None:
            fresh.append(name)
            if name not in _OURS_ALONE and not any(part in name for part in may_lack):
                missing.append(name)
        elif _without_ones(value) != _without_ones(new):
            wrong.append(f"{name} {list(value.shape)} instead of {list(new.shape)}")
        weights[name] = new if value is None or wrong else value.reshape(new.shape).to(new.dtype).contiguous()
    if missing:
        raise ValueError(f"{source} lacks {first_of(missing)}")
    if wrong:
        raise ValueError(f"{source} does not fit its own configuration: {first_of(wrong)}")
    return weights, tuple(fresh)


def _without_ones(value: Tensor) -> list[int]:
    """The shape by which a convolution of width one and a matrix are the same."""
    return [size for size in value.shape if size > 1]


def first_of(names: Iterable[str]) -> str:
    """The first few of many names, and how many more there are."""
    names = list(names)
    more = len(names) - _NAMED_AT_MOST
    return ", ".join(names[:_NAMED_AT_MOST]) + (f" and {more} more" if more > 0 else "")


def with_our_symbols(voice: Published) -> Published:
    """The voice with its symbol table in the order of `SYMBOLS`, so that it reads what `encode` and `spread` give.

    Raises `ValueError` where it shares no symbol with ours, or has ids that its table has not.
    """
    if not SYMBOLS.keys() & voice.extra.symbols.keys() - {"_"}:
        raise ValueError("the voice's vocabulary shares no symbol with ours: its folder needs its vocab.json")
    table, last = voice.weights[_SYMBOL_TABLE], max(voice.extra.symbols.values())
    if last >= len(table):
        raise ValueError(f"the voice's vocabulary has an id {last}; its table of symbols has {len(table)} rows")
    return Published(
        replace(voice.config, n_symbols=len(SYMBOLS)),
        {**voice.weights, _SYMBOL_TABLE: our_rows(table, voice.extra.symbols)},
        replace(voice.extra, symbols=SYMBOLS, tokenizer={}),
    )


def our_rows(table: Tensor, symbols: Mapping[str, int]) -> Tensor:
    """Rows (their symbols, H) → rows (`SYMBOLS`, H), each moved by its symbol's name.

    A symbol that they lack begins as in a new network, start and end mark as silence: theirs, the pad's.
    """
    generator = torch.Generator().manual_seed(0)
    rows = torch.randn(len(SYMBOLS), table.shape[1], generator=generator) * table.shape[1] ** -0.5
    known = [(ours, symbols[symbol]) for symbol, ours in SYMBOLS.items() if symbol in symbols]
    if "_" in symbols:
        rows[[START_ID, PAD_ID, END_ID]] = table[symbols["_"]].to(rows.dtype)
    for ours, theirs in known:
        rows[ours] = table[theirs]
    return rows


def as_first_speaker(voice: Published) -> Published:
    """A voice of many speakers as that of its first, and deaf to speaker vectors: ours mean something else.

    A voice without speakers stays as it is.
    """
    if not voice.extra.speakers:
        return voice
    weights = dict(voice.weights)
    projections = tuple(name for name in weights if PROJECTIONS in name)
    fold_speaker(weights, next(iter(voice.extra.speakers.values())))
    config = replace(voice.config, speaker_size=ModelConfig.speaker_size)
    extra = replace(voice.extra, speakers={}, fresh=(*voice.extra.fresh, *projections))
    return Published(config, weights, extra)


def fold_speaker(weights: dict[str, Tensor], vector: Tensor) -> None:
    """Take the speaker's projections out of a state, and add what they make of a vector (S,) to the biases they move.

    That is the same but for convolutional durations at the first and last token: their convolution pads with zeros
    after the speaker is added.
    """
    for name in [name for name in weights if name.endswith(".speaker.weight")]:
        part = name.removesuffix(".speaker.weight")
        added = weights.pop(name) @ vector.to(weights[f"{part}.speaker.bias"]) + weights.pop(f"{part}.speaker.bias")
        if part.endswith(".wavenet"):
            gates = [f"{part}.gates.{index}.bias" for index in range(_count(weights, f"{part}.gates."))]
            weights |= {gate: weights[gate] + add for gate, add in zip(gates, added.chunk(len(gates)), strict=True)}
        elif f"{part}.first.bias" in weights:
            weights[f"{part}.first.bias"] = (
                weights[f"{part}.first.bias"] + weights[f"{part}.first.weight"].sum(-1) @ added
            )
        else:
            weights[f"{part}.enter.bias"] = weights[f"{part}.enter.bias"] + added


def _count(weights: Mapping[str, Tensor], prefix: str) -> int:
    return sum(name.startswith(prefix) and name.endswith(".bias") for name in weights)
