"""What the tests of the primitives share: derivatives of functions from nodes to a node."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from hypothesis import settings

from chainrule.core.node import Node, array, variable
from chainrule.ops import operators  # noqa: F401, binds the operators of nodes
from chainrule.ops.reduce import sum_
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull

Function = Callable[[Node], Node]

few = settings(max_examples=40)


def constant(value: object) -> Node:
    return array(np.asarray(value))


def total(y: Node) -> Node:
    return sum_(y, axes=tuple(range(y.ndim)), keepdims=False)


def gradient(f: Function, x: object) -> np.ndarray:
    """The gradient of the sum of ``f(x)``."""
    at = variable(np.asarray(x, np.float64))
    (found,) = pull([total(f(at))], [constant(1.0)], [at])
    return np.zeros(at.shape) if found is None else np.asarray(found.value)


def hessian(f: Function, x: object) -> np.ndarray:
    """All second derivatives of the sum of ``f(x)``, forward over reverse."""
    at = variable(np.asarray(x, np.float64))
    (slope,) = pull([total(f(at))], [constant(1.0)], [at], record=True)
    rows = []
    for direction in np.eye(at.type.size):
        moved = None
        if slope is not None:
            (moved,) = push([slope], {at: constant(direction.reshape(at.shape))})
        rows.append(np.zeros(at.type.size) if moved is None else np.ravel(moved.value))
    return np.array(rows)
