"""Graphs written as text and LaTeX; that every primitive reads back is a law of conformance."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import NotationError
from chainrule.core.node import Node, input_node
from chainrule.core.types import array_type
from chainrule.notation import parse, to_latex, to_text
from chainrule.ops.reduce import sum_
from chainrule.ops.table import PRIMITIVES


def leaves(*names: str) -> tuple[dict[str, Node], dict[Node, str]]:
    nodes = {name: cr.tensor(0.7, requires_grad=True).node for name in names}
    return nodes, {node: name for name, node in nodes.items()}


TEXTS = [
    # what is read, as text, as LaTeX
    ("12(3x+1)^3", "12*(3*x + 1)**3", r"12 \cdot \left(3 \cdot x + 1\right)^{3}"),
    ("-x^2", "-x**2", "-x^{2}"),
    ("(-x)^2", "(-x)**2", r"\left(-x\right)^{2}"),
    ("x^-2", "x**(-2)", "x^{-2}"),
    ("-2x", "-2*x", r"-2 \cdot x"),
    ("x*(-2)", "x*(-2)", r"x \cdot \left(-2\right)"),
    ("a - (b - c)", "a - (b - c)", r"a - \left(b - c\right)"),
    ("a + (b + c)", "a + (b + c)", "a + b + c"),
    ("a*(b*c)", "a*(b*c)", r"a \cdot b \cdot c"),
    ("a/(b*c)", "a/(b*c)", r"\frac{a}{b \cdot c}"),
    ("a/b/c", "a/b/c", r"\frac{\frac{a}{b}}{c}"),
    ("(a/b)^2", "(a/b)**2", r"\left(\frac{a}{b}\right)^{2}"),
    ("a*-b", "a*(-b)", r"a \cdot \left(-b\right)"),
    ("-(a b)", "-a*b", r"-a \cdot b"),
    ("-(a+b)", "-(a + b)", r"-\left(a + b\right)"),
    ("-(-a)", "-(-a)", r"-\left(-a\right)"),
    ("a^b^c", "a**b**c", r"a^{b^{c}}"),
    ("(a^b)^c", "(a**b)**c", r"\left(a^{b}\right)^{c}"),
    ("(e^x)^2", "exp(x)**2", r"\left(e^{x}\right)^{2}"),
    ("sin^2 x", "sin(x)**2", r"\sin(x)^{2}"),
    ("sigma(w_1 x)", "sigmoid(w_1*x)", r"\sigma(w_{1} \cdot x)"),
    ("max(0, x)", "max(0, x)", r"\max(0, x)"),
    ("|x - y_hat|", "abs(x - y_hat)", r"\left| x - \hat{y} \right|"),
    ("ln(1 + α)", "log(1 + alpha)", r"\ln(1 + \alpha)"),
    ("1e-5 x", "1e-05*x", r"1 \cdot 10^{-5} \cdot x"),
    ("2pi x^e", "6.283185307179586*x**e", r"6.283185307179586 \cdot x^{e}"),
    ("pi x", "pi*x", r"\pi \cdot x"),
    ("sqrt(x)^3", "sqrt(x)**3", r"\sqrt{x}^{3}"),
    ("x > 0 and not (x > 1 or x < -1)", "x > 0 and not (x > 1 or x < (-1))", None),
]


@pytest.mark.parametrize(("read", "text", "latex"), TEXTS, ids=[row[0] for row in TEXTS])
def test_brackets_are_where_they_are_needed(read: str, text: str, latex: str | None) -> None:
    formula = parse(read)
    nodes = {name: input_node(array_type((), np.dtype("float64"))) for name in formula.names}
    names = {node: name for name, node in nodes.items()}
    node = formula.node(nodes)
    assert to_text(node, names) == text
    if latex is not None:
        assert to_latex(node, names) == formula.to_latex() == latex
    point = dict.fromkeys(formula.names, 0.7)
    for written in (text, latex or text):
        assert parse(written)(**point).item() == pytest.approx(formula(**point).item(), rel=1e-14)


def test_derivatives_are_formulas_too() -> None:
    from chainrule.rules.vjp import pull

    formula = parse("log(1 + e^(-y w x)) + relu(x) w")
    nodes, names = leaves(*formula.names)
    loss = formula.node(nodes)
    (slope,) = pull([loss], [cr.tensor(1.0).node], [nodes["w"]], record=True)
    assert slope is not None
    for write in (to_text, to_latex):
        read = parse(write(slope, names), names=formula.names)
        assert read(0.7, 0.7, 0.7).item() == pytest.approx(slope.value, rel=1e-14)


def test_a_named_part_appears_by_its_name() -> None:
    nodes, names = leaves("x", "w")
    z = nodes["w"] * nodes["x"]
    assert to_text(z * z, names | {z: "z_1"}) == "z_1*z_1"


def test_float32_constants_are_written_as_such() -> None:
    x = cr.tensor(np.float32(2.0), requires_grad=True)
    assert to_text((x * 0.1 + np.float32(np.pi)).node, {x.node: "x"}) == "x*0.1 + pi"


def test_words_as_names() -> None:
    x = cr.tensor(2.0, requires_grad=True).node
    latex = to_latex(x * x, {x: "rate"})
    assert latex == r"\mathrm{rate} \cdot \mathrm{rate}"
    assert parse(latex)(rate=3.0).item() == 9.0


class TestRefusals:
    def test_a_part_without_notation(self) -> None:
        x = cr.tensor([1.0, 2.0], requires_grad=True).node
        with pytest.raises(NotationError, match="sum has no notation"):
            to_text(sum_(x, axes=(0,), keepdims=False), {x: "x"})

    def test_a_leaf_without_a_name(self) -> None:
        x = cr.tensor([1.0, 2.0], requires_grad=True).node
        with pytest.raises(NotationError, match=r"variable of type float64\[2\] has no name"):
            to_latex(x * 2.0, {})

    def test_not_a_number(self) -> None:
        x = cr.tensor(1.0, requires_grad=True).node
        with pytest.raises(NotationError, match="NaN"):
            to_text(x * float("nan"), {x: "x"})

    def test_a_graph_that_doubles_at_every_step(self) -> None:
        x = y = cr.tensor(1.0, requires_grad=True).node
        for _ in range(200):
            y = PRIMITIVES["sin"](y + y)
        with pytest.raises(NotationError, match="more than 20000 characters"):
            to_text(y, {x: "x"})

    def test_a_chain_of_100000_operations_is_refused(self) -> None:
        x = y = cr.tensor(1.0, requires_grad=True).node
        for _ in range(100_000):
            y = y + x
        with pytest.raises(NotationError, match="nodes has more than 20000 characters"):
            to_latex(y, {x: "x"})
