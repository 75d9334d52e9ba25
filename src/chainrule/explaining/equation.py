"""Equations: their two sides, and which variable is a function of the others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.core.node import literal
from chainrule.explaining.function import SCALAR, Function, read_function
from chainrule.explaining.partials import chosen_names
from chainrule.notation import Formula, parse_many
from chainrule.notation.syntax import Apply

__all__ = ["read_equation", "roles"]


def read_equation(f: Any, args: Sequence[Any], at: Any) -> Function:
    """The two sides as two results; of anything but an equation the right side is 0.

    The variables of a formula are in alphabetical order: in ``y = x^2`` the point is (x, y).
    """
    if isinstance(f, str):
        formulas = parse_many(f)
        if len(formulas) > 1:
            raise ArgumentError(
                f"implicit differentiation takes one equation; these are {len(formulas)}"
            )
        (f,) = formulas
    if isinstance(f, Formula) and isinstance(f.tree, Apply) and f.tree.function == "equal":
        names = sorted(f.names)
        sides = [Formula(f.text, tree, names) for tree in f.tree.operands]
        return read_function(sides, args, at)
    if isinstance(f, Formula):
        f = Formula(f.text, f.tree, sorted(f.names))
    function = read_function(f, args, at)
    return replace(function, outputs=(function.output, literal(0.0, SCALAR.dtype)))


def roles(names: Sequence[str], wrt: Any) -> tuple[str, tuple[str, ...]]:
    """The variable that is a function of the others, and those to differentiate in."""
    given = () if wrt is None else chosen_names(wrt, names)
    free = [name for name in names if name not in given]
    if not free:
        raise ArgumentError(
            "wrt: one variable has to be a function of the others; leave one out of "
            f"{', '.join(names)}"
        )
    usual = "y" if len(names) == 2 else "z"
    dependent = usual if usual in free else max(free)
    return dependent, given or tuple(name for name in names if name != dependent)
