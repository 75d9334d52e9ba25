"""Array expressions: simplified they have the same value, written they are unambiguous."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.errors import NotationError, ShapeError
from chainrule.explaining.arrays.expression import (
    Term,
    apply,
    call,
    literal,
    matmul,
    number,
    power,
    repeat,
    reshaped,
    symbol,
    term_from_json,
    total,
    transpose,
)
from chainrule.explaining.arrays.simplify import expanded, simplified
from chainrule.explaining.arrays.values import evaluate
from chainrule.explaining.styles import LATEX, MATHML, TEXT

RNG = np.random.default_rng(0)
A, B, u, v, s, t = (
    symbol(name, shape)
    for name, shape in (
        ("A", (3, 3)),
        ("B", (3, 3)),
        ("u", (3,)),
        ("v", (3,)),
        ("s", ()),
        ("t", ()),
    )
)
VALUES = {leaf: np.asarray(RNG.normal(size=leaf.shape)) + 2 for leaf in (A, B, u, v, s, t)}


@st.composite
def terms(draw: Any, shape: tuple[int, ...] = (3, 3), depth: int = 4) -> Term:
    """A random term of this shape."""
    leaves = [leaf for leaf in VALUES if leaf.shape == shape]
    if depth == 0:
        return draw(st.sampled_from([*leaves, repeat(number(draw(st.integers(-2, 3))), shape)]))

    def again(other: tuple[int, ...] = shape) -> Term:
        return draw(terms(other, depth - 1))

    choices = ["leaf", "sum", "difference", "product", "scaled", "square", "quotient"]
    choices += {
        2: ["matmul", "transpose", "outer", "repeat", "diag"],
        1: ["times", "rows", "columns", "diagonal"],
        0: ["all", "dot", "norm", "trace"],
    }[len(shape)]
    match draw(st.sampled_from(choices)):
        case "sum":
            return again() + again()
        case "difference":
            return again() - again()
        case "product":
            return again() * again()
        case "scaled":
            return again(()) * again()
        case "square":
            return power(again(), 2)
        case "quotient":
            return again() / draw(st.sampled_from(leaves))
        case "matmul":
            return matmul(again(), again())
        case "transpose":
            return transpose(again())
        case "outer":
            return call("outer", again((3,)), again((3,)))
        case "repeat":
            if draw(st.booleans()):
                return repeat(again((3,)), shape)
            return repeat(reshaped(again((3,)), (3, 1)), shape)
        case "diag":
            return call("diag", again((3,)))
        case "times":
            return matmul(again((3, 3)), again())
        case "rows":
            return total(again((3, 3)), (0,))
        case "columns":
            return reshaped(total(again((3, 3)), (1,), True), (3,))
        case "diagonal":
            return call("diagonal", again((3, 3)))
        case "all":
            return total(again(draw(st.sampled_from([(3,), (3, 3)]))))
        case "dot":
            return call("inner", again((3,)), again((3,)))
        case "norm":
            return call("square_norm", again((3, 3)))
        case "trace":
            return call("trace", again((3, 3)))
    return draw(st.sampled_from(leaves))


def same(found: Any, expected: Any) -> bool:
    """Whether two values agree, as far as cancellation leaves digits."""
    size = np.max(np.abs(expected), initial=1e-6)
    return np.shape(found) == np.shape(expected) and bool(
        np.all(np.abs(found - expected) <= 1e-7 * size + 1e-6)
    )


@given(st.sampled_from([(3, 3), (3,), ()]).flatmap(terms))
@settings(max_examples=200)
def test_simplification_keeps_the_value_and_the_shape(term: Term) -> None:
    expected = evaluate(term, VALUES)
    for form in (simplified(term), expanded(term)):
        assert form.shape == term.shape
        assert same(evaluate(form, VALUES), expected), (TEXT(term), TEXT(form))


def test_a_zero_among_numbers_is_not_lost() -> None:
    zero = matmul(repeat(number(3), (3, 3)), repeat(number(0), (3,)))
    term = repeat(number(3), (3, 3)) + call("diag", zero)
    assert same(evaluate(simplified(term), VALUES), np.full((3, 3), 3.0))


@given(st.sampled_from([(3, 3), (3,), ()]).flatmap(terms))
@settings(max_examples=60)
def test_terms_go_to_json_and_back_and_can_be_written(term: Term) -> None:
    import json

    assert term_from_json(json.loads(json.dumps(term.to_json()))) == term
    assert TEXT(term).count("(") == TEXT(term).count(")")
    assert LATEX(term).count("{") == LATEX(term).count("}")
    assert MATHML(term).count("<m") == MATHML(term).count("</m")


@pytest.mark.parametrize(
    ("term", "text", "latex"),
    [
        (A @ B + u, "A B + 1 uᵀ", r"A \, B + \mathbf{1} \, u^{\top}"),
        (transpose(A + B) @ u, "(Aᵀ + Bᵀ) u", r"\left(A^{\top} + B^{\top}\right) \, u"),
        (A * B, "A ⊙ B", r"A \odot B"),
        (A / B, "A ⊘ B", r"A \oslash B"),
        (power(A, 2), "A^⊙2", r"A^{\odot 2}"),
        (call("inv", A), "A⁻¹", r"A^{-1}"),
        (transpose(call("inv", A)), "A⁻ᵀ", r"A^{-\top}"),
        (call("square_norm", u - v), "‖u - v‖²", r"\left\lVert u - v \right\rVert^{2}"),
        (total(A, (0,)), "Aᵀ 1", r"A^{\top} \, \mathbf{1}"),
        (total(A, (1,)), "A 1", r"A \, \mathbf{1}"),
        (call("trace", A), "tr(A)", r"\operatorname{tr}\left(A\right)"),
        (s / t * A, "s/t A", r"\frac{s}{t} \, A"),
        (A / (2 * s), "A/(2 s)", r"\frac{A}{2 \, s}"),
        (call("outer", u, v), "u vᵀ", r"u \, v^{\top}"),
        (apply("sigmoid", A), "σ(A)", r"\sigma\left(A\right)"),
        (-(A * B), "-A ⊙ B", r"-A \odot B"),
        (literal(np.eye(2)), "[[1, 0], [0, 1]]", None),
    ],
)
def test_notation(term: Term, text: str, latex: str | None) -> None:
    assert TEXT(simplified(term)) == text
    if latex is not None:
        assert LATEX(simplified(term)) == latex


def test_what_cancels() -> None:
    assert TEXT(simplified(transpose(transpose(A) @ B))) == "Bᵀ A"
    assert TEXT(simplified(A @ call("inv", A) @ B)) == "B"
    assert TEXT(simplified(A * B / A)) == "B"
    assert TEXT(simplified(2 * A - A - A)) == "0 1 1ᵀ"
    assert TEXT(expanded(A * (1 - B) + A * B)) == "A"
    assert TEXT(simplified(1 - apply("sigmoid", -u))) == "σ(u)"


def test_bad_terms() -> None:
    with pytest.raises(ShapeError, match="do not fit"):
        A + symbol("x", (2, 2))
    with pytest.raises(ShapeError, match="matrix product"):
        A @ symbol("x", (2, 2))
    with pytest.raises(NotationError, match="no array expression"):
        term_from_json({"kind": "sum"})
    with pytest.raises(NotationError, match="nothing is known of x"):
        evaluate(symbol("x"), {})
    assert isinstance(cr.explain("x").result, str)
