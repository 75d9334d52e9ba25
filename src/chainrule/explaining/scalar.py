"""`explain` for derivatives: of one scalar function, or of several at once (a Jacobian)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.explaining import point as points
from chainrule.explaining.check import Bench
from chainrule.explaining.derive import tangent_of
from chainrule.explaining.explanation import Assembled, Explanation, Result, Section
from chainrule.explaining.expression import Expression, Vector
from chainrule.explaining.function import Function, read_function
from chainrule.explaining.naming import Naming
from chainrule.explaining.partials import Entry, Partials, chosen_names
from chainrule.explaining.reading import constant
from chainrule.explaining.steps import Line, Named, Step

__all__ = ["assembled", "at_point", "explain_scalar", "gradient", "section_of", "with_values"]


def explain_scalar(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """See `explain`."""
    function = read_function(f, args, at)
    chosen = chosen_names(wrt, function.names)
    if len(function.outputs) > 1:
        return _jacobian(function, chosen, order)
    partials = Partials(function, chosen, order)
    entries = partials.derive_all(order)
    sections = partials.sections
    values: list[float | None] = [None] * len(entries)
    last: list[Section] = []
    if function.point:
        section, values = at_point(partials, entries)
        last.append(section)
        if order == 2:
            last.append(_test(partials, values))
    whole = None
    if len(chosen) > 1 and order <= 2:
        whole = gradient(partials, values) if order == 1 else _hessian(partials, values)
        step = _assembling(whole, "gradient" if order == 1 else "Hessian matrix", partials)
        sections.append(section_of(step))
        with_values(last, whole, step.rule)
    return Explanation(
        name=partials.naming.called(),
        function=partials.written,
        variables=function.names,
        wrt=chosen,
        order=order,
        sections=(*sections, *last),
        results=results(partials, entries, values),
        point=tuple(function.point.items()),
        notes=function.notes,
        assembled=whole,
    )


def at_point(partials: Partials, entries: Sequence[Entry]) -> tuple[Section, list[float | None]]:
    """The values of derivatives at the point of the function."""
    function = partials.function

    def name(wrt: tuple[str, ...]) -> Named:
        return partials.naming.value(wrt, function.point)

    found = [(e.wrt, e.engine, e.expression) for e in entries]
    return points.at_point(function, found, partials.engine, name)


def results(
    partials: Partials, entries: Sequence[Entry], values: Sequence[float | None]
) -> tuple[Result, ...]:
    """The derivatives as results, with their values where there is a point."""
    naming, point = partials.naming, partials.function.point
    return tuple(
        Result(
            naming.label(entry.wrt),
            entry.expression,
            naming.value(entry.wrt, point) if point else None,
            value,
        )
        for entry, value in zip(entries, values, strict=True)
    )


def _test(partials: Partials, values: Sequence[float | None]) -> Section:
    return points.second_derivative_test(
        partials.function,
        partials.chosen,
        partials.engine,
        None not in values,
    )


# -- put together ----------------------------------------------------------------------------------


def assembled(
    naming: Naming,
    text: str,
    latex: str,
    expression: Expression,
    point: Any,
    values: Expression | None,
) -> Assembled:
    """A vector or matrix by its name, with the arguments of the function."""
    there = naming.there(text, latex, point) if point else None
    return Assembled(naming.called(text, latex), expression, there, values)


def gradient(partials: Partials, values: Sequence[float | None]) -> Assembled:
    """∇f, from the first derivatives."""
    found = Vector(tuple(partials.entries[(name,)].expression for name in partials.chosen))
    return assembled(
        partials.naming, "∇f", r"\nabla f", found, partials.function.point, _numbers(values)
    )


def _hessian(partials: Partials, values: Sequence[float | None]) -> Assembled:
    """H, its entries below the diagonal by symmetry; that is held against the engine, too."""
    chosen = partials.chosen
    keys = [[(min(i, j), max(i, j)) for j in range(len(chosen))] for i in range(len(chosen))]
    wrt = [[(chosen[i], chosen[j]) for i, j in row] for row in keys]
    for row in range(len(chosen)):
        for column in range(row):
            _claim_symmetry(partials, chosen[row], chosen[column])
    found = Vector(tuple(Vector(tuple(partials.entries[k].expression for k in r)) for r in wrt))
    known = dict(zip((w for w in partials.entries if len(w) == 2), values, strict=True))
    rows = [_numbers([known[key] for key in row]) for row in wrt]
    numbers = Vector(tuple(row for row in rows if row is not None))
    complete = numbers if len(numbers.entries) == len(rows) else None
    return assembled(partials.naming, "H", "H", found, partials.function.point, complete)


def _claim_symmetry(partials: Partials, first: str, second: str) -> None:
    """Hold ∂²f/∂second∂first, taken in that order, against the entry that was derived."""
    hole = partials.function.hole
    other = tangent_of(partials.engine[(first,)], hole[second])
    if other is None:
        return
    bench = Bench(partials.function.inputs, [other], partials.points)
    expression = partials.entries[(second, first)].expression
    if partials.is_closed(expression):
        bench.claim(expression, bench.values[other])


def _numbers(values: Sequence[float | None]) -> Vector | None:
    """The values as a vector, to twelve digits."""
    known = [value for value in values if value is not None]
    if not values or len(known) < len(values):
        return None
    return Vector(tuple(constant(float(f"{value:.12g}")) for value in known))


def section_of(step: Step) -> Section:
    """A section of one step, called by its rule."""
    return Section(Named(step.rule, rf"\text{{{step.rule}}}"), (step,))


def _assembling(found: Assembled, rule: str, partials: Partials) -> Step:
    notes: tuple[str, ...] = ()
    reason = "the partial derivatives in a row"
    if rule != "gradient":
        first, second = partials.chosen[:2]
        one, other = (partials.naming.label(w).text for w in ((first, second), (second, first)))
        reason = "the second partial derivatives, a row for each variable"
        notes = (f"H is symmetric, as {other} = {one}: each pair is derived once",)
    return Step(rule, found.name, (Line(found.expression, reason),), notes=notes)


def with_values(sections: list[Section], found: Assembled, rule: str) -> None:
    """Put the numbers, assembled in the same way, at the end of the section of the point."""
    if sections and found.there is not None and found.values is not None:
        step = Step(rule, found.there, (Line(found.values, "the values put together"),))
        sections[0] = replace(sections[0], steps=(*sections[0].steps, step))


# -- several results -------------------------------------------------------------------------------


def _jacobian(function: Function, chosen: tuple[str, ...], order: int) -> Explanation:
    """A row of partial derivatives for each result."""
    if order > 1:
        raise ArgumentError(
            f"order={order} is explained for one result at a time; this function has "
            f"{len(function.outputs)}"
        )
    rows: list[Vector] = []
    numbers: list[Vector | None] = []
    written: list[Expression] = []
    found: list[Result] = []
    sections: list[Section] = []
    steps: list[Section] = []
    naming = Naming(function.names)
    for index, output in enumerate(function.outputs, start=1):
        partials = Partials(replace(function, outputs=(output,)), chosen, 1, f"f_{index}")
        entries = partials.derive_all(1)
        values: list[float | None] = [None] * len(entries)
        if function.point:
            section, values = at_point(partials, entries)
            steps.append(section)
        sections += partials.sections
        found += results(partials, entries, values)
        written.append(partials.written)
        rows.append(Vector(tuple(entry.expression for entry in entries)))
        numbers.append(_numbers(values))
    whole = _assembled_rows(naming, function, chosen, rows, numbers)
    curve = len(chosen) == 1
    rule = "derivative of each component" if curve else "Jacobian matrix"
    reason = "component by component" if curve else "a row for each result"
    step = Step(rule, whole.name, (Line(whole.expression, reason),))
    sections.append(section_of(step))
    last = (
        [replace(steps[0], steps=tuple(s for part in steps for s in part.steps))] if steps else []
    )
    with_values(last, whole, rule)
    return Explanation(
        name=naming.called(),
        function=Vector(tuple(written)),
        variables=function.names,
        wrt=chosen,
        order=1,
        sections=(*sections, *last),
        results=tuple(found),
        point=tuple(function.point.items()),
        notes=function.notes,
        assembled=whole,
    )


def _assembled_rows(
    naming: Naming,
    function: Function,
    chosen: Sequence[str],
    rows: Sequence[Vector],
    numbers: Sequence[Vector | None],
) -> Assembled:
    known = tuple(row for row in numbers if row is not None)
    values = Vector(known) if len(known) == len(rows) else None
    if len(chosen) > 1:
        return assembled(naming, "J", "J", Vector(tuple(rows)), function.point, values)
    column = Vector(tuple(row.entries[0] for row in rows))
    if values is not None:
        values = Vector(tuple(row.entries[0] for row in known))
    label = naming.label(tuple(chosen))
    there = naming.value(tuple(chosen), function.point) if function.point else None
    return Assembled(label, column, there, values)
