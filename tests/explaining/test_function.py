"""What can be explained: formulas, Python functions, and how everything else is refused."""

import math

import pytest

import chainrule as cr
from chainrule.explaining.styles import TEXT


def branching(x):  # type: ignore[no-untyped-def]
    if x > 0:
        return x**2
    return -3 * x


def logistic(w, x, b=0.5):  # type: ignore[no-untyped-def]
    return cr.sigmoid(w * x + b)


def test_python_functions() -> None:
    found = cr.explain(logistic)
    assert found.variables == ("w", "x")
    assert TEXT(found.function) == "σ(w x + 1/2)"
    assert cr.explain(logistic, wrt="x").result == "w σ(w x + 1/2) (1 - σ(w x + 1/2))"
    assert cr.explain(logistic, 1.0, 2.0, 3.0).variables == ("w", "x", "b")
    assert cr.explain(lambda t: t * t, wrt=0).result == "2t"
    assert cr.explain(cr.tanh, 1.0).result == "1 - tanh²(x)"


def test_formulas_are_explained_like_their_text() -> None:
    text = "x^2 y"
    assert cr.explain(cr.parse(text)) == cr.explain(text)


def test_values_given_to_other_libraries_are_refused() -> None:
    # what math.sin returns is a constant to the engine: a derivative would leave it out
    with pytest.raises(cr.GradientError, match=r"cr\.sin for math\.sin.*math\.sin\(x\) \* x"):
        cr.explain(lambda x: math.sin(x) * x, 1.0)
    with pytest.raises(cr.GradientError, match="near y = 2"):
        cr.explain(lambda x, y: x * math.exp(y), 1.0, 2.0)
    assert cr.explain(lambda x: x**2 if float(x) > 0 else -x, 1.0).result == "2x"


def test_a_border_between_branches_is_said() -> None:
    found = cr.explain(branching, 0.0)
    assert found.result == "-3"
    assert found.notes[1] == (
        "on the right of x = 0 another branch holds: the derivative shown is that from the left"
    )
    assert len(cr.explain(branching, 1e-3).notes) == 1


def test_an_if_is_explained_for_the_branch_taken() -> None:
    above, below = cr.explain(branching, 2.0), cr.explain(branching, -2.0)
    assert (above.result, below.result) == ("2x", "-3")
    assert "branch taken at x = 2" in above.notes[0]
    with pytest.raises(cr.ChainRuleError, match="asks for the value of a variable") as caught:
        cr.explain(branching)
    assert "if x > 0" in str(caught.value)


def test_a_rule_without_a_name_is_counted_and_not_invented() -> None:
    @cr.custom_gradient
    def own(x):  # type: ignore[no-untyped-def]
        return cr.sin(x), lambda ct: ct * cr.cos(x)

    found = cr.explain(lambda x: x * own(x) ** 2)
    assert found.unnamed == 1 and not found.complete
    (raw,) = [step for step in found.walk() if not step.named]
    assert "engine's own rule" in raw.lines[0].reason
    assert "D₁" in found.result  # the derivative of that part is shown by its name only


@pytest.mark.slow
def test_large_functions_are_cut_into_parts_and_folded() -> None:
    def deep(x):  # type: ignore[no-untyped-def]
        for _ in range(60):
            x = cr.sin(x) * x + 0.1
        return x

    found = cr.explain(deep)
    assert found.folded > 0 and not found.complete
    assert len(found.sections[0].parts) > 20
    assert "too large to be explained in full" in found.text()
    assert found.text(limit=5).count("\n") < 60 < found.text().count("\n")
    assert cr.explain(deep, 0.3).results[0].value == pytest.approx(float(cr.derivative(deep)(0.3)))


def test_middling_functions_are_cut_and_written_out_again() -> None:
    def wide(x):  # type: ignore[no-untyped-def]
        return sum(cr.sin(k * x) ** 2 * cr.exp(-k * x) for k in range(2, 20))

    found = cr.explain(wide)
    assert found.complete and found.sections[0].parts
    shown = float(cr.parse(found.result, names=("x",))(0.7))
    assert shown == pytest.approx(float(cr.derivative(wide)(0.7)))


@pytest.mark.parametrize(
    ("f", "options", "error", "words"),
    [
        ("x +* 2", {}, cr.ParseError, "\n     ^"),
        ("sinn(x)", {}, cr.ParseError, "did you mean"),
        ("x^2", {"wrt": "y"}, TypeError, "no variable 'y'; its variables are x"),
        ("x^2", {"at": {"y": 1}}, TypeError, "no variable 'y'"),
        ("x y", {"at": {"y": 1}}, TypeError, "no value for x"),
        ("x y", {"at": 1}, TypeError, "takes 2 values"),
        ("x", {"at": float("nan")}, TypeError, "must be finite"),
        ("x", {"order": 0}, TypeError, "at least 1"),
        ("x y z", {"order": 9}, TypeError, "derivatives of order 9 in 3 variables"),
        ("x y, x", {"order": 2}, TypeError, "one result at a time"),
        ("x > 2", {}, cr.GradientError, "is a condition"),
        (3, {}, TypeError, "takes a formula as text or a function, not int"),
        (lambda x: (), {}, cr.GradientError, "returns nothing"),
        (lambda: 1.0, {}, TypeError, "no arguments"),
        (lambda e: e**2, {}, TypeError, "another name"),
        (lambda x: x, {"at": [[1.0, 2.0]]}, cr.GradientError, "needs a scalar"),
    ],
)
def test_refusals(f: object, options: dict[str, object], error: type, words: str) -> None:
    with pytest.raises(error) as caught:
        cr.explain(f, **options)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert isinstance(caught.value, cr.ChainRuleError)
