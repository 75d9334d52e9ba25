"""Rounding to integers, and division with remainder."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from chainrule.ops.arithmetic import enclose_div
from chainrule.ops.bounds import Bounds, flipped, sign_of
from chainrule.ops.choice import REALS2
from chainrule.ops.logic import NUMBERS
from chainrule.ops.record import Case, Elementwise, Monotone

FLAT = "piecewise constant; 0 is taken as the slope at the jumps too"


def _away_from_jumps(offset: float) -> Callable[[np.random.Generator], Iterator[Case]]:
    """Numbers at least 0.15 away from every integer + ``offset``."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for shape in ((), (5,), (2, 3)):
            whole = rng.integers(-4, 4, shape)
            yield Case((np.asarray(whole + offset + rng.uniform(0.15, 0.85, shape)),))

    return cases


def _rounding(name: str, evaluate: Any, latex: str, exact: Any, jumps: float = 0.0) -> Elementwise:
    return Elementwise(
        name=name,
        # integers are whole already; older versions of NumPy would make floats of them
        evaluate=lambda x: evaluate(x) if x.dtype.kind == "f" else x,
        partials=None,
        dtypes=NUMBERS,
        monotone=("increasing",),
        convention=FLAT,
        latex=latex,
        rule="piecewise constant",
        cases=_away_from_jumps(jumps),
        exact=exact,
        tolerance=0.0,
    )


floor: Elementwise = _rounding("floor", np.floor, r"\lfloor {0} \rfloor", "floor")
ceil: Elementwise = _rounding("ceil", np.ceil, r"\lceil {0} \rceil", "ceil")
round_: Elementwise = _rounding(
    "round", np.round, r"\operatorname{{round}}({0})", "nint", jumps=0.5
)
trunc: Elementwise = _rounding(
    "trunc", np.trunc, r"\operatorname{{trunc}}({0})", lambda mp, x: mp.sign(x) * mp.floor(abs(x))
)

# -- division with remainder -----------------------------------------------------------------------


def _quotients(a: Bounds, b: Bounds) -> Bounds:
    """Bounds of ⌊a / b⌋, with a margin for the rounding of the quotient."""
    lo, hi = enclose_div(a, b)
    return np.floor(np.nextafter(lo, -np.inf)), np.floor(np.nextafter(hi, np.inf))


def _remainder_monotone(a: Bounds, b: Bounds) -> tuple[Monotone, Monotone]:
    """On one branch it is a − q b with a constant q."""
    first, last = _quotients(a, b)
    one_branch = np.all((first == last) & np.isfinite(first))
    return ("increasing", flipped(sign_of((first, last)))) if one_branch else (None, None)


def _enclose_remainder(a: Bounds, b: Bounds) -> Bounds:
    """a − q b on one branch; otherwise no more is known than the sign of b and |a mod b| < |b|."""
    first, last = _quotients(a, b)
    one_branch = (first == last) & np.isfinite(first)
    q = np.where(one_branch, first, 0.0)
    steps = q * b[0], q * b[1]
    slack = 4 * np.finfo(np.float64).eps * sum(np.abs(end) for end in (*a, *steps))
    lo = a[0] - np.maximum(*steps) - slack
    hi = a[1] - np.minimum(*steps) + slack
    least, most = np.minimum(b[0], 0.0), np.maximum(b[1], 0.0)
    return (
        np.where(one_branch, np.maximum(lo, least), least),
        np.where(one_branch, np.minimum(hi, most), most),
    )


def _division_cases(rng: np.random.Generator) -> Iterator[Case]:
    """Quotients of all signs, at least 0.15 away from every integer."""
    for shapes in (((), ()), ((5,), (5,)), ((4, 1), (3,))):
        b = np.asarray(rng.choice([-1.0, 1.0], shapes[1]) * rng.uniform(0.5, 2.0, shapes[1]))
        if shapes[0] == shapes[1]:
            whole = rng.integers(-4, 4, shapes[0])
            yield Case((np.asarray(b * (whole + rng.uniform(0.15, 0.85, shapes[0]))), b))
        else:  # one column against one row: |a| < |b| keeps every quotient inside (-1, 1)
            yield Case((np.asarray(rng.uniform(0.1, 0.4, shapes[0])), b))


remainder: Elementwise = Elementwise(
    name="remainder",
    evaluate=np.remainder,
    partials=(1, lambda a, b, y: -floor_divide(a, b)),
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=_remainder_monotone,
    enclose=_enclose_remainder,
    convention="a mod b jumps at the multiples of b; the slope of the branch to the right is taken",
    latex=r"{0} \bmod {1}",
    rule="remainder rule",
    cases=_division_cases,
    exact=lambda mp, a, b: a - b * mp.floor(a / b),
)

floor_divide: Elementwise = Elementwise(
    name="floor_divide",
    evaluate=np.floor_divide,
    partials=None,
    dtypes=NUMBERS,
    domain=REALS2,
    monotone=(None, None),
    enclose=_quotients,
    convention=FLAT,
    latex=r"\left\lfloor \frac{{{0}}}{{{1}}} \right\rfloor",
    rule="piecewise constant",
    cases=_division_cases,
    exact=lambda mp, a, b: mp.floor(a / b),
)
