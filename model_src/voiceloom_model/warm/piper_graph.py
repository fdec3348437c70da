"""A Piper voice's ONNX graph: its weights by their names in the published VITS, whatever the exporter calls them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

_KNOWN = re.compile(r"(enc_p|enc_q|dec|flow|dp|emb_g)(\.|$)")
#: Which inputs of a node are its weight and its bias.
_INPUTS = {"Conv": slice(1, 3), "ConvTranspose": slice(1, 3), "Gather": slice(0, 1)}


@dataclass(frozen=True)
class Graph:
    """Weights under their names in the published VITS, and the attributes of the convolutions that use them."""

    weights: dict[str, Tensor]
    attributes: dict[str, dict[str, Any]]

    def size(self, name: str, axis: int) -> int:
        """One side of a weight."""
        return self.weights[name].shape[axis]

    def count(self, pattern: str) -> int:
        """How many indices there are where a pattern has its group."""
        return len({found[1] for name in self.weights if (found := re.match(pattern, name))})


def read_graph(path: Path) -> Graph:
    """The weights of an ONNX file; `ValueError` for what is no whole one."""
    import onnx
    from google.protobuf.message import DecodeError
    from onnx import helper, numpy_helper

    try:
        graph = onnx.load(path).graph
        constants = {tensor.name: numpy_helper.to_array(tensor) for tensor in graph.initializer}
    except (DecodeError, ValueError) as error:
        raise ValueError(f"{path} is no whole ONNX file: {error}") from error
    tensors = {name: torch.from_numpy(value.copy()) for name, value in constants.items() if value.dtype.kind == "f"}
    weights = {name: value for name, value in tensors.items() if _KNOWN.match(name)}
    attributes = {}
    for node in graph.node:
        module = _module(node)
        if module is not None:
            used = zip(("weight", "bias"), node.input[_INPUTS[node.op_type]], strict=False)
            weights |= {f"{module}.{leaf}": tensors[name] for leaf, name in used if name in tensors}
            attributes[f"{module}.weight"] = {a.name: helper.get_attribute_value(a) for a in node.attribute}
    if (log_scale := _log_scale(graph, tensors)) is not None:
        weights["dp.flows.0.logs"] = log_scale
    return Graph(weights, attributes)


def _module(node) -> str | None:
    """The convolution or table that a node is, by its path or by what it calls its weights; None for other nodes.

    Folding weight normalisation leaves weights without a name (`onnx::Conv_123`); older exports know no paths, but
    the biases keep their names.
    """
    if node.op_type not in _INPUTS:
        return None
    path = node.name.strip("/").rpartition("/")[0].replace("/", ".")
    if _KNOWN.match(path):
        return path
    return next((name.rpartition(".")[0] for name in node.input if _KNOWN.match(name)), None)


def _log_scale(graph, tensors: Mapping[str, Tensor]) -> Tensor | None:
    """The log scale of the durations' affine flow, of which an export keeps its negative, or exp of that.

    It is what multiplies a value that the flow's shift was just taken from.
    """
    made_by = {output: node for node in graph.node for output in node.output}
    shifted = {node.output[0] for node in graph.node if node.op_type == "Sub" and "dp.flows.0.m" in node.input}
    for times in (node for node in graph.node if node.op_type == "Mul" and shifted & set(node.input)):
        (scale,) = set(times.input) - shifted
        if scale in tensors:
            return -tensors[scale].log()
        exp = made_by.get(scale)
        if exp is not None and exp.op_type == "Exp" and exp.input[0] in tensors:
            return -tensors[exp.input[0]]
    return None
