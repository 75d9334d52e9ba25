"""Simplifying products of matrices, transposes, repetitions and sums along axes."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.explaining.arrays.coefficients import Count, is_value, scalars_of, split
from chainrule.explaining.arrays.expression import (
    ONE,
    ZERO,
    Term,
    call,
    matmul,
    plus,
    power,
    repeat,
    reshaped,
    times,
    total,
    transpose,
)

__all__: list[str] = []


def matmul_rule(term: Term, count: Count) -> Term:
    front: list[Term] = []
    parts: list[Term] = []
    for part in term.operands:
        scalars, rest = scalars_of(part)
        front += scalars
        parts.append(rest)
    if any(is_value(part, 0) for part in parts):
        return repeat(ZERO, term.shape)
    kept = [part for part in parts if part.kind != "identity"] or parts[:1]
    kept = _cancelled(kept)
    columns = _of_columns(kept)
    if columns is not None:
        return times(*front, columns)
    if len(kept) == 2 and kept[0].ndim == 1 and kept[1].ndim == 2:  # vᵀ A is (Aᵀ v)ᵀ
        kept = [transpose(kept[1]), kept[0]]
    found = matmul(*kept) if kept else call("identity", argument=(term.shape[0],))
    if len(kept) == 2 and kept[0].ndim == kept[1].ndim == 1:
        found = call("inner", *kept)
    return times(*front, found) if front else found


def inv_rule(term: Term, count: Count) -> Term:
    (x,) = term.operands
    if x.kind == "inv":
        return x.operands[0]
    return transpose(call("inv", x.operands[0])) if x.kind == "transpose" else term


def diag_rule(term: Term, count: Count) -> Term:
    if is_value(term.operands[0], 1):
        return call("identity", argument=(term.shape[0],))
    return linear_rule(term, count)


def _column_of(part: Term) -> Term | None:
    """v where a part is the vector v as a column."""
    if part.kind == "reshape" and part.operands[0].ndim == 1:
        return part.operands[0] if part.shape == (*part.operands[0].shape, 1) else None
    return None


def _of_columns(parts: Sequence[Term]) -> Term | None:
    """Products of columns as products of vectors: A v, u vᵀ."""
    if len(parts) < 2 or any(part.ndim != 2 for part in parts):
        return None
    last = _column_of(parts[-1])
    if last is not None:
        found = matmul(*parts[:-1], last)
        return Term("reshape", (found,), (), (*found.shape, 1))
    if parts[-1].kind != "transpose":
        return None
    row, left = _column_of(parts[-1].operands[0]), _column_of(parts[-2])
    if row is None or left is None:
        return None
    return call("outer", matmul(*parts[:-2], left) if parts[:-2] else left, row)


def _cancelled(parts: list[Term]) -> list[Term]:
    """A A⁻¹ left out."""
    for i in range(len(parts) - 1):
        a, b = parts[i], parts[i + 1]
        inverse = (a.kind == "inv" and a.operands[0] == b) or (
            b.kind == "inv" and b.operands[0] == a
        )
        if inverse:
            return _cancelled(parts[:i] + parts[i + 2 :])
    return parts


def transpose_rule(term: Term, count: Count) -> Term:
    (x,) = term.operands
    match x.kind:
        case "transpose":
            return x.operands[0]
        case "matmul" if all(part.ndim >= 2 for part in x.operands):
            return matmul(*[transpose(part) for part in reversed(x.operands)])
        case "outer":
            return call("outer", *reversed(x.operands))
        case "sum":
            wide = [repeat(part, x.shape) if part.shape else part for part in x.operands]
            return plus(*[transpose(part) if part.shape else part for part in wide])
        case "product":
            return times(*[transpose(repeat(f, x.shape)) if f.shape else f for f in x.operands])
        case "identity" | "diag":
            return x
        case "repeat" if not x.operands[0].shape:
            return repeat(x.operands[0], term.shape)
        case "power":
            return power(transpose(x.operands[0]), x.argument[0])
    return term


def repeat_rule(term: Term, count: Count) -> Term:
    (x,) = term.operands
    if x.shape == term.shape:
        return x
    if x.kind == "repeat" and (not x.operands[0].shape or x.ndim == term.ndim):
        return repeat(x.operands[0], term.shape)
    front, rest = scalars_of(x)
    if front and rest.shape:
        return times(*front, repeat(rest, term.shape))
    if x.kind == "reshape" and not x.operands[0].shape:
        return repeat(x.operands[0], term.shape)
    if x.shape and all(n == 1 for n in x.shape) and x.kind == "reshape":
        inner = x.operands[0]
        if inner.shape == x.shape[-inner.ndim :]:
            return repeat(inner, term.shape)
    return term


def reshape_rule(term: Term, count: Count) -> Term:
    (x,) = term.operands
    if x.shape == term.shape:
        return x
    if x.kind == "reshape":
        return reshaped(x.operands[0], term.shape)
    if x.kind == "repeat" and not x.operands[0].shape:
        return repeat(x.operands[0], term.shape)
    if x.kind == "total" and not x.argument[1]:
        inner, (axes, _) = x.operands[0], x.argument
        if term.shape == tuple(1 if a in axes else n for a, n in enumerate(inner.shape)):
            return total(inner, axes, True)
    front, rest = scalars_of(x)
    if front:
        return times(*front, reshaped(rest, term.shape))
    if x.kind == "number":
        return repeat(x, term.shape)
    if x.kind == "matmul" and term.shape == x.shape[:-1] and x.ndim == 2:
        vector = _column_of(x.operands[-1])
        if vector is not None:
            return matmul(*x.operands[:-1], vector)
    return term


def total_rule(term: Term, count: Count) -> Term:
    (x,), (axes, keepdims) = term.operands, term.argument
    if x.kind == "repeat":
        inner = x.operands[0]
        lead = x.ndim - inner.ndim
        grown = [a for a in range(x.ndim) if a < lead or inner.shape[a - lead] != x.shape[a]]
        if all(a in grown for a in axes):
            scale = times(*[count(x.shape[a]) for a in axes])
            left = repeat(inner, tuple(1 if a in axes else n for a, n in enumerate(x.shape)))
            return times(scale, left if keepdims else reshaped(left, term.shape))
    front, rest = scalars_of(x)
    if front:
        return times(*front, total(rest, axes, keepdims))
    everything = len(axes) == x.ndim and not keepdims
    if everything and x.kind == "diagonal" and x.ndim == 1:
        return call("trace", x.operands[0])
    if axes == (x.ndim - 1,) and (
        x.kind == "one_hot" or (x.kind, x.argument) == ("softmax", (axes,))
    ):
        return repeat(ONE, term.shape)
    if everything and x.kind == "power" and x.argument[0] == 2:
        return call("square_norm", x.operands[0])
    if everything and x.kind == "product" and len(x.operands) == 2:
        a, b = x.operands
        if a.shape == b.shape == x.shape:
            return call("inner", a, b)
    if everything and x.kind == "reshape":
        return total(x.operands[0])
    if everything and x.kind == "total":
        return total(x.operands[0])
    return term


def apply_rule(term: Term, count: Count) -> Term:
    name = term.argument[0]
    if name == "exp" and term.operands[0].kind == "apply" and term.operands[0].argument == ("log",):
        return term.operands[0].operands[0]
    if name == "sigmoid":  # σ(−x) = 1 − σ(x)
        coefficient, core = split(term.operands[0])
        if coefficient == -1:
            return 1 - Term("apply", (core,), ("sigmoid",), term.shape)
    return term


def where_rule(term: Term, count: Count) -> Term:
    _, a, b = term.operands
    if a == b and a.shape == term.shape:
        return a
    return term


def inner_rule(term: Term, count: Count) -> Term:
    front: list[Term] = []
    parts = []
    for part in term.operands:
        scalars, rest = scalars_of(part)
        front += scalars
        parts.append(rest)
    a, b = parts
    if a == b:
        found = call("square_norm", a)
    elif is_value(a, 1):
        found = total(b)
    elif is_value(b, 1):
        found = total(a)
    else:
        found = call("inner", a, b)
    return times(*front, found) if front else found


def outer_rule(term: Term, count: Count) -> Term:
    front: list[Term] = []
    parts = []
    for part in term.operands:
        scalars, rest = scalars_of(part)
        front += scalars
        parts.append(rest)
    return times(*front, call("outer", *parts)) if front else term


def square_norm_rule(term: Term, count: Count) -> Term:
    front, rest = scalars_of(term.operands[0])
    return times(*[power(f, 2) for f in front], call("square_norm", rest)) if front else term


def linear_rule(term: Term, count: Count) -> Term:
    """Scalar factors pulled out of what is linear in its one operand."""
    front, rest = scalars_of(term.operands[0])
    if front:
        return times(*front, Term(term.kind, (rest,), term.argument, term.shape))
    return term


def einsum_rule(term: Term, count: Count) -> Term:
    front: list[Term] = []
    parts = []
    for part in term.operands:
        scalars, rest = scalars_of(part)
        front += scalars
        parts.append(rest)
    return times(*front, Term("einsum", tuple(parts), term.argument, term.shape)) if front else term


_LINEAR_PRIMITIVES = frozenset(
    [
        "permute",
        "slice",
        "flip",
        "pad",
        "sliding_windows",
        "overlap_add",
        "cumsum",
        "gather",
        "scatter_add",
        "triangle",
    ]
)


def primitive_rule(term: Term, count: Count) -> Term:
    name = term.argument[0]
    if name == "conv":
        front, parts = [], []
        for part in term.operands:
            scalars, rest = scalars_of(part)
            front += scalars
            parts.append(rest)
        found = Term("primitive", tuple(parts), term.argument, term.shape)
        return times(*front, found) if front else term
    if name in _LINEAR_PRIMITIVES:
        front, rest = scalars_of(term.operands[0])
        if front and not (name == "pad" and len(term.operands) > 1):
            inner = Term("primitive", (rest, *term.operands[1:]), term.argument, term.shape)
            return times(*front, inner)
    return term
