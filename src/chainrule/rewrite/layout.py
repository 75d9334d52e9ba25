"""Laws of arrangement: reshape, permute, broadcast, and reductions of what was rearranged.

The normal form has the broadcast outside, the reshape inside of it and the permutation innermost.
"""

from __future__ import annotations

from chainrule.core.node import Node, apply, literal
from chainrule.ops.arithmetic import mul, neg
from chainrule.ops.record import Elementwise
from chainrule.ops.reduce import (
    all_,
    any_,
    kept_shape,
    logsumexp,
    max_,
    min_,
    prod,
    reduced_shape,
    sum_,
)
from chainrule.ops.shape import (
    broadcast_,
    broadcast_to,
    permute,
    permute_,
    product,
    reshape,
    reshape_,
)
from chainrule.rewrite.axes import (
    aligned,
    long_axes,
    only_ones_differ,
    placed,
    regrouped,
)
from chainrule.rewrite.engine import Context, Family

LAYOUT = Family()

REDUCTIONS = (sum_, prod, max_, min_, logsumexp, any_, all_)

# -- reshape ---------------------------------------------------------------------------------------


@LAYOUT.rule(reshape_)
def reshape_twice(node: Node) -> Node | None:
    """reshape(reshape(x)) = reshape(x), and a reshape to the own shape is x."""
    (x,) = node.sources
    if x.primitive is reshape_:
        return reshape(x.sources[0], node.shape)
    return x if x.shape == node.shape else None


@LAYOUT.rule(reshape_)
def reshape_of_broadcast(node: Node) -> Node | None:
    """reshape(broadcast_to(x)) = broadcast_to(reshape(x)) where no axis is joined with a copy."""
    (y,) = node.sources
    if y.primitive is not broadcast_ or 0 in node.shape:
        return None
    (x,) = y.sources
    thin = aligned(x.shape, y.ndim)
    copied = [n == 1 and m != 1 for n, m in zip(thin, y.shape, strict=True)]
    flags = regrouped(y.shape, node.shape, copied)
    if flags is None:
        return None
    shape = tuple(1 if flag else n for flag, n in zip(flags, node.shape, strict=True))
    return broadcast_to(reshape(x, shape), node.shape)


@LAYOUT.rule(reshape_, contextual=True)
def reshape_of_reduction(node: Node, context: Context) -> Node | None:
    """reshape(reduce(x)) = reduce(x) with the reduced axes kept, or left out, as it asks for."""
    (y,) = node.sources
    if y.primitive not in REDUCTIONS or not context.single(y):
        return None
    (x,), (axes, keepdims) = y.sources, y.argument
    wanted = reduced_shape(x.shape, axes) if keepdims else kept_shape(x.shape, axes)
    return apply(y.primitive, (x,), (axes, not keepdims)) if node.shape == wanted else None


@LAYOUT.rule(reshape_, contextual=True)
def reshape_of_function(node: Node, context: Context) -> Node | None:
    """reshape(f(x)) = f(reshape(x)) where only extents of 1 change and x is the one array in it."""
    (y,) = node.sources
    if not isinstance(y.primitive, Elementwise) or not context.single(y):
        return None
    if not only_ones_differ(y.shape, node.shape) or not y.ndim:
        return None
    arrays = {source for source in y.sources if source.ndim}
    if len(arrays) != 1 or next(iter(arrays)).shape != y.shape:
        return None
    sources = tuple([reshape(s, node.shape) if s.ndim else s for s in y.sources])
    return apply(y.primitive, sources, y.argument)


# -- permute ---------------------------------------------------------------------------------------


@LAYOUT.rule(permute_)
def permute_twice(node: Node) -> Node | None:
    """permute(permute(x)) is one permutation."""
    (x,), (axes,) = node.sources, node.argument
    if x.primitive is not permute_:
        return None
    (inner,) = x.argument
    return permute(x.sources[0], tuple(inner[axis] for axis in axes))


@LAYOUT.rule(permute_)
def permute_of_ones(node: Node) -> Node | None:
    """A permutation that moves only axes of extent 1 is a reshape."""
    (x,), (axes,) = node.sources, node.argument
    moved = [axis for axis in axes if x.shape[axis] != 1]
    return reshape(x, node.shape) if moved == sorted(moved) else None


@LAYOUT.rule(permute_)
def permute_of_reshape(node: Node) -> Node | None:
    """permute(reshape(x)) = reshape(permute(x)) where the reshape only adds or drops extents 1."""
    (y,), (axes,) = node.sources, node.argument
    if y.primitive is not reshape_:
        return None
    (x,) = y.sources
    if not only_ones_differ(x.shape, y.shape):
        return None
    inside = dict(zip(long_axes(y.shape), long_axes(x.shape), strict=True))
    order = placed([inside[axis] for axis in axes if axis in inside], x.ndim)
    return reshape(permute(x, order), node.shape)


@LAYOUT.rule(permute_)
def permute_of_broadcast(node: Node) -> Node | None:
    """permute(broadcast_to(x)) = broadcast_to(permute(x))."""
    (y,), (axes,) = node.sources, node.argument
    if y.primitive is not broadcast_:
        return None
    (x,) = y.sources
    return broadcast_to(permute(reshape(x, aligned(x.shape, y.ndim)), axes), node.shape)


# -- broadcast -------------------------------------------------------------------------------------


@LAYOUT.rule(broadcast_)
def broadcast_twice(node: Node) -> Node | None:
    """broadcast_to(broadcast_to(x)) is one broadcast; one to the own shape is x."""
    (x,) = node.sources
    if x.primitive is broadcast_:
        return broadcast_to(x.sources[0], node.shape)
    return x if x.shape == node.shape else None


@LAYOUT.rule(broadcast_)
def broadcast_that_repeats_nothing(node: Node) -> Node | None:
    """A broadcast that only adds axes of extent 1 is a reshape."""
    (x,) = node.sources
    return reshape(x, node.shape) if aligned(x.shape, node.ndim) == node.shape else None


@LAYOUT.rule(broadcast_)
def broadcast_of_leading_ones(node: Node) -> Node | None:
    """broadcast_to(reshape(x)) = broadcast_to(x) where the reshape puts extents 1 in front."""
    (y,) = node.sources
    if y.primitive is not reshape_:
        return None
    (x,) = y.sources
    if x.ndim >= y.ndim or y.shape != aligned(x.shape, y.ndim):
        return None
    return broadcast_to(x, node.shape)


# -- reductions ------------------------------------------------------------------------------------


@LAYOUT.rule(sum_, exact=False)
def sum_over_ones(node: Node) -> Node | None:
    """Summing over axes of extent 1 is a reshape (up to the sign of zero: 0 + (-0.0) is 0)."""
    (x,), (axes, keepdims) = node.sources, node.argument
    rest = tuple(axis for axis in axes if x.shape[axis] != 1)
    if rest == axes and axes:
        return None
    return reshape(sum_(x, axes=rest, keepdims=keepdims) if rest else x, node.shape)


@LAYOUT.rule(max_, min_)
def extreme_over_ones(node: Node) -> Node | None:
    """The extreme over axes of extent 1 is a reshape."""
    (x,), (axes, keepdims) = node.sources, node.argument
    rest = tuple(axis for axis in axes if x.shape[axis] != 1)
    if rest == axes and axes:
        return None
    return reshape(apply(node.primitive, (x,), (rest, keepdims)) if rest else x, node.shape)


@LAYOUT.rule(sum_, exact=False, contextual=True)
def sum_of_sum(node: Node, context: Context) -> Node | None:
    """Σᵢ Σⱼ x = Σᵢⱼ x, where the inner sum is not needed otherwise."""
    (y,), (axes, _) = node.sources, node.argument
    if y.primitive is not sum_ or not context.single(y):
        return None
    (x,), (inner, kept) = y.sources, y.argument
    left = [axis for axis in range(x.ndim) if kept or axis not in inner]
    joined = {*inner, *(left[axis] for axis in axes)}
    return reshape(sum_(x, axes=tuple(sorted(joined)), keepdims=False), node.shape)


@LAYOUT.rule(sum_, exact=False)
def sum_of_broadcast(node: Node) -> Node | None:
    """Σᵢ of n copies of x is n·x."""
    (y,), (axes, _) = node.sources, node.argument
    if y.primitive is not broadcast_ or node.dtype.kind != "f":
        return None
    (x,) = y.sources
    thin = aligned(x.shape, y.ndim)
    copied = [axis for axis in axes if thin[axis] == 1 and y.shape[axis] != 1]
    if not copied:
        return None
    rest = tuple(axis for axis in axes if axis not in copied)
    times = product(tuple(y.shape[axis] for axis in copied))
    x = reshape(x, thin)
    if rest:
        x = sum_(x, axes=rest, keepdims=True)
    x = mul(x, literal(float(times), x.dtype))
    spread = tuple(1 if axis in axes else n for axis, n in enumerate(y.shape))
    return reshape(broadcast_to(x, spread), node.shape)


@LAYOUT.rule(sum_, exact=False)
def sum_of_reshape(node: Node) -> Node | None:
    """Σ reshape(x) = reshape(Σ x) where whole axes of x are summed."""
    (y,), (axes, _) = node.sources, node.argument
    if y.primitive is not reshape_ or 0 in y.shape:
        return None
    (x,) = y.sources
    flags = regrouped(y.shape, x.shape, [axis in axes for axis in range(y.ndim)])
    if flags is None:
        return None
    inner = tuple(axis for axis, flag in enumerate(flags) if flag)
    return reshape(sum_(x, axes=inner, keepdims=False), node.shape)


@LAYOUT.rule(sum_, exact=False)
def sum_of_negatives(node: Node) -> Node | None:
    """Σ (-x) = -Σ x."""
    (y,) = node.sources
    return neg(apply(sum_, y.sources, node.argument)) if y.primitive is neg else None


@LAYOUT.rule(max_, min_, exact=False)
def extreme_of_permute(node: Node) -> Node | None:
    """max permute(x) = permute(max x), where the first of 0.0 and -0.0 is the greater one."""
    return _reduced_before_permuting(node)


@LAYOUT.rule(sum_, exact=False)
def sum_of_permute(node: Node) -> Node | None:
    """Σ permute(x) = permute(Σ x)."""
    return _reduced_before_permuting(node)


def _reduced_before_permuting(node: Node) -> Node | None:
    (y,), (axes, _) = node.sources, node.argument
    if y.primitive is not permute_:
        return None
    (x,), (order,) = y.sources, y.argument
    inner = tuple(sorted(order[axis] for axis in axes))
    y = apply(node.primitive, (x,), (inner, False))
    left = [axis for axis in range(x.ndim) if axis not in inner]
    kept = [left.index(order[axis]) for axis in range(x.ndim) if axis not in axes]
    return reshape(permute(y, tuple(kept)), node.shape)
