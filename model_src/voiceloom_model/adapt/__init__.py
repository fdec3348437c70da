"""Adaptation of a voice to new speakers: their vectors alone, low-rank changes to its layers, or all of it.

    adaptation = prepare(synthesizer, "lora", rank=16)   # in place: the rest is frozen
    ...                                                  # train what `trainable(synthesizer)` names
    weights = merge(synthesizer)                         # an ordinary checkpoint's weights again
    save_adapter(folder, synthesizer, adaptation, {"eva": vector})
    vectors = load_adapters(base, {folder: 1.0})         # stacked on the base voice, each with its weight

Modes: `full` trains everything; `speaker` only the table of speakers, so that a speaker's vector is the mean
d-vector of their recordings plus what was learned; `lora` the table, where the voice has one, and low-rank layers on
the Linear and plain Conv1d layers of what speaks (text, durations, prior, flow, decoder). The posterior stays.
"""

from __future__ import annotations

from collections.abc import Iterable

from torch import nn

from voiceloom_model.adapt.files import Adaptation, base_hash, load_adapters, save_adapter
from voiceloom_model.adapt.lora import DEFAULT, inject, merge
from voiceloom_model.adapt.targets import PARTS, adaptable, select
from voiceloom_model.nn.synthesizer import Synthesizer

__all__ = [
    "MODES",
    "PARTS",
    "Adaptation",
    "adaptable",
    "base_hash",
    "load_adapters",
    "merge",
    "prepare",
    "save_adapter",
    "trainable",
]

MODES = ("full", "lora", "speaker")


def prepare(synthesizer: Synthesizer, mode: str, rank: int = 16, targets: Iterable[str] | None = None) -> Adaptation:
    """Make a voice ready to be adapted, in place: only what the mode trains has `requires_grad`.

    `targets` are patterns of layers for mode `lora` (see `targets.select`); by default all that can be. Low-rank layers
    start from torch's global generator and change nothing at first. `ValueError` for a mode or a target there is not,
    and for mode `speaker` without a table of speakers.
    """
    if mode not in MODES:
        raise ValueError(f"there is no adaptation {mode!r}; there are: {', '.join(MODES)}")
    if mode == "full":
        synthesizer.requires_grad_(True)
        return Adaptation(mode, 0, ())
    if mode == "speaker" and synthesizer.speakers is None:
        raise ValueError("adaptation 'speaker' learns a table of speakers, and this voice has none: n_speakers is 0")
    synthesizer.requires_grad_(False)
    layers: list[str] = []
    if mode == "lora":
        layers = select(synthesizer, PARTS if targets is None else targets)
        inject(synthesizer, DEFAULT, rank, layers)
    if synthesizer.speakers is not None:
        synthesizer.speakers.requires_grad_(True)
    return Adaptation(mode, rank if layers else 0, tuple(layers))


def trainable(synthesizer: Synthesizer) -> dict[str, nn.Parameter]:
    """What is trained, by name."""
    return {name: parameter for name, parameter in synthesizer.named_parameters() if parameter.requires_grad}
