"""One run of a function, forward and backward, as data: what tables and pictures are made of.

The function runs once, on numbers; the nodes are its graph. One reverse pass over that graph
(`rules.vjp.pull`) gives the cotangents and, step by step, what each node passes on to its sources.
Cotangents are nodes themselves, in terms of the nodes of the forward pass, so that they can be read
as formulas as well as numbers.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ArgumentError, GradientError
from chainrule.core.node import LITERAL, Node, array, now, topological, variable
from chainrule.core.types import ArrayType
from chainrule.explaining.graph.formulas import Program
from chainrule.explaining.graph.naming import Names, named_locals
from chainrule.lift import FLOAT, as_node, to_numpy
from chainrule.nn.module import Module
from chainrule.nn.observing import observe
from chainrule.notation import canonical
from chainrule.notation.functions import CONSTANTS, lookup
from chainrule.ops.record import Projection
from chainrule.ops.shape import cast
from chainrule.rules.vjp import Step, pull
from chainrule.tensor import Tensor
from chainrule.tracing import input_names

__all__ = ["Recording", "Vertex", "record"]


@dataclass(frozen=True)
class Vertex:
    """A node of the graph.

    Attributes:
        node: the node; ``node.value`` is its value.
        name: its name as formulas write it, such as ``z_1``; unique in the recording.
        own: whether the user gave that name; otherwise it is v_1, v_2, … or c_1, c_2, …, and f for
            the result.
        path: of an input, where it stands in the arguments, such as ``model.0.weight``.
        layer: of a result, the paths of the modules in whose calls it was made, outer first.
    """

    node: Node
    name: str
    own: bool
    path: str = ""
    layer: tuple[str, ...] = ()


@dataclass(frozen=True)
class Recording:
    """The graph of one run.

    Attributes:
        vertices: inputs, constants and results in the order in which they were computed; literals,
            which are numbers in formulas, are not among them.
        inputs: the arguments that are floats, in order.
        output: the result.
        wrt: the inputs with respect to which the reverse pass differentiated.
        steps: those of the reverse pass, results first; see `rules.vjp.Step`.
        cotangents: the derivative of the result with respect to each node that depends on ``wrt``;
            of a result that is no scalar, of its product with ``seed``.
        seed: the cotangent of the result: 1 for a scalar.
        unused: what the user's code computed and the result does not depend on, by its names.
        notes: what has to be said of the run, such as that the function decides by values.
    """

    vertices: tuple[Vertex, ...]
    inputs: tuple[Vertex, ...]
    output: Vertex
    wrt: tuple[Vertex, ...]
    steps: tuple[Step, ...]
    cotangents: Mapping[Node, Node]
    seed: Node
    unused: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @cached_property
    def by_node(self) -> Mapping[Node, Vertex]:
        """The vertex of each node."""
        return {vertex.node: vertex for vertex in self.vertices}

    def __getitem__(self, name: str) -> Vertex:
        """The vertex of this name, in any spelling."""
        wanted = canonical(name)
        for vertex in self.vertices:
            if wanted == vertex.name or name == vertex.path:
                return vertex
        names = ", ".join(vertex.name for vertex in self.vertices)
        raise ArgumentError(f"the graph has no node called {name!r}; there are {names}")


def record(
    f: Callable[..., Any], *args: Any, wrt: Sequence[str] | None = None, seed: Any = None
) -> Recording:
    """Run ``f(*args)`` forward and backward.

    All floats are taken as float64, so that digits can be compared.

    Args:
        f: a function of pytrees with one result, a float array or number; it may decide by values.
            Or a `Program`, formulas whose results have names.
        args: its arguments.
        wrt: names (of parameters, local names or paths such as ``model.0.weight``) with respect to
            which to differentiate; by default all inputs that are floats.
        seed: the cotangent of a result that is no scalar; by default ones.

    Raises:
        GradientError: if the result is no float array, or depends on no input.
        ArgumentError: if a name in ``wrt`` is not known.
    """
    leaves, structure = tree.flatten(args)
    nodes = [_as_input(leaf) for leaf in leaves]
    floats = [node for node in nodes if node.type.is_float]
    arguments = structure.build(map(Tensor, nodes))
    names, calls = Names(), _Calls(arguments)
    with named_locals(names), observe(calls.left, calls.entered):
        returned = f(*arguments)
    if isinstance(f, Program):
        names = f.given
    output = _result(returned, floats)
    paths = dict(zip(nodes, input_names(f, structure), strict=True))
    ordered = topological([output])
    order = [*nodes, *(n for n in ordered if n not in paths and n.primitive is not LITERAL)]
    vertices = _named(order, output, paths, names, calls)
    by_node = {vertex.node: vertex for vertex in vertices}
    inputs = tuple(by_node[node] for node in dict.fromkeys(floats))
    chosen = _chosen(wrt, inputs)
    start = _seed(seed, output)
    steps: list[Step] = []
    variables = [vertex.node for vertex in chosen]
    found = pull([output], [start], variables, record=True, steps=steps)
    cotangents = {output: start} | _received(steps, ordered)
    cotangents |= {v: ct for v, ct in zip(variables, found, strict=True) if ct is not None}
    unused = names.beside(by_node.keys() | set(ordered))
    return Recording(
        vertices, inputs, by_node[output], chosen, tuple(steps), cotangents, start, unused
    )


def _as_input(leaf: Any) -> Node:
    """A variable for floats, a constant for all else."""
    value = to_numpy(leaf)
    return variable(value.astype(np.float64)) if value.dtype.kind == "f" else array(value)


def _result(returned: Any, inputs: Sequence[Node]) -> Node:
    leaves, _ = tree.flatten(returned)
    if len(leaves) != 1:
        raise GradientError(
            f"the graph of a function with one result is shown; this one returns {len(leaves)}"
        )
    output = as_node(leaves[0])
    if not isinstance(output.type, ArrayType) or not output.type.is_float:
        raise GradientError(f"the result is {output.type!r}; derivatives need a float")
    if not output.tracked or not inputs:
        raise GradientError("the result does not depend on any argument that is a float")
    return output if output.dtype is FLOAT else cast(output, dtype=FLOAT)


def _received(steps: Sequence[Step], order: Sequence[Node]) -> dict[Node, Node]:
    """The cotangents that the steps start from; of several results, that of each."""
    found = {step.node: step.cotangent for step in steps}
    for node in order:
        if isinstance(node.primitive, Projection) and node.sources[0] in found:
            items: Any = found[node.sources[0]]
            (index,) = node.argument
            if items[index] is not None:
                found[node] = items[index]
    return {node: ct for node, ct in found.items() if isinstance(node.type, ArrayType)}


def _seed(seed: Any, output: Node) -> Node:
    if seed is None:
        return array(np.ones(output.shape))
    found = array(np.asarray(to_numpy(seed), np.float64))
    if found.shape != output.shape:
        raise ArgumentError(f"seed: the result has shape {output.shape}, not {found.shape}")
    return found


def _chosen(wrt: Sequence[str] | None, inputs: Sequence[Vertex]) -> tuple[Vertex, ...]:
    if wrt is None:
        return tuple(inputs)
    found: dict[Vertex, None] = {}
    for name in wrt:
        fitting = [
            vertex
            for vertex in inputs
            if canonical(name) == vertex.name
            or vertex.path == name
            or vertex.path.startswith(f"{name}.")
        ]
        if not fitting:
            known = ", ".join(f"{vertex.path} ({vertex.name})" for vertex in inputs)
            raise ArgumentError(f"wrt: no argument {name!r}; there are {known}")
        found.update(dict.fromkeys(fitting))
    return tuple(found)


# -- names -----------------------------------------------------------------------------------------


def _named(
    order: Sequence[Node], output: Node, paths: Mapping[Node, str], names: Names, calls: _Calls
) -> tuple[Vertex, ...]:
    """A vertex for each node, with a name that no other one has."""
    wanted = {node: _wanted(node, paths, names) for node in order}
    uses = Counter(filter(None, wanted.values()))
    taken = {name for name, count in uses.items() if count == 1}
    numbers: Counter[str] = Counter()

    def fresh(base: str) -> str:
        while True:
            numbers[base] += 1
            name = f"{base}_{numbers[base]}"
            if name not in taken:
                taken.add(name)
                return name

    vertices = []
    for node in order:
        name = wanted[node]
        own = name is not None
        if name is None and node is output and "f" not in uses:
            name = "f"
        elif name is None:
            name = fresh("v" if node.sources else "c")
        elif uses[name] > 1:
            name = fresh(name)
        layer = calls.around(node) if node.sources else ()
        vertices.append(Vertex(node, name, own, paths.get(node, ""), layer))
    return tuple(vertices)


def _wanted(node: Node, paths: Mapping[Node, str], names: Names) -> str | None:
    """What the user calls a node, as formulas write it; None if that would be misread."""
    path = paths.get(node, "")
    given = [path if path and "." not in path else None, names.of(node)]
    if path:
        given.append(_last(path))
    elif not node.sources:
        given.append(names.of_array(node.value))
    for name in filter(None, given):
        found = canonical(name)
        clean = found.isascii() and found.isidentifier()
        if clean and found not in CONSTANTS and lookup(found) is None:
            return found
    return None


def _last(path: str) -> str:
    """``weight`` of ``layers.0.weight``, ``w_3`` of ``w.3``."""
    above, _, last = path.rpartition(".")
    return f"{_last(above)}_{last}" if above and last.isdecimal() else last


class _Calls:
    """In which calls of modules a node was made."""

    def __init__(self, arguments: Any) -> None:
        self._paths: dict[int, str] = {}
        for argument in arguments:
            if isinstance(argument, Module):
                for path, module in argument.modules():
                    self._paths.setdefault(id(module), path)
        self._open: list[tuple[str, ...]] = [()]
        self._starts, self._layers = [0], [()]  # type: tuple[list[int], list[tuple[str, ...]]]

    def entered(self, module: Module) -> None:
        path = self._paths.get(id(module), type(module).__name__)
        self._open.append((*self._open[-1], path or type(module).__name__))
        self._mark()

    def left(self, module: Module, output: Any) -> None:
        self._open.pop()
        self._mark()

    def _mark(self) -> None:
        self._starts.append(now())
        self._layers.append(self._open[-1])

    def around(self, node: Node) -> tuple[str, ...]:
        """The paths of the modules, outer first."""
        return self._layers[bisect_right(self._starts, node.serial) - 1]
