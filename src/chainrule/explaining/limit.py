"""`explain` by the limit definition: the difference quotient worked out until h can go to 0."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as changed
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import input_node
from chainrule.explaining.check import Bench, points_for
from chainrule.explaining.difference import Quotient, difference_quotient, moved, quotients
from chainrule.explaining.explanation import Explanation, Section
from chainrule.explaining.expression import (
    Expression,
    Product,
    Sum,
    is_number,
    product,
)
from chainrule.explaining.function import SCALAR, Function, read_function
from chainrule.explaining.lines import distinct, simplified_lines
from chainrule.explaining.partials import Partials, chosen_names
from chainrule.explaining.point import place
from chainrule.explaining.scalar import at_point, results
from chainrule.explaining.steps import Line, Named, Step, Table
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["explain_limit"]

STEPS = tuple(10.0**-k for k in range(1, 7))
"""The h of the table."""


def explain_limit(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """See `explain`."""
    if order != 1:
        raise ArgumentError(f"the limit definition is worked out for order=1, not {order}")
    function = read_function(f, args, at)
    chosen = chosen_names(wrt, function.names)
    if len(chosen) > 1:
        raise ArgumentError(
            f"the limit definition is worked out in one variable; choose one of "
            f"{', '.join(chosen)} with wrt=, for example wrt={chosen[0]!r}"
        )
    return _Limit(function, chosen[0]).run()


class _Limit:
    def __init__(self, function: Function, variable: str) -> None:
        self.function = function
        self.x = variable
        self.h = next(n for n in ("h", "k", "t", "s", "d") if n not in function.names)
        self.partials = Partials(function, (variable,), 1)
        self.naming = self.partials.naming
        self.entry = self.partials.derive((variable,))
        self.function_written = self.partials.written
        self.bench = self._bench()

    def _bench(self) -> Bench:
        """The quotient at many x and h."""
        step = input_node(SCALAR)
        hole = self.function.hole[self.x]
        output = self.function.output
        (after,) = replace([output], {hole: hole + step})
        self.quotient = (after - output) / step
        inputs = {**self.function.inputs, step: self.h}
        near = {self.function.hole[n]: v for n, v in self.function.point.items()} | {step: 0.1}
        points = points_for(list(inputs), [output, self.quotient], near)
        return Bench(inputs, [self.quotient], points)

    def run(self) -> Explanation:
        worked = None
        if self.partials.is_closed(self.function_written):
            worked = quotients(self.function_written, self.x, self.h)
        sections = [self._quotient(worked)]
        if worked is None:
            sections += self.partials.sections
            expression = self.entry.expression
        else:
            step, expression = self._limit(worked)
            sections.append(Section(self.naming.label((self.x,)), (step,)))
        entries = [changed(self.entry, expression=expression)]
        values: list[float | None] = [None]
        if self.function.point:
            there, values = at_point(self.partials, entries)
            table = self._table(self.function, values[0])
            sections.append(changed(there, steps=(table, *there.steps)))
        elif worked is None:
            sections.append(self._example())
        return Explanation(
            name=self.naming.called(),
            function=self.function_written,
            variables=self.function.names,
            wrt=(self.x,),
            order=1,
            sections=tuple(sections),
            results=results(self.partials, entries, values),
            point=tuple(self.function.point.items()),
            notes=self.function.notes,
            kind="limit",
        )

    # -- the algebra -------------------------------------------------------------------------------

    def _called(self) -> Named:
        """(f(x + h) - f(x))/h."""
        written = []
        for style in (TEXT, LATEX):
            h = style.symbol(self.h)
            before = [style.symbol(name) for name in self.function.names]
            after = [f"{v} + {h}" if v == style.symbol(self.x) else v for v in before]
            written.append((h, f"f({', '.join(after)}) - f({', '.join(before)})"))
        (h, text), (typeset_h, latex) = written
        return Named(f"({text})/{h}", rf"\frac{{{latex}}}{{{typeset_h}}}")

    def _quotient(self, worked: Sequence[Quotient] | None) -> Section:
        title = Named("difference quotient", r"\text{difference quotient}")
        called = self._called()
        written = self.function_written
        if worked is None:
            notes = (
                "the algebra of this quotient is not carried out here; numbers show where it "
                "goes, and the formula follows by the rules",
            )
            step = Step("difference quotient", called, (), notes=notes, folded=1)
            return Section(title, (step,))
        if len(worked) == 1 and is_number(worked[0].factor, 1):
            lines = distinct(worked[0].lines)
            self._claim(lines)
            return Section(title, (Step("difference quotient", called, lines),))
        whole = difference_quotient(moved(written, self.x, self.h), written, self.h)
        parts = Sum(tuple(_scaled(q.factor, q.lines[0].expression) for q in worked))
        lines = distinct([Line(whole, "put in"), Line(parts, "term by term, constants in front")])
        self._claim(lines)
        steps = [Step("difference quotient", called, lines)]
        for one in worked:
            first, *rest = distinct(one.lines)
            steps.append(Step("worked out", first.expression, tuple(rest)))
        self._claim_parts(worked)
        return Section(title, tuple(steps))

    def _claim(self, lines: Sequence[Line]) -> None:
        for line in lines:
            self.bench.claim(line.expression, self.bench.values[self.quotient])

    def _claim_parts(self, worked: Sequence[Quotient]) -> None:
        """Every line of a part, in the sum with the first lines of the others."""
        for index, one in enumerate(worked):
            for line in one.lines:
                terms = [
                    _scaled(q.factor, line.expression if k == index else q.lines[0].expression)
                    for k, q in enumerate(worked)
                ]
                self._claim([Line(Sum(tuple(terms)), "")])

    def _limit(self, worked: Sequence[Quotient]) -> tuple[Step, Expression]:
        """h → 0."""
        raw = [_scaled(q.factor, q.limit) for q in worked if not is_number(q.limit, 0)]
        whole = raw[0] if len(raw) == 1 else Sum(tuple(raw))
        lines = simplified_lines(whole, f"{self.h} → 0")
        expected = self.partials.bench.values[self.entry.engine]
        for line in lines:
            self.partials.bench.claim(line.expression, expected)
        called = self._called()
        name = self.naming.label((self.x,))
        law = Named(
            f"{name.text} = lim {called.text} as {self.h} → 0",
            rf"{name.latex} = \lim_{{{self.h} \to 0}} {called.latex}",
        )
        known = dict.fromkeys(f"known limits: {q.known}" for q in worked if q.known)
        step = Step("limit", name, lines, law=law, notes=tuple(known))
        return step, lines[-1].expression

    # -- numbers -----------------------------------------------------------------------------------

    def _values(self, function: Function, steps: Sequence[float]) -> list[float]:
        graph = Graph(function.holes, [function.output])
        index = function.names.index(self.x)
        found = []
        with np.errstate(all="ignore"):
            for step in (0.0, *steps):
                point = [np.float64(value) for value in function.point.values()]
                point[index] += step
                (value,) = graph.evaluate(point)
                found.append(float(np.reshape(value, ())))
        return [(value - found[0]) / step for value, step in zip(found[1:], steps, strict=True)]

    def _table(self, function: Function, slope: float | None) -> Step:
        """Quotients on both sides, and how far the right one is off."""
        right = self._values(function, STEPS)
        left = self._values(function, [-step for step in STEPS])
        h = TEXT.symbol(self.h)
        header: list[Any] = [h, f"quotient for {h}", f"quotient for -{h}"]
        rows = []
        for step, a, b in zip(STEPS, right, left, strict=True):
            off = [] if slope is None else [f"{a - slope:.2g}"]
            rows.append((f"{step:g}", f"{a:.10g}", f"{b:.10g}", *off))
        header += [] if slope is None else [f"off by, for {h}"]
        return Step(
            "numbers",
            Named("", ""),
            (),
            notes=() if slope is None else (f"the engine's derivative is {slope:.12g}",),
            table=Table(tuple(header), tuple(rows)),
        )

    def _example(self) -> Section:
        """A table at some point of the domain."""
        row = min(self.partials.points.tolist(), key=lambda row: sum(abs(v - 1) for v in row))
        point = {n: float(f"{v:.2g}") for n, v in zip(self.function.names, row, strict=True)}
        function = changed(self.function, point=point)
        graph = Graph(function.holes, [self.entry.engine])
        (slope,) = graph.evaluate([np.float64(value) for value in point.values()])
        value = float(np.reshape(slope, ()))
        where = place(function)
        title = Named(f"for example at {where}", rf"\text{{for example at }} {where}")
        return Section(title, (self._table(function, value if np.isfinite(value) else None),))


def _scaled(factor: Expression, e: Expression) -> Expression:
    """A constant in front of something."""
    if is_number(factor, 1):
        return e
    if is_number(factor, -1):
        return product([factor, e]) if not isinstance(e, Sum) else Product((factor, e))
    return Product((factor, e))
