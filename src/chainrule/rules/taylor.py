"""Taylor mode: power series through a graph, in time quadratic in the order.

Write x(s) = Σ x_k sᵏ for each node. Sums and linear maps act on coefficients one by one, products
convolve them. For any other y = f(x) the chain rule y′ = Σ f_i′(x, y) x_i′ gives

    k y_k = Σ_i Σ_{j=1..k} j x_{i,j} p_{i,k-j},        p_i the series of the partial f_i′.

The partials are nodes themselves, and they are interned: the partial of sin is cos, whose partial
is built from that same sin. So the set of series is closed, or it shrinks by one order a level,
and each coefficient is computed once. (Griewank & Walther, Evaluating Derivatives, 2nd ed.,
section 13.2; the recurrence is their proposition 13.1 with the partial taken from the record.)
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import numpy as np

from chainrule.core.errors import GradientError
from chainrule.core.node import Node, apply, oldest, topological
from chainrule.ops import record as kinds
from chainrule.ops.reduce import kept_shape, sum_
from chainrule.ops.shape import broadcast_to, reshape, zeros_like
from chainrule.rules.reach import Detached, between, dependents, must_record, recorded

__all__ = ["series"]

Coefficients = list[Node | None]


def series(
    outputs: Sequence[Node], inputs: Mapping[Node, Sequence[Node | None]], order: int
) -> list[Coefficients]:
    """Taylor coefficients 1 … ``order`` of every output; None where a coefficient is zero.

    Args:
        outputs: results.
        inputs: for each variable its coefficients 1 … order (its coefficient 0 is its value).
        order: the highest power.
    """
    targets = frozenset(inputs)
    nodes = between(outputs, targets)
    record = must_record(nodes, dependents(nodes, targets), targets)
    view: Callable[[Node], Node] = recorded if record else Detached()
    expansion = _Expansion(inputs, order, view)
    with np.errstate(all="ignore"):
        expansion.add(outputs, order)
        for k in range(1, order + 1):
            for node in expansion.active:
                if k <= expansion.limit[node]:
                    expansion.coefficients[node].append(expansion.next(node, k))
    constant: Coefficients = [None] * order
    return [expansion.coefficients.get(output, [None, *constant])[1:] for output in outputs]


class _Expansion:
    """The series under construction; ``coefficients[node][0]`` is the node itself."""

    def __init__(
        self,
        inputs: Mapping[Node, Sequence[Node | None]],
        order: int,
        view: Callable[[Node], Node],
    ) -> None:
        self.view = view
        self.since = oldest(inputs)
        self.limit: dict[Node, int] = dict.fromkeys(inputs, order)
        self.active: list[Node] = []
        self.partials: dict[Node, list[Node | float | None]] = {}
        self.coefficients: dict[Node, Coefficients] = {
            node: [view(node), *coefficients] for node, coefficients in inputs.items()
        }

    def add(self, outputs: Sequence[Node], limit: int) -> None:
        """Takes in the graph of ``outputs`` and, level by level, the graphs of its partials."""
        level = list(outputs)
        while level and limit > 0:
            order = topological(level, stop=self.coefficients, since=self.since)
            flows = dependents(order, (node for node in order if node in self.coefficients))
            fresh = [n for n in order if n in flows and n not in self.coefficients]
            for node in fresh:
                self.active.append(node)
                self.limit[node] = limit
                self.coefficients[node] = [self.view(node)]
            level = [p for node in fresh for p in self._make_partials(node)]
            limit -= 1

    def _make_partials(self, node: Node) -> list[Node]:
        primitive = node.primitive
        if isinstance(primitive, kinds.Elementwise) and not self.has_recurrence(node):
            found: list[Node | float | None] = [
                p(*node.sources, node, *node.argument) if callable(p) else p
                for p in primitive.partials or [None] * len(node.sources)
            ]
        elif isinstance(primitive, kinds.Reduction):
            (x,) = node.sources
            axes = node.argument[0]
            kept = reshape(node, kept_shape(x.shape, axes))
            found = [primitive.partial(x, kept, *node.argument)]
        else:
            found = []
        self.partials[node] = found
        return [p for p in found if isinstance(p, Node)]

    def has_recurrence(self, node: Node) -> bool:
        """Whether the record's own recurrence holds here."""
        primitive = node.primitive
        if primitive.taylor is None or primitive.taylor_when is None:
            return primitive.taylor is not None
        varying = [source in self.coefficients for source in node.sources]
        return bool(primitive.taylor_when(node.sources, varying, *node.argument))

    def get(self, node: Node, k: int) -> Node | None:
        """Coefficient k of any node."""
        known = self.coefficients.get(node)
        if known is not None:
            return known[k]
        return self.view(node) if k == 0 else None

    def next(self, node: Node, k: int) -> Node | None:
        """Coefficient k of an active node, from the lower ones."""
        rule = _NEXT.get(type(node.primitive))
        if rule is None:
            raise GradientError(
                f"taylor has no rule for {node.primitive.name}; use derivative(f, n=…), or write "
                "the loop in Python"
            )
        return rule(self, node, k)


def _times_slope(
    expansion: _Expansion, x: Node, partial: Node | float | None, k: int
) -> Node | None:
    """Σ_{j=1..k} (j/k) x_j p_{k-j}."""
    if partial is None:
        return None
    if not isinstance(partial, Node):
        xk = expansion.get(x, k)
        return None if xk is None else xk * partial
    total: Node | None = None
    for j in range(1, k + 1):
        xj, p = expansion.get(x, j), expansion.get(partial, k - j)
        if xj is not None and p is not None:
            term = xj * p if j == k else (xj * p) * (j / k)
            total = term if total is None else total + term
    return total


def _elementwise(expansion: _Expansion, node: Node, k: int) -> Node | None:
    primitive = node.primitive
    if expansion.has_recurrence(node):
        sources = [_getter(expansion, source) for source in node.sources]
        total = primitive.taylor(k, sources, _getter(expansion, node), *node.argument)
    else:
        total = None
        for x, partial in zip(node.sources, expansion.partials[node], strict=True):
            term = _times_slope(expansion, x, partial, k)
            if term is not None:
                total = term if total is None else total + term
    return None if total is None else broadcast_to(total, node.shape)


def _getter(expansion: _Expansion, node: Node) -> Callable[[int], Node | None]:
    return lambda k: expansion.get(node, k)


def _linear(expansion: _Expansion, node: Node, k: int) -> Node | None:
    primitive = node.primitive
    linear = range(len(node.sources)) if primitive.linear_in is None else primitive.linear_in
    moved = [expansion.view(source) for source in node.sources]
    terms = {index: expansion.get(node.sources[index], k) for index in linear}
    if all(term is None for term in terms.values()):
        return None
    for index, term in terms.items():
        moved[index] = zeros_like(moved[index]) if term is None else term
    return apply(primitive, tuple(moved), node.argument)


def _bilinear(expansion: _Expansion, node: Node, k: int) -> Node | None:
    a, b = node.sources
    total: Node | None = None
    for j in range(k + 1):
        p, q = expansion.get(a, j), expansion.get(b, k - j)
        if p is not None and q is not None:
            term = apply(node.primitive, (p, q), node.argument)
            total = term if total is None else total + term
    return total


def _reduction(expansion: _Expansion, node: Node, k: int) -> Node | None:
    (x,) = node.sources
    term = _times_slope(expansion, x, expansion.partials[node][0], k)
    return None if term is None else apply(sum_, (term,), node.argument)


def _selection(expansion: _Expansion, node: Node, k: int) -> Node | None:
    (x,) = node.sources
    xk = expansion.get(x, k)
    if xk is None:
        return None
    indices = node.primitive.choose(expansion.view(x), *node.argument)
    return node.primitive.pick(xk, indices, *node.argument)  # type: ignore[no-any-return]


def _smooth(expansion: _Expansion, node: Node, k: int) -> Node | None:
    primitive = node.primitive
    if primitive.taylor is None:
        raise GradientError(f"taylor has no rule for {primitive.name}; use derivative(f, n=…)")
    sources = [_getter(expansion, source) for source in node.sources]
    return primitive.taylor(k, sources, _getter(expansion, node), *node.argument)  # type: ignore[no-any-return]


_NEXT: dict[type[kinds.Primitive], Callable[[_Expansion, Node, int], Node | None]] = {
    kinds.Elementwise: _elementwise,
    kinds.Linear: _linear,
    kinds.Bilinear: _bilinear,
    kinds.Reduction: _reduction,
    kinds.Selection: _selection,
    kinds.Smooth: _smooth,
}
