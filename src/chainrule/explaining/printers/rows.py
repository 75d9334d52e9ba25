"""Steps as rows of a table: what they derive, their lines side by side, the rule."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from chainrule.explaining.expression import Chain, Expression, Sum
from chainrule.explaining.steps import Cell, Derivative, Step, Table

__all__ = ["tabulated"]


def tabulated(columns: Sequence[str], rules: str | None, steps: Sequence[Step]) -> Table:
    """The table of some steps.

    The last line of a step stands in the last column, a single line in no other. A sum of products
    has a row for each of its terms, with a plus sign before it.
    """
    header = (*columns, *([] if rules is None else [rules]))
    rows = [row for step in steps for row in _rows(step, len(columns) - 1, rules is not None)]
    return Table(header, tuple(rows))


def _rows(step: Step, width: int, ruled: bool) -> Iterator[tuple[Cell, ...]]:
    assert not isinstance(step.subject, Derivative)
    lines = [line.expression for line in step.lines]
    before = [_terms(e) for e in lines[:-1]]
    height = max(map(len, before), default=1)
    for index in range(height):
        last = index == height - 1
        cells: list[Cell] = [t[index] if index < len(t) else "" for t in before]
        cells += [""] * (width - len(cells) - 1)
        cells += [lines[-1] if last and lines else ""]
        rule = [step.rule if last else ""] if ruled else []
        yield (step.subject if index == 0 else "+", *cells, *rule)


def _terms(e: Expression) -> Sequence[Expression]:
    """The terms of a sum of products as the chain rule gives it; else the formula itself."""
    if isinstance(e, Sum) and any(isinstance(term, Chain) for term in e.terms):
        return e.terms
    return (e,)
