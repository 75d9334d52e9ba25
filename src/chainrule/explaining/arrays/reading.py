"""Nodes as array expressions: contractions as matrix products, the rest by its own name."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.core.node import Node, topological
from chainrule.explaining.arrays.expression import (
    Shape,
    Term,
    apply,
    call,
    literal,
    matmul,
    number,
    plus,
    power,
    repeat,
    reshaped,
    times,
    total,
    transpose,
)
from chainrule.ops.record import Elementwise

__all__ = ["applied", "leaf", "numeric", "read"]


def read(root: Node, known: Mapping[Node, Term]) -> Term:
    """``root`` as a term in which the nodes in ``known`` appear as given there."""
    done = dict(known)
    for node in topological([root], stop=known):
        if node not in done:
            sources = [done[source] for source in node.sources]
            done[node] = applied(node, sources) if node.sources else leaf(node)
    return done[root]


def leaf(node: Node) -> Term:
    """A constant: a number, or an array of one number everywhere, or its numbers."""
    value = np.asarray(node.value)
    if value.size and value.dtype.kind == "f" and np.all(value == value.flat[0]):
        return repeat(numeric(float(value.flat[0])), node.shape)
    return literal(value)


def numeric(value: float) -> Term:
    """A number as people write it: 1/3, 1/√2, 0.1."""
    if not math.isfinite(value) or value.is_integer():
        return number(value)
    simple = Fraction(value).limit_denominator(1000)
    if math.isclose(simple, value, rel_tol=1e-15) and abs(simple.numerator) < 10**6:
        return number(simple)
    square = Fraction(value * value).limit_denominator(100)
    if square and abs(math.sqrt(square) - abs(value)) <= 4e-16 * abs(value):
        root = power(number(square), Fraction(1, 2))
        if square < 1 and square.numerator == 1:
            root = power(power(number(square.denominator), Fraction(1, 2)), -1)
        return root if value > 0 else -root
    short = Fraction(repr(value))
    return number(short) if len(str(short.numerator)) <= 7 and abs(value) > 1e-4 else number(value)


def applied(node: Node, operands: Sequence[Term]) -> Term:
    """The application of a node's primitive to what its sources are written as."""
    name = node.primitive.name
    form = _FORMS.get(name)
    if form is not None:
        found = form(*operands, *node.argument)
        if isinstance(found, Term):
            return repeat(found, node.shape) if name in _BROADCASTING else found
    if isinstance(node.primitive, Elementwise):
        return Term("apply", tuple(operands), (name, *node.argument), node.shape)
    return Term("primitive", tuple(operands), (name, *node.argument), node.shape)


# -- elementwise -----------------------------------------------------------------------------------


def _integer_power(x: Term, n: int) -> Term:
    return power(x, n)


def _pow(x: Term, y: Term) -> Term | None:
    inner = y.operands[0] if y.kind == "repeat" else y
    return power(x, inner.argument[0]) if inner.kind == "number" else None


def _cases(condition: Term, a: Term, b: Term) -> Term:
    shape = np.broadcast_shapes(condition.shape, a.shape, b.shape)
    if condition.kind == "apply" and condition.argument[0] == "equal":
        return repeat(b, shape)  # what the engine guards at single points
    return Term("where", (condition, a, b), (), shape)


def _cast(x: Term, dtype: np.dtype[Any]) -> Term:
    if x.kind == "apply" and x.argument[0] in _CONDITIONS:
        return Term("where", (x, number(1), number(0)), (), x.shape)
    return x


_CONDITIONS = frozenset(["equal", "not_equal", "less", "less_equal", "greater", "greater_equal"])

# -- products --------------------------------------------------------------------------------------

Labels = tuple[int, ...]


def _contract(x: Term, y: Term, a: Labels, b: Labels, out: Labels) -> Term:
    if not a or not b:
        return _arranged(times(x, y), a or b, out)
    lead = _batch(a, b, out)
    rest = [labels[lead:] for labels in (a, b, out)]
    if all(len(labels) <= 2 for labels in rest):
        found = _matrix(x, y, *rest, batched=lead > 0)
        if found is not None:
            return found
    if len(b) == 2 and a[-1] == b[0] and out == (*a[:-1], b[1]) and b[1] not in a:
        return matmul(x, y)
    return call("einsum", x, y, argument=(a, b, out))


def _arranged(x: Term, labels: Labels, out: Labels) -> Term:
    if labels == out:
        return x
    if len(labels) == 2:
        return transpose(x)
    return _permute(x, tuple(labels.index(label) for label in out))


def _batch(a: Labels, b: Labels, out: Labels) -> int:
    """How many leading axes go side by side."""
    lead = 0
    while lead < min(len(a), len(b), len(out)) and a[lead] == b[lead] == out[lead]:
        lead += 1
    return lead


def _matrix(x: Term, y: Term, a: Labels, b: Labels, out: Labels, *, batched: bool) -> Term | None:
    """The contraction of vectors and matrices as a matrix product."""
    summed = [label for label in a if label in b and label not in out]
    if batched and (len(a) < 2 or len(b) < 2):
        return times(x, y) if not a and not b else None
    if not summed and len(a) == len(b) == 1 and set(a).isdisjoint(b):
        return call("outer", x, y) if out == (a[0], b[0]) else call("outer", y, x)
    if not batched and not out and sorted(a) == sorted(b):
        return call("inner", x, y if a == b else transpose(y))
    if len(summed) != 1 or any(label in a and label in b for label in out):
        return None
    (s,) = summed
    left = x if a[-1] == s else transpose(x)
    right = y if b[0] == s else transpose(y)
    if len(a) == 1 and len(b) == 2:  # vᵀ B as a column: Bᵀ v
        return matmul(transpose(right), x)
    wanted = tuple(label for label in a if label != s) + tuple(label for label in b if label != s)
    if out == wanted:
        return matmul(left, right)
    return matmul(transpose(right), transpose(left))


# -- the same elements -----------------------------------------------------------------------------


def _permute(x: Term, axes: Shape) -> Term:
    n = len(axes)
    if axes == (*range(n - 2), n - 1, n - 2):
        return transpose(x)
    shape = tuple(x.shape[a] for a in axes)
    return Term("primitive", (x,), ("permute", axes), shape)


def _diag(x: Term, offset: int, shape: Shape) -> Term | None:
    square = offset == 0 and shape[0] == shape[1]
    return call("diag", x) if square else None


def _scatter(x: Term, *rest: Any) -> Term | None:
    """Rows added up by an index are onehotᵀ G."""
    *indices, shape, axes = rest
    if len(indices) == 1 and axes == (0,) and indices[0].ndim == 1 and len(shape) == 2:
        (index,) = indices
        return matmul(transpose(call("one_hot", index, argument=(shape[0],))), x)
    return None


def _solve(a: Term, b: Term) -> Term:
    return matmul(call("inv", a), b)


_BROADCASTING = frozenset(["add", "sub", "mul", "div"])
_FORMS: Mapping[str, Callable[..., Term | None]] = {
    "add": plus,
    "sub": lambda a, b: plus(a, -b),
    "neg": lambda x: -x,
    "mul": times,
    "div": lambda a, b: a / b,
    "integer_pow": _integer_power,
    "pow": _pow,
    "sqrt": lambda x: power(x, Fraction(1, 2)),
    "expm1": lambda x: apply("exp", x) - 1,
    "log1p": lambda x: apply("log", 1 + x),
    "stop_gradient": lambda x: x,
    "logical_not": lambda x: 1 - x,
    "alias": lambda x, token: x,
    "where": _cases,
    "cast": _cast,
    "contract": _contract,
    "sum": total,
    "reshape": reshaped,
    "permute": _permute,
    "broadcast_to": repeat,
    "diagonal": lambda x, offset: call("diagonal", x) if offset == 0 else None,
    "from_diagonal": _diag,
    "inv": lambda x: call("inv", x),
    "log_abs_det": lambda x: call("log_det", x),
    "solve": _solve,
    "scatter_add": _scatter,
}
