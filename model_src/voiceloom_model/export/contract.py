"""`contract.json`: what a bundle's graphs take and give at every precision, and how near to the network they are.

A host in any language can be written against it. Differences are rounded up, and of speeds it is only said which is
faster; the paired test is what was found on the machine that exported.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import onnx

from voiceloom_model.runtime.bundle import CONTRACT, GRAPHS, SPEAKER_ENCODER
from voiceloom_model.runtime.description import PRECISIONS

#: Free axes by the names that graphs have for them; a letter is one length wherever it stands in a graph.
LETTERS = {"tokens": "N", "frames": "F", "samples": "T"}
MEANINGS = {
    "N": "tokens of the text",
    "F": "frames to make, from `start` on: at most as many as the durations sum up to",
    "T": "samples: hop_length × F of a decoder, any number of a recording at speaker_sample_rate_hz",
    "S": "channels of a speaker vector",
}
#: What a host has to know of a decoder that is a source and filters.
EXCITATION = {
    "breath": "standard normal noise, whatever noise_scale is; overlapping windows get the same samples",
    "phase": "of the pulses in cycles as frame `anchor` begins: 0 where a text begins, then a former window's `cycles`",
    "anchor": "the frame, counted from `start`, at which the phase is known: where the part begins that is heard",
    "f0": "pitch in Hz, 0 where it is to be the voice's own",
    "heard_f0": "pitch in Hz as each frame begins",
    "cycles": "phase of the pulses in cycles as each frame begins",
}


def write_contract(voice: Path, tolerance: Mapping[str, Mapping[str, float]], trial: Mapping[str, Any]) -> None:
    """Write the contract of the graphs under `voice`.

    `tolerance` says what is promised of every precision, `trial` how the paired test went, refused ones included.
    """
    names = [f"{precision}/{graph}" for precision in PRECISIONS for graph in GRAPHS if (voice / precision).is_dir()]
    graphs = {name: graph_contract(voice / name) for name in [*names, SPEAKER_ENCODER]}
    tensors = {entry["name"] for graph in graphs.values() for entry in graph["inputs"]}
    content = {
        "axes": MEANINGS,
        "graphs": graphs,
        **({"excitation": EXCITATION} if "breath" in tensors else {}),
        "tolerance": tolerance,
        "paired_test": trial,
    }
    text = json.dumps(content, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    (voice / CONTRACT).write_text(text, encoding="utf-8")


def graph_contract(path: Path) -> dict[str, Any]:
    """Opset, inputs and outputs of a graph, in order: name, dtype, and axes, each a number or a letter."""
    model = onnx.load(path)
    return {
        "opset": next(entry.version for entry in model.opset_import if entry.domain == ""),
        "inputs": [_tensor(entry) for entry in model.graph.input],
        "outputs": [_tensor(entry) for entry in model.graph.output],
    }


def rounded_up(difference: float) -> float:
    """The power of ten that a difference stays below, which is the same on every machine when a few bits are not."""
    return float(f"1e{math.ceil(math.log10(max(difference, 1e-12)))}")


def _tensor(entry: onnx.ValueInfoProto) -> dict[str, Any]:
    kind = entry.type.tensor_type
    axes = [_axis(index, axis.dim_param, axis.dim_value) for index, axis in enumerate(kind.shape.dim)]
    return {"name": entry.name, "dtype": str(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type)), "axes": axes}


def _axis(index: int, name: str, value: int) -> int | str:
    """A letter, or a number; of an output's fixed axes the exporter knows no size, and the first is one voice."""
    if name in LETTERS:
        return LETTERS[name]
    return value or (1 if index == 0 else "S")
