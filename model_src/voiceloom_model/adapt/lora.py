"""Low-rank layers (LoRA, Hu et al. 2021, arXiv:2106.09685) in a network, by `peft`: put in, merged, taken out again."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

#: What the adapter being trained is called.
DEFAULT = "default"
#: What peft puts into a layer's name: the layer itself, and all that is added to it.
_BASE, _ADDED = ".base_layer.", ".lora_"


def inject(synthesizer: nn.Module, name: str, rank: int, layers: Iterable[str]) -> None:
    """Put low-rank layers called `name` on `layers`, in place; they start by changing nothing.

    Weights become W + B A: the scale alpha / rank is 1. Everything but the new layers is frozen.
    """
    from peft import LoraConfig, inject_adapter_in_model

    pattern = "|".join(re.escape(layer) for layer in layers)
    config = LoraConfig(r=rank, lora_alpha=rank, target_modules=pattern)
    inject_adapter_in_model(config, synthesizer, adapter_name=name)
    del synthesizer.peft_config  # with it, peft warns of every further adapter
    for _, layer in lora_layers(synthesizer):
        layer.cast_input_dtype_enabled = False  # autocast does that; twice would be slow


def activate(synthesizer: nn.Module, weights: dict[str, float]) -> None:
    """Let these adapters speak together, each scaled by its weight, all frozen."""
    for _, layer in lora_layers(synthesizer):
        layer.set_adapter([name for name in weights if name in layer.lora_A], inference_mode=True)
        for name in layer.active_adapters:
            layer.set_scale(name, weights[name])


def merge(synthesizer: nn.Module) -> dict[str, Tensor]:
    """The state dict of the same network without low-rank layers: each is folded into its layer's weight.

    The network stays as it is. Where nothing was injected, this is its state dict.
    """
    merged = plain_state(synthesizer)
    with torch.no_grad():
        for name, layer in lora_layers(synthesizer):
            changes = [layer.get_delta_weight(adapter) for adapter in _active(layer)]
            weight = merged[f"{name}.weight"]
            merged[f"{name}.weight"] = weight + torch.stack(changes).sum(dim=0).to(weight.dtype) if changes else weight
    return merged


def plain_state(synthesizer: nn.Module) -> dict[str, Tensor]:
    """The state dict as it was before anything was injected."""
    state = synthesizer.state_dict().items()
    return {name.replace(_BASE, "."): value for name, value in state if _ADDED not in name}


def factors(synthesizer: nn.Module, name: str) -> dict[str, nn.Parameter]:
    """The two factors of every layer in the adapter `name`: `LAYER.lora_A` and `LAYER.lora_B`."""
    end = f".{name}.weight"
    found = synthesizer.named_parameters()
    return {key.removesuffix(end): value for key, value in found if _ADDED in key and key.endswith(end)}


def lora_layers(synthesizer: nn.Module) -> Iterator[tuple[str, Any]]:
    """Every layer that something was injected into (peft's), by the name it had before."""
    if not any(_ADDED in name for name, _ in synthesizer.named_modules()):
        return
    from peft.tuners.lora import LoraLayer

    for name, module in synthesizer.named_modules():
        if isinstance(module, LoraLayer):
            yield name, module


def _active(layer: Any) -> list[str]:
    return [name for name in layer.active_adapters if name in layer.lora_A]
