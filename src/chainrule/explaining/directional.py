"""`explain` for the directional derivative: ∇f · u, and why the gradient is steepest."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError, ClaimError
from chainrule.core.graph import Graph
from chainrule.core.node import Node, literal
from chainrule.explaining.check import Bench, measured
from chainrule.explaining.collect import collected
from chainrule.explaining.explanation import Assembled, Explanation, Result, Section
from chainrule.explaining.expression import (
    HALF,
    MINUS_ONE,
    ZERO,
    Expression,
    Power,
    Product,
    Sum,
    Vector,
    entries,
    number,
)
from chainrule.explaining.function import read_function
from chainrule.explaining.lines import distinct, simplified_lines
from chainrule.explaining.partials import Partials, chosen_names
from chainrule.explaining.point import place
from chainrule.explaining.reading import constant
from chainrule.explaining.scalar import at_point, gradient, section_of, with_values
from chainrule.explaining.sides import one_sided, rounded
from chainrule.explaining.steps import Line, Named, Step
from chainrule.notation import canonical
from chainrule.ops.shape import zeros_like
from chainrule.rules.jvp import push

__all__ = ["explain_directional"]

_DIGITS = 1e-11  # what twelve digits leave open
_DIRECTIONS = 4  # in which it is looked whether the gradient gives the slope

_LAW = Named("Dᵤf = ∇f · u, ‖u‖ = 1", r"D_u f = \nabla f \cdot u, \quad \|u\| = 1")
_SCHWARZ = Named(
    "|∇f · u| ≤ ‖∇f‖ ‖u‖ = ‖∇f‖",
    r"|\nabla f \cdot u| \le \|\nabla f\| \, \|u\| = \|\nabla f\|",
)


def explain_directional(
    f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any, direction: Any
) -> Explanation:
    """See `explain`."""
    if order != 1:
        raise ArgumentError(f"the directional derivative is explained for order=1, not {order}")
    function = read_function(f, args, at)
    chosen = chosen_names(wrt, function.names)
    along = _direction(direction, chosen)
    return _Directional(Partials(function, chosen, 1), along).run()


def _direction(given: Any, names: Sequence[str]) -> tuple[float, ...]:
    """A number for each variable, not all 0."""
    listed = ", ".join(names)
    if isinstance(given, Mapping):
        named = {name if name in names else canonical(str(name)): v for name, v in given.items()}
        unknown = [name for name in named if name not in names]
        if unknown:
            raise ArgumentError(
                f"direction: no variable {unknown[0]!r}; the variables are {listed}"
            )
        given = [named.get(name, 0.0) for name in names]
    try:
        values = np.atleast_1d(np.asarray(given, np.float64))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"direction: numbers are needed, one for each of {listed}, not {given!r}"
        ) from None
    if values.shape != (len(names),):
        raise ArgumentError(
            f"direction: {len(names)} numbers are needed, one for each of {listed}, not "
            f"{values.size}"
        )
    if not np.all(np.isfinite(values)):
        raise ArgumentError(f"direction: its numbers must be finite, not {given!r}")
    if not np.any(values):
        raise ArgumentError(
            "direction: the zero vector has no direction; give one with a length, such as "
            f"{tuple(int(k == 0) for k in range(len(names)))}"
        )
    return tuple(map(float, values))


class _Directional:
    def __init__(self, partials: Partials, along: tuple[float, ...]) -> None:
        self.partials = partials
        self.function = partials.function
        self.along = along
        size = math.hypot(*along)
        self.unit = tuple(value / size for value in along)
        self.engine = self._engine()
        self.sections: list[Section] = partials.sections

    def _engine(self) -> Node:
        """The derivative along u by one forward pass."""
        hole, output = self.function.hole, self.function.output
        tangents = {
            hole[name]: literal(value, output.type.dtype)
            for name, value in zip(self.partials.chosen, self.unit, strict=True)
        }
        (found,) = push([output], tangents, record=True)
        return zeros_like(output) if found is None else found

    def run(self) -> Explanation:
        found = self.partials.derive_all(1)
        last: list[Section] = []
        values: list[float | None] = [None] * len(found)
        if self.function.point:
            section, values = at_point(self.partials, found)
            last.append(section)
        whole = gradient(self.partials, values)
        reason = "the partial derivatives in a row"
        step = Step("gradient", whole.name, (Line(whole.expression, reason),))
        self.sections.append(section_of(step))
        with_values(last, whole, "gradient")
        unit = self._unit_vector()
        expression = self._product(whole.expression, unit)
        self.sections += last
        there, value = None, None
        naming = self.partials.naming
        if self.function.point:
            there = naming.there("Dᵤf", "D_u f", self.function.point)
            value = self._there(whole, unit, there)
        else:
            self._in_general()
        return Explanation(
            name=naming.called(),
            function=self.partials.written,
            variables=self.function.names,
            wrt=self.partials.chosen,
            order=1,
            sections=tuple(self.sections),
            results=(Result(naming.called("Dᵤf", "D_u f"), expression, there, value),),
            point=tuple(self.function.point.items()),
            notes=self.function.notes,
            kind="directional",
            assembled=whole,
            direction=self.along,
        )

    # -- the unit vector ---------------------------------------------------------------------------

    def _unit_vector(self) -> tuple[Expression, ...]:
        """v brought to the length 1."""
        given = tuple(map(constant, self.along))
        length = _length(given)
        size = length[-1].expression
        v = Vector(given)
        title = Named("direction", r"\text{direction}")
        if size == number(1):
            words = ("v has the length 1 already: u = v",)
            step = Step("unit vector", Named("u", "u"), (Line(v, "as given"),), notes=words)
            self.sections.append(Section(title, (step,)))
            return given
        unit = tuple(collected(Product((e, Power(size, MINUS_ONE)))) for e in given)
        steps = (
            Step("direction", Named("v", "v"), (Line(v, "as given"),)),
            Step("length of the direction", Named("‖v‖", r"\|v\|"), length),
            Step(
                "unit vector",
                Named("u = v/‖v‖", r"u = \frac{v}{\|v\|}"),
                (Line(Vector(unit), "normalised: only the direction of v counts"),),
                notes=("normalised to the length 1, for only the direction of v counts",),
            ),
        )
        self.sections.append(Section(title, steps))
        return unit

    # -- ∇f · u ------------------------------------------------------------------------------------

    def _product(self, slopes: Expression, unit: Sequence[Expression]) -> Expression:
        """∇f · u as a formula, held against the engine."""
        lines = simplified_lines(_dot(entries(slopes), unit), "∇f · u")
        bench = Bench(self.function.inputs, [self.engine], self.partials.points)
        if self.partials.is_closed(lines[0].expression):
            for line in lines:
                bench.claim(line.expression, bench.values[self.engine])
        name = self.partials.naming.called("Dᵤf", "D_u f")
        step = Step("directional derivative", name, lines, law=_LAW)
        self.sections.append(Section(Named("∇f · u", r"\nabla f \cdot u"), (step,)))
        return lines[-1].expression

    def _there(self, whole: Assembled, unit: Sequence[Expression], name: Named) -> float | None:
        """The value at the point, and what it means beside the length of the gradient."""
        value = self._along(self.engine, 0.0)
        if whole.values is None:
            return self._one_sided(name, value)
        rough = self._rough(self.unit)
        if rough:
            self._add(Step("no derivative here", name, (), notes=rough))
            return None
        slopes = entries(whole.values)
        shown = constant(float(f"{value:.12g}"))
        raw = _dot(slopes, unit)
        exact = collected(raw)
        for line in (raw, exact):
            self._claim_number(line, value, slopes)
        lines = distinct(
            [Line(raw, "∇f · u"), Line(exact, "multiplied and added"), Line(shown, "its value")]
        )
        others = np.random.default_rng(0).normal(size=(_DIRECTIONS, len(unit)))
        rough = self._rough(*(others / np.linalg.norm(others, axis=1)[:, None]).tolist())
        self._add(Step("directional derivative", name, lines, notes=rough))
        if not rough:
            self.sections.append(self._steepest(slopes, value, name))
        return value

    def _add(self, step: Step) -> None:
        """Add a step to the section of the point, which is the last."""
        last = self.sections[-1]
        self.sections[-1] = replace(last, steps=(*last.steps, step))

    def _claim_number(self, e: Expression, value: float, slopes: Sequence[Expression]) -> None:
        """Hold ∇f · u in numbers, of twelve digits each, against the engine's."""
        found = float(measured(e, {}).values[0])
        sizes = sum(abs(float(measured(slope, {}).values[0])) for slope in slopes)
        if not abs(found - value) <= _DIGITS * sizes:
            raise ClaimError(
                f"∇f · u is {found:.10g} at {place(self.function)}, the engine computed "
                f"{value:.10g}; this is a bug of chainrule, please report the function"
            )

    def _rough(self, *directions: Sequence[float]) -> tuple[str, ...]:
        """Why ∇f · u is not the slope in one of the directions, though partial derivatives exist.

        Then the function is not differentiable, such as √|x y| at 0.
        """
        for u in directions:
            value, slope = partial(self._along, self.function.output), self._slope
            words = one_sided(partial(value, u=u), partial(slope, u=u))
            if words:
                listed = ", ".join(map(rounded, u))
                head = (
                    f"the function is not differentiable at {place(self.function)}, although its "
                    f"partial derivatives exist: ∇f · u is not the slope along ({listed})"
                )
                return (head, *words)
        return ()

    def _slope(self, step: float, u: Sequence[float]) -> float:
        """∇f · u, the point moved by ``step`` along u."""
        slopes = (self._along(self.partials.engine[(n,)], step, u) for n in self.partials.chosen)
        return sum(slope * part for slope, part in zip(slopes, u, strict=True))

    def _along(self, node: Node, step: float, u: Sequence[float] | None = None) -> float:
        """The value of a node at the point moved by ``step`` along u, or another direction."""
        moved = dict(self.function.point)
        for name, value in zip(self.partials.chosen, u or self.unit, strict=True):
            moved[name] += step * value
        graph = Graph(self.function.holes, [node])
        with np.errstate(all="ignore"):
            (found,) = graph.evaluate([np.float64(value) for value in moved.values()])
        return float(np.reshape(found, ()))

    def _one_sided(self, name: Named, value: float) -> float | None:
        """Where the gradient does not exist: the slopes along u on both sides."""
        words = one_sided(
            lambda t: self._along(self.function.output, t),
            lambda t: self._along(self.engine, t),
        )
        missing = f"the gradient does not exist at {place(self.function)}"
        if words or not np.isfinite(value):
            notes = (f"{missing}; along u:", *words)
            self._add(Step("no derivative here", name, (), notes=notes))
            return None
        notes = (f"{missing}, but along u the function is smooth",)
        line = Line(constant(float(f"{value:.12g}")), "by the engine, along u")
        self._add(Step("directional derivative", name, (line,), notes=notes))
        return value

    # -- why the gradient is steepest --------------------------------------------------------------

    def _steepest(self, slopes: Sequence[Expression], value: float, name: Named) -> Section:
        """Cauchy–Schwarz, with the numbers at the point."""
        numbers = [self._along(self.partials.engine[(n,)], 0.0) for n in self.partials.chosen]
        size = math.hypot(*numbers)
        title = Named("why the gradient is steepest", r"\text{why the gradient is steepest}")
        if not size:
            notes = ("∇f = 0 here: the slope is 0 in every direction, to first order",)
            return Section(title, (Step("critical point", Named("", ""), (), notes=notes),))
        point = self.function.point
        long = self.partials.naming.there("‖∇f", r"\|\nabla f", point)
        long = Named(f"{long.text}‖", rf"{long.latex}\|")
        lines = (*_length(slopes), Line(constant(float(f"{size:.12g}")), "its value"))
        cosine = max(-1.0, min(1.0, value / size))
        angle = math.degrees(math.acos(cosine))
        best = ", ".join(rounded(n / size) for n in numbers)
        schwarz = (
            f"here {rounded(abs(value))} ≤ {rounded(size)}: no direction has a steeper slope "
            "than ‖∇f‖",
            f"equality holds only along the gradient: for u = ({best}) the slope is "
            f"{rounded(size)}, for the opposite direction {rounded(-size)}",
            "at right angles to the gradient the slope is 0: there the level curve runs",
        )
        cosine_name = Named("cos φ = Dᵤf/‖∇f‖", r"\cos \varphi = \frac{D_u f}{\|\nabla f\|}")
        tilted = (f"φ = {angle:.4g}° is the angle between u and the gradient",)
        ratio = Line(constant(float(f"{cosine:.12g}")), "the share of the steepest slope")
        steps = (
            Step("length of the gradient", long, distinct(lines)),
            Step("angle to the gradient", cosine_name, (ratio,), notes=tilted),
            Step("Cauchy–Schwarz inequality", name, (), law=_SCHWARZ, notes=schwarz),
        )
        return Section(title, steps)

    def _in_general(self) -> None:
        """Cauchy–Schwarz without numbers."""
        notes = (
            "Dᵤf = ‖∇f‖ cos φ, with the angle φ between u and ∇f: largest, ‖∇f‖, along the "
            "gradient, 0 at right angles to it",
        )
        name = self.partials.naming.called("Dᵤf", "D_u f")
        step = Step("Cauchy–Schwarz inequality", name, (), law=_SCHWARZ, notes=notes)
        title = Named("why the gradient is steepest", r"\text{why the gradient is steepest}")
        self.sections.append(Section(title, (step,)))


def _dot(a: Sequence[Expression], b: Sequence[Expression]) -> Expression:
    """a · b, its products written out."""
    pairs = [
        Product((x, Sum((y,)) if isinstance(y, Product) else y)) for x, y in zip(a, b, strict=True)
    ]
    return pairs[0] if len(pairs) == 1 else Sum(tuple(pairs)) if pairs else ZERO


def _length(given: Sequence[Expression]) -> tuple[Line, ...]:
    """√(a² + b²), and what it comes to."""
    raw = Power(Sum(tuple(Power(e, number(2)) for e in given)), HALF)
    return distinct([Line(raw, "Pythagoras"), Line(collected(raw), "the root")])
