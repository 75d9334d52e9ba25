"""Outcomes of claims as data for JSON."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

from chainrule.lessons.evidence import Measure
from chainrule.lessons.expectation import Number
from chainrule.lessons.running import Outcome

__all__ = ["to_data"]


def to_data(outcomes: Iterable[Outcome]) -> list[dict[str, Any]]:
    """A list of dicts; numbers that JSON has not are strings."""
    return [_outcome(outcome) for outcome in outcomes]


def _outcome(outcome: Outcome) -> dict[str, Any]:
    claim = outcome.claim
    return {
        "key": claim.key,
        "title": claim.title,
        "chapter": claim.chapter.value,
        "statement": claim.statement,
        "seed": outcome.seed,
        "verdict": outcome.verdict.value,
        "remark": outcome.remark,
        "evidence": [_measure(measure) for measure in outcome.measures],
        "chance": [{"probability": one.probability, "of": one.why} for one in outcome.chances],
        "pictures": [picture.text for picture in outcome.pictures],
        "seconds": round(outcome.seconds, 3),
        "error": outcome.error,
    }


def _measure(measure: Measure) -> dict[str, Any]:
    return {
        "quantity": measure.name,
        "value": _number(measure.value),
        "unit": measure.unit,
        "role": measure.role.value,
        "statement predicts": None if measure.says is None else measure.says.text,
        "better wording predicts": None if measure.rather is None else measure.rather.text,
        "as stated": measure.fits,
        "as worded better": measure.fits_better,
    }


def _number(value: Number) -> Number | str:
    return value if math.isfinite(value) else str(value)
