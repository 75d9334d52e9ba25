"""Matrices of derivatives: Jacobian, Hessian, and products with the Hessian."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np

from chainrule.calculus.linearize import (
    Argnums,
    Function,
    Linearization,
    as_arguments,
    tangents_for,
    with_keywords,
)
from chainrule.core.errors import GradientError
from chainrule.core.node import Node, array, input_node, literal
from chainrule.core.types import array_type
from chainrule.ops.shape import move_axis, reshape
from chainrule.rules.batch import batch
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull
from chainrule.tensor import zeros_for

Mode = Literal["auto", "forward", "reverse"]


class Jacobian:
    """The Jacobian of a function, as a function; made by `jacobian`.

    Attributes:
        mode: the mode asked for: "auto", "forward" or "reverse".
        chosen: the mode that the last call used, or None before the first.
    """

    def __init__(self, f: Function, argnums: Argnums, mode: Mode) -> None:
        if mode not in ("auto", "forward", "reverse"):
            raise GradientError(f'jacobian: mode is "auto", "forward" or "reverse", not {mode!r}')
        functools.update_wrapper(self, f, updated=())
        self.mode = mode
        self.chosen: Literal["forward", "reverse"] | None = None
        self._f, self._argnums = f, argnums

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        run = Linearization("jacobian", with_keywords(self._f, kwargs), args, self._argnums)
        for output in run.outputs:
            if not output.type.is_float:
                raise GradientError(f"jacobian: a result is {output.dtype}, which has no slope")
        inputs = sum(node.type.size for node in run.variables)
        outputs = sum(node.type.size for node in run.outputs)
        auto: Literal["forward", "reverse"] = "forward" if inputs < outputs else "reverse"
        self.chosen = auto if self.mode == "auto" else self.mode
        rows = _forward(run) if self.chosen == "forward" else _reverse(run)
        return run.result.build(_assembled(run, rows, run.outputs))


def jacobian(f: Function, argnums: Argnums = 0, mode: Mode = "auto") -> Jacobian:
    """The Jacobian ∂f_i/∂x_j of shape ``output.shape + input.shape``.

    Args:
        f: any function of floating-point pytrees. For pytrees the result is the output's
            structure, and in place of each leaf the input's structure.
        argnums: as for `grad`.
        mode: "forward" costs one pass for each input, "reverse" one for each output; "auto" takes
            forward where there are fewer inputs than outputs. The passes run as one batch. The
            attribute ``chosen`` of the returned function tells the mode of its last call.

    >>> import chainrule as cr
    >>> J = cr.jacobian(lambda x: x**2)
    >>> J(cr.tensor([1.0, 2.0]))
    tensor([[2., 0.],
            [0., 4.]])
    >>> J.chosen
    'reverse'
    """
    return Jacobian(f, argnums, mode)


Blocks = list[Node | None]


def _assembled(run: Linearization, rows: Sequence[Blocks], outputs: Sequence[Node]) -> list[Any]:
    """For each output the pytree of its blocks, with zeros where there is no dependence."""
    nodes = [
        zeros_for(array_type(output.shape + variable.shape, output.dtype))
        if block is None
        else block
        for output, row in zip(outputs, rows, strict=True)
        for variable, block in zip(run.variables, row, strict=True)
    ]
    tensors = iter(run.derived(nodes))
    return [run.structure.build([next(tensors) for _ in run.variables]) for _ in outputs]


def _basis(node: Node) -> Node:
    """All unit vectors of the space that ``node`` lives in, stacked along a new first axis."""
    size = node.type.size
    return array(np.eye(size, dtype=node.dtype).reshape((size, *node.shape)))


def _reverse(run: Linearization) -> list[Blocks]:
    rows = []
    for output in run.outputs:
        hole = input_node(output.type)
        pulled = pull([output], [hole], run.variables, record=run.record)
        rows.append(
            [
                None if many is None else reshape(many, output.shape + variable.shape)
                for many, variable in zip(_along(pulled, hole), run.variables, strict=True)
            ]
        )
    return rows


def _forward(run: Linearization) -> list[Blocks]:
    columns = []
    for variable in run.variables:
        hole = input_node(variable.type)
        moved = push(run.outputs, {variable: hole}, record=run.record)
        columns.append(
            [
                None if many is None else _columns(many, output, variable)
                for many, output in zip(_along(moved, hole), run.outputs, strict=True)
            ]
        )
    return [list(row) for row in zip(*columns, strict=True)]


def _columns(many: Node, output: Node, variable: Node) -> Node:
    """From (inputs, *output) to (*output, *input)."""
    return reshape(move_axis(many, 0, output.ndim), output.shape + variable.shape)


def _along(nodes: Sequence[Node | None], hole: Node) -> list[Node | None]:
    """Each node, linear in ``hole``, for every unit vector in place of the hole."""
    present = [node for node in nodes if node is not None]
    size = hole.type.size
    found = iter(batch(present, {hole: _basis(hole)}, size))
    rows: list[Node | None] = []
    for node in nodes:
        if node is None:
            rows.append(None)
            continue
        many, batched = next(found)
        rows.append(many if batched else None)  # what does not depend on the hole is zero
    return rows


def hessian(f: Function, argnums: Argnums = 0) -> Function:
    """The matrix of second derivatives ∂²f/∂x_i∂x_j of a scalar function: forward over reverse.

    One reverse pass builds the gradient; one batched forward pass differentiates it in every
    direction.

    Args:
        f: a function with one scalar result.
        argnums: as for `grad`. For a single array x the result has shape ``x.shape + x.shape``;
            for pytrees it is the input's structure with the input's structure in each leaf.

    >>> import chainrule as cr
    >>> cr.hessian(lambda x: x[0] ** 2 * x[1])(cr.tensor([1.0, 2.0]))
    tensor([[4., 2.],
            [2., 0.]])
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        run = Linearization("hessian", with_keywords(f, kwargs), args, argnums)
        gradient = _gradient(run)
        blocks: list[Blocks] = [[] for _ in run.variables]
        for variable in run.variables:
            hole = input_node(variable.type)
            moved = push(gradient, {variable: hole}, record=run.record)
            for row, many, first in zip(blocks, _along(moved, hole), run.variables, strict=True):
                row.append(None if many is None else _columns(many, first, variable))
        return run.structure.build(_assembled(run, blocks, run.variables))

    return wrapped


def _gradient(run: Linearization) -> list[Node]:
    """The gradient as a graph in the variables."""
    output = run.scalar()
    return run.dense(pull([output], [literal(1.0, output.dtype)], run.variables, record=True))


def hvp(f: Function, primals: Any, tangents: Any) -> Any:
    """The product of the Hessian with a vector, H·v, without forming H: forward over reverse.

    It costs a small constant times a gradient. (Pearlmutter, Fast exact multiplication by the
    Hessian, 1994.)

    Args:
        f: a function with one scalar result.
        primals: a tuple with its arguments, or the only argument itself.
        tangents: the vector v, a tuple of the same structure.

    Returns:
        H·v: a tuple like ``primals``, or for a single argument its one entry.

    >>> import chainrule as cr
    >>> cr.hvp(lambda x: (x**3).sum(), (cr.tensor([1.0, 2.0]),), (cr.tensor([1.0, 1.0]),))
    tensor([ 6., 12.])
    """
    primals, tangents = as_arguments(primals, tangents)
    run = Linearization("hvp", f, primals, tuple(range(len(primals))))
    directions = tangents_for("hvp", tangents, run.variables, run.structure)
    moved = push(
        _gradient(run), dict(zip(run.variables, directions, strict=True)), record=run.record
    )
    product = run.derivatives(moved)
    return product[0] if len(primals) == 1 else product
