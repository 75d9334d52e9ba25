"""What an experiment yields: measurements, what chance has to do with them, and pictures.

An experiment is a generator, so that it reads from top to bottom, and what was measured before an
error is kept. Each measurement is compared with what the statement predicts; where the statement
is known to go wrong also with what a better wording predicts. Which of them is right is left to
the numbers (see `verdict`).
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.lessons.expectation import Expectation, Number
from chainrule.lessons.prose import unwrap

__all__ = [
    "Chance",
    "Findings",
    "Measure",
    "Picture",
    "Rng",
    "Role",
    "caveat",
    "chance",
    "counterexample",
    "measured",
    "noted",
    "premise",
]

Rng = np.random.Generator


class Role(StrEnum):
    """What a measurement is for."""

    STATEMENT = "statement"
    CAVEAT = "caveat"
    COUNTEREXAMPLE = "counterexample"
    PREMISE = "premise"
    NOTE = "note"


@dataclass(frozen=True)
class Measure:
    """A measured quantity and what it is compared with.

    Attributes:
        name: the quantity.
        value: its measured value.
        unit: of the value.
        role: what it is for.
        says: what the statement predicts; of a premise, what has to be so.
        rather: what the better wording predicts; the same where they agree.
    """

    name: str
    value: Number
    unit: str
    role: Role
    says: Expectation | None = None
    rather: Expectation | None = None

    @property
    def fits(self) -> bool:
        """Whether it is as the statement predicts."""
        return self.says is None or self.says.met(self.value)

    @property
    def fits_better(self) -> bool:
        """Whether it is as the better wording predicts."""
        return self.rather is None or self.rather.met(self.value)


@dataclass(frozen=True)
class Chance:
    """With what probability the numbers could come out otherwise for another seed.

    Attributes:
        probability: an upper bound.
        why: where it comes from.
    """

    probability: float
    why: str


@dataclass(frozen=True)
class Picture:
    """A picture, drawn only if somebody looks at it.

    Attributes:
        draw: ``draw(axes)`` with axes of matplotlib.
        text: what the picture shows, for who cannot see it and where there is no matplotlib.
        title: above it.
    """

    draw: Callable[[Any], Any]
    text: str
    title: str = ""

    def __post_init__(self) -> None:
        unwrap(self)


Findings = Iterator[Measure | Chance | Picture]
"""What an experiment is annotated to return."""


def measured(name: str, value: Any, says: Expectation, unit: str = "") -> Measure:
    """A quantity, and what the statement predicts for it.

    >>> from chainrule.lessons.expectation import at_most
    >>> measured("largest slope", 0.2499, at_most(0.25)).fits
    True
    """
    return Measure(name, _number(name, value), unit, Role.STATEMENT, says, says)


def caveat(
    name: str, value: Any, says: Expectation, rather: Expectation, unit: str = ""
) -> Measure:
    """A quantity at the edge of a statement: it ``says`` one thing, its caveat ``rather`` another.

    The caveat stands only if the numbers are on its side.
    """
    return Measure(name, _number(name, value), unit, Role.CAVEAT, says, rather)


def counterexample(
    name: str, value: Any, says: Expectation, rather: Expectation, unit: str = ""
) -> Measure:
    """A quantity at the heart: the statement ``says`` one thing, the right wording ``rather``.

    It refutes the statement only if the numbers do.
    """
    return Measure(name, _number(name, value), unit, Role.COUNTEREXAMPLE, says, rather)


def premise(name: str, value: Any, needs: Expectation, unit: str = "") -> Measure:
    """What has to be so for the experiment to say anything."""
    return Measure(name, _number(name, value), unit, Role.PREMISE, needs, needs)


def noted(name: str, value: Any, unit: str = "") -> Measure:
    """A quantity that is reported and compared with nothing, such as a time."""
    return Measure(name, _number(name, value), unit, Role.NOTE)


def chance(probability: float, why: str) -> Chance:
    """An upper bound of the probability that another seed leads to another verdict, and its reason.

    Raises:
        DomainError: if it is no probability.
    """
    if not 0 <= probability <= 1:
        raise DomainError(f"chance: a probability lies between 0 and 1, not {probability}")
    return Chance(float(probability), why)


def _number(name: str, value: Any) -> Number:
    """A bool, an int or a float, from what NumPy and chainrule have for them."""
    array = np.asarray(value)
    if array.shape != () or array.dtype.kind not in "biuf":
        raise DomainError(f"measured {name!r}: one number is needed, not {value!r}")
    if array.dtype.kind == "b":
        return bool(array)
    return operator.index(array[()]) if array.dtype.kind in "iu" else float(array)
