"""Values as they are shown, and displayed formulas held against them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from chainrule.core.errors import ClaimError
from chainrule.explaining.check import evaluate, measured
from chainrule.explaining.expression import (
    Array,
    Chain,
    Constant,
    Expression,
    Number,
    Partial,
    Sum,
    Symbol,
    Vector,
    negated,
    rebuilt,
    walk,
)
from chainrule.explaining.rounding import Measured
from chainrule.explaining.styles import TEXT

__all__ = ["ROUNDING", "agrees", "claim", "claim_numbers", "entries", "product_of", "shown"]

DIGITS = 6
ROUNDING = 1e-15
"""What a few roundings make of a number, relatively."""

_RELATIVE, _ABSOLUTE = 1e-9, 1e-300
_WHOLE = 1e15  # larger integers are written with a power of ten


SMALL = 4
"""Arrays of at most so many entries are written in full."""


def shown(value: Any) -> Expression:
    """A number, to six digits; an array in full if it is small, else its shape and norm."""
    array = np.asarray(value)
    if array.ndim:
        if array.ndim <= 2 and 0 < array.size <= SMALL:
            return Vector(tuple(map(shown, array)))
        with np.errstate(all="ignore"):
            norm = float(np.sqrt(np.sum(np.square(array.astype(np.float64)))))
        return Array(array.shape, float(f"{norm:.{DIGITS}g}"))
    item = array.item()
    if isinstance(item, bool):
        return Constant("true" if item else "false")
    if math.isnan(item):
        return Constant("nan")
    if math.isinf(item):
        return Constant("inf") if item > 0 else negated(Constant("inf"))
    rounded = float(f"{item:.{DIGITS}g}")
    whole = rounded == int(rounded) and abs(rounded) < _WHOLE
    return Number(Fraction(int(rounded)) if whole else rounded)


def claim(
    e: Expression,
    expected: float,
    names: Mapping[str, float],
    partials: Mapping[Partial, float] | None = None,
    error: float = 0.0,
) -> None:
    """Evaluate a formula, as it will be read, with these values of its names.

    Args:
        e: the formula.
        expected: what the engine computed.
        names: the values of its names.
        partials: the values of the derivatives in it.
        error: a bound on the rounding error of ``expected``.

    Raises:
        ClaimError: if it differs from what the engine computed.
    """
    found, allowed = _measured(e, names, partials or {})
    allowed += _RELATIVE * abs(expected) + _ABSOLUTE + error
    if math.isfinite(expected) and not abs(found - expected) <= allowed:
        raise _differs(e, found, expected)


def agrees(e: Expression, expected: float, names: Mapping[str, float], error: float = 0.0) -> bool:
    """Whether a formula has the value that the engine computed."""
    found, allowed = _measured(e, names, {})
    return abs(found - expected) <= allowed + _RELATIVE * abs(expected) + _ABSOLUTE + error


def _measured(
    e: Expression, names: Mapping[str, float], partials: Mapping[Partial, float]
) -> tuple[float, float]:
    """The value of a formula, and a bound on its rounding."""
    spelt = {p: f"p_{k}" for k, p in enumerate(partials, 1) if p in set(walk(e))}
    spelt = {p: _fresh(name, names) for p, name in spelt.items()}
    plain = _spelt(e, spelt)
    values = dict(names) | {name: partials[p] for p, name in spelt.items()}
    found = measured(plain, {n: Measured.exact(np.array([float(v)])) for n, v in values.items()})
    return float(found.values[0]), float(found.errors[0])


def _fresh(name: str, names: Mapping[str, float]) -> str:
    while name in names:
        name += "_0"
    return name


def _spelt(e: Expression, names: Mapping[Partial, str]) -> Expression:
    if isinstance(e, Partial):
        return Symbol(names[e])
    return rebuilt(e, lambda part: _spelt(part, names)) if names else e


def claim_numbers(e: Expression, expected: float) -> None:
    """Evaluate a line of rounded numbers: a sum of products.

    Raises:
        ClaimError: if it differs by more than rounding from what the engine computed.
    """
    if not math.isfinite(expected):
        return
    terms = e.terms if isinstance(e, Sum) else (e,)
    sizes, count = [1e-300], 1
    for term in terms:
        factors = term.factors if isinstance(term, Chain) else (term,)
        if not all(isinstance(factor, Number) for factor in factors):
            return  # ∞ · 0
        sizes.append(math.prod(abs(float(f.value)) for f in factors if isinstance(f, Number)))
        count = max(count, len(factors))
    found = float(evaluate(e, {})[0])
    allowed = 10.0 ** (1 - DIGITS) * (count + 1) * sum(sizes) + 1e-300
    if not abs(found - expected) <= allowed:
        raise _differs(e, found, expected)


def _differs(e: Expression, found: float, expected: float) -> ClaimError:
    return ClaimError(
        f"the formula {TEXT(e)} is {found:.10g}, the engine computed {expected:.10g}; this is a "
        "bug of chainrule, please report the function"
    )


def entries(value: Any) -> Any:
    """A number; of an array the tuple of its rows."""
    found = np.asarray(value)
    return float(found) if not found.ndim else tuple(map(entries, found))


def product_of(numbers: Sequence[float]) -> Expression:
    """Numbers side by side."""
    return Chain(tuple(map(shown, numbers))) if len(numbers) > 1 else shown(numbers[0])
