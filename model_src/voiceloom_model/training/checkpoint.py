"""Checkpoints: a resumable state in the run's own folder, and the finished weights as safetensors."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

STATE = "state.pt"
CURVES = "curves.jsonl"


class Ema:
    """Exponential moving average of parameters; the decay ramps up so that early steps are forgotten."""

    def __init__(self, parameters: Iterable[tuple[str, nn.Parameter]], decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.values = {name: value.detach().clone() for name, value in parameters}

    @torch.no_grad()
    def update(self, parameters: Iterable[tuple[str, nn.Parameter]]) -> None:
        """Move towards the parameters as they are now."""
        self.updates += 1
        decay = min(self.decay, (1 + self.updates) / (10 + self.updates))
        pairs = [(self.values[name], value.detach()) for name, value in parameters]
        torch._foreach_lerp_([mean for mean, _ in pairs], [value for _, value in pairs], 1 - decay)

    def state_dict(self) -> dict:
        """For a checkpoint."""
        return {"updates": self.updates, "values": self.values}

    def load_state_dict(self, state: dict) -> None:
        """From a checkpoint."""
        self.updates = state["updates"]
        self.load(state["values"])

    def load(self, values: Mapping[str, Tensor]) -> None:
        """Take these values for the average."""
        for name, value in values.items():
            self.values[name].copy_(value)


def trained(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that training moves, by name."""
    return ((name, value) for name, value in module.named_parameters() if value.requires_grad)


def save_state(folder: Path, state: dict) -> None:
    """Write the resumable state so that a kill leaves the former or the new one, never half of one."""
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{STATE}.partial"
    with partial.open("wb") as file:
        torch.save(state, file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, folder / STATE)


def load_state(folder: Path) -> dict | None:
    """The resumable state, or None when the run is new. Tensors and plain values only."""
    path = folder / STATE
    return torch.load(path, map_location="cpu", weights_only=True) if path.is_file() else None


def append_curve(folder: Path, point: dict) -> None:
    """Add one line to the run's curves."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / CURVES).open("a", encoding="utf-8") as file:
        file.write(json.dumps(point) + "\n")


def read_curves(folder: Path, before: int | None = None) -> list[dict]:
    """The run's curves, those of steps below `before`; a last line cut off by a kill is left out."""
    path = folder / CURVES
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    points = [json.loads(line) for line in lines if line.endswith("}")]
    return [point for point in points if before is None or point["step"] < before]


def rewind_curves(folder: Path, step: int) -> None:
    """Drop what lies past the step a run resumes at."""
    points = read_curves(folder, before=step)
    partial = folder / f"{CURVES}.partial"
    folder.mkdir(parents=True, exist_ok=True)
    partial.write_text("".join(json.dumps(point) + "\n" for point in points), encoding="utf-8")
    os.replace(partial, folder / CURVES)


def save_weights(path: Path, weights: dict[str, Tensor]) -> None:
    """Write a safetensors file, names sorted, so that equal weights give equal bytes."""
    from safetensors.torch import save_file

    save_file({name: weights[name].detach().cpu().contiguous() for name in sorted(weights)}, path)
