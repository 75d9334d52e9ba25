"""From measurements to a verdict; expectations."""

import math

import numpy as np
import pytest

from chainrule.core.errors import DomainError
from chainrule.lessons.claim import Chapter, Claim
from chainrule.lessons.kit import (
    about,
    above,
    at_least,
    at_most,
    below,
    between,
    caveat,
    chance,
    counterexample,
    equal,
    measured,
    no,
    not_finite,
    noted,
    premise,
    yes,
)
from chainrule.lessons.running import rng_for, run
from chainrule.lessons.verdict import Verdict, judge

HOLDS, CAVEAT, FAILS, UNCLEAR = Verdict


@pytest.mark.parametrize(
    ("measures", "verdict"),
    [
        ([], UNCLEAR),
        ([noted("time", 1.0)], UNCLEAR),
        ([premise("p", 1.0, above(0))], UNCLEAR),
        ([measured("m", 1.0, above(0))], HOLDS),
        ([measured("m", -1.0, above(0))], FAILS),
        ([measured("m", 1.0, above(0)), premise("p", 0.0, above(0))], UNCLEAR),
        ([measured("m", math.nan, above(0))], FAILS),
        ([measured("m", 1.0, above(0)), caveat("c", 1.0, above(2), below(2))], CAVEAT),
        ([measured("m", 1.0, above(0)), caveat("c", 3.0, above(2), below(2))], HOLDS),
        ([measured("m", 1.0, above(0)), caveat("c", math.nan, above(2), below(2))], UNCLEAR),
        ([measured("m", -1.0, above(0)), caveat("c", 1.0, above(2), below(2))], FAILS),
        ([counterexample("c", False, yes, no)], FAILS),
        ([counterexample("c", True, yes, no)], HOLDS),
        ([counterexample("c", 5.0, below(1), between(2, 3))], UNCLEAR),
        ([counterexample("c", False, yes, no), caveat("e", False, yes, no)], FAILS),
    ],
)
def test_verdicts(measures, verdict) -> None:
    assert judge(measures) is verdict


@pytest.mark.parametrize(
    ("expectation", "inside", "outside"),
    [
        (at_most(1), [1, -5], [1.001]),
        (at_least(1), [1, 5], [0.999]),
        (below(1), [0.9], [1]),
        (above(1), [1.1], [1]),
        (between(1, 2), [1, 2], [0.9, 2.1]),
        (about(2, within=0.5), [1.5, 2.5], [1.4, 2.6]),
        (about(-2, relative=0.1), [-1.81, -2.19], [-1.7, 2]),
        (equal(0), [0, -0.0], [1e-300]),
        (yes, [True], [False, 1.0]),
        (no, [False], [True, 0.0]),
    ],
)
def test_expectations(expectation, inside, outside) -> None:
    assert all(map(expectation.met, inside))
    assert not any(map(expectation.met, outside))
    assert not expectation.met(math.nan), "NaN meets no expectation"


def test_not_finite() -> None:
    assert not_finite().met(math.nan) and not_finite().met(math.inf) and not not_finite().met(0.0)


def test_mistakes_of_authors_are_refused() -> None:
    with pytest.raises(DomainError, match="one of within= and relative="):
        about(1)
    with pytest.raises(DomainError, match="never be met"):
        at_most(math.nan)
    with pytest.raises(DomainError, match="one number is needed"):
        measured("two", np.zeros(2), yes)
    with pytest.raises(DomainError, match="between 0 and 1"):
        chance(2, "sure")


def test_an_error_makes_a_claim_unclear_and_keeps_what_was_measured() -> None:
    def experiment(rng):
        yield measured("m", 1.0, above(0))
        raise ValueError("no luck")

    found = run(Claim(title="", statement="", experiment=experiment, chapter=Chapter.DESCENT))
    assert found.verdict is UNCLEAR and len(found.measures) == 1
    assert found.error == "ValueError: no luck"


def test_random_numbers_depend_on_the_claim_and_the_seed_alone() -> None:
    draws = {rng_for(key, seed).random() for key in ("a", "b") for seed in (0, 1)}
    assert len(draws) == 4 and rng_for("a", 0).random() == rng_for("a", 0).random()


def test_what_the_claim_has_no_words_for_is_unclear() -> None:
    def experiment(rng: np.random.Generator):  # type: ignore[no-untyped-def]
        yield measured("m", -1.0, above(0))

    known = {"title": "t", "statement": "s", "experiment": experiment, "chapter": Chapter.DESCENT}
    assert run(Claim(**known)).verdict is UNCLEAR
    assert run(Claim(**known, right="r")).verdict is FAILS
