"""From what people pass in (tensors, arrays, numbers, lists) to nodes of a common dtype."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import methods
from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node, array, literal
from chainrule.core.types import DTYPES, as_dtype
from chainrule.methods import TensorMethods
from chainrule.modes import current
from chainrule.ops.shape import cast

__all__ = [
    "BOOL",
    "FLOAT",
    "INT",
    "as_node",
    "floating",
    "is_number",
    "promote",
    "scalar_node",
    "to_numpy",
]

FLOAT = DTYPES["float64"]
INT = DTYPES["int64"]
BOOL = DTYPES["bool"]
_SCALARS = {float: "f", int: "i", bool: "b"}


def as_node(value: Any, dtype: np.dtype[Any] | None = None) -> Node:
    """The node of a tensor, array, number or nested list; optionally cast to ``dtype``."""
    if isinstance(value, TensorMethods):
        node = value.node
    elif type(value) in _SCALARS:
        kind = dtype or {"f": FLOAT, "i": INT, "b": BOOL}[_SCALARS[type(value)]]
        return scalar_node(value, kind)
    elif isinstance(value, (list, tuple)) and keeps_graph(value):
        node = methods.fn.stack(value).node  # so that derivatives flow through a list of tensors
    else:
        node = array(to_numpy(value))
    if dtype is not None and node.dtype is not dtype:
        node = cast(node, dtype=dtype)
    return node


def is_number(value: Any) -> bool:
    """Whether this is a Python number, which does not widen the dtype of an array."""
    return type(value) in _SCALARS


def keeps_graph(value: Any) -> bool:
    """Whether a nested list holds a tensor that is recorded or traced."""
    if isinstance(value, (list, tuple)):
        return any(map(keeps_graph, value))
    return isinstance(value, TensorMethods) and (value.node.tracked or value.node.value is None)


def scalar_node(value: Any, dtype: np.dtype[Any]) -> Node:
    """The literal of a Python number.

    Raises:
        DTypeError: if it does not fit into ``dtype``.
    """
    try:
        return literal(value, dtype)
    except OverflowError:
        raise DTypeError(f"{value} does not fit into {dtype.name}") from None


def to_numpy(value: Any, dtype: Any = None) -> np.ndarray:
    """A NumPy array of a supported dtype with a copy of ``value``."""
    if isinstance(value, TensorMethods):
        return np.array(value.numpy(), dtype=dtype)
    if isinstance(value, (list, tuple)):
        value = _plain(value)
    try:
        copied = np.array(value, dtype=None if dtype is None else as_dtype(dtype))
    except ValueError as error:
        raise ShapeError(f"cannot make an array of this: {error}") from None
    except OverflowError as error:
        raise DTypeError(str(error)) from None
    if copied.dtype == object:
        if all(isinstance(item, int) for item in copied.flat):
            raise DTypeError("an integer does not fit into int64")
        raise DTypeError("these are no numbers")
    return np.asarray(copied, dtype=as_dtype(copied.dtype))


def _plain(value: Any) -> Any:
    if isinstance(value, TensorMethods):
        return value.numpy()
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def promote(*values: Any, to_float: bool = False) -> list[Node]:
    """Nodes of one dtype: NumPy's promotion, in which Python numbers do not widen.

    With ``to_float`` integers and booleans become float64.
    """
    nodes: list[Node | None] = [
        None if type(value) in _SCALARS else as_node(value) for value in values
    ]
    numbers = current.weak or ()
    strong = [node.dtype for node in nodes if node is not None and node not in numbers]
    weak = {_SCALARS[type(value)] for value in values if type(value) in _SCALARS}
    weak |= {node.dtype.kind for node in nodes if node is not None and node in numbers}
    if strong:
        dtype = strong[0]
        for other in strong[1:]:
            if other is not dtype:
                dtype = as_dtype(np.promote_types(dtype, other))
        if "f" in weak and dtype.kind != "f":
            dtype = FLOAT
        elif "i" in weak and dtype.kind == "b":
            dtype = INT
    else:
        dtype = FLOAT if "f" in weak else INT if "i" in weak else BOOL
    if to_float and dtype.kind != "f":
        dtype = FLOAT
    promoted = [
        scalar_node(value, dtype)
        if node is None
        else node
        if node.dtype is dtype
        else cast(node, dtype=dtype)
        for node, value in zip(nodes, values, strict=True)
    ]
    if numbers and not strong:  # numbers of another kind are still numbers
        assert current.weak is not None
        current.weak.update(promoted)
    return promoted


def floating(node: Node) -> Node:
    """The node itself if it is floating-point, else cast to float64 as NumPy does."""
    return node if node.type.is_float else cast(node, dtype=FLOAT)
