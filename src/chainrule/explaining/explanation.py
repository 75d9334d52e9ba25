"""An explanation: what was asked, the derivation, the result; and the forms it can be read in."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from chainrule.core.errors import ArgumentError, NotationError
from chainrule.explaining import steps as tree
from chainrule.explaining.expression import (
    Expression,
    Sum,
    Vector,
    from_json,
    matrix_rows,
    size,
    substitute,
    to_json,
)
from chainrule.explaining.steps import Let, Named, Step, walk
from chainrule.explaining.styles import LATEX, TEXT

if TYPE_CHECKING:
    from chainrule.explaining.graph.recording import Recording
    from chainrule.pictures import Picture

__all__ = ["Assembled", "Explanation", "Result", "Section"]

VERSION = 1
"""Of the JSON format."""

_WRITTEN_OUT = 2000  # the longest result that is shown without names for its parts


@dataclass(frozen=True)
class Result:
    """A derivative found: its name and formula; at a point its name there, and its value.

    ``value`` is None where there is no point, or the engine's value there is no derivative but a
    convention; of an array it is a tuple of its rows.
    """

    name: Named
    expression: Expression
    there: Named | None = None
    value: Any = None


@dataclass(frozen=True)
class Assembled:
    """Derivatives put together: a gradient as a vector, a Jacobian or Hessian as a matrix.

    ``values`` are the numbers at the point ``there``; None where there is no point, or one of them
    does not exist.
    """

    name: Named
    expression: Expression
    there: Named | None = None
    values: Expression | None = None


@dataclass(frozen=True)
class Section:
    """A part of an explanation.

    Attributes:
        title: what it derives.
        steps: its steps, each with those inside it.
        parts: names for the parts of a function too long for one formula.
        notes: what has to be said before.
        columns: headings, if the steps are read best as rows of a table: above what they derive,
            and above each of their lines.
        rules: the heading above the rules of a table; None leaves them out.
    """

    title: Named
    steps: tuple[Step, ...]
    parts: tuple[Let, ...] = ()
    notes: tuple[str, ...] = ()
    columns: tuple[str, ...] = ()
    rules: str | None = None


@dataclass(frozen=True, repr=False)
class Explanation:
    """The derivation of derivatives of a function, step by step; see `explain`.

    Attributes:
        kind: which kind of explanation it is; see `explain`.
        name: the function with its arguments, such as f(x, y).
        function: its formula.
        variables: its variables.
        wrt: those with respect to which it was differentiated.
        order: how often.
        sections: the derivation.
        results: the derivatives found, in the order of ``wrt``.
        assembled: the gradient, Jacobian or Hessian that was put together on the way.
        direction: of a directional derivative, as it was given.
        point: the point at which it was evaluated.
        notes: what holds for the whole explanation.
        recording: the run that was explained, of a computational graph; see `explaining.graph`. It
            is not written to JSON.
    """

    name: Named
    function: Expression
    variables: tuple[str, ...]
    wrt: tuple[str, ...]
    order: int
    sections: tuple[Section, ...]
    results: tuple[Result, ...]
    point: tuple[tuple[str, float], ...] = ()
    notes: tuple[str, ...] = ()
    kind: str = "derivative"
    assembled: Assembled | None = None
    direction: tuple[float, ...] = ()
    recording: Recording | None = field(default=None, compare=False)

    @property
    def steps(self) -> tuple[Step, ...]:
        """The steps of all sections; each holds the steps that it needs as ``children``."""
        return tuple(step for section in self.sections for step in section.steps)

    def walk(self) -> Iterator[Step]:
        """Every step, also those inside others, in reading order."""
        for step in self.steps:
            yield from walk(step)

    @property
    def unnamed(self) -> int:
        """How many steps apply a rule that has no textbook name."""
        return sum(not step.named for step in self.walk())

    @property
    def folded(self) -> int:
        """How many steps are left out because the function is too large."""
        return sum(step.folded for step in self.walk())

    @property
    def complete(self) -> bool:
        """Whether every step is shown, and by its name."""
        return not self.unnamed and not self.folded

    @property
    def whole(self) -> Assembled | None:
        """The matrix, or the vector for several functions, that is the result as a whole."""
        found = self.assembled
        if self.kind != "derivative" or found is None:
            return None
        several = isinstance(self.function, Vector)
        return found if several or matrix_rows(found.expression) else None

    @property
    def result(self) -> str:
        """The derivatives as text that `cr.parse` reads back.

        Several have commas between them, and rows of a matrix semicolons (`cr.parse_many`).
        """
        rows = () if self.whole is None else matrix_rows(self.whole.expression)
        if rows:
            return "; ".join(", ".join(map(TEXT, row)) for row in rows)
        return ", ".join(TEXT(result.expression) for result in self.results)

    def opened(self, *parts: str) -> Explanation:
        """The same with these parts of a large graph in full; a folded row names its part.

        Raises:
            ArgumentError: if this is no explanation of a graph, as it was made.
        """
        if self.recording is None:
            raise ArgumentError(
                "only a graph as explain(…, kind='graph') made it has parts to open; the run is "
                "not kept in JSON"
            )
        from chainrule.explaining.graph.explain import explained

        return explained(self.recording, parts)

    def picture(self) -> Picture | None:
        """What is explained, drawn; None for kinds without a picture.

        A directional derivative of two variables at a point, the limit definition at a point and a
        Taylor polynomial of one variable have one; pages show it where matplotlib is installed.

        Raises:
            MissingExtraError: without matplotlib.
        """
        from chainrule.explaining.illustration import illustrated

        return illustrated(self)

    # -- forms ---------------------------------------------------------------------------------

    def text(self, limit: int | None = None) -> str:
        """Plain text; with ``limit`` only so many steps, and how many are left out."""
        from chainrule.explaining.printers.text import to_text

        return to_text(self, limit)

    def markdown(self, limit: int | None = None) -> str:
        """Markdown with LaTeX between dollar signs."""
        from chainrule.explaining.printers.markup import to_markdown

        return to_markdown(self, limit)

    def words(self, limit: int | None = None) -> str:
        """Words alone, to be read aloud: each formula can be heard in one way only."""
        from chainrule.explaining.printers.words import to_words

        return to_words(self, limit)

    def latex(self, limit: int | None = None) -> str:
        """LaTeX: lists of steps with displayed formulas, to be set inside a document."""
        from chainrule.explaining.printers.markup import to_latex

        return to_latex(self, limit)

    def html(self, limit: int | None = None) -> str:
        """A page that needs nothing else: formulas in MathML, sub-derivations to fold, a picture.

        The picture (see `picture`) is left out where matplotlib is not installed.
        """
        from chainrule.explaining.printers.html import to_page

        return to_page(self, limit)

    def json(self, indent: int | None = None) -> str:
        """JSON, which `from_json` reads back."""
        return json.dumps(_to_data(self), indent=indent, ensure_ascii=False)

    @classmethod
    def from_json(cls, text: str) -> Explanation:
        """The explanation that `json` wrote.

        Raises:
            NotationError: if the text is no explanation.
        """
        try:
            return _from_data(json.loads(text))
        except (KeyError, TypeError, ValueError) as error:
            raise NotationError(f"this is no explanation: {error!r}") from None

    def __str__(self) -> str:
        return self.text()

    def __repr__(self) -> str:
        count = sum(1 for _ in self.walk())
        return f"Explanation({self.results[0].name.text} = {self.result}; {count} steps)"

    def _repr_html_(self) -> str:
        from chainrule.explaining.printers.html import to_fragment

        return to_fragment(self, None)

    def _repr_latex_(self) -> str:
        shown: list[Result | Assembled] = list(self.results)
        if self.whole is not None:
            shown = [self.whole]
        lines = [rf"{one.name.latex} = {LATEX(one.expression)}" for one in shown]
        return "$" + r",\quad ".join(lines) + "$"


def written_out(e: Expression, lets: Mapping[str, Expression]) -> Expression:
    """``e`` without the names of parts; with them if it would be too long to read."""
    after = e
    for name in reversed(list(lets)):
        after = substitute(after, {name: lets[name]})
        if size(after) > _WRITTEN_OUT:
            return e
    return Sum(_terms(after)) if isinstance(after, Sum) else after


def _terms(e: Expression) -> tuple[Expression, ...]:
    """The terms of a sum; those of sums that were put into it have no brackets."""
    return tuple(t for one in e.terms for t in _terms(one)) if isinstance(e, Sum) else (e,)


# -- JSON ------------------------------------------------------------------------------------------


def _to_data(found: Explanation) -> dict[str, Any]:
    return {
        "version": VERSION,
        "name": tree.subject_to_json(found.name),
        "function": to_json(found.function),
        "variables": list(found.variables),
        "wrt": list(found.wrt),
        "order": found.order,
        "sections": [
            {
                "title": tree.subject_to_json(section.title),
                "steps": [tree.step_to_json(step) for step in section.steps],
                "parts": [[let.name, to_json(let.expression)] for let in section.parts],
                "notes": list(section.notes),
                "columns": list(section.columns),
                "rules": section.rules,
            }
            for section in found.sections
        ],
        "results": [
            {
                "name": tree.subject_to_json(result.name),
                "expression": to_json(result.expression),
                "there": None if result.there is None else tree.subject_to_json(result.there),
                "value": result.value,
            }
            for result in found.results
        ],
        "point": [list(pair) for pair in found.point],
        "notes": list(found.notes),
        "kind": found.kind,
        "assembled": None if found.assembled is None else _assembled(found.assembled),
        "direction": list(found.direction),
    }


def _assembled(found: Assembled) -> dict[str, Any]:
    return {
        "name": tree.subject_to_json(found.name),
        "expression": to_json(found.expression),
        "there": None if found.there is None else tree.subject_to_json(found.there),
        "values": None if found.values is None else to_json(found.values),
    }


def _read_assembled(data: Mapping[str, Any]) -> Assembled:
    return Assembled(
        name=_named(data["name"]),
        expression=from_json(data["expression"]),
        there=None if data["there"] is None else _named(data["there"]),
        values=None if data["values"] is None else from_json(data["values"]),
    )


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value


def _named(data: Mapping[str, Any]) -> Named:
    return Named(data["text"], data["latex"])


def _from_data(data: Mapping[str, Any]) -> Explanation:
    if data["version"] != VERSION:
        raise ValueError(f"version {data['version']}, not {VERSION}")
    return Explanation(
        name=_named(data["name"]),
        function=from_json(data["function"]),
        variables=tuple(data["variables"]),
        wrt=tuple(data["wrt"]),
        order=data["order"],
        sections=tuple(
            Section(
                title=_named(section["title"]),
                steps=tuple(tree.step_from_json(step) for step in section["steps"]),
                parts=tuple(Let(name, from_json(e)) for name, e in section["parts"]),
                notes=tuple(section["notes"]),
                columns=tuple(section["columns"]),
                rules=section["rules"],
            )
            for section in data["sections"]
        ),
        results=tuple(
            Result(
                name=_named(result["name"]),
                expression=from_json(result["expression"]),
                there=None if result["there"] is None else _named(result["there"]),
                value=_tuples(result["value"]),
            )
            for result in data["results"]
        ),
        point=tuple((name, value) for name, value in data["point"]),
        notes=tuple(data["notes"]),
        kind=data["kind"],
        assembled=None if data["assembled"] is None else _read_assembled(data["assembled"]),
        direction=tuple(data["direction"]),
    )
