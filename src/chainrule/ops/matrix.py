"""What the families of matrix primitives share: helpers on nodes, checks, samplers, triangles."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import DTYPES, ArrayType, array_type
from chainrule.ops.contract import from_diagonal
from chainrule.ops.record import Case, Linear, drawn
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import full, permute, reshape

Shape = tuple[int, ...]
Parts = tuple[Node | None, ...]
Flags = Sequence[bool]

# -- small helpers -------------------------------------------------------------------------------


def transposed(x: Node) -> Node:
    """``x`` with its last two axes exchanged."""
    return permute(x, (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2))


def symmetric(x: Node) -> Node:
    """(x + xᵀ) / 2."""
    return 0.5 * (x + transposed(x))


def identity(n: int, dtype: np.dtype[Any]) -> Node:
    """The n by n identity matrix."""
    return from_diagonal(full(1.0, array_type((n,), dtype)), offset=0, shape=(n, n))


def row(v: Node) -> Node:
    """A vector that scales the columns of a matrix: X S = X * row(s)."""
    return reshape(v, (*v.shape[:-1], 1, v.shape[-1]))


def column(v: Node) -> Node:
    """A vector that scales the rows of a matrix: S X = column(s) * X."""
    return reshape(v, (*v.shape, 1))


def column_sums(x: Node) -> Node:
    """The sum of each column."""
    return sum_(x, axes=(x.ndim - 2,), keepdims=False)


def matrix_type(name: str, x: ArrayType) -> None:
    """Checks that LAPACK can work on it: float32 or float64, two axes or more."""
    if x.dtype not in (DTYPES["float32"], DTYPES["float64"]):
        raise DTypeError(
            f"{name} works in float32 and float64, not {x.dtype.name}; cast with astype"
        )
    if x.ndim < 2:
        raise ShapeError(f"{name}: shape {x.shape} is no matrix; it needs two axes or more")


def square_type(name: str, x: ArrayType) -> None:
    """Checks that these are square matrices."""
    matrix_type(name, x)
    if x.shape[-1] != x.shape[-2]:
        raise ShapeError(f"{name}: the matrices of shape {x.shape[-2:]} are not square")


def same_type(name: str) -> Callable[..., ArrayType]:
    """The type rule of a primitive from square matrices to matrices of the same type."""

    def infer(x: ArrayType) -> ArrayType:
        square_type(name, x)
        return x

    return infer


def lapack(message: str, function: Callable[..., Any], *arguments: Any) -> Any:
    """``function(*arguments)``; where LAPACK fails a `DomainError` with this message."""
    try:
        return function(*arguments)
    except np.linalg.LinAlgError as error:
        raise DomainError(f"{message} (LAPACK: {error})") from None


def symmetric_part(x: Any) -> Any:
    """(x + xᵀ) / 2 of a NumPy array."""
    return (x + np.swapaxes(x, -1, -2)) * x.dtype.type(0.5)


# -- samplers ------------------------------------------------------------------------------------


def well_conditioned(
    *shapes: Shape, symmetric: bool = False
) -> Callable[[np.random.Generator], Iterator[Case]]:
    """Matrices near diag(1, 2, 3, …): invertible, with well separated eigenvalues."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for shape in shapes:
            x = np.eye(shape[-2], shape[-1]) * np.arange(1.0, shape[-1] + 1)
            x = x + 0.2 * rng.normal(size=shape)
            yield Case(((x + np.swapaxes(x, -1, -2)) / 2 if symmetric else x,))

    return cases


# -- triangles -----------------------------------------------------------------------------------


def _triangle_type(x: ArrayType, offset: int, upper: bool) -> ArrayType:
    if x.ndim < 2:
        raise ShapeError(f"{'triu' if upper else 'tril'}: shape {x.shape} is no matrix")
    return x


triangle: Linear = Linear(
    name="triangle",
    parameters=("offset", "upper"),
    evaluate=lambda x, offset, upper: (np.triu if upper else np.tril)(x, offset),
    infer=_triangle_type,
    transpose=lambda ct, i, sources, offset, upper: triangle(ct, offset=offset, upper=upper),
    batch=lambda size, batched, sources, offset, upper: triangle(
        sources[0], offset=offset, upper=upper
    ),
    cases=drawn((((3, 3),), (0, True)), (((2, 3, 4),), (-1, False)), (((4, 2),), (1, False))),
    rule="linearity",
)


def lower(x: Node, offset: int = 0) -> Node:
    """The part on and below a diagonal, zero elsewhere (NumPy's ``tril``)."""
    return triangle(x, offset=offset, upper=False)


def upper(x: Node, offset: int = 0) -> Node:
    """The part on and above a diagonal, zero elsewhere (NumPy's ``triu``)."""
    return triangle(x, offset=offset, upper=True)
