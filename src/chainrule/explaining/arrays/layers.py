"""The layers of a multilayer perceptron, found in the graph of one run.

A layer multiplies the activations before it by a weight matrix, adds a bias where there is one, and
applies an activation where there is one. It is found in modules and in code that names its own
W1, b1, W2, b2 alike; nothing depends on classes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

from chainrule.core.node import Node
from chainrule.explaining.arrays.activations import ACTIVATIONS
from chainrule.explaining.arrays.block import Block
from chainrule.explaining.arrays.forward import Reader
from chainrule.explaining.graph.recording import Vertex
from chainrule.ops.record import Elementwise

__all__ = ["Layer", "find_layers"]

_MOVED = frozenset(["permute", "reshape", "broadcast_to", "cast", "alias"])


@dataclass(frozen=True)
class Layer:
    """One layer: Z = A_before W + b, A = φ(Z), in the layout that the code has.

    Attributes:
        weight, bias: the parameters.
        before: the activations that it takes.
        z: before the activation.
        a: after it; ``z`` where there is none.
        activation: its name, or an empty string.
        path: of the module it belongs to, where there is one.
    """

    weight: Vertex
    bias: Vertex | None
    before: Node
    z: Node
    a: Node
    activation: str
    path: str


def find_layers(reader: Reader) -> list[Layer]:
    """The layers from the input to the result; empty if the network is no chain of layers."""
    found: list[Layer] = []
    for node in reader.order:
        if node.primitive.name == "contract" and node not in reader.inside:
            layer = _layer(reader, node)
            if layer is not None:
                found.append(layer)
    if found and not any(layer.bias or layer.activation for layer in found):
        return []  # products of matrices alone are no network
    for before, after in pairwise(found):
        if after.before is not before.a:
            return []
    return found


def _parameter(reader: Reader, node: Node) -> Vertex | None:
    """The input that a node is, but for its layout."""
    while node.primitive.name in _MOVED:
        node = node.sources[0]
    vertex = reader.recording.by_node.get(node)
    return vertex if vertex in reader.recording.inputs else None


def _layer(reader: Reader, product: Node) -> Layer | None:
    a, b = product.sources
    sides = [_parameter(reader, a), _parameter(reader, b)]
    choices = [
        (vertex, other)
        for vertex, other in zip(sides, (b, a), strict=True)
        if vertex is not None and vertex.node.ndim == 2 and other.ndim in (1, 2)
    ]
    if not choices:
        return None
    weight, before = max(choices, key=lambda choice: _likeness(reader, *choice))
    z, bias = _with_bias(reader, product)
    after, activation = _activated(reader, z)
    path = weight.path.rpartition(".")[0]
    return Layer(weight, bias, before, z, after, activation, path)


def _likeness(reader: Reader, vertex: Vertex, other: Node) -> tuple[bool, bool, bool, bool]:
    """How much an operand looks like the weights: of two inputs, one is the data."""
    name = vertex.name.lower()
    right = any(
        other is node.sources[0] and node.primitive.name == "contract"
        for node in reader.users.get(other, ())
    )
    return (
        name.startswith("weight"),
        _parameter(reader, other) is None,
        name.startswith("w"),
        right,
    )


def _with_bias(reader: Reader, product: Node) -> tuple[Node, Vertex | None]:
    users = reader.users[product]
    if len(users) == 1 and users[0].primitive.name == "add":
        (user,) = users
        other = user.sources[1] if user.sources[0] is product else user.sources[0]
        bias = _parameter(reader, other)
        if bias is not None and user.shape == product.shape and bias.node.shape != product.shape:
            return user, bias
        if bias is not None and product.ndim == 1:
            return user, bias
    return product, None


def _activated(reader: Reader, z: Node) -> tuple[Node, str]:
    """What the activation makes of z, and its name."""
    for node, block in reader.blocks.items():
        known = block.inputs == (z,) and block.name in ACTIVATIONS
        if known and _takes_all(reader, z, block):
            return node, block.name
    users = reader.users[z]
    if len(users) == 1 and isinstance(users[0].primitive, Elementwise):
        (user,) = users
        if len(user.sources) == 1 and user.primitive.name not in ("neg", "integer_pow"):
            return user, user.primitive.name
    return z, ""


def _takes_all(reader: Reader, z: Node, block: Block) -> bool:
    whole = block.inside | {block.output}
    return all(user in whole for user in reader.users[z])
