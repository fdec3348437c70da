"""8-bit graphs: the Linear layers' weights as int8, their inputs quantised as they come.

Only MatMul is quantised: ONNX Runtime's 8-bit Conv is no faster. DFTs and their inverses, MatMuls too, keep their
floats: a spectrum spans a whole dynamic range, and at 8 bits the inverse alone moved the mel of a tiny voice more
than all Linear layers together.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx


def quantize_graph(source: Path, target: Path, weights: Mapping[str, np.ndarray]) -> list[str]:
    """Write `source` with the given Linear weights (out, in) at 8 bits; returns the names found in the graph.

    A layer is known by its weights' values, because the exporter does not keep the names of folded constants.
    Weights get 7 bits' range a channel: more would overflow on x86 processors without VNNI.
    """
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.quantization.onnx_model import ONNXModel

    model = ONNXModel(onnx.load(source))
    model.replace_gemm_with_matmul()
    chosen = _nodes(model.model, weights)
    if not chosen:
        onnx.save(model.model, target)
        return []
    logger = logging.getLogger()
    level = logger.level
    logger.setLevel(logging.ERROR)  # a warning recommends a preparation that makes our graphs no faster
    try:
        quantize_dynamic(
            model.model,
            target,
            op_types_to_quantize=["MatMul"],
            per_channel=True,
            reduce_range=True,
            weight_type=QuantType.QInt8,
            nodes_to_quantize=sorted(chosen),
        )
    finally:
        logger.setLevel(level)
    return sorted(set(chosen.values()))


def _nodes(model: onnx.ModelProto, weights: Mapping[str, np.ndarray]) -> dict[str, str]:
    """MatMul node → Linear layer, for the layers in `weights`."""
    layers = {_digest(weight.T): name for name, weight in weights.items()}
    constants = {tensor.name: tensor for tensor in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        if node.op_type == "MatMul" and node.input[1] in constants:
            layer = layers.get(_digest(onnx.numpy_helper.to_array(constants[node.input[1]])))
            if layer is not None:
                found[node.name] = layer
    return found


def _digest(matrix: np.ndarray) -> tuple[tuple[int, ...], bytes]:
    values = np.ascontiguousarray(matrix, np.float32)
    return values.shape, hashlib.blake2b(values.tobytes()).digest()
