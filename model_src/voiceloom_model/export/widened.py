"""An 8-bit graph for processors that are no faster at 8 bits: its weights stay, all else computes in float.

WebAssembly is such a one: there the demo voice takes a quarter longer at 8 bits than in float. The size is that of
int8, the rounding that of the weights alone, and the same graph gives the same sound everywhere within 1e-4, which it
does not with inputs of 8 bits: they make a step of the last bit of a float.
"""

from __future__ import annotations

from collections import defaultdict
from typing import NamedTuple

import onnx
from onnx import NodeProto, TensorProto, helper, numpy_helper


class Product(NamedTuple):
    """The nodes of one 8-bit product as quantize_dynamic writes it, and the names that matter of it."""

    quantize: NodeProto  # x → x at 8 bits, scale, zero point
    multiply: NodeProto  # MatMulInteger
    others: tuple[NodeProto, ...]  # to float, times both scales
    scale: str  # of the weights
    output: str


def widened(content: bytes) -> bytes:
    """The graph in `content` with a float product for every 8-bit one; anything else in it stays."""
    model = onnx.load_from_string(content)
    users: dict[str, list[NodeProto]] = defaultdict(list)
    for node in model.graph.node:
        for name in node.input:
            users[name].append(node)
    made = {name: node for node in model.graph.node for name in node.output}
    zeros = {tensor.name for tensor in model.graph.initializer if not numpy_helper.to_array(tensor).any()}
    products = [
        product
        for node in model.graph.node
        if node.op_type == "MatMulInteger"
        and zeros.issuperset(node.input[3:])
        and (product := _product(node, made, users)) is not None
    ]
    new = {id(product.multiply): _float_product(product) for product in products}
    gone = {id(node) for product in products for node in product.others}
    for product in products:
        if all(id(user) in gone | set(new) for name in product.quantize.output for user in users[name]):
            gone.add(id(product.quantize))
    nodes = [part for node in model.graph.node if id(node) not in gone for part in new.get(id(node), [node])]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    read = {name for node in nodes for name in node.input}
    unused = [tensor for tensor in model.graph.initializer if tensor.name not in read]
    for tensor in unused:  # the zero points
        model.graph.initializer.remove(tensor)
    return model.SerializeToString(deterministic=True)


def _product(multiply: NodeProto, made: dict[str, NodeProto], users: dict[str, list[NodeProto]]) -> Product | None:
    """What belongs to a MatMulInteger; None when it stands otherwise than quantize_dynamic puts it."""
    quantize = made.get(multiply.input[0])
    casts = users[multiply.output[0]]
    if quantize is None or quantize.op_type != "DynamicQuantizeLinear" or [n.op_type for n in casts] != ["Cast"]:
        return None
    scaled = users[casts[0].output[0]]
    if [node.op_type for node in scaled] != ["Mul"]:
        return None
    scales = next((made[name] for name in scaled[0].input if name != casts[0].output[0] and name in made), None)
    if scales is None or scales.op_type != "Mul" or quantize.output[1] not in scales.input:
        return None
    scale = next(name for name in scales.input if name != quantize.output[1])
    return Product(quantize, multiply, (casts[0], scaled[0], scales), scale, scaled[0].output[0])


def _float_product(product: Product) -> list[NodeProto]:
    """The same product of the float input and of the weights made float, which ONNX Runtime does once on opening.

    (DequantizeLinear would say it in one node, but some of its builds turn that back into a product at 8 bits.)
    """
    name = product.multiply.name
    whole, weights = f"{name}_whole", f"{name}_weights"
    return [
        helper.make_node("Cast", [product.multiply.input[1]], [whole], to=TensorProto.FLOAT),
        helper.make_node("Mul", [whole, product.scale], [weights]),
        helper.make_node("MatMul", [product.quantize.input[0], weights], [product.output], name=name),
    ]
