"""16-bit graphs for processors that compute them faster, which means GPUs: most of the graph in float16.

Inputs and outputs stay float32, so a host need not know. What would overflow or lose a spectrum's or a position's
digits stays float32 too: exponentials and logarithms, the positions, and the decoder's head: spectra with their DFTs,
and of a source and filters pulses, which would be out of tune.
"""

from __future__ import annotations

from pathlib import Path

import onnx

#: Operations whose 16-bit results would be heard: positions and their angles, magnitudes, the sum of durations.
FLOAT_OPERATIONS = ("Range", "Pow", "Cos", "Sin", "Exp", "Log", "CumSum", "ReduceSum", "Cast", "ConstantOfShape")
#: The inverse STFT, or the source with its filters, by the name the exporter gives the module.
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
    _spare_detours(halved.graph)
    onnx.save(halved, target)


def _spare_detours(graph: onnx.GraphProto) -> None:
    """Between two float32 nodes the converter puts a detour over float16, at which digits and large values are lost."""
    makers = {node.output[0]: node for node in graph.node if node.op_type == "Cast"}
    short = {}
    for name, cast in makers.items():
        narrow = makers.get(cast.input[0])
        if narrow is not None and _to(cast) == onnx.TensorProto.FLOAT and _to(narrow) == onnx.TensorProto.FLOAT16:
            short[name] = narrow.input[0]
    outputs = {short[entry.name]: entry.name for entry in graph.output if entry.name in short}
    new = {**{name: outputs.get(source, source) for name, source in short.items()}, **outputs}
    kept = [node for node in graph.node if node.output[0] not in short]
    for node in kept:
        node.input[:] = [new.get(name, name) for name in node.input]
        node.output[:] = [new.get(name, name) for name in node.output]
    read = {name for node in kept for name in node.input} | {entry.name for entry in graph.output}
    del graph.node[:]
    graph.node.extend(node for node in kept if node.op_type != "Cast" or node.output[0] in read)


def _to(cast: onnx.NodeProto) -> int:
    """The type that a node casts to."""
    return next(attribute.i for attribute in cast.attribute if attribute.name == "to")
