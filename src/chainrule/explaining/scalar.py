"""`explain` for scalar functions of scalar variables."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.core.node import Node
from chainrule.explaining import point as points
from chainrule.explaining.check import Bench, points_for
from chainrule.explaining.derive import Derivation, derive, tangent_of
from chainrule.explaining.explanation import Explanation, Result, Section, written_out
from chainrule.explaining.expression import Expression, Symbol, Vector, symbols
from chainrule.explaining.function import Function, read_function
from chainrule.explaining.reading import constant
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.notation import canonical, parse
from chainrule.ops.shape import zeros_like

__all__ = ["explain_scalar"]


@dataclass(frozen=True)
class _Entry:
    """A derivative: with respect to these variables, in this order."""

    wrt: tuple[str, ...]
    engine: Node
    expression: Expression


def explain_scalar(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """See `explain`."""
    function = read_function(f, args, at)
    chosen = _chosen(wrt, function.names)
    if order > 2 and len(chosen) > 1:
        raise ArgumentError(
            f"derivatives of order {order} are explained for one variable at a time; say which "
            f"with wrt=, for example wrt={chosen[0]!r}"
        )
    return _Explainer(function, chosen, order).run()


def _chosen(wrt: Any, names: Sequence[str]) -> tuple[str, ...]:
    """The names in ``wrt``, or all."""
    if not names:
        return ()
    if wrt is None:
        return tuple(names)
    given = wrt.replace(",", " ").split() if isinstance(wrt, str) else wrt
    given = [given] if isinstance(given, int) else given
    found = []
    for one in given:
        if isinstance(one, int) and 0 <= one < len(names):
            found.append(names[one])
            continue
        name = one if one in names else canonical(str(one))
        if name not in names:
            known = f"its variables are {', '.join(names)}"
            raise ArgumentError(f"wrt: the function has no variable {one!r}; {known}")
        found.append(name)
    return tuple(dict.fromkeys(found)) or tuple(names)


class _Explainer:
    def __init__(self, function: Function, chosen: tuple[str, ...], order: int) -> None:
        self.function = function
        self.names = function.names
        self.chosen = chosen
        self.order = order
        self.inputs = dict(zip(function.holes, self.names, strict=True))
        self.holes = dict(zip(self.names, function.holes, strict=True))
        self.several = len(self.names) > 1
        self.engine = self._engine()
        near = {self.holes[name]: value for name, value in function.point.items()}
        outputs = [function.output, *self.engine.values()]
        self.points = points_for(list(self.inputs), outputs, near)
        self.bench = Bench(self.inputs, outputs, self.points)
        self.sections: list[Section] = []
        self.written: Expression = Symbol("f")

    def _engine(self) -> dict[tuple[str, ...], Node]:
        """The derivatives as the engine computes them, up to the order."""
        found: dict[tuple[str, ...], Node] = {(): self.function.output}
        for count in range(1, self.order + 1):
            for wrt in itertools.combinations_with_replacement(self.chosen, count):
                before = found[wrt[:-1]]
                tangent = tangent_of(before, self.holes[wrt[-1]])
                found[wrt] = zeros_like(self.function.output) if tangent is None else tangent
        del found[()]
        return found

    def run(self) -> Explanation:
        function = self.function
        entries: list[_Entry] = []
        previous: dict[tuple[str, ...], _Entry] = {}
        for wrt in self.engine:
            previous[wrt] = made = self._derive(wrt, previous.get(wrt[:-1]))
            if len(wrt) == self.order:
                entries.append(made)
        if self.several and len(self.chosen) > 1 and self.order == 1:
            self._assemble(entries)
        gradient = [previous[(name,)] for name in self.chosen if (name,) in previous]
        values: list[float | None] = [None] * len(entries)
        if function.point:
            section, values = points.at_point(
                function, [(e.wrt, e.engine, e.expression) for e in entries], self.value_name
            )
            self.sections.append(section)
            if self.order == 2:
                section = points.second_derivative_test(
                    function,
                    self.chosen,
                    [e.engine for e in gradient],
                    {e.wrt: e.engine for e in entries},
                )
                self.sections.append(section)
        results = tuple(
            Result(
                self.label(e.wrt),
                e.expression,
                self.value_name(e.wrt) if function.point else None,
                value,
            )
            for e, value in zip(entries, values, strict=True)
        )
        return Explanation(
            name=self._called(),
            function=self.written,
            variables=self.names,
            wrt=self.chosen,
            order=self.order,
            sections=tuple(self.sections),
            results=results,
            point=tuple(function.point.items()),
            notes=function.notes,
        )

    # -- one derivative ----------------------------------------------------------------------------

    def _derive(self, wrt: tuple[str, ...], before: _Entry | None) -> _Entry:
        """Derive ∂before/∂(last of wrt), or of the function itself; hold it against the engine."""
        if before is None:
            output: Node = self.function.output
        elif not self._is_closed(before.expression):  # too long to be read back
            output = before.engine
        else:
            formula = parse(TEXT(before.expression), names=self.names)
            output = formula.node({name: self.holes[name] for name in self.names})
        found = derive(output, self.inputs, self.holes[wrt[-1]], self.points)
        expression = written_out(found.result, found.meanings)
        if before is None:
            self.written = found.function
        if self._is_closed(expression):
            self.bench.claim(expression, self.bench.values[self.engine[wrt]])
        self.sections.append(self._section(wrt, found))
        return _Entry(wrt, self.engine[wrt], expression)

    def _is_closed(self, e: Expression) -> bool:
        """Whether it is written in the variables alone."""
        return not symbols(e).keys() - set(self.names)

    def _section(self, wrt: tuple[str, ...], found: Derivation) -> Section:
        notes: list[str] = []
        held = [name for name in self.names if name != wrt[-1]]
        if held:
            verb = "is" if len(held) == 1 else "are"
            listed = ", ".join(TEXT.symbol(name) for name in held)
            notes.append(f"{listed} {verb} held constant")
        if len(set(wrt)) > 1 and wrt == tuple(sorted(wrt, key=self.chosen.index)):
            first, second = self.label(wrt), self.label(wrt[::-1])
            notes.append(f"by symmetry {second.text} = {first.text}")
        return Section(self.label(wrt), found.steps, found.parts, tuple(notes))

    def _assemble(self, entries: Sequence[_Entry]) -> None:
        vector = Vector(tuple(entry.expression for entry in entries))
        arguments = ", ".join(TEXT.symbol(name) for name in self.names)
        inner = ", ".join(LATEX.symbol(name) for name in self.names)
        subject = Named(f"∇f({arguments})", rf"\nabla f({inner})")
        step = Step("gradient", subject, (Line(vector, "the partial derivatives in a row"),))
        self.sections.append(Section(Named("gradient", r"\nabla f"), (step,)))

    # -- names -------------------------------------------------------------------------------------

    def _called(self) -> Named:
        return Named(
            f"f({', '.join(map(TEXT.symbol, self.names))})",
            f"f({', '.join(map(LATEX.symbol, self.names))})",
        )

    def label(self, wrt: tuple[str, ...]) -> Named:
        """f′(x), or ∂²f/∂x∂y for several variables."""
        if not self.several:
            primes = {1: "′", 2: "″", 3: "‴"}.get(len(wrt), f"^({len(wrt)})")
            marks = "'" * len(wrt) if len(wrt) < 4 else f"^{{({len(wrt)})}}"
            (name,) = self.names
            return Named(f"f{primes}({TEXT.symbol(name)})", f"f{marks}({LATEX.symbol(name)})")
        runs = [(name, len(list(group))) for name, group in itertools.groupby(wrt)]
        power = {1: ""}.get(len(wrt), str(len(wrt)))
        text = "".join(f"∂{TEXT.symbol(n)}{_raised(k)}" for n, k in runs)
        latex = r"\,".join(
            rf"\partial {LATEX.symbol(n)}" + (f"^{{{k}}}" if k > 1 else "") for n, k in runs
        )
        above = r"\partial f" if not power else rf"\partial^{{{power}}} f"
        return Named(f"∂{_raised(len(wrt))}f/{text}", rf"\frac{{{above}}}{{{latex}}}")

    def value_name(self, wrt: tuple[str, ...]) -> Named:
        """f′(2), or ∂f/∂x (1, 2)."""
        values = [constant(self.function.point[name]) for name in self.names]
        text, latex = (", ".join(map(style, values)) for style in (TEXT, LATEX))
        label = self.label(wrt)
        if self.several:
            return Named(f"{label.text} ({text})", f"{label.latex} ({latex})")
        head, tail = label.text.rpartition("(")[0], label.latex.rpartition("(")[0]
        return Named(f"{head}({text})", f"{tail}({latex})")


def _raised(count: int) -> str:
    return "" if count == 1 else str(count).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
