"""`explain` for implicit differentiation: both sides are differentiated, then solved for y′."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import ArgumentError, DomainError, GradientError
from chainrule.core.node import Node, input_node, literal
from chainrule.explaining.check import Bench, points_for
from chainrule.explaining.collect import collected
from chainrule.explaining.curve import by_the_equation, claim_on, points_on
from chainrule.explaining.derive import Derivation, derive, tangent_of
from chainrule.explaining.equation import read_equation, roles
from chainrule.explaining.explanation import Explanation, Result, Section, written_out
from chainrule.explaining.expression import (
    MINUS_ONE,
    ZERO,
    Apply,
    Expression,
    Power,
    Product,
    Sum,
    Symbol,
    is_number,
    negated,
    product,
    substitute,
    symbols,
    total,
)
from chainrule.explaining.factors import factors_of, leads_negative
from chainrule.explaining.function import SCALAR, Function
from chainrule.explaining.lines import distinct, simplified_lines
from chainrule.explaining.naming import Naming
from chainrule.explaining.point import place, value_at
from chainrule.explaining.simplify import simplified
from chainrule.explaining.solving import linear_in
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.explaining.tangents import Curve, slope_at, tangent_at
from chainrule.notation import parse
from chainrule.ops.shape import zeros_like
from chainrule.rules.jvp import push

__all__ = ["explain_implicit"]

ON_CURVE = 1e-6
"""How far the two sides may be apart at a point of the curve, relatively."""


def explain_implicit(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """See `explain`."""
    function = read_equation(f, args, at)
    names = function.names
    if len(names) < 2:
        raise ArgumentError(
            "implicit differentiation needs an equation in two variables at least, such as "
            f"x^2 + y^2 = 25; this one has {', '.join(names)} only"
        )
    dependent, independent = roles(names, wrt)
    if order > 2 or (order == 2 and len(names) > 2):
        raise ArgumentError(
            f"implicit derivatives of order {order} are not explained: of two variables the "
            "orders 1 and 2, of more the first"
        )
    return _Implicit(function, dependent).run(independent, order)


@dataclass(frozen=True)
class _Slope:
    """The derivative in one variable."""

    variable: str
    rate: Symbol
    name: Named
    expression: Expression
    engine: Node
    before: Node | None = None
    """Of a second derivative the first, as the engine computes it."""


class _Implicit:
    def __init__(self, function: Function, dependent: str) -> None:
        self.function = function
        self.dependent = dependent
        self.left, self.right = function.outputs
        self.hole = function.hole
        self.both = self.left - self.right
        slope = tangent_of(self.both, self.hole[dependent])
        if slope is None:
            raise GradientError(
                f"the equation does not say how {dependent} depends on the other variables: its "
                f"sides do not change with {dependent}; say with wrt= which variables it is "
                "solved in"
            )
        self.in_dependent = slope
        self.curve = Curve(function, dependent, self.both, slope)
        self.sections: list[Section] = []
        self.equation: Expression = ZERO

    def run(self, independent: Sequence[str], order: int) -> Explanation:
        function = self.function
        self._verify()
        found = [self._slope(name) for name in independent]
        if order == 2:
            found = [self._second(found[0])]
        results = []
        last: list[Step] = []
        for one in found:
            there, value = None, None
            if function.point:
                there = Naming(function.names).there(
                    f"{one.name.text} ", one.name.latex, function.point
                )
                step, value = slope_at(
                    self.curve, one.variable, one.expression, one.engine, there, one.before
                )
                last.append(step)
            results.append(Result(one.name, one.expression, there, value))
        if function.point:
            if len(function.names) == 2 and order == 1:
                last += tangent_at(self.curve, found[0].variable, results[0].value)
            where = place(function)
            self.sections.append(
                Section(Named(f"at {where}", rf"\text{{at }} {where}"), tuple(last))
            )
        names = ", ".join(TEXT.symbol(n) for n in function.names if n != self.dependent)
        return Explanation(
            name=Naming(function.names, "F").called(),
            function=self.equation,
            variables=function.names,
            wrt=tuple(independent),
            order=order,
            sections=tuple(self.sections),
            results=tuple(results),
            point=tuple(function.point.items()),
            notes=(*function.notes, f"{TEXT.symbol(self.dependent)} is a function of {names}"),
            kind="implicit",
        )

    # -- the point ---------------------------------------------------------------------------------

    def _verify(self) -> None:
        """Whether the point lies on the curve."""
        if not self.function.point:
            return
        left, right = (value_at(self.function, side) for side in (self.left, self.right))
        if not abs(left - right) <= ON_CURVE * (1.0 + abs(left) + abs(right)):
            raise DomainError(
                f"the point {place(self.function)} does not lie on the curve: the left side is "
                f"{left:.6g} there, the right side {right:.6g}; their difference F is "
                f"{left - right:.6g}, not 0"
            )

    # -- one derivative ----------------------------------------------------------------------------

    def _slope(self, variable: str) -> _Slope:
        """Differentiate both sides, collect, solve."""
        rate = input_node(SCALAR)
        symbol = Symbol(self._rate(variable))
        hole = self.hole
        inputs = {**self.function.inputs, rate: symbol.name}
        seeds = {hole[variable]: literal(1.0, SCALAR.dtype), hole[self.dependent]: rate}
        tangents = [t for t in push([self.left, self.right], seeds, record=True) if t is not None]
        own = tangent_of(self.both, hole[variable])
        across = zeros_like(self.both) if own is None else own
        engine = -across / self.in_dependent
        near = {hole[name]: value for name, value in self.function.point.items()}
        outputs = [self.both, *tangents, engine]
        points = points_for(list(inputs), outputs, near)
        bench = Bench(inputs, [across, self.in_dependent, engine], points)
        follows = {hole[self.dependent]: rate}
        sides = [
            derive(side, inputs, hole[variable], points, follows)
            for side in (self.left, self.right)
        ]
        self.equation = Apply("equal", tuple(_whole(side.function, side) for side in sides))
        left, right = (written_out(side.result, side.meanings) for side in sides)
        for whole in (left, right):
            self._require_closed(whole, inputs.values())
        label = self._label(variable, 1)
        for words, side in zip(("left side", "right side"), sides, strict=True):
            title = Named(f"{words}, for {label.text}", rf"\text{{{words}, for }} {label.latex}")
            self.sections.append(Section(title, side.steps, side.parts, self._held(variable)))
        slope, rest = linear_in(total([left, _minus(right)]), symbol)
        bench.claim(slope, bench.values[self.in_dependent])
        bench.claim(rest, bench.values[across])
        moved = _minus(rest)
        terms = slope.terms if isinstance(slope, Sum) else (slope,)
        if all(map(leads_negative, terms)):  # y′ stays on the right side, which becomes the left
            slope, moved = _minus(slope), rest
        lines = simplified_lines(_quotient(moved, slope), f"divided by {TEXT(slope)}")
        for line in lines:
            bench.claim(line.expression, bench.values[engine])
        mark = TEXT(symbol)
        steps = [
            Step(
                "both sides differentiated",
                left,
                (Line(right, f"equal for every {TEXT.symbol(variable)}"),),
            ),
            Step(
                f"{mark} on one side",
                Product((*factors_of(slope), symbol)) if not is_number(slope, 1) else symbol,
                (Line(moved, f"the terms with {mark} on the left, the others on the right"),),
            ),
            Step(
                "solved",
                symbol,
                lines,
                law=_law(self.dependent, variable, len(self.function.names) > 2),
                notes=(f"where {TEXT(slope)} ≠ 0",) if symbols(slope) else (),
            ),
        ]
        if is_number(slope, 1):
            steps.pop(1)
        title = Named(f"solve for {mark}", rf"\text{{solve for }} {LATEX(symbol)}")
        self.sections.append(Section(title, tuple(steps)))
        return _Slope(variable, symbol, label, lines[-1].expression, engine)

    def _require_closed(self, e: Expression, names: Iterable[str]) -> None:
        """Refuse a derivative that is only known by names for its parts: y′ is not seen in them."""
        if symbols(e).keys() - set(names):
            raise GradientError(
                "the equation is too large to be solved for the derivative step by step; name its "
                "parts, and explain them one at a time"
            )

    def _rate(self, variable: str) -> str:
        """y′; of several variables z_x."""
        if len(self.function.names) == 2:
            return f"{self.dependent}′"
        return f"{self.dependent}_{variable.replace('_', '')}"

    def _label(self, variable: str, order: int) -> Named:
        """dy/dx, ∂z/∂x or d²y/dx²."""
        d, latex = ("d", "d") if len(self.function.names) == 2 else ("∂", r"\partial ")
        y, x = (TEXT.symbol(n) for n in (self.dependent, variable))
        typeset, below = (LATEX.symbol(n) for n in (self.dependent, variable))
        if order == 1:
            return Named(f"{d}{y}/{d}{x}", rf"\frac{{{latex}{typeset}}}{{{latex}{below}}}")
        return Named(f"d²{y}/d{x}²", rf"\frac{{d^2 {typeset}}}{{d {below}^2}}")

    def _held(self, variable: str) -> tuple[str, ...]:
        y, x = TEXT.symbol(self.dependent), TEXT.symbol(variable)
        others = [n for n in self.function.names if n not in (variable, self.dependent)]
        notes = [
            f"{y} is a function of {x}, with the derivative {TEXT.symbol(self._rate(variable))}"
        ]
        if others:
            verb = "is" if len(others) == 1 else "are"
            notes.append(f"{', '.join(map(TEXT.symbol, others))} {verb} held constant")
        return tuple(notes)

    # -- the second derivative ---------------------------------------------------------------------

    def _second(self, first: _Slope) -> _Slope:
        """Differentiate y′, put in y′, and use the equation where that helps."""
        names, hole = self.function.names, self.hole
        output = parse(TEXT(first.expression), names=names).node(hole)
        rate = input_node(SCALAR)
        inputs = {**self.function.inputs, rate: first.rate.name}
        y, x = hole[self.dependent], hole[first.variable]
        one = literal(1.0, SCALAR.dtype)
        (moving,) = push([output], {x: one, y: rate}, record=True)
        (found,) = push([first.engine], {x: one, y: first.engine}, record=True)
        engine = zeros_like(self.both) if found is None else found
        near = {hole[name]: value for name, value in self.function.point.items()}
        outputs = [output, engine, *([] if moving is None else [moving])]
        points = points_for(list(inputs), outputs, near)
        bench = Bench(inputs, [engine], points)
        derived = derive(output, inputs, x, points, {y: rate})
        label = self._label(first.variable, 2)
        self.sections.append(
            Section(label, derived.steps, derived.parts, self._held(first.variable))
        )
        inner = written_out(derived.result, derived.meanings)
        self._require_closed(inner, inputs.values())
        put_in = substitute(inner, {first.rate.name: _bracketed(first.expression)})
        lines = simplified_lines(put_in, f"put in {TEXT(first.rate)} = {TEXT(first.expression)}")
        for line in lines:
            bench.claim(line.expression, bench.values[engine])
        lines = self._shortened(lines, engine)
        title = Named("put in the first derivative", r"\text{put in the first derivative}")
        self.sections.append(Section(title, (Step("put in", label, lines),)))
        last = lines[-1].expression
        return _Slope(first.variable, first.rate, label, last, engine, first.engine)

    def _shortened(self, lines: tuple[Line, ...], engine: Node) -> tuple[Line, ...]:
        """What the equation of the curve makes of the last line; held against it on the curve."""
        assert isinstance(self.equation, Apply)
        before = lines[-1].expression
        after = by_the_equation(before, *self.equation.operands)
        if after == before:
            return lines
        index = self.function.names.index(self.dependent)
        points = points_on(
            self.function.holes, self.both, self.in_dependent, index, [engine], _POINTS
        )
        if not len(points):
            return lines
        simpler = [Line(e, why) for e, why in simplified(after)]
        shorter = distinct([Line(after, f"by the equation {TEXT(self.equation)}"), *simpler])
        for line in shorter:
            claim_on(line.expression, self.function.inputs, engine, points)
        return (*lines, *shorter)


_POINTS = 16


def _whole(side: Expression, derived: Derivation) -> Expression:
    """A side without the names of its parts."""
    return written_out(side, {let.name: let.expression for let in derived.parts})


def _bracketed(e: Expression) -> Expression:
    """An expression that keeps to itself when it is put into another."""
    return Sum((e,)) if isinstance(e, Product) else e


def _minus(e: Expression) -> Expression:
    """-e, term by term."""
    if isinstance(e, Sum):
        return collected(Sum(tuple(negated(term) for term in e.terms)))
    return collected(negated(e))


def _quotient(above: Expression, below: Expression) -> Expression:
    """One fraction, not yet reduced."""
    if is_number(below, 1):
        return above
    return product([*factors_of(above), Power(below, MINUS_ONE)])


def _law(dependent: str, variable: str, partial: bool) -> Named:
    """That the same follows from the partial derivatives of F = left side - right side."""
    y, x = TEXT.symbol(dependent), TEXT.symbol(variable)
    typeset, below = LATEX.symbol(dependent), LATEX.symbol(variable)
    d, latex = ("∂", r"\partial ") if partial else ("d", "d ")
    return Named(
        f"{d}{y}/{d}{x} = -(∂F/∂{x})/(∂F/∂{y})",
        rf"\frac{{{latex}{typeset}}}{{{latex}{below}}} = "
        rf"-\frac{{\partial F/\partial {below}}}{{\partial F/\partial {typeset}}}",
    )
