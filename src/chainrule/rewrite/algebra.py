"""Laws of single elements: arithmetic with 0, 1 and -1, choices, conversions, broadcasting.

Floating-point numbers are no real numbers: x + 0 is not x where x is -0.0, so that only -0.0 is
neutral in a sum, and x·0 is not 0 where x is infinite. The laws here keep every bit.
"""

from __future__ import annotations

import math

import numpy as np

from chainrule.core.node import LITERAL, Node, apply, literal
from chainrule.ops.arithmetic import add, div, integer_pow, mul, neg, sub
from chainrule.ops.choice import maximum, minimum, where
from chainrule.ops.exponential import stop_gradient
from chainrule.ops.logic import logical_not
from chainrule.ops.record import BOOL, Elementwise, broadcast_shapes
from chainrule.ops.shape import alias, broadcast_, broadcast_to, cast, reshape_
from chainrule.rewrite.axes import aligned
from chainrule.rewrite.constants import constant, is_literal, thinned, uniform
from chainrule.rewrite.engine import Context, Family

ALGEBRA = Family()
APPROXIMATE = Family()

FEW = 2
"""So many times fewer elements are few."""


def _whole(x: Node, like: Node) -> Node:
    """``x`` with the shape of ``like``, to which it broadcasts."""
    return broadcast_to(x, like.shape)


# -- identities ------------------------------------------------------------------------------------


@ALGEBRA.rule(alias, stop_gradient)
def identity(node: Node) -> Node:
    """alias(x) = x and stop_gradient(x) = x in value; derivatives have been taken by now."""
    return node.sources[0]


@ALGEBRA.rule(cast)
def cast_to_own_dtype(node: Node) -> Node | None:
    """cast(x) = x where x has that dtype already."""
    (x,) = node.sources
    return x if x.dtype is node.dtype else None


@ALGEBRA.rule(cast)
def cast_twice(node: Node) -> Node | None:
    """cast(cast(x)) = cast(x) where the inner conversion loses nothing."""
    (inner,) = node.sources
    if inner.primitive is not cast:
        return None
    (x,) = inner.sources
    if not np.can_cast(x.dtype, inner.dtype, "safe"):
        return None
    return x if x.dtype is node.dtype else cast(x, dtype=node.dtype)


# -- operands --------------------------------------------------------------------------------------


@ALGEBRA.rule(Elementwise)
def implicit_broadcast(node: Node) -> Node | None:
    """f(broadcast_to(x), y) = f(x, y), repeated to the whole shape if y does not have it.

    A constant that is the same everywhere becomes a literal.
    """
    sources = tuple([_unrepeated(source) for source in node.sources])
    if all(new is old for new, old in zip(sources, node.sources, strict=True)):
        return None
    if all(constant(source) is not None for source in sources):
        return None  # nothing of this size is to be computed now
    return _whole(apply(node.primitive, sources, node.argument), node)


def _unrepeated(x: Node) -> Node:
    if x.primitive is broadcast_:
        return x.sources[0]
    if constant(x) is None:
        return x
    value = uniform(x)
    return thinned(x) if value is None else value


@ALGEBRA.rule(Elementwise)
def implicit_ones(node: Node) -> Node | None:
    """f(reshape(x), y) = f(x, y) where the reshape puts extents 1 in front and y has those axes."""
    sources = list(node.sources)
    for place, source in enumerate(sources):
        if source.primitive is not reshape_:
            continue
        (x,) = source.sources
        if x.ndim >= source.ndim or source.shape != aligned(x.shape, source.ndim):
            continue
        others = [*sources[:place], x, *sources[place + 1 :]]
        if broadcast_shapes("", [other.type for other in others]) == node.shape:
            sources = others
    if all(new is old for new, old in zip(sources, node.sources, strict=True)):
        return None
    return apply(node.primitive, tuple(sources), node.argument)


@ALGEBRA.rule(add, mul)
def literal_last(node: Node) -> Node | None:
    """c + x = x + c and c·x = x·c, so that equal products are one node."""
    x, y = node.sources
    if x.primitive is LITERAL and y.primitive is not LITERAL:
        return apply(node.primitive, (y, x))
    return None


# -- neutral elements ------------------------------------------------------------------------------


@ALGEBRA.rule(mul)
def times_one(node: Node) -> Node | None:
    """x · 1 = x."""
    x, c = node.sources
    return _whole(x, node) if is_literal(c, 1.0) else None


@ALGEBRA.rule(mul, exact=False)
def multiple_of_multiple(node: Node) -> Node | None:
    """(x·a)·b = x·(a·b) for literals a and b."""
    y, b = node.sources
    x, a = _multiple(y)
    factor = None if a is None or b.primitive is not LITERAL else _product(a, b)
    return None if factor is None else apply(mul, (x, factor))


@ALGEBRA.rule(mul, exact=False, contextual=True)
def product_of_multiples(node: Node, context: Context) -> Node | None:
    """(x·a)·(y·b) = (x·y)·(a·b) for literals; x·(y·b) = (x·b)·y where x has fewer elements."""
    (x, a), (y, b) = (
        _multiple(source) if context.single(source) else (source, None) for source in node.sources
    )
    if a is not None and b is not None:
        factor = _product(a, b)
        return None if factor is None else apply(mul, (x * y, factor))
    if b is not None and FEW * x.type.size <= y.type.size:
        return apply(mul, (x * b, y))
    if a is not None and FEW * y.type.size <= x.type.size:
        return apply(mul, (x, y * a))
    return None


def _multiple(x: Node) -> tuple[Node, Node | None]:
    """x as y·c with a literal c; None for c if it is no such product."""
    if x.primitive is mul and x.dtype.kind == "f" and x.sources[1].primitive is LITERAL:
        return x.sources[0], x.sources[1]
    return x, None


def _product(a: Node, b: Node) -> Node | None:
    """a·b as a literal, if it is a normal number."""
    product = float(a.value) * float(b.value)
    limits = np.finfo(a.dtype)
    if not limits.tiny <= abs(product) <= limits.max:
        return None
    return literal(product, a.dtype)


@ALGEBRA.rule(mul)
def times_minus_one(node: Node) -> Node | None:
    """x · (-1) = -x."""
    x, c = node.sources
    return _whole(neg(x), node) if is_literal(c, -1.0) else None


@ALGEBRA.rule(div)
def over_one(node: Node) -> Node | None:
    """x / 1 = x and x / (-1) = -x."""
    x, c = node.sources
    if is_literal(c, 1.0):
        return _whole(x, node)
    return _whole(neg(x), node) if is_literal(c, -1.0) else None


@ALGEBRA.rule(div)
def over_power_of_two(node: Node) -> Node | None:
    """x / 2ᵏ = x · 2⁻ᵏ: both are the rounding of the same number."""
    x, c = node.sources
    if c.primitive is not LITERAL or not np.isfinite(c.value) or c.value == 0:
        return None
    mantissa, exponent = math.frexp(float(c.value))
    if abs(mantissa) != 0.5:
        return None
    limits = np.finfo(node.dtype)
    inverse = 1 - exponent  # 1 / 2ᵉ⁻¹, where 2 · mantissa is ±1
    if not limits.minexp <= inverse < limits.maxexp:
        return None
    return mul(x, literal(math.ldexp(2 * mantissa, inverse), node.dtype))


@APPROXIMATE.rule(div, exact=False)
def quotient_by_few(node: Node) -> Node | None:
    """x / r = x · (1/r) where each element of r divides many of x, and 1/r is a normal number."""
    x, r = node.sources
    if r.primitive is LITERAL or x.primitive is LITERAL or FEW * r.type.size > node.type.size:
        return None
    return mul(x, integer_pow(r, n=-1))


@ALGEBRA.rule(add)
def plus_negative_zero(node: Node) -> Node | None:
    """x + (-0.0) = x; of integers x + 0 = x."""
    x, c = node.sources
    neutral = is_literal(c, -0.0) or (node.dtype.kind in "iu" and is_literal(c, 0.0))
    return _whole(x, node) if neutral else None


@ALGEBRA.rule(sub)
def minus_zero(node: Node) -> Node | None:
    """x - 0.0 = x."""
    x, c = node.sources
    return _whole(x, node) if is_literal(c, 0.0) else None


@ALGEBRA.rule(integer_pow)
def first_power(node: Node) -> Node | None:
    """x¹ = x."""
    return node.sources[0] if node.argument == (1,) else None


# -- signs -----------------------------------------------------------------------------------------


@ALGEBRA.rule(neg)
def negated_twice(node: Node) -> Node | None:
    """-(-x) = x."""
    (x,) = node.sources
    return x.sources[0] if x.primitive is neg else None


@ALGEBRA.rule(add, sub)
def sum_with_negative(node: Node) -> Node | None:
    """x + (-y) = x - y, (-x) + y = y - x and x - (-y) = x + y."""
    x, y = node.sources
    if y.primitive is neg:
        return apply(sub if node.primitive is add else add, (x, y.sources[0]))
    if x.primitive is neg and node.primitive is add:
        return sub(y, x.sources[0])
    return None


@ALGEBRA.rule(mul, div)
def signs_of_factors(node: Node) -> Node | None:
    """(-x)·(-y) = x·y, (-x)·c = x·(-c) for a literal c; likewise for quotients."""
    x, y = node.sources
    if x.primitive is neg and y.primitive is neg:
        return apply(node.primitive, (x.sources[0], y.sources[0]))
    if x.primitive is neg and y.primitive is LITERAL and node.dtype.kind == "f":
        return apply(node.primitive, (x.sources[0], literal(-y.value, y.dtype)))
    return None


@ALGEBRA.rule(neg, contextual=True)
def negative_of_multiple(node: Node, context: Context) -> Node | None:
    """-(x·c) = x·(-c) for a literal c, where the product is not needed otherwise."""
    (x,) = node.sources
    if x.primitive is not mul or node.dtype.kind != "f" or not context.single(x):
        return None
    y, c = x.sources
    return mul(y, literal(-c.value, c.dtype)) if c.primitive is LITERAL else None


# -- choices ---------------------------------------------------------------------------------------


@ALGEBRA.rule(where)
def settled_choice(node: Node) -> Node | None:
    """where(True, x, y) = x, where(False, x, y) = y and where(c, x, x) = x."""
    condition, x, y = node.sources
    if x is y:
        return _whole(x, node)
    if condition.primitive is not LITERAL:
        return None
    return _whole(x if condition.value else y, node)


@ALGEBRA.rule(where)
def opposite_choice(node: Node) -> Node | None:
    """where(not c, x, y) = where(c, y, x)."""
    condition, x, y = node.sources
    if condition.primitive is not logical_not:
        return None
    return where(condition.sources[0], y, x)


@ALGEBRA.rule(logical_not)
def denied_twice(node: Node) -> Node | None:
    """not not c = c."""
    (x,) = node.sources
    return x.sources[0] if x.primitive is logical_not else None


@ALGEBRA.rule(Elementwise, cast)
def function_of_choice(node: Node) -> Node | None:
    """f(where(c, a, b)) = where(c, f(a), f(b)) for literals a, b and further ones in f."""
    places = [i for i, source in enumerate(node.sources) if source.primitive is not LITERAL]
    if len(places) != 1 or node.primitive is where or node.dtype is BOOL:
        return None
    choice = node.sources[places[0]]
    if choice.primitive is not where:
        return None
    condition, *branches = choice.sources
    if any(branch.primitive is not LITERAL for branch in branches):
        return None
    values = []
    for branch in branches:
        sources = [branch if source is choice else source for source in node.sources]
        values.append(uniform(apply(node.primitive, tuple(sources), node.argument)))
    if values[0] is None or values[1] is None:
        return None
    return apply(where, (condition, values[0], values[1]))


@ALGEBRA.rule(maximum, minimum)
def idempotence(node: Node) -> Node | None:
    """max(x, x) = x and min(x, x) = x."""
    x, y = node.sources
    return x if x is y else None
