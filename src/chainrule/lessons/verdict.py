"""From measurements to a verdict, by comparison alone."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

from chainrule.lessons.evidence import Measure, Role

__all__ = ["Verdict", "judge"]


class Verdict(StrEnum):
    """What the measurements say of a statement."""

    HOLDS = "holds"
    CAVEAT = "holds with a caveat"
    FAILS = "does not hold as worded"
    UNCLEAR = "unclear"


def judge(measures: Iterable[Measure]) -> Verdict:
    """The verdict on a statement.

    * *unclear* if there is nothing to compare, if a premise is not met, or if some quantity fits
      neither the statement nor the better wording: then something else is wrong;
    * *does not hold as worded* if a prediction of the statement fails, other than at its edge;
    * *holds with a caveat* if predictions fail only at its edge;
    * *holds* if all are met.

    >>> from chainrule.lessons.kit import above, caveat, counterexample, measured, no, yes
    >>> judge([measured("a slope", 1.0, above(0))])
    <Verdict.HOLDS: 'holds'>
    >>> judge([measured("a slope", 1.0, above(0)), caveat("also at 0", False, yes, no)])
    <Verdict.CAVEAT: 'holds with a caveat'>
    >>> judge([counterexample("f″ of x⁴ changes sign", False, yes, no)])
    <Verdict.FAILS: 'does not hold as worded'>
    """
    compared = [measure for measure in measures if measure.role is not Role.NOTE]
    tested = [measure for measure in compared if measure.role is not Role.PREMISE]
    if not tested or not all(m.fits for m in compared if m.role is Role.PREMISE):
        return Verdict.UNCLEAR
    against = [measure for measure in tested if not measure.fits]
    if any(m.role is not Role.STATEMENT and not m.fits_better for m in against):
        return Verdict.UNCLEAR
    if not against:
        return Verdict.HOLDS
    if all(measure.role is Role.CAVEAT for measure in against):
        return Verdict.CAVEAT
    return Verdict.FAILS
