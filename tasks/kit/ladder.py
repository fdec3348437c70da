"""How a training state gets smaller: steps down a ladder, each losing what hurts least of what is left.

The average is what a voice speaks with, so it is on every step. Whatever was lost, training goes on at its step.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

State = dict[str, Any]
#: Tensors of fewer numbers stay as they are: statistics, norms and step counts weigh nothing.
_FEW = 4096
_MOMENTS = ("exp_avg", "exp_avg_sq", "max_exp_avg_sq")


class Rung(NamedTuple):
    """A step of the ladder: its name, what it loses, and how a whole state becomes one of its kind."""

    name: str
    loses: str
    reduce: Callable[[State], State]


def _whole(state: State) -> State:
    return state


def _half(state: State) -> State:
    """Weights as float16, the optimizers' moments as bfloat16."""
    optimizers = [_with_moments(one, _MOMENTS) for one in state["optimizers"]]
    ema = {**state["ema"], "values": _as(state["ema"]["values"], torch.float16)}
    best = {**state["best"], "weights": {}}
    if state["best"]["weights"]:
        best["score"] = None  # what it belongs to is gone, and the average stands for it
    return {
        **state,
        "model": _as(state["model"], torch.float16),
        "discriminators": _as(state["discriminators"], torch.float16),
        "ema": ema,
        "optimizers": optimizers,
        "best": best,
    }


def _averaged(state: State) -> State:
    """Without the weights in training: the average stands for them."""
    half = _half(state)
    averaged = half["ema"]["values"]
    return {**half, "model": {name: value for name, value in half["model"].items() if name not in averaged}}


def _second_moments(state: State) -> State:
    averaged = _averaged(state)
    return {**averaged, "optimizers": [_with_moments(one, _MOMENTS[1:]) for one in state["optimizers"]]}


def _weights(state: State) -> State:
    averaged = _averaged(state)
    return {**averaged, "optimizers": [{**one, "state": {}} for one in state["optimizers"]]}


_HALF = "weights are float16 and moments bfloat16"
LADDER = (
    Rung("whole", "nothing", _whole),
    Rung("half", _HALF, _half),
    Rung("averaged", f"{_HALF}; the averaged weights stand for those in training", _averaged),
    Rung(
        "second-moments",
        f"{_HALF}; the averaged weights stand for those in training, and momentum begins anew",
        _second_moments,
    ),
    Rung("weights", "only averaged weights and discriminators, as float16; the optimizers begin anew", _weights),
)


def restored(state: State) -> State:
    """A state of any rung as training reads it: float32, what is left out made up."""
    full = _as_float32(copy.copy(state))
    averaged = full["ema"]["values"]
    full["model"] = {**{name: value.clone() for name, value in averaged.items()}, **full["model"]}
    for optimizer in full["optimizers"]:
        for moments in optimizer["state"].values():
            if "exp_avg" not in moments and "exp_avg_sq" in moments:
                moments["exp_avg"] = torch.zeros_like(moments["exp_avg_sq"])
    return full


def _as(tensors: Mapping[str, Tensor], dtype: torch.dtype) -> dict[str, Tensor]:
    return {name: _narrow(value, dtype) for name, value in tensors.items()}


def _narrow(value: Tensor, dtype: torch.dtype) -> Tensor:
    return value.to(dtype) if value.dtype == torch.float32 and value.numel() >= _FEW else value


def _with_moments(optimizer: Mapping[str, Any], kept: tuple[str, ...]) -> dict[str, Any]:
    """An optimizer's state with these moments alone, as bfloat16."""
    state = {
        index: {
            name: _narrow(value, torch.bfloat16) if name in _MOMENTS else value
            for name, value in moments.items()
            if name not in _MOMENTS or name in kept
        }
        for index, moments in optimizer["state"].items()
    }
    return {**optimizer, "state": state}


def _as_float32(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    if isinstance(value, dict):
        return {key: _as_float32(item) for key, item in value.items()}
    return [_as_float32(item) for item in value] if isinstance(value, list) else value
