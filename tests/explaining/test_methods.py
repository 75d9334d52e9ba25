"""Ways to a derivative side by side: values, counts, the V-shaped curve, and what is refused."""

import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    NonFiniteError,
    ParseError,
    ShapeError,
)
from chainrule.explaining.methods.comparison import MethodComparison
from chainrule.explaining.methods.differences import sweep
from chainrule.explaining.methods.problem import read_problem
from chainrule.explaining.methods.swell import swell
from chainrule.explaining.methods.units import as_bytes, as_count, as_seconds

QUICK = {"budget": 0.005}


def compared(*args, **options) -> MethodComparison:
    return cr.compare_methods(*args, **(QUICK | options))


def logistic(turns: int):
    """x ← 4x(1 − x), again and again: the classical example of expression swell."""

    def f(x):
        for _ in range(turns):
            x = 4 * x * (1 - x)
        return x

    return f


# -- the derivative --------------------------------------------------------------------------------


@settings(max_examples=25)
@given(st.lists(st.integers(-3, 3), min_size=1, max_size=4), st.floats(-2, 2))
def test_all_ways_agree_on_polynomials(coefficients, x):
    text = " + ".join(f"({c}) x^{k}" for k, c in enumerate(coefficients))
    found = compared(text, x)
    exact = np.polynomial.Polynomial(coefficients).deriv()(x)
    size = max(1.0, abs(exact))
    for name in ("symbolic", "forward mode", "reverse mode"):
        assert abs(found[name].value - exact) <= 1e-12 * size
    assert abs(found["forward differences"].value - exact) <= 1e-4 * size
    assert abs(found["central differences"].value - exact) <= 1e-6 * size


@settings(max_examples=10)
@given(st.integers(1, 5), st.integers(1, 5))
def test_runs_and_passes_are_counted(n, m):
    matrix = np.random.default_rng(0).normal(size=(m, n))
    runs = 0

    def f(x):
        nonlocal runs
        runs += 1
        return cr.sin(cr.matmul(matrix, x))

    x = np.full(n, 0.3)
    problem = read_problem(f, (x,), None)
    assert problem.calls == runs
    found = cr.compare_methods(f, x, budget=30.0)  # enough for every pass, however busy the machine
    counts = {method.name: (method.calls, method.passes) for method in found.methods}
    assert counts == {
        "symbolic": (0, 0),
        "forward differences": (n + 1, 0),
        "central differences": (2 * n, 0),
        "forward mode": (n, n),
        "reverse mode": (1, m),
    }
    exact = np.cos(matrix @ x)[:, None] * matrix
    for name in ("forward mode", "reverse mode"):
        assert found[name].value.shape == (m, n)
        np.testing.assert_allclose(found[name].value, exact, rtol=1e-12)
    np.testing.assert_allclose(found["central differences"].value, exact, atol=1e-8)


@pytest.mark.parametrize(
    ("f", "args", "shape", "recommended"),
    [
        (lambda x: (x**2).sum(), (np.arange(1.0, 9.0),), (8,), "reverse mode"),
        (lambda t: cr.stack([cr.cos(t), cr.sin(t), t]), (1.0,), (3,), "forward mode"),
        ("x^2 y, x + y, x - y", (1.0, 2), (3, 2), "forward mode"),
        ("x^2 y z", (1, 2, 3), (3,), "reverse mode"),
        (lambda p: p["w"] * p["x"], ({"w": 2.0, "x": 3.0},), (2,), "reverse mode"),
    ],
)
def test_the_shape_decides(f, args, shape, recommended):
    found = compared(f, *args)
    assert found.recommended == recommended
    assert found["reverse mode"].value.shape == shape
    assert recommended in found.verdict[0]


def test_integers_among_the_arguments_are_held_fixed():
    labels = np.array([0, 2])
    found = compared(lambda x, i: x[i].sum(), np.array([1.0, 2.0, 3.0]), labels)
    np.testing.assert_array_equal(found["reverse mode"].value, [1, 0, 1])


def test_float32_is_measured_against_float64():
    found = compared(lambda x: cr.exp(x).sum(), np.linspace(0, 1, 4, dtype=np.float32))
    assert found.dtype == "float32"
    assert found.reference == "reverse mode in float64"
    assert 0 < found["reverse mode"].error < 1e-6
    assert 1e-5 < found["forward differences"].error < 1e-2
    assert found.steps.forward.rule == pytest.approx(np.sqrt(np.finfo(np.float32).eps))


def test_a_budget_that_ends_before():
    found = compared(lambda x: (x**2).sum(), np.ones(2000), budget=0.001)
    central = found["central differences"]
    assert central.done < central.total == 2000
    assert central.calls == 2 * central.done
    assert np.isnan(central.value).sum() == 2000 - central.done
    assert "scaled up" in central.remark
    assert "≈" in found.text()


# -- symbolic --------------------------------------------------------------------------------------


def test_python_functions_have_formulas_too():
    def huber(x):
        if abs(x) < 1:
            return x**2 / 2
        return abs(x) - 0.5

    assert compared(huber, 0.5)["symbolic"].formula == "x"
    assert compared(huber, 3.0)["symbolic"].formula == "sgn(x)"
    both = compared(lambda x, y: (x * y, x + y), 2.0, 3.0)
    assert both["symbolic"].formula == "y, x; 1, 1"
    assert both["symbolic"].error == 0


def test_arrays_have_no_formula_and_it_says_so():
    symbolic = compared(lambda x: (x**2).sum(), np.ones(3))["symbolic"]
    assert not symbolic.available
    assert "takes arrays" in symbolic.remark


@pytest.mark.parametrize("turns", [1, 2, 3, 5])
def test_swell_is_that_of_the_formula_written_out(turns):
    """The size found without writing anything equals that of the tree."""
    problem = read_problem(logistic(turns), (0.3,), None)
    found = swell(problem)
    size = 1
    for _ in range(turns):
        size = 5 + 2 * size  # 4, x, 1, x, two products and a difference
    assert found.function == size
    assert found.graph < found.written


def test_formulas_swell_and_graphs_do_not():
    sizes = [swell(read_problem(logistic(k), (0.3,), None)) for k in (10, 20, 40)]
    graphs, written = [s.graph for s in sizes], [s.written for s in sizes]
    assert graphs[2] - graphs[1] == 2 * (graphs[1] - graphs[0])  # eight nodes a turn
    assert written[1] > 900 * written[0]
    assert written[2] > 900_000 * written[1]
    large = compared(logistic(20), 0.3)
    assert not large["symbolic"].available
    assert "too large" in large["symbolic"].remark
    assert f"{sizes[1].graph} nodes" in large["symbolic"].remark


# -- error against step size -----------------------------------------------------------------------


@pytest.mark.parametrize("text", ["sin(x^2)", "e^x", "1/x", "log(1 + e^x)", "x^4 - x"])
def test_the_curve_is_a_v_where_theory_expects_it(text):
    problem = read_problem(text, (1.3,), None)
    steps = sweep(problem, problem)
    for scheme, order in ((steps.forward, 1), (steps.central, 2)):
        assert scheme.predicted / 30 < scheme.best < scheme.predicted * 30
        theory = scheme.theory(steps.steps)
        assert np.all(scheme.errors[2:] <= 4 * theory[2:] + 1e-15)  # the first steps are long
        long = slice(2, 6)  # 10⁻² to 3·10⁻⁴: truncation alone
        slope = np.polyfit(np.log(steps.steps[long]), np.log(scheme.errors[long]), 1)[0]
        assert slope == pytest.approx(order, abs=0.1)
        assert scheme.errors[-1] > 1e3 * scheme.error  # rounding
    assert steps.central.error < steps.forward.error / 50
    assert steps.central.best > steps.forward.best


def test_central_differences_of_a_parabola_have_no_truncation():
    problem = read_problem("x^2", (3.0,), None)
    central = sweep(problem, problem).central
    assert central.predicted is None
    assert central.best == 0.1
    assert "the longer the step the better" in "\n".join(compared("x^2", 3).curve())


def test_steps_that_leave_the_domain_are_gaps():
    problem = read_problem("log(x)", (0.02,), None)
    steps = sweep(problem, problem)
    assert np.isnan(steps.central.errors[0])
    assert np.isfinite(steps.forward.errors).all()
    assert np.isfinite(steps.central.error)


# -- forms -----------------------------------------------------------------------------------------


def test_text_and_page():
    found = compared("x^2 y", at={"x": 1, "y": 2})
    text = found.text()
    for method in found.methods:
        assert method.name in text
    assert "at x = 1, y = 2: ℝ² → ℝ, float64" in text
    page = found.html()
    assert page.startswith("<!DOCTYPE html>")
    assert page.count("<tr") == 6
    assert "http" not in page
    assert 'class="chosen"><th scope="row">reverse mode' in page
    assert str(found) == text


def test_the_page_without_matplotlib_has_no_picture(monkeypatch):
    found = compared("x^2", 1.0)
    assert "<img alt=" in found.html()
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "<img" not in found.html()
    with pytest.raises(cr.MissingExtraError, match=r"chainrule\[explain\]"):
        found.plot()


def test_an_unknown_method():
    with pytest.raises(ArgumentError, match="there are symbolic, forward differences"):
        compared("x", 1.0)["complex step"]


def test_units():
    assert [as_seconds(v) for v in (2e-6, 0.0034, 12.0)] == ["2 µs", "3.4 ms", "12 s"]
    assert [as_bytes(v) for v in (512, 3400, 1.2e6)] == ["512 B", "3.4 kB", "1.2 MB"]
    assert as_count(12345) == "12,345"
    assert as_count(10**400) == "about 10^400"


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "x", "error", "words"),
    [
        ("x +", 1.0, ParseError, "ends too early"),
        ("x y", 1.0, ArgumentError, "takes 2 values"),
        (3, 1.0, ArgumentError, "formula as text or a function"),
        (lambda x: cr.argmax(x), np.ones(3), GradientError, "returns int64"),
        (lambda x: x > 0, 1.0, GradientError, "returns bool"),
        (lambda i: i * 2, np.arange(3), DTypeError, "no argument is floating-point"),
        ("log(x)", -1.0, NonFiniteError, "no finite value at x = -1"),
        (lambda x: x, np.array([1.0, np.nan]), NonFiniteError, r"x\[1\] is nan"),
        ("abs(x)", 0, GradientError, "from the left is -1; the derivative from the right is 1"),
        ("relu(x)", 0, GradientError, "from the left is 0; the derivative from the right is 1"),
        ("floor(x)", 2, GradientError, "jumps on the left; the derivative from the right is 0"),
        ("sqrt(x)", 0, GradientError, "no value on the left; the slope on the right is infinite"),
        (lambda x: cr.max(x), np.ones(2), GradientError, r"not differentiable in x\[0\]"),
        (lambda x: x * 2, np.ones(1001), ArgumentError, "too large to compare"),
        (lambda x: cr.sum(x), np.ones(0), ShapeError, "the arguments are empty"),
    ],
)
def test_what_is_refused(f, x, error, words):
    with pytest.raises(error, match=words):
        compared(f, x)


def test_a_point_is_needed_once():
    with pytest.raises(ArgumentError, match="needs a point"):
        compared("x^2")
    with pytest.raises(ArgumentError, match="needs a point"):
        compared(lambda x: x)
    with pytest.raises(ArgumentError, match="give the point once"):
        compared("x^2", 1.0, at=1.0)
    with pytest.raises(ArgumentError, match="budget"):
        compared("x^2", 1.0, budget=0)
    with pytest.raises(ArgumentError, match="given by name only"):
        compared(lambda *, x: x, at={"x": 1.0})
    assert compared(lambda x, y: x * y, at={"y": 2.0, "x": 1.0}).place == "x = 1, y = 2"
    assert compared(lambda x: x**2, np.int64(3))["reverse mode"].value == 6


@pytest.mark.parametrize("f", ["e^(100000 x)", "tanh(1000000 x)", "x^2 sin(1/(x + 0.001))"])
def test_a_steep_function_is_no_kink(f):
    compared(f, 0.0)


def test_a_chaotic_function_is_no_kink():
    found = compared(logistic(60), 0.3)
    assert "no step comes near" in found.verdict[2]
