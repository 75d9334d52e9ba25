"""`explain` for Taylor polynomials: derivatives at the centre, coefficients, the polynomial."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace as changed
from typing import Any, NoReturn

import numpy as np

from chainrule.core.errors import ArgumentError, DomainError
from chainrule.core.graph import replace
from chainrule.core.node import Node, input_node, literal, topological
from chainrule.explaining.approximation import accuracy
from chainrule.explaining.check import Bench, measured, points_for
from chainrule.explaining.collect import collected
from chainrule.explaining.derive import tangent_of
from chainrule.explaining.exact import exact_form, recognised, with_bar
from chainrule.explaining.explanation import Explanation, Result, Section
from chainrule.explaining.expression import (
    ZERO,
    Expression,
    Number,
    Product,
    Sum,
    Symbol,
    Vector,
    negated,
    number,
    power,
    product,
    size,
    substitute,
    total,
)
from chainrule.explaining.function import SCALAR, Function, point_of, read_function
from chainrule.explaining.lines import simplified_lines
from chainrule.explaining.naming import Naming, lowered, superscript
from chainrule.explaining.partials import Partials, chosen_names
from chainrule.explaining.point import kinks
from chainrule.explaining.reading import constant
from chainrule.explaining.rounding import Measured
from chainrule.explaining.steps import Cell, Line, Named, Step, Table
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.notation import canonical
from chainrule.rules.taylor import series

__all__ = ["explain_taylor"]

HIGHEST = 10
"""The highest order that is explained."""

_DIGITS = 1e-11  # what twelve digits leave open
_LARGE = 300  # nodes of a derivative that is still derived
_LONG = 60  # symbols of a derivative after which no further one is derived


def explain_taylor(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """See `explain`. The centre is ``at``, by default 0; at ``args`` the error is measured."""
    if order > HIGHEST:
        raise ArgumentError(f"Taylor polynomials are explained up to order {HIGHEST}, not {order}")
    if args or at is None or wrt is not None:
        function = read_function(f, args, None)
    else:
        function = read_function(f, (), at)  # a function with an if needs it
    chosen = chosen_names(wrt, function.names)
    function, centre = _centred(function, chosen, at)
    where = function.point if args else {}
    if len(chosen) > 1 and order > 2:
        raise ArgumentError(
            f"Taylor polynomials of several variables are explained up to order 2, not {order}; "
            f"choose one variable with wrt=, for example wrt={chosen[0]!r}"
        )
    return _Taylor(changed(function, point=centre), chosen, order, where).run()


def _centred(
    function: Function, chosen: Sequence[str], at: Any
) -> tuple[Function, dict[str, float]]:
    """The centre; other variables for which ``at`` gives values become numbers."""
    if at is None:
        return function, dict.fromkeys(chosen, 0.0)
    if isinstance(at, Mapping):
        named = {n if n in function.names else canonical(str(n)): v for n, v in at.items()}
        others = {n: v for n, v in named.items() if n in function.names and n not in chosen}
        function = _fixed(function, point_of(tuple(others), (), others))
        at = {name: value for name, value in named.items() if name not in others}
    return function, point_of(chosen, (), at)


def _fixed(function: Function, values: Mapping[str, float]) -> Function:
    """The function with numbers for some of its variables."""
    if not values:
        return function
    hole = function.hole
    outputs = replace(function.outputs, {hole[n]: literal(v, _DTYPE) for n, v in values.items()})
    names = tuple(name for name in function.names if name not in values)
    point = {name: value for name, value in function.point.items() if name in names}
    return Function(names, tuple(hole[n] for n in names), outputs, point, function.notes)


_DTYPE = SCALAR.dtype


class _Taylor:
    def __init__(
        self, function: Function, chosen: tuple[str, ...], order: int, where: Mapping[str, float]
    ) -> None:
        self.function = function
        self.chosen = chosen
        self.order = order
        self.where = where
        self.centre = function.point
        self.derived = _readable(function, chosen, order)
        self.partials = Partials(function, chosen, self.derived)
        self.naming = Naming(chosen)
        self.sections: list[Section] = self.partials.sections
        hole = function.hole
        self.there = {hole[name]: literal(v, _DTYPE) for name, v in self.centre.items()}
        self.others = {n: name for n, name in function.inputs.items() if name not in chosen}
        self.polynomial = self._engine()

    def _engine(self) -> tuple[Node, Mapping[Node, str]]:
        """The polynomial as the engine computes it, by one pass of power series; its inputs."""
        hole, output = self.function.hole, self.function.output
        places = {input_node(SCALAR): name for name in self.chosen}
        directions = {
            hole[name]: [place - self.there[hole[name]], *[None] * (self.order - 1)]
            for place, name in places.items()
        }
        (found,) = series([output], directions, self.order)
        node = output
        for coefficient in found:
            node = node if coefficient is None else node + coefficient
        (node,) = replace([node], self.there)
        return node, {**places, **self.others}

    def run(self) -> Explanation:
        self._derive()
        values = self._values()
        if len(self.chosen) == 1:
            self._table(values)
        else:
            self._vectors(values)
        polynomial = self._assemble(values)
        result = self._result(polynomial)
        if not self.others:
            self.sections += accuracy(self.function, self.order, result, self.naming, self.where)
        return Explanation(
            name=self.partials.naming.called(),
            function=self.partials.written,
            variables=self.function.names,
            wrt=self.chosen,
            order=self.order,
            sections=tuple(self.sections),
            results=(result,),
            point=tuple(self.centre.items()),
            notes=self.function.notes,
            kind="taylor",
        )

    def _derive(self) -> None:
        """Derive as long as the derivatives are short enough to be read."""
        if len(self.chosen) > 1:
            self.partials.derive_all(self.order)
            return
        for k in range(1, self.derived + 1):
            entry = self.partials.derive(self.chosen * k)
            if size(entry.expression) > _LONG and not self.others:
                self.derived = k
                return

    # -- values at the centre ----------------------------------------------------------------------

    def _values(self) -> dict[tuple[str, ...], Expression]:
        """f and its derivatives at the centre, as exact as they can be written."""
        found: dict[tuple[str, ...], Expression] = {}
        engine = {(): self.function.output, **self.partials.engine}
        engine = {wrt: node for wrt, node in engine.items() if len(wrt) <= self.derived}
        nodes = dict(zip(engine, replace(list(engine.values()), self.there), strict=True))
        points = (
            points_for(list(self.others), list(nodes.values()), {})
            if self.others
            else np.zeros((1, 0))
        )
        bench = Bench(self.others, nodes.values(), points)
        centre = {name: constant(value) for name, value in self.centre.items()}
        for wrt, node in nodes.items():
            expected = bench.values[node]
            if not np.all(np.isfinite(expected.values)):
                self._refuse(wrt, "has no finite value")
            entry = self.partials.entries.get(wrt)
            formula = self.partials.written if entry is None else entry.expression
            exact = simplified_lines(substitute(formula, centre), "")[-1].expression
            if not self.others:
                value = float(expected.values[0])
                exact = exact_form(exact, 0.0 if abs(value) <= expected.errors[0] else value)
            bench.claim(exact, _widened(expected, np.abs(expected.values), exact == ZERO))
            found[wrt] = exact
        self._smooth(engine)
        return found | self._further()

    def _further(self) -> dict[tuple[str, ...], Expression]:
        """Of derivatives whose formulas are too long, the values by the engine's power series."""
        if self.derived == self.order:
            return {}
        (name,) = self.chosen
        hole = self.function.hole[name]
        rest: list[Node | None] = [None] * (self.order - 1)
        (found,) = series([self.function.output], {hole: [literal(1.0, _DTYPE), *rest]}, self.order)
        values: dict[tuple[str, ...], Expression] = {}
        for k in range(self.derived + 1, self.order + 1):
            node = found[k - 1]
            (there,) = replace([self.function.output * 0.0 if node is None else node], self.there)
            measured_there = Bench({}, [there], np.zeros((1, 0))).values[there]
            value = float(measured_there.values[0]) * math.factorial(k)
            if not np.isfinite(value):
                self._refuse((name,) * k, "has no finite value")
            values[(name,) * k] = recognised(value)
        return values

    def _smooth(self, engine: Mapping[tuple[str, ...], Node]) -> None:
        """Refuse a centre where a derivative jumps."""
        if self.others:
            return
        for wrt in engine:
            words = kinks(self.function, engine, wrt)
            if words:
                self._refuse(wrt, "does not exist" if len(words) > 2 else "is a convention only")

    def _refuse(self, wrt: tuple[str, ...], why: str) -> NoReturn:
        place = ", ".join(f"{name} = {value:g}" for name, value in self.centre.items())
        what = f"the derivative {self.partials.naming.label(wrt).text}" if wrt else "the function"
        raise DomainError(
            f"{what} {why} at {place}, so there is no Taylor polynomial of order {self.order} "
            "there; give another centre with at="
        )

    def _table(self, values: Mapping[tuple[str, ...], Expression]) -> None:
        """Derivative, its value and the coefficient, for each order."""
        (name,) = self.chosen
        rows = []
        for wrt, value in values.items():
            k = len(wrt)
            entry = self.partials.entries.get(wrt)
            written: Cell = "…" if entry is None else entry.expression
            written = written if wrt else self.partials.written
            coefficient = collected(product([value, Number(_one_over_factorial(k))]))
            rows.append((str(k), written, with_bar(value), with_bar(coefficient)))
        place = TEXT(constant(self.centre[name]))
        typeset = LATEX(constant(self.centre[name]))
        header = (
            "k",
            Named(f"f⁽ᵏ⁾({TEXT.symbol(name)})", f"f^{{(k)}}({LATEX.symbol(name)})"),
            Named(f"f⁽ᵏ⁾({place})", f"f^{{(k)}}({typeset})"),
            Named(f"f⁽ᵏ⁾({place})/k!", rf"\frac{{f^{{(k)}}({typeset})}}{{k!}}"),
        )
        title = Named("derivatives at the centre", r"\text{derivatives at the centre}")
        notes: tuple[str, ...] = ()
        if self.derived < self.order:
            notes = (
                f"the formulas of higher derivatives than f⁽{superscript(self.derived)}⁾ are too "
                "long to be read; their values are from the engine's power series",
            )
        table = Table(header, tuple(rows))
        left = self.order - self.derived
        step = Step("values", Named("", ""), (), notes=notes, table=table, folded=left)
        self.sections.append(Section(title, (step,)))

    def _vectors(self, values: Mapping[tuple[str, ...], Expression]) -> None:
        """Value, gradient and Hessian at the centre."""
        chosen = self.chosen
        put_in = "put in the centre"
        steps = [Step(put_in, self._named("f", "f"), (Line(values[()], put_in),))]
        slopes = Vector(tuple(values[(name,)] for name in chosen))
        steps.append(Step("gradient", self._named("∇f", r"\nabla f"), (Line(slopes, put_in),)))
        if self.order == 2:
            rows = tuple(
                Vector(tuple(values[_ordered(chosen, a, b)] for b in chosen)) for a in chosen
            )
            steps.append(
                Step("Hessian matrix", self._named("H", "H"), (Line(Vector(rows), put_in),))
            )
        title = Named("derivatives at the centre", r"\text{derivatives at the centre}")
        self.sections.append(Section(title, tuple(steps)))

    def _named(self, text: str, latex: str) -> Named:
        point = {name: self.centre.get(name) for name in self.function.names}
        known = {n: v for n, v in point.items() if v is not None}
        return Naming(tuple(known)).there(text, latex, known)

    # -- the polynomial ----------------------------------------------------------------------------

    def _assemble(self, values: Mapping[tuple[str, ...], Expression]) -> Expression:
        """Σ f⁽ᵏ⁾/k! (x − x₀)ᵏ, held against the engine's power series."""
        steps = {name: self._step(name) for name in self.chosen}
        terms = [values[()]]
        for wrt, value in values.items():
            counts = Counter(wrt)
            divisor = math.prod(math.factorial(n) for n in counts.values())
            coefficient = collected(product([value, Number(number(1).value / divisor)]))
            powers = [power(steps[name], count) for name, count in counts.items()]
            if wrt and coefficient != ZERO:
                terms.append(with_bar(product([coefficient, *powers])))
        kept = tuple(term for term in terms if term != ZERO)
        polynomial = Sum(kept) if len(kept) > 1 else total(kept)
        node, inputs = self.polynomial
        near = {hole: self.centre[name] for hole, name in inputs.items() if name in self.centre}
        bench = Bench(inputs, [node], points_for(list(inputs), [node], near))
        lines = self._lines(values, steps, polynomial)
        sizes = sum(np.abs(measured(term, bench.names).values) for term in kept)
        for line in lines:
            bench.claim(line.expression, _widened(bench.values[node], sizes, polynomial == ZERO))
        self.sections.append(
            Section(
                Named("Taylor polynomial", r"\text{Taylor polynomial}"),
                (Step("Taylor polynomial", self._called(), lines, law=self._law()),),
            )
        )
        return polynomial

    def _lines(
        self,
        values: Mapping[tuple[str, ...], Expression],
        steps: Mapping[str, Expression],
        polynomial: Expression,
    ) -> tuple[Line, ...]:
        """For several variables the sums of gradient and Hessian come first."""
        last = Line(polynomial, "without terms that are 0")
        if len(self.chosen) == 1:
            return (Line(polynomial, "coefficients times powers"),)
        linear = [Product((values[(name,)], steps[name])) for name in self.chosen]
        terms: list[Expression] = [values[()], *linear]
        if self.order == 2:
            quadratic: list[Expression] = []
            for wrt, value in values.items():
                if len(wrt) == 2:
                    a, b = wrt
                    factors = (power(steps[a], 2),) if a == b else (number(2), steps[a], steps[b])
                    quadratic.append(Product((value, *factors)))
            terms.append(Product((Number(number(1).value / 2), Sum(tuple(quadratic)))))
        return (Line(Sum(tuple(terms)), "f + ∇f · d + ½ dᵀH d, written out"), last)

    def _step(self, name: str) -> Expression:
        """x − x₀."""
        centre = constant(self.centre[name])
        return total([Symbol(name), negated(centre)])

    def _called(self) -> Named:
        n = self.order
        return self.naming.called(f"T{lowered(n)}", f"T_{{{n}}}")

    def _law(self) -> Named:
        if len(self.chosen) == 1:
            n = self.order
            return Named(
                f"T{lowered(n)}(x) = Σ f⁽ᵏ⁾(x₀)/k! (x - x₀)ᵏ, k = 0 … {n}",
                rf"T_{{{n}}}(x) = \sum_{{k=0}}^{{{n}}} \frac{{f^{{(k)}}(x_0)}}{{k!}} (x - x_0)^k",
            )
        if self.order == 1:
            return Named("f(a) + ∇f(a) · d, d = x - a", r"f(a) + \nabla f(a) \cdot d")
        return Named(
            "f(a) + ∇f(a) · d + ½ dᵀ H(a) d, d = x - a",
            r"f(a) + \nabla f(a) \cdot d + \tfrac{1}{2} d^T H(a)\, d",
        )

    def _result(self, polynomial: Expression) -> Result:
        name = self._called()
        if not self.where or self.others:
            return Result(name, polynomial)
        n = self.order
        there = self.naming.there(f"T{lowered(n)}", f"T_{{{n}}}", self.where)
        filled = substitute(polynomial, {k: constant(v) for k, v in self.where.items()})
        return Result(name, polynomial, there, float(measured(filled, {}).values[0]))


def _widened(found: Measured, sizes: Any, nought: bool) -> Measured:
    """What the engine computed, with room for twelve digits of terms of these sizes.

    Also the centre is shown as the decimal it was given as, 0.7, and is the next float in truth;
    so that an exact 0 need not be one for the engine.
    """
    return Measured(found.values, found.errors + _DIGITS * sizes + (1e-14 if nought else 0.0))


def _readable(function: Function, chosen: Sequence[str], order: int) -> int:
    """Up to which order the derivatives in the only variable are short enough to be derived."""
    if len(function.names) > 1:
        return order
    node = function.output
    for k in range(1, order + 1):
        tangent = tangent_of(node, function.hole[chosen[0]])
        if tangent is None:
            return order
        if len(topological([tangent])) > _LARGE:
            return max(k - 1, 1)
        node = tangent
    return order


def _ordered(chosen: Sequence[str], a: str, b: str) -> tuple[str, str]:
    return (a, b) if chosen.index(a) <= chosen.index(b) else (b, a)


def _one_over_factorial(k: int) -> Any:
    return number(1).value / math.factorial(k)
