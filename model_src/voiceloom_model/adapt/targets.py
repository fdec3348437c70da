"""Which layers low rank can change, and which of them a user's patterns mean."""

from __future__ import annotations

from collections.abc import Iterable
from fnmatch import fnmatchcase

from torch import nn
from torch.nn.modules.conv import _ConvNd, _ConvTransposeNd
from torch.nn.utils.parametrize import is_parametrized

#: The parts with which a voice is spoken; the posterior, which only listens in training, stays as it is.
PARTS = ("text", "durations", "prior", "flow", "decoder")


def adaptable(synthesizer: nn.Module) -> list[str]:
    """The names of all layers that low rank can change."""
    return [name for name, module in _layers(synthesizer) if obstacle(module) is None]


def select(synthesizer: nn.Module, patterns: Iterable[str]) -> list[str]:
    """The layers that dotted `patterns` mean, in the network's order.

    A pattern's components (which may hold `*`) are compared with the last components of a module's name, so `flow`
    is a part, `decoder.stack.blocks.0` a block and `queries_keys_values` every layer of that name. A module stands
    for all layers in it that can be adapted. `ValueError` for a pattern that names none, or one that cannot be.
    """
    known, chosen = adaptable(synthesizer), set()
    for pattern in patterns:
        named = {name: module for name, module in _layers(synthesizer) if _matches(pattern, name)}
        found = {layer for layer in known for name in named if layer == name or layer.startswith(f"{name}.")}
        why = _objection(list(named.values()), bool(found))
        if why:
            raise ValueError(
                f"{pattern!r} cannot be adapted: {why}; a target is a part ({', '.join(PARTS)}) or a Linear or plain "
                f"Conv1d layer, here those named {', '.join(_last_names(known))}"
            )
        chosen |= found
    return [name for name in known if name in chosen]


def _objection(modules: list[nn.Module], something_fits: bool) -> str | None:
    """Why what a pattern names cannot be adapted: of a block it is enough that something in it can, of layers all."""
    if not modules:
        return "there is no such layer"
    if not something_fits:
        modules = [inner for module in modules for inner in module.modules()]
    reasons = [reason for module in modules if not list(module.children()) and (reason := obstacle(module))]
    return f"it is {reasons[0]}" if reasons else None


def obstacle(module: nn.Module) -> str | None:
    """Why low rank cannot change this module, or None when it can."""
    if isinstance(module, nn.Linear | nn.Conv1d) and is_parametrized(module):
        return "a layer whose weight is computed from others"
    if isinstance(module, nn.Linear):
        return None
    if isinstance(module, _ConvTransposeNd):
        return "a transposed convolution"
    if isinstance(module, _ConvNd):
        return _convolution_obstacle(module)
    return "no Linear layer and no convolution"


def _convolution_obstacle(module: _ConvNd) -> str | None:
    if module.groups > 1:
        return f"a convolution in {module.groups} groups"
    if not isinstance(module, nn.Conv1d):
        return "a convolution over more than one dimension"
    if max(module.dilation) > 1:  # peft's low-rank convolution would not be dilated
        return "a dilated convolution"
    return None if module.padding_mode == "zeros" else f"a convolution with {module.padding_mode} padding"


def _layers(synthesizer: nn.Module) -> list[tuple[str, nn.Module]]:
    """Every module in the parts of speaking, containers included."""
    return [(name, module) for name, module in synthesizer.named_modules() if name.partition(".")[0] in PARTS]


def _matches(pattern: str, name: str) -> bool:
    wanted, given = pattern.split("."), name.split(".")
    tail = given[-len(wanted) :]
    return len(tail) == len(wanted) and all(map(fnmatchcase, tail, wanted))


def _last_names(names: Iterable[str]) -> list[str]:
    """How layers are called by those who write patterns: the last component that is no number."""
    found = set()
    for name in names:
        parts = name.split(".")
        numbers = next(count for count, part in enumerate(reversed(parts)) if not part.isdigit())
        found.add(".".join([parts[-1 - numbers], *["*"] * numbers]))
    return sorted(found)
