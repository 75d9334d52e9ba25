"""What formulas mean, and what is said about texts that are none."""

import contextlib
import inspect
import math
import pickle

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.errors import ArgumentError, DTypeError, ParseError
from chainrule.notation import Formula, parse, parse_many
from chainrule.notation.names import canonical

POINT = {"x": 0.7, "y": -1.3, "z": 2.1, "w": 0.4, "alpha": 0.9, "theta": 0.3, "sigma": 1.7}
x, y, z, w, alpha, theta, sigma = POINT.values()


def sigmoid(v: float) -> float:
    return 1 / (1 + math.exp(-v))


MEANINGS = [
    # sums, products, powers
    ("3x^2 + 2xy + y^3", 3 * x**2 + 2 * x * y + y**3),
    ("-x^2", -(x**2)),
    ("-x**2*-y", x**2 * y),
    ("x - -y", x + y),
    ("+x", x),
    ("2^-1", 0.5),
    ("2^3^2", 512),
    ("2^-x^2", 2 ** -(x**2)),
    ("x^2y", x**2 * y),
    ("x^{2y}", x ** (2 * y)),
    ("1/2 x", x / 2),
    ("1/2 (y - z)^2", (y - z) ** 2 / 2),
    ("x/y/z", x / y / z),
    ("x/y z", x / y * z),
    ("2(x+1)", 2 * (x + 1)),
    ("x(x+1)", x * (x + 1)),
    ("(x+1)(y+1)", (x + 1) * (y + 1)),
    ("(x+1)2", (x + 1) * 2),
    ("[x + {y}](z)", (x + y) * z),
    ("xyz", x * y * z),
    ("wxy", w * x * y),
    ("1e-3x + .5y + 2.z", 1e-3 * x + 0.5 * y + 2 * z),
    ("2e3", 2000),
    ("2ex", 2 * math.e * x),
    ("7 mod 3", 1),
    ("mod(7, 4) + mod(x + 7, 7)", 3 + x),
    # functions
    ("sin 2x cos y", math.sin(2 * x) * math.cos(y)),
    ("3 sin x", 3 * math.sin(x)),
    ("sin x y", math.sin(x * y)),
    ("sin x/2", math.sin(x) / 2),
    ("sin -x", math.sin(-x)),
    ("sin x^2", math.sin(x**2)),
    ("sin(x)^2", math.sin(x) ** 2),
    ("sin^2 x", math.sin(x) ** 2),
    ("sin²(x)", math.sin(x) ** 2),
    ("sin^{-1} x", math.asin(x)),
    ("tan⁻¹(x)", math.atan(x)),
    ("arcsin x + acos x", math.pi / 2),
    ("sin 2(x+1)", math.sin(2 * (x + 1))),
    ("sin x (y+1)", math.sin(x) * (y + 1)),
    ("sin cos x", math.sin(math.cos(x))),
    ("ln x + log x", 2 * math.log(x)),
    ("log2(8) + log_2 8 + log₂(8)", 9),
    ("log10(x) - log_{10} x", 0),
    ("log_3 9", 2),
    ("log(1 + exp(-y*w*x))", math.log1p(math.exp(-y * w * x))),
    ("e^x - exp x", 0),
    ("e^-x^2", math.exp(-(x**2))),
    ("exp(ln(2pi))", 2 * math.pi),
    ("sigma(x) + sigmoid(x) + σ(x)", 3 * sigmoid(x)),
    ("x sigma", x * sigma),
    ("sigma^2 + σ", sigma**2 + sigma),
    ("relu(y) + ReLU(x)", x),
    ("max(x, y, z) - min(x, y, z)", z - y),
    ("max{0, x}", x),
    ("sqrt 4 + √4 + √(x)^2", 4 + x),
    ("2√x", 2 * math.sqrt(x)),
    ("√x^2 - √xy", abs(x) - math.sqrt(x) * y),
    ("|y|", -y),
    ("||x| - |y||", abs(x + y)),
    ("|x||y|", -x * y),
    ("2|y|z", -2 * y * z),
    ("|x + |y - |z|||", x + z - y),
    ("abs(y) + sign(y) + sgn y", -y - 2),
    ("floor 2.5 + ceil(2.5) + ⌊2.5⌋ + ⌈2.5⌉", 10),
    ("tanh x + sinh x + cosh x", math.tanh(x) + math.exp(x)),
    ("sech x cosh x + sec x cos x", 2),
    ("erf(x) + erfc(x)", 1),
    ("lgamma(5) - ln 24", 0),
    ("Γ(5) + Γ(-0.5)", 24 + math.gamma(-0.5)),
    ("digamma(1) - ψ(1) + polygamma(1, 1)", math.pi**2 / 6),
    ("softplus(x)", math.log1p(math.exp(x))),
    ("silu(x) - x sigmoid(x)", 0),
    ("gelu(x)", x * (1 + math.erf(x / math.sqrt(2))) / 2),
    ("elu(x) - elu(y)", x - math.expm1(y)),
    ("selu(x)/selu(y)", x / (1.6732632423543772 * math.expm1(y))),
    ("leaky_relu(x) - leaky_relu(y)", x - 0.01 * y),
    ("mish(y)", y * math.tanh(math.log1p(math.exp(y)))),
    ("softsign(y)", y / (1 - y)),
    ("where(x > 0 and not y > 0, x, 0.1x)", x),
    # names
    ("αx + α - alpha", alpha * x),
    ("cos θ", math.cos(theta)),
    # Unicode
    ("x² + y³ + x⁻¹", x**2 + y**3 + 1 / x),
    ("x·y×z÷w−1", x * y * z / w - 1),
    ("2πx + sin 2 pi x", 2 * math.pi * x + math.sin(2 * math.pi * x)),
    ("where(x ≤ y ∨ x ≠ x, 1, 2)", 2),
    ("𝑥 + 𝑦", x + y),
    # LaTeX
    (r"\frac{1}{1 + e^{-x}}", sigmoid(x)),
    (r"\sigma\left(x\right)\,(1 - \sigma(x))", sigmoid(x) * (1 - sigmoid(x))),
    (r"\sqrt{x} + \sqrt[3]{8}", math.sqrt(x) + 2),
    (r"\lvert y\rvert + \left|y\right| + |y|", -3 * y),
    (r"\max(x, y) + \operatorname{relu}(x)", 2 * x),
    (r"\sin^{2}\theta + \cos^2{\theta}", 1),
    (r"\ln\Gamma(5) - \psi^{(0)}(1) + \psi(1)", math.log(24)),
    (r"\frac{\alpha x + 1}{x y}", (alpha * x + 1) / (x * y)),
    (r"2 \cdot x \times y \div z", 2 * x * y / z),
    (r"\mathbf{w} \mathrm{e}^{x}", w * math.exp(x)),
    (r"\lfloor 2.5 \rfloor \bmod 2", 0),
    (r"\log_{2}(8) + \arctan(x) - \operatorname{artanh}(x)", 3 + math.atan(x) - math.atanh(x)),
    (r"\begin{cases} x & \text{if } y > 0 \\ z & x \le 0 \\ w, & \text{otherwise}\end{cases}", w),
    (r"\bigl( x \quad y \bigr)", x * y),
]


@pytest.mark.parametrize(("text", "value"), MEANINGS, ids=[text for text, _ in MEANINGS])
def test_meaning(text: str, value: float) -> None:
    formula = parse(text)
    found = formula(**{name: POINT[name] for name in formula.names})
    assert found.item() == pytest.approx(value, rel=1e-13, abs=1e-13)


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("w_1 x + w_{12} + x₁", ("w_1", "x", "w_12", "x_1")),
        ("x1^2 + x2", ("x_1", "x_2")),
        ("w_1x", ("w_1", "x")),
        ("w_h1 + θ_{i,j}", ("w_h1", "theta_i_j")),
        (r"y_hat - ŷ + \hat{y} - \hat{y}_1", ("y_hat", "y_hat_1")),
        ("λβ + Ω", ("lambda", "beta", "Omega")),
        ("ab - ba", ("a", "b")),
        ("e_1 + pi_2", ("e_1", "pi_2")),
        ("e + pi", ()),
    ],
)
def test_names(text: str, names: tuple[str, ...]) -> None:
    assert parse(text).names == names


def test_products_of_letters_are_no_misspelt_comparisons() -> None:
    assert parse("loss").names == ("l", "o", "s")


def test_declared_names_take_precedence() -> None:
    assert parse("learning_rate d", names=["learning_rate", "d"])(2.0, 3.0).item() == 6.0
    assert parse("d/dx", names=["d", "x"])(2.0, 3.0).item() == 3.0
    assert parse("x - x₀ + x_{0}", names=["x", "x_0"])(2.0, 3.0).item() == 2.0


def test_all_spellings_of_a_name_are_one() -> None:
    spellings = ("α_1", "alpha_1", r"\alpha_{1}", "α₁", "alpha_{1}", "alpha1")
    assert {canonical(spelling) for spelling in spellings} == {"alpha_1"}
    assert {parse(spelling).names for spelling in spellings} == {("alpha_1",)}


class TestCall:
    def test_by_position_and_by_name(self) -> None:
        f = parse("a - 2b")
        assert f(5.0, 1.0).item() == f(5.0, b=1.0).item() == f(b=1.0, a=5.0).item() == 3.0

    def test_arrays_broadcast_and_keep_their_dtype(self) -> None:
        f = parse("x^2 sigma(y) + pi")
        columns = np.ones((2, 1), np.float32)
        found = f(columns, np.zeros(3, np.float32))
        assert found.shape == (2, 3)
        assert found.dtype == np.float32

    def test_integers_count_as_floats(self) -> None:
        assert parse("x/2 + x^-1")(np.array([2, 4])).tolist() == [1.5, 2.25]

    def test_conditions(self) -> None:
        assert parse("p and not q")(True, np.array([True, False])).tolist() == [False, True]
        assert parse("x^2 >= y")(2.0, 4.0).item() is True

    def test_signature_and_keyword_names(self) -> None:
        f = parse("λ x")
        assert str(inspect.signature(f)) == "(lambda_, x)"
        assert f(lambda_=2.0, x=3.0).item() == f(λ=2.0, x=3.0).item() == 6.0

    @pytest.mark.parametrize(
        ("args", "kwargs", "says"),
        [
            ((1.0,), {}, "missing: y"),
            ((1.0, 2.0, 3.0), {}, "3 positional"),
            ((1.0,), {"x": 2.0}, "x was given twice"),
            ((1.0,), {"q": 2.0}, "no argument 'q'"),
        ],
    )
    def test_wrong_arguments(self, args: tuple, kwargs: dict, says: str) -> None:
        with pytest.raises(ArgumentError, match=says):
            parse("x + y")(*args, **kwargs)

    def test_a_truth_value_where_a_number_is_needed(self) -> None:
        with pytest.raises(DTypeError):
            parse("x + 1")(True)

    def test_derivatives(self) -> None:
        f = parse("3x^2 + 2xy + y^3")
        gradient = cr.grad(f, argnums=(0, 1))(1.0, 2.0)
        assert [g.item() for g in gradient] == [10.0, 14.0]
        assert cr.grad(cr.grad(f))(1.0, 2.0).item() == 6.0
        assert cr.vmap(f)(cr.tensor([1.0, 0.0]), cr.tensor([2.0, 1.0])).tolist() == [15.0, 1.0]

    def test_pickles(self) -> None:
        f = pickle.loads(pickle.dumps(parse("rate x", names=("x", "rate"))))
        assert isinstance(f, Formula)
        assert f.names == ("x", "rate")
        assert f(2.0, 3.0).item() == 6.0


class TestDeclaredNames:
    def test_words_and_order(self) -> None:
        f = parse("rate * sin(2 pi t)", names=["t", "rate"])
        assert f.names == ("t", "rate")

    def test_an_unknown_variable_is_refused(self) -> None:
        with pytest.raises(ParseError, match="unknown variable 'z'; the variables are x, y"):
            parse("x + z", names=["x", "y"])

    def test_a_name_that_cannot_be(self) -> None:
        with pytest.raises(ParseError, match="'1x' cannot be the name"):
            parse("x", names=["1x"])

    def test_several_formulas_share_their_arguments(self) -> None:
        first, second = parse_many("x*y; max(y, z)")
        assert first.names == second.names == ("x", "y", "z")
        assert (str(first), str(second)) == ("x*y", "max(y, z)")


ERRORS = [
    ("(x + 1", 0, "'(' is never closed"),
    ("2|x", 1, "'|' is never closed"),
    ("x + 1)", 5, "')' closes nothing"),
    ("(x]", 2, "unexpected ']' inside '('"),
    ("sin()", 4, "expected a number, a variable, a function or '(' before ')'"),
    ("2 +", 3, "ends too early"),
    ("x^", 2, "ends too early"),
    ("* x", 0, "unexpected '*'"),
    ("x + * y", 4, "unexpected '*'"),
    ("3 4", 2, "two numbers side by side"),
    ("x²^3", 2, "two exponents in a row"),
    ("sgimoid(x)", 0, "did you mean 'sigmoid'?"),
    ("1 + tanhh(x)", 4, "did you mean 'tanh'?"),
    ("sinx", 0, "did you mean 'sin x'?"),
    ("xcosy", 0, "did you mean 'x cos y'?"),
    ("2pir", 1, "did you mean 'pi r'?"),
    ("foo(x)", 0, "for a product of letters write f*o*o"),
    (
        "learning_rate * x",
        0,
        "unknown name 'learning_rate': a variable has one letter, as in l_rate",
    ),
    ("2 arctg x", 2, "'arctg' is not available; did you mean 'arctan'?"),
    ("softmax(x)", 0, "'softmax' is not available; it takes an array"),
    ("cbrt(x)", 0, "sign(x) |x|^(1/3)"),
    ("lim x", 0, "formulas hold no limits"),
    ("d/dx x^2", 0, "a formula holds no derivatives"),
    (r"1 + \frac{d}{dx} x", 4, "a formula holds no derivatives"),
    ("∂x", 0, "a formula holds no derivatives"),
    ("∫ x", 0, "a formula holds no integrals"),
    ("max x", 0, "max takes at least 2 arguments, not 1"),
    ("sin(x, y)", 0, "sin takes 1 argument, not 2"),
    ("where(x, 1)", 0, "where takes 3 arguments, not 2"),
    ("ln^-1 x", 2, "inverse or a reciprocal"),
    ("sin_2 x", 3, "only log takes a subscript"),
    ("log_1 x", 3, "cannot be the base"),
    ("x, y", 1, "unexpected ','"),
    ("0 < x < 1", 6, "comparisons do not chain"),
    ("x + (y > 1)", 7, "expected a number here, not a condition"),
    ("where(2, x, y)", 6, "expected a condition"),
    ("not 2", 4, "expected a condition"),
    ("f'(x)", 1, "cr.derivative"),
    ("n!", 1, "lgamma"),
    ("x # y", 2, "'#' is not part of the notation"),
    ("x \x00", 2, "U+0000"),
    ("1e999", 0, "too large"),
    ("_x", 0, "a subscript follows a variable"),
    (r"\sni(x)", 0, "did you mean \\sin?"),
    (r"\thta", 0, "did you mean \\theta?"),
    ("a" * 30, 0, "a word of 30 letters"),
    (r"\frac12", 5, "as in \\frac{a}{b}"),
    (r"\hat y", 4, "needs a name in braces"),
    (r"\left. x", 0, "invisible bracket"),
    (r"\begin{cases} x & x > 0 \end{cases}", 24, "a last case"),
    ("polygamma(x, y)", 10, "a whole number"),
    ("(" * 1000, 100, "nested more than 100 levels"),
    ("-" * 1000 + "x", 100, "nested more than 100 levels"),
    ("x" + "^x" * 1000, None, "nested more than 100 levels"),
    ("sin -" * 1000 + "x", None, "nested more than 100 levels"),
    ("x+" * 50_001, None, "100000 characters"),
]


@pytest.mark.parametrize(("text", "position", "says"), ERRORS, ids=[e[0][:12] for e in ERRORS])
def test_errors_point_at_the_place(text: str, position: int | None, says: str) -> None:
    with pytest.raises(ParseError) as caught:
        parse(text)
    message = str(caught.value)
    assert says in message
    _, shown, caret, *_ = message.split("\n")
    assert caret.strip() == "^"
    if position is not None and len(text) < 60:
        assert caret.index("^") - 2 == position
        assert shown[2:].rstrip() == text.replace("\x00", " ").rstrip()


def test_the_caret_stands_in_the_right_line_and_excerpt() -> None:
    with pytest.raises(ParseError) as caught:
        parse("x +\n y # 2")
    assert "\n   y # 2\n     ^" in str(caught.value)
    with pytest.raises(ParseError) as caught:
        parse("x + " * 100 + "# + " + "y + " * 100 + "1")
    _, shown, caret, *_ = str(caught.value).split("\n")
    assert shown[caret.index("^")] == "#"
    assert len(shown) < 80


@pytest.mark.parametrize("text", ["", " \n\t "])
def test_no_text_at_all(text: str) -> None:
    with pytest.raises(ParseError, match="the formula is empty; write for example"):
        parse(text)


def test_only_text_is_read() -> None:
    with pytest.raises(ParseError, match="not from int"):
        parse(3)  # type: ignore[arg-type]


def test_long_sums_are_no_problem() -> None:
    assert parse("+".join(["x"] * 20_000))(1.0).item() == 20_000


_PIECES = (
    "x y e pi alpha σ w_1 x₁ ŷ 2 .5 1e3 ² ⁻¹ + - * / ^ ** ( ) [ ] { } | , ; < <= = and or not mod "
    r"sin ln log_2 max relu where √ ⌊ ⌋ \frac \sqrt \left( \right) \left| \lvert \sigma \cdot "
    r"\begin{cases} \end{cases} \\ & \text{otherwise} \operatorname{relu} \mathrm \psi^{( ψ Γ "
    r"xsin foo sgimoid _ ' ! \  \x ∞ nan true"
)
PIECES = _PIECES.split(" ")


def only_parses_or_raises_a_parse_error(text: str) -> None:
    try:
        formulas = parse_many(text)
    except ParseError:
        pass
    else:
        for formula in formulas:
            with contextlib.suppress(DTypeError), np.errstate(all="ignore"):  # x as a condition
                assert formula(*[0.5] * len(formula.names)).shape == ()


@settings(max_examples=1500)
@given(st.lists(st.sampled_from(PIECES), max_size=30), st.sampled_from(["", " "]))
def test_any_sequence_of_symbols(pieces: list[str], space: str) -> None:
    only_parses_or_raises_a_parse_error(space.join(pieces))


@settings(max_examples=700)
@given(st.text(max_size=60))
def test_any_text(text: str) -> None:
    only_parses_or_raises_a_parse_error(text)


@pytest.mark.parametrize("piece", PIECES)
def test_long_repetitions(piece: str) -> None:
    only_parses_or_raises_a_parse_error(piece * 5000)
    only_parses_or_raises_a_parse_error((piece + " ") * 5000)
    only_parses_or_raises_a_parse_error("a" * 50_000 + piece)
