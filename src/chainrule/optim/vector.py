"""The parameters as one vector, for methods that know no layers: Newton's, L-BFGS and their kin."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np

from chainrule import functions
from chainrule.core.errors import DTypeError, GradientError, ShapeError, TreeError
from chainrule.core.tree import flatten, map_tree
from chainrule.lift import as_node
from chainrule.optim.common import checked
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Problem, map_leaves
from chainrule.tensor import Tensor

__all__ = [
    "Unravel",
    "choose",
    "inner",
    "largest",
    "needed",
    "rate_of",
    "ravel",
    "ravel_as",
    "value_at",
    "vector_function",
]

T = TypeVar("T")
Unravel = Callable[[Tensor], Any]


def ravel(tree: Any) -> tuple[Tensor, Unravel]:
    """All leaves of a pytree one behind the other, and the way back.

    The vector has the widest dtype of the leaves, float32 at least; the way back restores shapes
    and dtypes, and is linear, so that it can be differentiated.

    Raises:
        DTypeError: if a leaf is not floating-point.
        TreeError: if there is no leaf.

    >>> import chainrule as cr
    >>> vector, unravel = ravel({"w": cr.tensor([[1.0, 2.0]]), "b": cr.tensor(3.0)})
    >>> vector
    tensor([3., 1., 2.])
    >>> unravel(vector)["w"]
    tensor([[1., 2.]])
    """
    leaves, structure = flatten(tree)
    if not leaves:
        raise TreeError("there is nothing to optimise: the pytree has no tensor")
    tensors = [leaf if isinstance(leaf, Tensor) else Tensor(as_node(leaf)) for leaf in leaves]
    for leaf in tensors:
        if leaf.dtype.kind != "f":
            raise DTypeError(
                f"only floating-point numbers can be optimised, not {leaf.dtype.name}; "
                "write 2.0 instead of 2, or cast with .astype('float64')"
            )
    dtype = np.result_type(np.float32, *(leaf.dtype for leaf in tensors))
    types = [leaf.node.type for leaf in tensors]
    flat = [functions.reshape(functions.astype(leaf, dtype), (-1,)) for leaf in tensors]

    def unravel(vector: Tensor) -> Any:
        parts, start = [], 0
        for type in types:
            part = functions.reshape(vector[start : start + type.size], type.shape)
            parts.append(functions.astype(part, type.dtype))
            start += type.size
        return structure.build(parts)

    return (functions.concat(flat) if len(flat) > 1 else flat[0]), unravel


def ravel_as(name: str, params: Any, grads: Any) -> tuple[Tensor, Unravel]:
    """The vector of what belongs to the parameters, such as their gradient.

    Raises:
        TreeError: if the structures differ.
        ShapeError: if a shape is not that of its parameter.
    """

    def fitting(p: Tensor, g: Tensor) -> Tensor:
        if p.shape != g.shape:
            raise ShapeError(f"{name}: a gradient of shape {g.shape} for a parameter of {p.shape}")
        return functions.astype(g, p.dtype)

    return ravel(map_leaves(name, fitting, params, grads))


def inner(a: Tensor, b: Tensor) -> Tensor:
    """aᵀb of two vectors."""
    return (a * b).sum()


def largest(a: Tensor) -> Tensor:
    """The largest absolute entry, ‖a‖∞."""
    return functions.abs(a).max()


def needed(name: str, problem: Problem | None) -> Problem:
    """The problem, which this method cannot do without.

    Raises:
        GradientError: if there is none.
    """
    if problem is None:
        raise GradientError(
            f"{name} looks at the loss itself, not at its gradient alone. Give it the problem: "
            "update(grads, state, params, problem), with optim.Problem(outputs, loss); or "
            "opt.step(lambda model: loss) after .bind(model); cr.train.fit and optim.minimize do "
            "so by themselves."
        )
    return problem


def vector_function(problem: Problem, unravel: Unravel, dtype: Any) -> Callable[[Tensor], Tensor]:
    """The loss as a function of the vector, in its dtype."""
    return lambda x: functions.astype(problem(unravel(x)), dtype)


def value_at(problem: Problem, params: Any, dtype: Any) -> Tensor:
    """The loss at the parameters of the step, computed unless it is known."""
    value = problem(params) if problem.value is None else problem.value
    return functions.astype(value, dtype)


def rate_of(name: str, learning_rate: LearningRate) -> Callable[[Tensor], Any]:
    """The learning rate as a function of the number of steps done.

    Raises:
        DomainError: if it is a number that is negative or not finite.
    """
    if callable(learning_rate):
        return learning_rate
    rate = checked(name, "learning_rate", learning_rate)
    return lambda count: rate


def choose(test: Tensor, a: T, b: T) -> T:
    """``a`` if ``test`` holds, else ``b``: two pytrees of one structure."""
    chosen: T = map_tree(lambda a, b: functions.where(test, a, b), a, b)
    return chosen
