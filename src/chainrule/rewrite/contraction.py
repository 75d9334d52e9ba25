"""Laws of contractions: rearranged operands and results, and products that are contractions.

A contraction sums over the labels that its result does not carry, in no particular order. The laws
called exact compute the same products and sum the same of them.
"""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.node import LITERAL, Node
from chainrule.ops.arithmetic import mul
from chainrule.ops.contract import Labels, contract, contracted
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import broadcast_, broadcast_to, permute, permute_, reshape
from chainrule.rewrite.axes import aligned
from chainrule.rewrite.constants import uniform
from chainrule.rewrite.engine import Context, Family

CONTRACTION = Family()


@CONTRACTION.rule(contract)
def contraction_of_permute(node: Node) -> Node | None:
    """contract(permute(x), y) = contract(x, y) with the labels permuted."""
    operands, labels, moved = list(node.sources), list(node.argument), False
    for place, operand in enumerate(node.sources):
        if operand.primitive is permute_:
            (axes,) = operand.argument
            operands[place] = operand.sources[0]
            at = dict(zip(axes, labels[place], strict=True))
            labels[place] = tuple(at[axis] for axis in range(len(axes)))
            moved = True
    return contracted(operands[0], labels[0], operands[1], labels[1], labels[2]) if moved else None


@CONTRACTION.rule(permute_, contextual=True)
def permute_of_contraction(node: Node, context: Context) -> Node | None:
    """permute(contract(x, y)) = contract(x, y) with the labels of the result permuted."""
    (y,), (axes,) = node.sources, node.argument
    if y.primitive is not contract or not context.single(y):
        return None
    a, b, out = y.argument
    return contracted(y.sources[0], a, y.sources[1], b, tuple(out[axis] for axis in axes))


@CONTRACTION.rule(contract)
def contraction_over_ones(node: Node) -> Node | None:
    """Labels of extent 1 are left out of a contraction, and put back by a reshape."""
    extent = _extents(node)
    if 1 not in extent.values():
        return None
    (x, y), labels = node.sources, node.argument
    a, b, out = (tuple(label for label in names if extent[label] != 1) for names in labels)
    x, y = (reshape(z, tuple(extent[k] for k in names)) for z, names in ((x, a), (y, b)))
    return reshape(contracted(x, a, y, b, out), node.shape)


@CONTRACTION.rule(contract)
def product_without_sum(node: Node) -> Node | None:
    """A contraction that sums nothing is a product of arrays: x[a] y[b] = z[out]."""
    (x, y), (a, b, out) = node.sources, node.argument
    if not {*a, *b} <= {*out}:
        return None
    return mul(_spread_out(x, a, out), _spread_out(y, b, out))


def _spread_out(x: Node, labels: Labels, out: Labels) -> Node:
    """``x`` with its axes in the order of ``out`` and extent 1 along those it does not have."""
    order = tuple(labels.index(label) for label in out if label in labels)
    extent = dict(zip(labels, x.shape, strict=True))
    return reshape(permute(x, order), tuple(extent.get(label, 1) for label in out))


@CONTRACTION.rule(contract, exact=False)
def contraction_of_broadcast(node: Node) -> Node | None:
    """contract(broadcast_to(x), y) = contract(x, y) without the labels along which x repeats.

    If y is summed over such a label, it is summed before; if only the result has it, the result is
    repeated. A constant that is the same everywhere is a factor.
    """
    sources, (a, b, _) = node.sources, node.argument
    if 0 in _extents(node).values():
        return None  # no product is summed: there is nothing to take out of the sum
    for place in (0, 1):
        operand = sources[place]
        value = uniform(operand)
        if operand.primitive is broadcast_:
            value = operand.sources[0]
        if value is None or not operand.ndim or node.dtype.kind != "f":
            continue
        value = reshape(value, aligned(value.shape, operand.ndim))
        copied = _copied((a, b)[place], value, operand)
        if copied:
            return _contracted_thin(node, place, value, copied)
    return None


def _copied(labels: Labels, x: Node, whole: Node) -> Labels:
    axes = zip(labels, x.shape, whole.shape, strict=True)
    return tuple(label for label, n, m in axes if n == 1 and m != 1)


def _contracted_thin(node: Node, place: int, thin: Node, copied: Labels) -> Node:
    """The contraction with ``thin`` in place of an operand that repeats it along ``copied``."""
    extent = _extents(node)
    own, others, out = node.argument[place], node.argument[1 - place], node.argument[2]
    other = node.sources[1 - place]
    kept = tuple(label for label in own if label not in copied)
    thin = reshape(thin, tuple(extent[label] for label in kept))
    # what only the other operand carries now, and the result does not
    alone = tuple(label for label in copied if label not in out)
    if alone:
        axes = tuple(sorted(others.index(label) for label in alone))
        other = sum_(other, axes=axes, keepdims=False)
        others = tuple(label for label in others if label not in alone)
    core = tuple(label for label in out if label in kept or label in others)
    if kept:
        pair = ((thin, kept), (other, others))
        (x, a), (y, b) = pair if place == 0 else pair[::-1]
        found = contracted(x, a, y, b, core)
    else:
        found = mul(permute(other, tuple(others.index(label) for label in core)), thin)
    shape = tuple(extent[label] if label in core else 1 for label in out)
    return broadcast_to(reshape(found, shape), node.shape)


@CONTRACTION.rule(sum_, exact=False, contextual=True)
def sum_of_contraction(node: Node, context: Context) -> Node | None:
    """Σᵢ Σⱼ x[i, j] y[j, k] = Σⱼ (Σᵢ x[i, j]) y[j, k], unless the contraction is needed too."""
    (z,), (axes, _) = node.sources, node.argument
    if z.primitive is not contract or not context.single(z) or 0 in _extents(z).values():
        return None
    (x, y), (a, b, out) = z.sources, z.argument
    kept = tuple(label for axis, label in enumerate(out) if axis not in axes)
    (x, left), (y, right) = (
        _summed_alone(source, own, other, kept) for source, own, other in ((x, a, b), (y, b, a))
    )
    return reshape(contracted(x, left, y, right, kept), node.shape)


@CONTRACTION.rule(sum_, exact=False, contextual=True)
def sum_of_products(node: Node, context: Context) -> Node | None:
    """Σⱼ x[i, j] · y[j, k] = contract(x, y): a matrix product that was written by broadcasting.

    Only where neither factor has all axes, so that a contraction saves work.
    """
    (z,), (axes, _) = node.sources, node.argument
    if z.primitive is not mul or not context.single(z) or node.dtype.kind != "f":
        return None
    if 0 in z.shape:
        return None
    factors = [_long_labels(factor, z.ndim) for factor in z.sources]
    every = {axis for axis in range(z.ndim) if z.shape[axis] != 1}
    (_, a), (_, b) = factors
    if any(factor.primitive is LITERAL for factor in z.sources):
        return None
    if not {*a, *b} >= every or {*a} >= every or {*b} >= every:
        return None
    out = tuple(axis for axis in range(z.ndim) if axis in every and axis not in axes)
    (x, a), (y, b) = (
        _summed_alone(x, own, other, out)
        for (x, own), (_, other) in ((factors[0], factors[1]), (factors[1], factors[0]))
    )
    return reshape(contracted(x, a, y, b, out), node.shape)


def _long_labels(x: Node, ndim: int) -> tuple[Node, Labels]:
    """``x`` without extents 1, and the axes of the product that its axes stand for."""
    labels = tuple(axis for axis, n in enumerate(x.shape, ndim - x.ndim) if n != 1)
    return reshape(x, tuple(n for n in x.shape if n != 1)), labels


def _summed_alone(x: Node, own: Labels, other: Labels, out: Labels) -> tuple[Node, Labels]:
    """``x`` summed over the labels that neither the other factor nor the result has."""
    alone = tuple(place for place, label in enumerate(own) if label not in {*other, *out})
    if not alone:
        return x, own
    kept = tuple(label for place, label in enumerate(own) if place not in alone)
    return sum_(x, axes=alone, keepdims=False), kept


def _extents(node: Node) -> dict[int, int]:
    """The extent of each label of a contraction."""
    a, b, _ = node.argument
    shape: Sequence[int] = (*node.sources[0].shape, *node.sources[1].shape)
    return dict(zip((*a, *b), shape, strict=True))
