"""Derivations inside lessons: the one place that asks `cr.explain`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.errors import ClaimError
from chainrule.explaining.naming import raised
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.explaining.writing import FRACTION
from chainrule.lessons.topic import Derived

__all__ = ["Equation", "derivation", "derive"]

_POINTS = 5
_TOLERANCE = 1e-9  # relative: two ways to write one formula differ by rounding alone


@dataclass(frozen=True)
class Equation:
    """A formula as text and as LaTeX."""

    text: str
    latex: str


def derivation(f: Any, *args: Any, **options: Any) -> cr.Explanation:
    """The derivation of a derivative by the engine, with all steps; see `cr.explain`."""
    return cr.explain(f, *args, **options)


def derive(row: Derived) -> Equation:
    """The derivative, computed now, as an equation.

    Raises:
        ClaimError: if the usual way to write it does not equal what the engine computes.

    >>> derive(Derived("logarithm", "ln x")).text
    'd/dx ln(x) = 1/x'
    >>> derive(Derived("sigmoid", "σ(z)", "z", as_written="σ(z) (1 - σ(z))")).text
    'd/dz σ(z) = σ(z) (1 - σ(z))'
    >>> derive(Derived("sine", "sin x", as_written="-cos x"))
    Traceback (most recent call last):
        ...
    chainrule.core.errors.ClaimError: 'sine': -cos x is not the derivative of sin x: ...
    """
    found = cr.explain(row.function, wrt=row.wrt, order=row.order)
    result = found.results[0].expression
    if row.as_written:
        _check(row)
        result = cr.explain(row.as_written).function
    partial = len(found.variables) > 1
    d, d_latex = ("∂", r"\partial") if partial else ("d", "d")
    power, power_latex = ("", "") if row.order == 1 else (raised(row.order), f"^{row.order}")
    variable = TEXT.symbol(row.wrt), LATEX.symbol(row.wrt)
    below = rf"{d_latex} {variable[1]}{power_latex}"
    return Equation(
        f"{d}{power}/{d}{variable[0]}{power} {TEXT.within(found.function, FRACTION + 1)} "
        f"= {TEXT(result)}",
        rf"\frac{{{d_latex}{power_latex}}}{{{below}}} "
        f"{LATEX.within(found.function, FRACTION)} = {LATEX(result)}",
    )


def _check(row: Derived) -> None:
    """Compare with the engine's own derivative at a few points."""
    function, usual = cr.parse(row.function), cr.parse(row.as_written)
    rng = np.random.default_rng(0)
    for _ in range(_POINTS):
        point = dict(zip(function.names, rng.uniform(0.1, 0.9, len(function.names)), strict=True))
        at = point.pop(row.wrt)
        others = dict(point)
        derivative = cr.derivative(lambda v, o=others: function(**{row.wrt: v}, **o), row.order)
        engine = float(derivative(at))
        written = float(usual(**{name: (others | {row.wrt: at})[name] for name in usual.names}))
        if not abs(engine - written) <= _TOLERANCE * max(1.0, abs(engine)):
            raise ClaimError(
                f"{row.name!r}: {row.as_written} is not the derivative of {row.function}: at "
                f"{row.wrt} = {at:.4g} it is {written:.6g}, the engine computes {engine:.6g}"
            )
