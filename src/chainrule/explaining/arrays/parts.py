"""How primitives that move or pick elements are written: X[0:2], permute(X; 1, 0), conv(X, K)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from chainrule.explaining.arrays.expression import Shape, Term

__all__ = ["index_of", "more_of"]


def index_of(term: Term) -> str | None:
    """What stands in square brackets behind the first operand; None if it is no lookup."""
    name, *argument = term.argument
    if name == "slice":
        return _slice(term.operands[0].shape, *argument)
    if name == "gather" and argument == [(0,)] and len(term.operands) == 2:
        return ""
    return None


def _slice(shape: Shape, start: Shape, stop: Shape, step: Shape) -> str:
    parts = []
    for n, a, b, s in zip(shape, start, stop, step, strict=True):
        if s != 1:
            parts.append(f"{a}:{b}:{s}")
        elif (a, b) == (0, n):
            parts.append(":")
        else:
            parts.append(str(a) if b == a + 1 else f"{a}:{b}")
    while parts and parts[-1] == ":":
        parts.pop()
    return ", ".join(parts) or ":"


def more_of(term: Term) -> str:
    """The static arguments of a primitive that say what it does, behind its operands."""
    name, *argument = term.argument
    found = _MORE.get(name)
    return found(*argument) if found is not None else ""


def _numbers(values: Any) -> str:
    return ", ".join(map(str, values))


def _pad(low: Shape, high: Shape, interior: Shape) -> str:
    sides = [f"{a} before, {b} behind" for a, b in zip(low, high, strict=True)]
    return "; ".join(sides) + ("; spread" if any(interior) else "")


def _conv(
    strides: Shape,
    padding: Any,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> str:
    parts = []
    if any(n != 1 for n in strides):
        parts.append(f"stride {_numbers(strides)}")
    if any(any(pair) for pair in padding):
        low = padding[0][0]
        even = all(pair == (low, low) for pair in padding)
        parts.append(f"padding {low if even else _numbers(padding)}")
    if any(n != 1 for n in (*lhs_dilation, *rhs_dilation)):
        parts.append(f"dilation {_numbers((*lhs_dilation, *rhs_dilation))}")
    if feature_groups * batch_groups != 1:
        parts.append(f"{feature_groups * batch_groups} groups")
    return "; ".join(parts)


_MORE: Mapping[str, Callable[..., str]] = {
    "permute": _numbers,
    "pad": _pad,
    "conv": _conv,
    "concatenate": lambda axis: f"axis {axis}",
    "flip": lambda axes: f"axes {_numbers(axes)}" if len(axes) > 1 else f"axis {axes[0]}",
    "cumsum": lambda axis, reverse: f"axis {axis}" + (", from behind" if reverse else ""),
    "triangle": lambda offset, upper: (
        ("upper" if upper else "lower") + (f", from diagonal {offset}" if offset else "")
    ),
}
