"""The node: one application of a primitive to other nodes, interned and immutable.

A node is its primitive, its sources and its static argument; equal nodes are one object. When
the values of all sources are known the node's own value is computed at once and kept with it
(it is determined by the rest, so it is no part of the node's identity). Where no source is
*tracked*, that is where nobody can ask for a derivative, the result is a fresh leaf and nothing
is retained.

Leaves are never interned: two leaves are two variables, even with the same value. That is what
makes nested derivatives right. There are two exceptions. A literal, which is a number written in
a formula, is interned by dtype and bits, so that 0.0 is not -0.0 and NaN equals itself. A result
through which no derivative flows, such as that of a comparison, is one leaf for the same sources.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from functools import lru_cache
from itertools import count
from math import copysign
from typing import Any, NoReturn, Protocol

import numpy as np

from chainrule.core.types import ArrayType, array_type

__all__ = [
    "ARRAY",
    "INPUT",
    "LITERAL",
    "VARIABLE",
    "Applicable",
    "Leaf",
    "Node",
    "apply",
    "array",
    "detached",
    "input_node",
    "literal",
    "now",
    "oldest",
    "symbolic",
    "topological",
    "variable",
]


class Applicable(Protocol):
    """What the graph needs to know of a primitive; the full record is `ops.record.Primitive`."""

    name: str
    parameters: tuple[str, ...]
    differentiable: bool

    def result_type(self, argument: tuple[Any, ...], *types: ArrayType) -> ArrayType: ...

    @property
    def evaluate(self) -> Any: ...


class Leaf:
    """A kind of leaf. It has a name like a primitive, but nothing to evaluate."""

    __slots__ = ("name",)
    parameters: tuple[str, ...] = ()

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return self.name


INPUT = Leaf("input")  # a typed hole: the argument of a graph
ARRAY = Leaf("array")  # a constant array
VARIABLE = Leaf("variable")  # a value with respect to which one may differentiate
LITERAL = Leaf("literal")  # a number written in a formula


class _Fields:
    """The writable twin of `Node`, turned into one when all fields are set."""

    __slots__ = (
        "__weakref__",
        "argument",
        "primitive",
        "serial",
        "sources",
        "tracked",
        "type",
        "value",
    )

    primitive: Any
    sources: tuple[Node, ...]
    argument: tuple[Any, ...]
    type: ArrayType
    value: Any
    tracked: bool
    serial: int


class Node(_Fields):
    """One application of a primitive: ``(primitive, sources, argument, type)``.

    Attributes:
        primitive: the record of the primitive, or a `Leaf`.
        sources: the nodes it is applied to.
        argument: its static parameters, in the order of ``primitive.parameters``.
        type: shape and dtype of the result.
        value: the result where it is known, else None.
        tracked: whether the node depends on a variable, so that it is kept for derivatives.
        serial: counts nodes as they are made: a node depends only on nodes of lower serial.

    Arithmetic on nodes (``x * y + 1``) builds nodes; the operators are bound in `ops.operators`.
    """

    __slots__ = ()

    def __setattr__(self, name: str, value: Any) -> NoReturn:
        raise AttributeError(f"nodes are immutable: {name!r} cannot be set")

    __delattr__ = None  # type: ignore[assignment]

    def __init_subclass__(cls) -> NoReturn:
        raise TypeError("Node is final")

    @property
    def shape(self) -> tuple[int, ...]:
        return self.type.shape

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.type.dtype

    @property
    def ndim(self) -> int:
        return len(self.type.shape)

    def __repr__(self) -> str:
        if self.primitive is LITERAL:
            return f"{self.value!s}"
        names = (*("·" for _ in self.sources), *_argument_text(self))
        return f"{self.primitive.name}({', '.join(names)}): {self.type!r}"

    def __bool__(self) -> NoReturn:
        raise TypeError("a node has no truth value")

    # Bound by ops.operators, once the arithmetic primitives exist.
    __neg__: Callable[[Node], Node]
    __add__: Callable[[Node, Any], Node]
    __radd__: Callable[[Node, Any], Node]
    __sub__: Callable[[Node, Any], Node]
    __rsub__: Callable[[Node, Any], Node]
    __mul__: Callable[[Node, Any], Node]
    __rmul__: Callable[[Node, Any], Node]
    __truediv__: Callable[[Node, Any], Node]
    __rtruediv__: Callable[[Node, Any], Node]
    __pow__: Callable[[Node, Any], Node]


def _argument_text(node: Node) -> list[str]:
    return [
        f"{name}={value!r}"
        for name, value in zip(node.primitive.parameters, node.argument, strict=False)
    ]


_serial = count()


def now() -> int:
    """The serial of this moment: nodes made before have a lower one, nodes made later a higher."""
    return next(_serial)


def _node(
    primitive: Any,
    sources: tuple[Node, ...],
    argument: tuple[Any, ...],
    type: ArrayType,
    value: Any,
    tracked: bool,
) -> Node:
    fields = _Fields()
    fields.primitive = primitive
    fields.sources = sources
    fields.argument = argument
    fields.type = type
    fields.value = value
    fields.tracked = tracked
    fields.serial = next(_serial)
    fields.__class__ = Node
    return fields  # type: ignore[return-value]


class _Reference(weakref.ref[Node]):
    """A weak reference that knows its key, so that a dead node leaves the table."""

    __slots__ = ("key",)
    key: tuple[Any, ...]


_interned: dict[tuple[Any, ...], _Reference] = {}


def _forget(reference: weakref.ref[Node], table: dict[Any, Any] = _interned) -> None:
    key = reference.key  # type: ignore[attr-defined]
    if table.get(key) is reference:  # the key may already belong to a younger node
        table.pop(key, None)  # or another thread may just have taken it out


def _intern(key: tuple[Any, ...], node: Node) -> Node:
    reference = _Reference(node, _forget)
    reference.key = key
    _interned.pop(key, None)  # an equal key of a dead node would stay in its place
    _interned[key] = reference
    return node


def apply(primitive: Any, sources: tuple[Node, ...], argument: tuple[Any, ...] = ()) -> Node:
    """The node that applies ``primitive`` to ``sources``; checks types, evaluates if it can."""
    concrete = True
    tracked = False
    for source in sources:
        if source.value is None:
            concrete = False
        if source.tracked:
            tracked = True
    if concrete and not tracked:
        type = primitive.result_type(argument, *[source.type for source in sources])
        value = primitive.evaluate(*[source.value for source in sources], *argument)
        return _node(ARRAY, (), (), type, value, False)
    key = (primitive, argument, *sources)
    reference = _interned.get(key)
    if reference is not None:
        node = reference()
        if node is not None:
            return node
    type = primitive.result_type(argument, *[source.type for source in sources])
    value = None
    if concrete:
        if not (type.is_float and primitive.differentiable):
            return _constant(primitive, sources, argument, type)
        value = primitive.evaluate(*[source.value for source in sources], *argument)
    return _intern(key, _node(primitive, sources, argument, type, value, tracked))


def symbolic(primitive: Any, sources: tuple[Node, ...], argument: tuple[Any, ...] = ()) -> Node:
    """The application that `apply` would give, not evaluated although all values may be known.

    For readings that turn graphs into code, where a constant expression stays an expression.
    """
    key = (primitive, argument, *sources, symbolic)
    reference = _interned.get(key)
    node = None if reference is None else reference()
    if node is None:
        type = primitive.result_type(argument, *[source.type for source in sources])
        node = _intern(key, _node(primitive, sources, argument, type, None, False))
    return node


def _constant(
    primitive: Any, sources: tuple[Node, ...], argument: tuple[Any, ...], type: ArrayType
) -> Node:
    """The result through which no derivative flows, as a leaf: one for the same sources.

    The leaf must not keep the graph of its sources alive, so it is interned by weak references.
    """
    key = (primitive, argument, *[weakref.ref(source) for source in sources])
    reference = _interned.get(key)
    node = None if reference is None else reference()
    if node is None:
        value = primitive.evaluate(*[source.value for source in sources], *argument)
        node = _intern(key, _node(ARRAY, (), (), type, value, False))
    return node


def array(value: Any) -> Node:
    """A fresh constant leaf that holds ``value`` (a NumPy array or scalar, not copied)."""
    return _node(ARRAY, (), (), array_type(value.shape, value.dtype), value, False)


def detached(node: Node) -> Node:
    """A fresh constant leaf with the value of ``node``."""
    return _node(ARRAY, (), (), node.type, node.value, False)


def variable(value: Any, cell: Any = None) -> Node:
    """A fresh leaf with respect to which one may differentiate; ``cell`` may hold its gradient."""
    return _node(VARIABLE, (), (cell,), array_type(value.shape, value.dtype), value, True)


def input_node(type: ArrayType) -> Node:
    """A fresh leaf that has a type and no value: an argument of a graph."""
    return _node(INPUT, (), (), type, None, False)


def literal(value: float | bool, dtype: np.dtype[Any]) -> Node:
    """The scalar constant ``value`` of this dtype, interned by its bits."""
    if value:
        return _nonzero_literal(value, dtype)
    return _zero_literal(copysign(1.0, value), dtype)  # 0.0 == -0.0, but they are two literals


def _literal(value: float | bool, dtype: np.dtype[Any]) -> Node:
    scalar = dtype.type(value)
    key = (LITERAL, dtype, scalar.tobytes())
    reference = _interned.get(key)
    node = None if reference is None else reference()
    if node is None:
        node = _intern(key, _node(LITERAL, (), (), array_type((), dtype), scalar, False))
    return node


_nonzero_literal = lru_cache(maxsize=1024)(_literal)
_zero_literal = lru_cache(maxsize=64)(lambda sign, dtype: _literal(sign * 0.0, dtype))


def oldest(nodes: Iterable[Node]) -> int:
    """The least serial among ``nodes``: whatever is older depends on none of them."""
    return min((node.serial for node in nodes), default=0)


def topological(outputs: Iterable[Node], stop: Iterable[Node] = (), since: int = 0) -> list[Node]:
    """All nodes that ``outputs`` depend on, sources before users; iterative.

    Nodes in ``stop`` and nodes with a serial below ``since`` are listed, their sources are not. A
    walk that looks for users of some nodes passes `oldest` of them, and does not see the history
    that lies before.
    """
    order: list[Node] = []
    seen: set[Node] = set()
    stopped = frozenset(stop)
    stack: list[Node | None] = list(outputs)
    path: list[Node] = []
    while stack:
        node = stack.pop()
        if node is None:  # all sources of the innermost open node are done
            order.append(path.pop())
            continue
        if node in seen:
            continue
        seen.add(node)
        if not node.sources or node.serial < since or node in stopped:
            order.append(node)
            continue
        path.append(node)
        stack.append(None)
        stack.extend(reversed(node.sources))
    return order
