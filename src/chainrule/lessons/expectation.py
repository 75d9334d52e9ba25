"""What a number is compared with: a text that people read, and the comparison itself.

A comparison with NaN is false, so a measurement that is NaN meets no expectation but `not_finite`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import DomainError

__all__ = [
    "Expectation",
    "Number",
    "about",
    "above",
    "at_least",
    "at_most",
    "below",
    "between",
    "equal",
    "no",
    "not_finite",
    "written",
    "yes",
]

Number = float | bool
"""A measured value: a number, or the answer to a question."""


@dataclass(frozen=True)
class Expectation:
    """A condition on a number.

    Attributes:
        text: the condition as it is shown.
        test: whether a number satisfies it.
    """

    text: str
    test: Callable[[Number], Any]

    def met(self, value: Number) -> bool:
        """Whether the number satisfies the condition."""
        return bool(self.test(value))

    def __repr__(self) -> str:
        return self.text


def written(value: Number) -> str:
    """A number to four digits, counts in full, answers as words.

    >>> written(0.000123456), written(1_000_000), written(True)
    ('0.0001235', '1,000,000', 'yes')
    """
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value + 0.0:.4g}"


def _condition(sign: str, limit: float, why: str, test: Callable[[Number], Any]) -> Expectation:
    if math.isnan(limit):
        raise DomainError(f"an expectation '{sign} nan' can never be met; give a number")
    return Expectation(f"{sign} {written(limit)}" + (f" ({why})" if why else ""), test)


def at_most(limit: float, why: str = "") -> Expectation:
    """x ≤ limit; ``why`` says what the limit is.

    >>> at_most(0.25, "the maximum of σ′")
    ≤ 0.25 (the maximum of σ′)
    """
    return _condition("≤", limit, why, lambda x: x <= limit)


def at_least(limit: float, why: str = "") -> Expectation:
    """x ≥ limit."""
    return _condition("≥", limit, why, lambda x: x >= limit)


def below(limit: float, why: str = "") -> Expectation:
    """x < limit."""
    return _condition("<", limit, why, lambda x: x < limit)


def above(limit: float, why: str = "") -> Expectation:
    """x > limit."""
    return _condition(">", limit, why, lambda x: x > limit)


def between(low: float, high: float, why: str = "") -> Expectation:
    """low ≤ x ≤ high.

    >>> between(1.5, 2.5).met(2.0), between(1.5, 2.5).met(float("nan"))
    (True, False)
    """
    inner = _condition("≥", low, why, lambda x: low <= x <= high)
    text = f"{written(low)} … {written(high)}" + (f" ({why})" if why else "")
    return Expectation(text, inner.test)


def about(
    target: float, within: float | None = None, relative: float | None = None, why: str = ""
) -> Expectation:
    """|x − target| ≤ within, or ≤ relative·|target|.

    Raises:
        DomainError: unless one of the two tolerances is given.

    >>> about(90, within=1e-3)
    90 ± 0.001
    >>> about(0.5, relative=0.02, why="1/√4").met(0.505)
    True
    """
    if (within is None) == (relative is None):
        raise DomainError("about: give one of within= and relative=")
    if within is not None:
        slack, shown = within, f"± {written(within)}"
    else:
        assert relative is not None
        slack, shown = relative * abs(target), f"± {100 * relative:.3g} %"
    inner = _condition("≈", target, why, lambda x: abs(x - target) <= slack)
    return Expectation(f"{written(target)} {shown}" + (f" ({why})" if why else ""), inner.test)


def equal(target: float, why: str = "") -> Expectation:
    """x = target, to the last bit."""
    return _condition("=", target, why, lambda x: x == target)


def not_finite() -> Expectation:
    """x is NaN or infinite."""
    return Expectation("NaN or ∞", lambda x: not math.isfinite(x))


yes = Expectation("yes", lambda x: x is True)
"""That the answer to a question is yes."""

no = Expectation("no", lambda x: x is False)
"""That the answer to a question is no."""
