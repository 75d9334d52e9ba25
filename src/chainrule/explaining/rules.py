"""How each rule of differentiation is worded: its name, its law, the line it gives.

The local derivatives are the engine's own (`Push.locals`, from the records of the primitives); a
rule here only says how they are put together. The docstring of a rule is its law.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from chainrule.core.node import Node
from chainrule.explaining import laws
from chainrule.explaining.expression import (
    MINUS_ONE,
    ONE,
    ZERO,
    Apply,
    Expression,
    Number,
    Power,
    Product,
    Sum,
    Symbol,
    divided,
    is_number,
    negated,
    number,
)
from chainrule.explaining.reading import read
from chainrule.explaining.steps import Derivative, Let, Line, Reference, Step
from chainrule.explaining.styles import TEXT
from chainrule.rules.jvp import Step as Push

if TYPE_CHECKING:
    from chainrule.explaining.derive import _Deriver

__all__ = ["explain", "may_meet_kink"]

Taken = frozenset[str]
Children = tuple[Step | Reference, ...]


def explain(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """The step of one node, by the rule that its primitive and its moving sources call for."""
    moving = [index for index, t in enumerate(push.tangents) if t is not None]
    rule = _RULES.get((push.node.primitive.name, len(moving)))
    if rule is not None:
        return rule(deriver, push, taken)
    if len(moving) == 1:
        return _outer_and_inner(deriver, push, moving[0], taken)
    return _several(deriver, push, moving, taken)


def may_meet_kink(push: Push) -> bool:
    """Whether the convention of a primitive can matter: that of x^c only for a root."""
    if push.node.primitive.name != "pow":
        return True
    exponent = push.node.sources[1].value
    return push.tangents[1] is None and exponent is not None and 0 < float(exponent) < 1


def times(*factors: Expression) -> Expression:
    """A product as a rule gives it: factors side by side, not multiplied out."""
    if ZERO in factors:
        return ZERO
    kept = tuple(factor for factor in factors if factor != ONE)
    return kept[0] if len(kept) == 1 else Product(kept) if kept else ONE


def plus(*terms: Expression) -> Expression:
    """A sum as a rule gives it, without the terms that are zero."""
    kept = tuple(term for term in terms if term != ZERO)
    return kept[0] if len(kept) == 1 else Sum(kept) if kept else ZERO


def _pair(a: Expression, b: Expression) -> Expression:
    """a · b as the product rule gives it, with a derivative of 1 written out."""
    if ZERO in (a, b):
        return ZERO
    return a if b == ONE and a != ONE else Product((a, b))


# -- sums and products -------------------------------------------------------------------------


def sums(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(u + v)′ = u′ + v′"""
    terms: list[Expression] = []
    children: list[Step | Reference] = []
    for node, sign in _terms(deriver, push.node):
        e, found = deriver.derivative(node, taken)
        children.extend(found)
        if node not in deriver.depending:
            children.append(_constant(deriver, deriver.written[node]))
        terms.append(e if sign > 0 else _minus(e))
    negative = any(sign < 0 for _, sign in _terms(deriver, push.node))
    rule = "difference rule" if negative and len(terms) == 2 else "sum rule"
    text = laws.formula("(u - v)′ = u′ - v′") if rule == "difference rule" else laws.of(sums)
    return deriver.finished(push, rule, text, plus(*terms), children=children)


def _terms(deriver: _Deriver, root: Node) -> list[tuple[Node, int]]:
    """The terms of nested sums and differences, each with its sign."""
    found: list[tuple[Node, int]] = []
    stack = [(root, 1)]
    while stack:
        node, sign = stack.pop()
        name = node.primitive.name
        opened = node is root or (node not in deriver.parts and node in deriver.pushes)
        if name in ("add", "sub") and opened:
            a, b = node.sources
            stack += [(b, sign if name == "add" else -sign), (a, sign)]
        else:
            found.append((node, sign))
    return found


def _minus(e: Expression) -> Expression:
    """-e; a sum keeps its brackets."""
    return ZERO if e == ZERO else Product((MINUS_ONE, e)) if isinstance(e, Sum) else negated(e)


def _constant(deriver: _Deriver, e: Expression) -> Step:
    return Step(
        "constant rule",
        Derivative(e, deriver.variable, deriver.partial),
        (Line(ZERO, "constant rule"),),
        law=laws.formula("c′ = 0"),
    )


def constant_multiple(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(c u)′ = c u′"""
    factors: list[Expression] = []
    inside = push
    while True:
        (index,) = [i for i, t in enumerate(inside.tangents) if t is not None]
        factors.append(deriver.local(inside, index, {}))
        source = inside.node.sources[index]
        if source in deriver.parts or not _is_multiple(deriver.pushes.get(source)):
            break
        inside = deriver.pushes[source]
    inner, children = deriver.derivative(source, taken)
    raw = times(deriver.tidy(Product(tuple(factors))), inner)
    text = laws.of(constant_multiple)
    return deriver.finished(push, "constant multiple rule", text, raw, children=children)


def _is_multiple(push: Push | None) -> bool:
    """Whether a node is a constant times what moves."""
    if push is None or push.node.primitive.name not in ("mul", "neg", "div"):
        return False
    moving = [i for i, t in enumerate(push.tangents) if t is not None]
    return len(moving) == 1 and (push.node.primitive.name != "div" or moving == [0])


def products(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(u v)′ = u′ v + u v′"""
    u, v = push.node.sources
    (du, dv), children, lets = _both(deriver, push, taken)
    a, b = deriver.written[u], deriver.written[v]
    raw = plus(_pair(du, b), _pair(a, dv))
    return deriver.finished(push, push.rule, laws.of(products), raw, lets=lets, children=children)


def quotients(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(u/v)′ = (u′ v - u v′)/v²"""
    u, v = push.node.sources
    (du, dv), children, lets = _both(deriver, push, taken)
    a, b = deriver.written[u], deriver.written[v]
    right = _pair(a, dv)
    above = plus(_pair(du, b), Product((MINUS_ONE, right)) if right != ZERO else ZERO)
    raw = Product((above, Power(b, number(-2))))
    return deriver.finished(push, push.rule, laws.of(quotients), raw, lets=lets, children=children)


def reciprocals(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(c/v)′ = -c v′/v²"""
    c, v = push.node.sources
    if push.tangents[1] is None:
        return constant_multiple(deriver, push, taken)
    dv, children = deriver.derivative(v, taken)
    a, b = deriver.written[c], deriver.written[v]
    above = [] if dv == ONE else [Sum((dv,)) if isinstance(dv, (Product, Number)) else dv]
    raw = Product((negated(a), *above, Power(b, number(-2))))
    lets = _lets(deriver, [v], taken)[1]
    name = "reciprocal rule" if is_number(a, 1) else "quotient rule"
    text = laws.formula("(1/v)′ = -v′/v²") if is_number(a, 1) else laws.of(reciprocals)
    return deriver.finished(push, name, text, raw, lets=lets, children=children)


def _lets(
    deriver: _Deriver, nodes: Sequence[Node], taken: Taken
) -> tuple[dict[Node, Expression], tuple[Let, ...], Taken]:
    """Names for sources, and the substitutions that they are."""
    called: dict[Node, Expression] = {}
    lets: list[Let] = []
    for node in nodes:
        if node in called:
            continue
        symbol, taken = deriver.letter(node, taken)
        called[node] = symbol
        if isinstance(symbol, Symbol) and symbol != deriver.written[node]:
            lets.append(Let(symbol.name, deriver.written[node]))
    return called, tuple(lets), taken


def _both(
    deriver: _Deriver, push: Push, taken: Taken
) -> tuple[list[Expression], Children, tuple[Let, ...]]:
    """Derivatives of both sources, their derivations, and the substitutions."""
    _, lets, taken = _lets(deriver, push.node.sources, taken)
    found: list[Expression] = []
    children: list[Step | Reference] = []
    for source in dict.fromkeys(push.node.sources):
        e, steps = deriver.derivative(source, taken)
        found.append(e)
        children.extend(steps)
    if len(found) == 1:  # u · u
        found *= 2
    return found, tuple(children), lets


# -- powers ------------------------------------------------------------------------------------


def logarithmic(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """y = u^v: ln y = v ln u, so y′ = y (v ln u)′"""
    u, v = push.node.sources
    (du, dv), children, lets = _both(deriver, push, taken)
    base, exponent = deriver.written[u], deriver.written[v]
    y = deriver.written[push.node]
    logarithm = Apply("log", (base,))
    raw = plus(_pair(dv, logarithm), _pair(exponent, times(divided(ONE, base), du)))
    expected = deriver.tangent(push.node).over(deriver.bench.values[push.node])
    lines = deriver.lines(raw, "product rule", expected)
    inner = Step(
        "product rule",
        Derivative(times(exponent, logarithm), deriver.variable, deriver.partial),
        lines,
        law=laws.of(products),
        notes=("y′/y = (ln y)′ = (v ln u)′",),
    )
    whole = Product((y, lines[-1].expression))
    return deriver.finished(
        push,
        "logarithmic differentiation",
        laws.of(logarithmic),
        whole,
        reason="y (ln y)′",
        lets=lets,
        children=[*children, inner],
        notes=[f"for {TEXT(base)} > 0"],
    )


# -- choices -----------------------------------------------------------------------------------


def piecewise(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """(u if c, else v)′ = u′ if c, else v′"""
    condition, a, b = push.node.sources
    (da, first), (db, second) = (deriver.derivative(node, taken) for node in (a, b))
    raw = Apply("where", (deriver.written[condition], da, db))
    notes = ["on either side of a border; where the pieces meet, their slopes may differ"]
    children = (*first, *(second if a is not b else ()))
    return deriver.finished(
        push, push.rule, laws.of(piecewise), raw, children=children, notes=notes
    )


def larger(deriver: _Deriver, push: Push, taken: Taken) -> Step:
    """max(u, v)′ = u′ where u > v, v′ where u < v"""
    u, v = push.node.sources
    (du, dv), children, _ = _both(deriver, push, taken)
    greater = push.node.primitive.name == "maximum"
    condition = Apply("greater" if greater else "less", (deriver.written[u], deriver.written[v]))
    raw = Apply("where", (condition, du, dv))
    text = (
        laws.of(larger) if greater else laws.formula("min(u, v)′ = u′ where u < v, v′ where u > v")
    )
    return deriver.finished(push, push.rule, text, raw, children=children)


# -- any other primitive -----------------------------------------------------------------------


def _outer_and_inner(deriver: _Deriver, push: Push, index: int, taken: Taken) -> Step:
    """g(u)′ = g′(u) · u′"""
    node = push.node
    source = node.sources[index]
    rule = laws.rule_name(push, index)
    if source is deriver.hole:
        local = deriver.tidy(deriver.local(push, index, {}))
        text = laws.of_primitive(push, index)
        return deriver.finished(push, rule, text, local)
    called, lets, taken = _lets(deriver, [source], taken)
    inner, children = deriver.derivative(source, taken)
    symbol = called[source]
    outer = deriver.tidy(deriver.local(push, index, called))
    step = _outer(deriver, push, index, called, outer, rule)
    raw = times(deriver.put_back(outer, lets), inner)
    assert isinstance(symbol, Symbol)
    return deriver.finished(
        push,
        "chain rule",
        laws.of(_outer_and_inner),
        raw,
        reason=f"{rule}, times the inner derivative",
        lets=lets,
        children=(step, *children),
    )


def _outer(
    deriver: _Deriver,
    push: Push,
    index: int,
    called: Mapping[Node, Expression],
    outer: Expression,
    rule: str,
) -> Step:
    """The derivative of the outer function in its argument."""
    symbol = called[push.node.sources[index]]
    assert isinstance(symbol, Symbol)
    local = push.locals[index]
    assert local is not None
    values = deriver.bench.values
    more = {symbol.name: values[push.node.sources[index]]}
    expected = values.get(local)
    if expected is not None:
        deriver.bench.claim(outer, expected, more)
    written = read(push.node, {**_others(deriver, push.node), **called})
    subject = Derivative(written, symbol.name, False)
    return Step(rule, subject, (Line(outer, rule),), law=laws.of_primitive(push, index))


def _others(deriver: _Deriver, node: Node) -> dict[Node, Expression]:
    return {other: e for other, e in deriver.named().items() if other is not node}


def _several(deriver: _Deriver, push: Push, moving: Sequence[int], taken: Taken) -> Step:
    """g(u, v)′ = ∂g/∂u · u′ + ∂g/∂v · v′"""
    sources = [push.node.sources[index] for index in moving]
    called, lets, taken = _lets(deriver, sources, taken)
    children: list[Step | Reference] = []
    terms = []
    for index, source in zip(moving, sources, strict=True):
        inner, found = deriver.derivative(source, taken)
        children.extend(found)
        outer = deriver.tidy(deriver.local(push, index, called))
        terms.append(times(deriver.put_back(outer, lets), inner))
    return deriver.finished(
        push,
        f"{push.rule} with the chain rule for two arguments",
        laws.of(_several),
        plus(*terms),
        lets=lets,
        children=children,
    )


_RULES: Mapping[tuple[str, int], Callable[[_Deriver, Push, Taken], Step]] = {
    ("add", 1): sums,
    ("add", 2): sums,
    ("sub", 1): sums,
    ("sub", 2): sums,
    ("neg", 1): constant_multiple,
    ("mul", 1): constant_multiple,
    ("mul", 2): products,
    ("div", 1): reciprocals,
    ("div", 2): quotients,
    ("pow", 2): logarithmic,
    ("where", 1): piecewise,
    ("where", 2): piecewise,
    ("maximum", 1): larger,
    ("maximum", 2): larger,
    ("minimum", 1): larger,
    ("minimum", 2): larger,
}
"""By primitive and number of moving sources: where the textbook's rule is more than a product."""
