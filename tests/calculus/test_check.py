"""check_gradient: finds wrong gradients, and knows what it cannot judge."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import DomainError, DTypeError


def wrong_square(scale: float):
    @cr.custom_gradient
    def f(x):
        return x * x, lambda ct: ct * x * scale

    return f


def test_right_gradients_pass() -> None:
    f = lambda p, y: cr.sum(cr.tanh(p["w"] @ y)) + p["b"] ** 2
    report = cr.check_gradient(f, {"w": np.ones((2, 3)) * 0.1, "b": 0.5}, np.arange(3.0))
    assert report
    assert report.worst.error < 1e-8
    assert len(report.comparisons) == 6 + 1 + 3 + 3


def test_wrong_gradient_is_found_and_the_entry_named() -> None:
    good, bad = wrong_square(2.0), wrong_square(2.001)
    f = lambda x: cr.sum(good(x)) + cr.sum(bad(x[1:2]))
    report = cr.check_gradient(f, np.array([1.0, 2.0, 3.0]))
    assert not report.ok
    assert report.worst.where == "argument 0[1]"
    assert "WRONG" in str(report)
    assert cr.check_gradient(lambda x: cr.sum(good(x)), np.array([1.0, 2.0]))


def test_kinks_are_named() -> None:
    report = cr.check_gradient(lambda x: cr.sum(cr.relu(x)), np.array([0.0, 1.0]))
    assert report.ok
    kink = next(c for c in report.comparisons if c.verdict == "kink")
    assert kink.where == "argument 0[0]"
    np.testing.assert_allclose(kink.slopes, (0.0, 1.0), atol=1e-9)
    assert "lies on a kink" in str(report)


def test_a_kink_is_named_also_where_the_convention_is_the_central_difference() -> None:
    report = cr.check_gradient(lambda x: cr.abs(x), 0.0)
    assert {c.verdict for c in report.comparisons} == {"kink"}


@pytest.mark.parametrize(("f", "x"), [(cr.floor, 2.0), (cr.sign, 0.0), (cr.tan, np.pi / 2)])
def test_jumps_and_poles_are_named(f, x: float) -> None:
    report = cr.check_gradient(f, x)
    assert {c.verdict for c in report.comparisons} == {"jump"}
    assert "nothing could be judged" in str(report)


def test_a_fast_oscillation_is_no_jump() -> None:
    report = cr.check_gradient(lambda x: cr.sin(1e7 * x), 0.0)
    assert {c.verdict for c in report.comparisons} <= {"ok", "unreliable"}, str(report)


def test_points_near_the_edge_of_the_domain() -> None:
    report = cr.check_gradient(lambda x: cr.log(x), 1e-3, tolerance=1e-5)
    assert {c.verdict for c in report.comparisons} == {"ok"}, str(report)


def test_noise_makes_the_numerical_side_unreliable() -> None:
    """A huge constant swallows the digits: the report says so instead of accusing the gradient."""
    report = cr.check_gradient(lambda x: 1e-3 * x + 1e12, 1.0)
    assert report.ok
    assert {c.verdict for c in report.comparisons} == {"unreliable"}
    assert "too much to judge" in str(report)


def test_float32_is_checked_in_float64() -> None:
    assert cr.check_gradient(lambda x: cr.sum(cr.exp(x)), np.float32([0.1, 0.2])).worst.error < 1e-9


def test_results_that_are_not_scalar() -> None:
    assert cr.check_gradient(lambda x: {"a": cr.sin(x), "b": [x * 2.0]}, np.array([0.3, 0.4]))


def test_many_entries_are_sampled() -> None:
    report = cr.check_gradient(lambda x: cr.sum(x**2), np.ones(500), max_entries=10)
    assert report.skipped == 490
    assert "490 entries" in str(report)


def test_nan_at_the_point() -> None:
    with pytest.raises(DomainError, match="nan at this point"), np.errstate(all="ignore"):
        cr.check_gradient(lambda x: cr.log(x), -1.0)


def test_nan_in_the_gradient_names_the_entry() -> None:
    with pytest.raises(DomainError, match=r"argument 0\[1\]"), np.errstate(all="ignore"):
        cr.check_gradient(
            lambda x: cr.sum(cr.where(x > 0, x * cr.log(x), 0.0)), np.array([1.0, 0.0])
        )


def test_no_float_argument() -> None:
    with pytest.raises(DTypeError, match=r"2\.0 instead of 2"):
        cr.check_gradient(lambda x: x, 2)
