"""Random programs, compiled and compared with the reference; see `judge` for the criterion.

Both forms check the same cases each time, the long one many of them, and print how to repeat what
fails; ``python -m tests.fuzz.hunt`` hunts with other seeds, and shrinks.
"""

import numpy as np
import pytest

from tests.fuzz import hunt
from tests.fuzz.case import Body, Case, Leaf, Step
from tests.fuzz.check import InvalidCaseError, WrongError, check
from tests.fuzz.draw import draw
from tests.fuzz.judge import Judge
from tests.fuzz.shrink import shrunk

SHARDS = 4
EACH = 80


def explained(seed, wrong):
    return "\n\n".join(
        f"{text}\npython -m tests.fuzz.hunt --seed {seed} --first {number} --shrink\n"
        + hunt.described(draw(seed, number))
        for number, text in wrong.items()
    )


@pytest.mark.parametrize("shard", range(SHARDS))
def test_random_programs(shard):
    """In a process of their own, for native code can end it."""
    wrong = hunt.hunt(seed=1000, first=shard * EACH, count=EACH, jobs=1)
    assert not wrong, explained(1000, wrong)


@pytest.mark.slow
def test_many_random_programs():
    wrong = hunt.hunt(seed=2000, first=0, count=4000, jobs=2)
    assert not wrong, explained(2000, wrong)


# -- the test itself -------------------------------------------------------------------------------


def test_a_case_is_the_same_every_time():
    assert [draw(3, n) for n in range(5)] == [draw(3, n) for n in range(5)]
    assert draw(3, 0) != draw(4, 0)
    case = draw(3, 7)
    assert eval(repr(case), {"Body": Body, "Case": Case, "Leaf": Leaf, "Step": Step}) == case


def test_most_cases_are_valid_and_say_something():
    transforms, invalid = set(), 0
    for number in range(60):
        case = draw(5, number)
        transforms.add(case.transform)
        invalid += hunt.described(case).count("cannot be traced")
    assert invalid < 6
    assert {"value", "grad"} <= transforms


CUBES = Case((Leaf((17,), "float32"),), (Step("integer_pow", (0,), (3,)),), (1, 0))


def test_wrong_results_are_noticed(monkeypatch):
    """A primitive whose native code is planted with a mistake."""
    from chainrule.lower.llvm import elementwise

    check(CUBES)
    right = dict(elementwise.ELEMENTWISE)
    for broken in (
        lambda c, values, argument: values[0] * values[0],
        lambda c, values, argument: right["integer_pow"](c, values, argument) * (1 + 1e-5),
    ):
        monkeypatch.setattr(elementwise, "ELEMENTWISE", {**right, "integer_pow": broken})
        with pytest.raises(WrongError, match="output 0"):
            check(CUBES)


def test_the_judge():
    import chainrule as cr

    x = np.array([1.0, 2.0, 3.0], np.float32)
    graph = cr.trace(lambda x: (x.sum(), cr.floor(x), x > 1.5, cr.log(x - 2)), x).graph
    with np.errstate(all="ignore"):
        right = [np.asarray(y) for y in graph.evaluate([x])]
    assert Judge(graph, [x]).complaint(right) is None
    for place, value in ((0, 6.00001), (0, np.nan), (1, [1, 2, 4]), (2, [False] * 3), (3, [0] * 3)):
        given = list(right)
        given[place] = np.asarray(value, right[place].dtype)
        assert Judge(graph, [x]).complaint(given) is not None
    nearly = [right[0] + np.float32(5e-7), *right[1:]]
    assert Judge(graph, [x]).complaint(nearly) is None
    assert "float64" in str(Judge(graph, [x]).complaint([right[0].astype(float), *right[1:]]))


def test_failures_are_made_small():
    case = draw(3, 11)
    wide = Case(
        (*CUBES.leaves, Leaf((4, 4), "float64")),
        (Step("sin", (1,)), Step("integer_pow", (0,), (3,)), Step("exp", (2,)), Step("neg", (3,))),
        (5, 4, 3),
        threads=2,
    )

    def outcome(case):
        return "wrong" if any(s.op == "integer_pow" for s in case.steps) else None

    small = shrunk(wide, outcome)
    assert [step.op for step in small.steps] == ["integer_pow"]
    assert len(small.leaves) == 1
    assert small.threads == 1
    assert shrunk(case, lambda case: None) == case


def test_what_the_reference_refuses_is_no_case():
    with pytest.raises(InvalidCaseError, match="ShapeError"):
        check(
            Case(
                (Leaf((2, 3), "float32"),),
                (Step("contract", (0, 0), ((0, 1), (1, 2), (0, 2))),),
                (1,),
            )
        )
