"""16-bit graphs for processors that compute them faster, which means GPUs: most of the graph in float16.

Inputs and outputs stay float32, so a host need not know. What would overflow or lose a spectrum's or a position's
digits stays float32 too: exponentials and logarithms, the positions, and the inverse STFT with its DFT.
"""

from __future__ import annotations

from pathlib import Path

import onnx

#: Operations whose 16-bit results would be heard: positions and their angles, magnitudes, the sum of durations.
FLOAT_OPERATIONS = ("Range", "Pow", "Cos", "Sin", "Exp", "Log", "CumSum", "ReduceSum", "Cast", "ConstantOfShape")
#: The inverse STFT, by the name the exporter gives the module.
FLOAT_SCOPES = ("/decoder/head/",)


def halve_graph(source: Path, target: Path) -> None:
    """Write `source` at 16 bits; the same graph gives the same bytes."""
    from onnxruntime.transformers.float16 import DEFAULT_OP_BLOCK_LIST, convert_float_to_float16

    model = onnx.load(source)
    scopes = [node.name for node in model.graph.node if node.name.startswith(FLOAT_SCOPES)]
    halved = convert_float_to_float16(
        model,
        keep_io_types=True,
        op_block_list=[*DEFAULT_OP_BLOCK_LIST, *FLOAT_OPERATIONS],
        node_block_list=scopes,
    )
    onnx.save(halved, target)
