"""A contraction as a matrix product: which axes are rows, columns, sums, and which are looped over.

Neighbouring axes of one role become one axis where their strides allow it. The last axis of the
result is always the columns; if it belongs to the first operand the two exchange their places.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from chainrule.core.node import Node
from chainrule.lower.llvm.plan.schedule import Operand

__all__ = ["Dim", "Product", "as_product"]


@dataclass(frozen=True)
class Dim:
    """An axis of the matrix product: labels that were joined, and strides in both operands."""

    labels: tuple[int, ...]
    extent: int
    a: int
    b: int


@dataclass(frozen=True)
class Product:
    """C[batch, row, column] = Σ_k A[batch, row, k] · B[batch, k, column].

    Attributes:
        swapped: whether A is the second operand of the contraction.
        batch: axes looped over, from the outermost.
        extents: of every label.
    """

    swapped: bool
    batch: tuple[Dim, ...]
    row: Dim
    column: Dim
    inner: Dim
    extents: dict[int, int]


def _joined(
    labels: Sequence[int], extent: dict[int, int], a: dict[int, int], b: dict[int, int]
) -> list[Dim]:
    """Axes in this order, neighbours joined where both operands step through them as one."""
    dims: list[Dim] = []
    for label in reversed(labels):
        n, s, t = extent[label], a.get(label, 0), b.get(label, 0)
        if n == 1 and dims:
            dims[0] = Dim((label, *dims[0].labels), dims[0].extent, dims[0].a, dims[0].b)
            continue
        if dims and dims[0].extent == 1:
            dims[0] = Dim((label, *dims[0].labels), n, s, t)
            continue
        if dims and s == dims[0].a * dims[0].extent and t == dims[0].b * dims[0].extent:
            first = dims[0]
            dims[0] = Dim((label, *first.labels), n * first.extent, first.a, first.b)
            continue
        dims.insert(0, Dim((label,), n, s, t))
    return dims


def as_product(node: Node, x: Operand, y: Operand) -> Product | None:
    """The contraction ``node`` of operands that lie as ``x`` and ``y`` say.

    None if the summed axes cannot be stepped through as one.
    """
    a, b, out = node.argument
    shape_x, shape_y = node.sources[0].shape, node.sources[1].shape
    extent = dict(zip(a + b, shape_x + shape_y, strict=True))
    last = next(label for label in reversed(out) if extent[label] != 1)
    swapped = last not in b
    first, second = (y, x) if swapped else (x, y)
    labels_a, labels_b = (b, a) if swapped else (a, b)
    step_a = dict(zip(labels_a, first.strides, strict=True))
    step_b = dict(zip(labels_b, second.strides, strict=True))
    summed = [label for label in labels_a if label not in out]
    orders = [
        sorted(summed, key=lambda label: -abs(step_a[label])),
        sorted(summed, key=lambda label: -abs(step_b[label])),
        summed,
    ]
    inner = next(
        (d[0] for d in (_joined(order, extent, step_a, step_b) for order in orders) if len(d) == 1),
        None,
    )
    if inner is None:
        return None
    both = [label for label in out if label in labels_a and label in labels_b]
    rows = _joined(
        [label for label in out if label in labels_a and label not in labels_b],
        extent,
        step_a,
        {},
    )
    only_b = [label for label in out if label in labels_b and label not in labels_a]
    columns = [Dim((label,), extent[label], 0, step_b[label]) for label in only_b]
    column = next(dim for dim in columns if dim.labels == (last,))
    row = max(rows, key=lambda dim: dim.extent, default=Dim((), 1, 0, 0))
    loops = [
        *_joined(both, extent, step_a, step_b),
        *(dim for dim in rows if dim is not row),
        *(dim for dim in columns if dim is not column),
    ]
    batch = tuple(dim for dim in loops if dim.extent != 1 or dim.labels)
    return Product(swapped, batch, row, column, inner, extent)
