"""Convolution over any number of spatial axes, as one bilinear primitive.

`conv_` slides a kernel over an input without reversing it (cross-correlation, as is usual in deep
learning). With strides, dilation of either side and two ways of grouping, both of its transposes
are `conv_` again, after exchanging axes and reversing the kernel. (The same scheme as in XLA's
ConvGeneralDilated.)
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import as_strided

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.parts import flip
from chainrule.ops.record import Bilinear, Case
from chainrule.ops.shape import permute, product, reshape

Shape = tuple[int, ...]
Pads = tuple[tuple[int, int], ...]

BLOCK = 1 << 23
"""At most so many numbers are laid out as windows at a time."""


def dilated(extent: int, dilation: int) -> int:
    """The extent after ``dilation - 1`` zeros were put between neighbours."""
    return 0 if extent == 0 else (extent - 1) * dilation + 1


# -- the reference -------------------------------------------------------------------------------


def _padded(x: np.ndarray, padding: Pads, dilation: Shape) -> np.ndarray:
    """Zeros around and between the elements of the spatial axes; negative padding cuts off."""
    if all(d == 1 for d in dilation) and not any(map(any, padding)):
        return x
    first = x.ndim - len(dilation)
    spread = [dilated(n, d) for n, d in zip(x.shape[first:], dilation, strict=True)]
    extents = [n + max(lo, 0) + max(hi, 0) for n, (lo, hi) in zip(spread, padding, strict=True)]
    result = np.zeros((*x.shape[:first], *extents), x.dtype)
    inside = [
        slice(max(lo, 0), max(lo, 0) + n, d)
        for n, (lo, _), d in zip(spread, padding, dilation, strict=True)
    ]
    lead = (slice(None),) * first
    result[(*lead, *inside)] = x
    kept = [
        slice(max(-lo, 0), n - max(-hi, 0)) for n, (lo, hi) in zip(extents, padding, strict=True)
    ]
    return result[(*lead, *kept)]


def _windows(x: np.ndarray, kernel: Shape, out: Shape, strides: Shape, dilation: Shape) -> Any:
    """x (groups, batch, channels, …) viewed as (groups, channels, *kernel, batch, *out)."""
    group, batch, channel, *spatial = x.strides
    taps = tuple(step * d for step, d in zip(spatial, dilation, strict=True))
    moves = tuple(step * s for step, s in zip(spatial, strides, strict=True))
    shape = (x.shape[0], x.shape[2], *kernel, x.shape[1], *out)
    return as_strided(x, shape, (group, channel, *taps, batch, *moves), writeable=False)


def _evaluate(
    x: np.ndarray,
    w: np.ndarray,
    strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> np.ndarray:
    rank, groups, kernel = len(strides), feature_groups * batch_groups, w.shape[2:]
    # Both sorts of groups become one leading axis: (groups, batch, channels, *spatial).
    if batch_groups > 1:
        x = x.reshape(groups, x.shape[0] // groups, *x.shape[1:])
    else:
        x = np.swapaxes(x.reshape(x.shape[0], groups, w.shape[1], *x.shape[2:]), 0, 1)
    x = _padded(x, padding, lhs_dilation)
    features, taps = w.shape[0] // groups, w.shape[1] * product(kernel)
    w = w.reshape(groups, features, taps)
    out = tuple(
        (n - dilated(k, d)) // s + 1
        for n, k, d, s in zip(x.shape[3:], kernel, rhs_dilation, strides, strict=True)
    )
    batch, places = x.shape[1], product(out)
    result = np.zeros((groups, features, batch, places), x.dtype)
    if result.size and taps:
        windows = _windows(x, kernel, out, strides, rhs_dilation)
        step = max(1, BLOCK // (groups * taps * places))
        for start in range(0, batch, step):
            some = slice(start, min(start + step, batch))
            columns = windows[(slice(None),) * (2 + rank) + (some,)].reshape(groups, taps, -1)
            result[:, :, some] = (w @ columns).reshape(groups, features, -1, places)
    return result.transpose(2, 0, 1, 3).reshape(batch, groups * features, *out)


# -- the record ----------------------------------------------------------------------------------


def _conv_type(
    x: ArrayType,
    w: ArrayType,
    strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> ArrayType:
    shapes = f"input {x.shape} and kernel {w.shape}"
    if x.dtype is not w.dtype or x.dtype.kind == "b":
        raise DTypeError(
            f"conv: dtypes {x.dtype.name} and {w.dtype.name}; both must be one numeric dtype"
        )
    if x.ndim != w.ndim or x.ndim != len(strides) + 2:
        raise ShapeError(
            f"conv: {shapes}: expected input (batch, channels, *spatial) and kernel (features, "
            f"channels / groups, *spatial) with {len(strides)} spatial axes each"
        )
    if x.shape[1] != w.shape[1] * feature_groups:
        raise ShapeError(
            f"conv: {shapes}: the input has {x.shape[1]} channels (axis 1), the kernel wants "
            f"{w.shape[1]} (axis 1) in each of {feature_groups} groups"
        )
    if feature_groups > 1 and batch_groups > 1:
        raise ShapeError("conv: channels and batch cannot both be grouped")
    groups = feature_groups * batch_groups
    if w.shape[0] % groups or x.shape[0] % batch_groups:
        raise ShapeError(
            f"conv: {shapes}: the {w.shape[0]} features (axis 0 of the kernel) cannot be divided "
            f"into {groups} groups"
        )
    out = []
    for axis, (n, k) in enumerate(zip(x.shape[2:], w.shape[2:], strict=True)):
        available = dilated(n, lhs_dilation[axis]) + sum(padding[axis])
        wanted = dilated(k, rhs_dilation[axis])
        if available < wanted:
            raise ShapeError(
                f"conv: {shapes}: along spatial axis {axis} the kernel spans {wanted} elements "
                f"(dilation {rhs_dilation[axis]}), the padded input has {available}; "
                "pad more or use a smaller kernel"
            )
        out.append((available - wanted) // strides[axis] + 1)
    return array_type((x.shape[0] // batch_groups, w.shape[0], *out), x.dtype)


def arranged(x: Node, split: Shape, order: Shape, joined: Shape, lead: int) -> Node:
    """``x`` with its ``lead`` leading axes split, permuted, and joined again."""
    rest = x.shape[lead:]
    x = reshape(x, split + rest)
    x = permute(x, order + tuple(range(len(order), x.ndim)))
    return reshape(x, joined + rest)


def _exchanged(x: Node) -> Node:
    """``x`` with its first two axes exchanged."""
    return permute(x, (1, 0, *range(2, x.ndim)))


def _extents(
    ct: Node, x: Node, w: Node, strides: Shape, lhs_dilation: Shape, rhs_dilation: Shape
) -> Iterator[tuple[int, int, int]]:
    """For each spatial axis the dilated extents of input, kernel and result."""
    for axis, (s, a, b) in enumerate(zip(strides, lhs_dilation, rhs_dilation, strict=True), 2):
        yield dilated(x.shape[axis], a), dilated(w.shape[axis], b), dilated(ct.shape[axis], s)


def _transpose_input(
    ct: Node,
    x: Node,
    w: Node,
    strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> Node:
    """The reversed kernel slides over the cotangent, which is spread out by the strides."""
    extents = _extents(ct, x, w, strides, lhs_dilation, rhs_dilation)
    groups = feature_groups * batch_groups
    features, channels = w.shape[0] // groups, w.shape[1]
    kernel = arranged(w, (groups, features, channels), (0, 2, 1), (groups * channels, features), 2)
    result = conv_(
        ct,
        flip(kernel, tuple(range(2, w.ndim))),
        strides=lhs_dilation,
        padding=tuple(
            (k - lo - 1, n + lo - m) for (n, k, m), (lo, _) in zip(extents, padding, strict=True)
        ),
        lhs_dilation=strides,
        rhs_dilation=rhs_dilation,
        feature_groups=groups,
        batch_groups=1,
    )
    if batch_groups == 1:
        return result
    batch = ct.shape[0]
    return arranged(result, (batch, groups, channels), (1, 0, 2), (groups * batch, channels), 2)


def _transpose_kernel(
    ct: Node,
    x: Node,
    w: Node,
    strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> Node:
    """The cotangent slides over the input; batch and channels exchange their parts."""
    extents = _extents(ct, x, w, strides, lhs_dilation, rhs_dilation)
    result = conv_(
        _exchanged(x),
        _exchanged(ct),
        strides=rhs_dilation,
        padding=tuple(
            (lo, m + k - n - lo - 1) for (n, k, m), (lo, _) in zip(extents, padding, strict=True)
        ),
        lhs_dilation=lhs_dilation,
        rhs_dilation=strides,
        feature_groups=batch_groups,
        batch_groups=feature_groups,
    )
    return _exchanged(result)


def _batch_conv(
    size: int,
    batched: Sequence[bool],
    sources: Sequence[Node],
    strides: Shape,
    padding: Pads,
    lhs_dilation: Shape,
    rhs_dilation: Shape,
    feature_groups: int,
    batch_groups: int,
) -> Node:
    """Examples join the batch of the input, or the features of the kernel, or are groups."""
    x, w = sources
    groups = feature_groups * batch_groups

    def convolved(x: Node, w: Node, feature_groups: int, batch_groups: int) -> Node:
        return conv_(
            x,
            w,
            strides=strides,
            padding=padding,
            lhs_dilation=lhs_dilation,
            rhs_dilation=rhs_dilation,
            feature_groups=feature_groups,
            batch_groups=batch_groups,
        )

    if not batched[1]:
        n = x.shape[1] // batch_groups
        x = arranged(x, (size, batch_groups, n), (1, 0, 2), (batch_groups * size * n,), 2)
        y = convolved(x, w, feature_groups, batch_groups)
        return reshape(y, (size, n, *y.shape[1:]))
    features = w.shape[1]
    if not batched[0]:
        o = features // groups
        w = arranged(w, (size, groups, o), (1, 0, 2), (groups * size * o,), 2)
        y = convolved(x, w, feature_groups, batch_groups)
        n = y.shape[0]
        return arranged(y, (n, groups, size, o), (2, 0, 1, 3), (size, n, features), 2)
    w = reshape(w, (size * features, *w.shape[2:]))
    n, channels = x.shape[1:3]
    if batch_groups > 1:
        x = reshape(x, (size * n, *x.shape[2:]))
        y = convolved(x, w, 1, size * batch_groups)
    else:
        x = arranged(x, (size, n, channels), (1, 0, 2), (n, size * channels), 3)
        y = convolved(x, w, size * feature_groups, 1)
    n = y.shape[0]
    return arranged(y, (n, size, features), (1, 0, 2), (size, n, features), 2)


def _cases(rng: np.random.Generator) -> Iterator[Case]:
    one, none = (1,), ((0, 0),)
    for x, w, argument in (
        ((2, 2, 7), (3, 2, 3), (one, none, one, one, 1, 1)),
        ((1, 2, 8), (2, 2, 3), ((2,), ((1, 2),), one, (2,), 1, 1)),
        ((2, 4, 6), (6, 2, 2), (one, ((1, 0),), (2,), one, 2, 1)),
        ((4, 3, 5), (4, 3, 2), ((2,), ((-1, 1),), one, one, 1, 2)),
        ((2, 1, 5, 4), (2, 1, 3, 2), ((2, 1), ((1, 1), (0, 1)), (1, 1), (1, 2), 1, 1)),
        ((1, 1, 3, 4, 3), (1, 1, 2, 2, 2), ((1, 2, 1), ((0, 0),) * 3, (1,) * 3, (1,) * 3, 1, 1)),
        ((0, 1, 4), (2, 1, 2), (one, none, one, one, 1, 1)),
    ):
        yield Case((rng.normal(size=x), rng.normal(size=w)), argument)


def conv_flops(out: Shape, w: Shape) -> int:
    """Multiplications and additions, those with padding included."""
    return 2 * product(out) * product(w[1:])


conv_: Bilinear = Bilinear(
    name="conv",
    parameters=(
        "strides",
        "padding",
        "lhs_dilation",
        "rhs_dilation",
        "feature_groups",
        "batch_groups",
    ),
    evaluate=_evaluate,
    infer=_conv_type,
    flops=lambda x, w, *argument: conv_flops(_conv_type(x, w, *argument).shape, w.shape),
    transposes=(_transpose_input, _transpose_kernel),
    batch=_batch_conv,
    cases=_cases,
    rule="product rule",
)
