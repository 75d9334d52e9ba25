"""Convolution with strides, padding, dilation and groups, in terms of the one record `conv_`."""

from __future__ import annotations

from collections.abc import Sequence

from chainrule.core.errors import ShapeError
from chainrule.core.node import Node
from chainrule.ops.conv import Pads, Shape, arranged, conv_, dilated
from chainrule.ops.parts import flip

Padding = str | int | Sequence[int | tuple[int, int]]


def conv(
    x: Node,
    w: Node,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
) -> Node:
    """`chainrule.conv` on nodes of one dtype; see there for the arguments.

    Raises:
        ShapeError: if ranks, channels or groups do not fit, or the kernel exceeds the input.
    """
    rank = w.ndim - 2
    moves, taps = _each("strides", strides, rank), _each("dilation", dilation, rank)
    spans = tuple(dilated(k, d) for k, d in zip(w.shape[2:], taps, strict=True))
    return conv_(
        x,
        w,
        strides=moves,
        padding=_pads(padding, x.shape[2:], spans, moves),
        lhs_dilation=(1,) * rank,
        rhs_dilation=taps,
        feature_groups=_positive("groups", groups),
        batch_groups=1,
    )


def conv_transpose(
    x: Node,
    w: Node,
    strides: int | Sequence[int] = 1,
    padding: Padding = "valid",
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    output_padding: int | Sequence[int] = 0,
) -> Node:
    """`chainrule.conv_transpose` on nodes of one dtype: the adjoint of `conv` in its input.

    The result has (extent − 1)·stride − padding + dilation·(kernel − 1) + output_padding + 1
    elements along each spatial axis, where padding is that of both sides together. With
    ``padding="same"`` it has extent·stride.

    Raises:
        ShapeError: as for `conv`.
    """
    rank = w.ndim - 2
    if x.ndim != w.ndim or rank < 1 or x.shape[1] != w.shape[0] or x.shape[1] % groups:
        raise ShapeError(
            f"conv_transpose: input {x.shape} and kernel {w.shape}: expected (batch, channels, "
            "*spatial) and (channels, features / groups, *spatial), channels divisible by groups"
        )
    moves, taps = _each("strides", strides, rank), _each("dilation", dilation, rank)
    more = _each("output_padding", output_padding, rank, least=0)
    spans = tuple(dilated(k, d) for k, d in zip(w.shape[2:], taps, strict=True))
    longer = tuple(n * s for n, s in zip(x.shape[2:], moves, strict=True))
    pads = _pads(padding, longer, spans, moves)
    if padding == "same":  # gives extent·stride elements, also where strides exceed the kernel
        more = tuple(m + max(s - k, 0) for m, s, k in zip(more, moves, spans, strict=True))
    channels, features = w.shape[0] // groups, w.shape[1]
    kernel = arranged(w, (groups, channels, features), (0, 2, 1), (groups * features, channels), 2)
    return conv_(
        x,
        flip(kernel, tuple(range(2, w.ndim))),
        strides=(1,) * rank,
        padding=tuple(
            (k - 1 - lo, k - 1 - hi + m) for k, (lo, hi), m in zip(spans, pads, more, strict=True)
        ),
        lhs_dilation=moves,
        rhs_dilation=taps,
        feature_groups=_positive("groups", groups),
        batch_groups=1,
    )


def _positive(name: str, value: int, least: int = 1) -> int:
    if value < least:
        raise ShapeError(f"conv: {name} must be at least {least}, not {value}")
    return value


def _each(name: str, value: int | Sequence[int], rank: int, least: int = 1) -> Shape:
    values = (value,) * rank if isinstance(value, int) else tuple(value)
    if len(values) != rank:
        raise ShapeError(f"conv: {len(values)} {name} {values} for {rank} spatial axes")
    return tuple(_positive(name, v, least) for v in values)


def _pads(padding: Padding, extents: Shape, spans: Shape, strides: Shape) -> Pads:
    if isinstance(padding, str):
        if padding not in ("valid", "same"):
            raise ShapeError(f"conv: padding {padding!r}; expected 'valid', 'same' or numbers")
        if padding == "valid":
            return ((0, 0),) * len(extents)
        missing = [
            max((-(-n // s) - 1) * s + k - n, 0)
            for n, k, s in zip(extents, spans, strides, strict=True)
        ]
        return tuple((m // 2, m - m // 2) for m in missing)
    given: Sequence[int | tuple[int, int]]
    given = (padding,) * len(extents) if isinstance(padding, int) else tuple(padding)
    if len(given) != len(extents):
        raise ShapeError(f"conv: padding {padding} for {len(extents)} spatial axes")
    return tuple((p, p) if isinstance(p, int) else (p[0], p[1]) for p in given)
