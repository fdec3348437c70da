"""An adapter on disk: `adapter.safetensors` and `adapter.json`, a few MB beside the base voice they belong to."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from voiceloom_model.adapt import lora
from voiceloom_model.nn.synthesizer import Synthesizer
from voiceloom_model.training.checkpoint import save_weights

WEIGHTS, DESCRIPTION = "adapter.safetensors", "adapter.json"
FORMAT = 1
#: What a description of this format says at least.
_KEYS = {"rank", "layers", "speakers", "base_blake2b"}
#: In the file, before a speaker's name.
_SPEAKER = "speakers/"
#: The table of known speakers belongs to the adapter, not to what it adapts.
_TABLE = "speakers."


@dataclass(frozen=True)
class Adaptation:
    """How a voice is adapted. `layers` are the names of those that low rank changes; none but in mode `lora`."""

    mode: str
    rank: int
    layers: tuple[str, ...]


def base_hash(synthesizer: Synthesizer) -> str:
    """BLAKE2b of the weights that an adapter leaves as they are: names, shapes and values; no table of speakers."""
    digest = hashlib.blake2b(digest_size=20)
    for name, value in sorted(lora.plain_state(synthesizer).items()):
        if not name.startswith(_TABLE):
            digest.update(f"{name} {tuple(value.shape)}\n".encode())
            digest.update(value.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_adapter(
    folder: Path, synthesizer: Synthesizer, adaptation: Adaptation, speakers: Mapping[str, Tensor | list[float]]
) -> None:
    """Write what `prepare` made trainable, and the `speakers`' finished vectors (S,), into `folder`.

    `ValueError` for mode `full`, of which there is nothing smaller to keep than the checkpoint.
    """
    if adaptation.mode == "full":
        raise ValueError("a voice adapted in full has no adapter: its checkpoint is the adapted voice")
    folder.mkdir(parents=True, exist_ok=True)
    tensors: dict[str, Tensor] = dict(lora.factors(synthesizer, lora.DEFAULT))
    tensors |= {_SPEAKER + name: torch.as_tensor(vector).float() for name, vector in speakers.items()}
    save_weights(folder / WEIGHTS, tensors)
    description = {
        "format": FORMAT,
        "mode": adaptation.mode,
        "rank": adaptation.rank,
        "layers": list(adaptation.layers),
        "speakers": sorted(speakers),
        "base_blake2b": base_hash(synthesizer),
        "model": synthesizer.config.to_dict(),
    }
    (folder / DESCRIPTION).write_text(json.dumps(description, indent=1, sort_keys=True) + "\n", encoding="utf-8")


def load_adapters(synthesizer: Synthesizer, adapters: Mapping[Path, float]) -> dict[str, Tensor]:
    """Stack saved adapters on their base voice, in place, each with its weight; returns the speakers' vectors (S,).

    A speaker whom several adapters know gets the weighted mean of their vectors. `ValueError` or
    `FileNotFoundError` in one sentence for what is no adapter, or is one of another base.
    """
    base, read = base_hash(synthesizer), {folder: _read(folder) for folder in adapters}
    for folder, (description, _) in read.items():
        if description["base_blake2b"] != base:
            raise ValueError(
                f"{folder} adapts another base voice than this one (weights {description['base_blake2b'][:12]}, here "
                f"{base[:12]}): load it onto the weights that it was trained on"
            )
    weights, heard = {}, {}
    for number, (folder, weight) in enumerate(adapters.items()):
        description, tensors = read[folder]
        if description["layers"]:
            name = f"adapter_{number}"
            lora.inject(synthesizer, name, description["rank"], description["layers"])
            with torch.no_grad():
                for factor, values in lora.factors(synthesizer, name).items():
                    values.copy_(tensors[factor])
            weights[name] = weight
        for speaker in description["speakers"]:
            heard.setdefault(speaker, []).append((weight, tensors[_SPEAKER + speaker]))
    lora.activate(synthesizer, weights)
    synthesizer.requires_grad_(False)
    return {speaker: _mean(vectors) for speaker, vectors in heard.items()}


def _mean(vectors: list[tuple[float, Tensor]]) -> Tensor:
    total = sum(weight for weight, _ in vectors)
    if len(vectors) == 1 or not total:
        return vectors[0][1]
    return torch.stack([weight / total * vector for weight, vector in vectors]).sum(dim=0)


def _read(folder: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """An adapter's description and tensors."""
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    for name in (DESCRIPTION, WEIGHTS):
        if not (folder / name).is_file():
            raise FileNotFoundError(f"{folder} holds no adapter: {name} is not there")
    try:
        description = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
        known = isinstance(description, dict) and description.get("format") == FORMAT
        if not known or not description.keys() >= _KEYS:
            raise ValueError(f"{folder / DESCRIPTION} does not describe an adapter of format {FORMAT}")
        tensors = load_file(folder / WEIGHTS)
    except (json.JSONDecodeError, SafetensorError) as error:
        raise ValueError(f"{folder} holds a broken adapter: {' '.join(str(error).split())}") from error
    expected = {f"{layer}.lora_{side}" for layer in description["layers"] for side in "AB"}
    expected |= {_SPEAKER + speaker for speaker in description["speakers"]}
    if expected != set(tensors):
        wrong = sorted(expected ^ set(tensors))[0]
        raise ValueError(f"{folder} holds a broken adapter: {DESCRIPTION} and {WEIGHTS} disagree about {wrong}")
    return description, tensors
