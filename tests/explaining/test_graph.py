"""The chain rule on a computational graph: tables, local derivatives, paths."""

import math
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.explaining import Explanation, styles
from chainrule.explaining.expression import Chain, Number, Partial, Sum, Symbol
from chainrule.explaining.graph import record
from chainrule.explaining.graph.formulas import Program
from chainrule.explaining.graph.network import Network, amount
from chainrule.explaining.graph.table import Board
from chainrule.explaining.graph.values import claim, claim_numbers, shown
from chainrule.explaining.steps import Step
from chainrule.notation import parse_many


def neuron(w1: Any, b1: Any, w2: Any, x: Any, y: Any) -> Any:
    z1 = w1 * x + b1
    a1 = cr.tanh(z1)
    z2 = w2 * a1
    L = (z2 - y) ** 2
    return L  # noqa: RET504 - the name of the result


POINT = (0.5, 0.1, -1.0, 2.0, 1.0)

TEXT = """\
L(w₁, b₁, w₂, x, y) = (w₂ tanh(w₁ x + b₁) - y)²
values are shown with six digits

forward: the values, in the order of computation
node   formula     value
w₁                 0.5         input
b₁                 0.1         input, held constant
w₂                 -1          input
x                  2           input, held constant
y                  1           input, held constant
z₁     w₁ x + b₁   1.1
a₁     tanh(z₁)    0.800499
z₂     w₂ a₁       -0.800499
L      (z₂ - y)²   3.2418

local derivatives: each formula by itself, its other operands held constant
edge      formula     value      rule
∂L/∂z₂    2(z₂ - y)   -3.601     chain rule
∂z₂/∂w₂   a₁          0.800499   constant multiple rule
∂z₂/∂a₁   w₂          -1         constant multiple rule
∂a₁/∂z₁   1 - a₁²     0.359201   hyperbolic rule
∂z₁/∂w₁   x           2          constant multiple rule

backward: from the result to the inputs, what arrives at a node is summed
each of the 5 edges is used once, for all 2 derivatives together
derivative   contributions      numbers             value
∂L/∂L                                               1
∂L/∂z₂       2(z₂ - y)                              -3.601
∂L/∂a₁       ∂L/∂z₂ · ∂z₂/∂a₁   -3.601 · (-1)       3.601
∂L/∂z₁       ∂L/∂a₁ · ∂a₁/∂z₁   3.601 · 0.359201    1.29348
∂L/∂w₂       ∂L/∂z₂ · ∂z₂/∂w₂   -3.601 · 0.800499   -2.8826
∂L/∂w₁       ∂L/∂z₁ · ∂z₁/∂w₁   1.29348 · 2         2.58697

along the paths: what is multiplied for each input
product along the path: ∂L/∂w₁  [w₁ → z₁ → a₁ → z₂ → L]
  = ∂L/∂z₂ · ∂z₂/∂a₁ · ∂a₁/∂z₁ · ∂z₁/∂w₁    chain rule
  = 2(z₂ - y) · w₂ · (1 - a₁²) · x          local derivatives
  = -3.601 · (-1) · 0.359201 · 2            their values
  = 2.58697                                 multiplied
product along the path: ∂L/∂w₂  [w₂ → z₂ → L]
  = ∂L/∂z₂ · ∂z₂/∂w₂                        chain rule
  = 2(z₂ - y) · a₁                          local derivatives
  = -3.601 · 0.800499                       their values
  = -2.8826                                 multiplied

∂L/∂w₁ = 2w₂ x (z₂ - y) (1 - a₁²)
∂L/∂w₁ = 2.58696647345

∂L/∂w₂ = 2a₁ (z₂ - y)
∂L/∂w₂ = -2.8825954112"""


def test_two_weights() -> None:
    found = cr.explain(neuron, *POINT, kind="graph", wrt="w1, w2")
    assert found.text() == TEXT
    assert max(map(len, TEXT.splitlines())) <= 100
    assert found.complete and found.recording is not None


def test_text_formulas_with_definitions_are_the_same_graph() -> None:
    text = "z_1 = w_1 x + b_1, a_1 = tanh(z_1), z_2 = w_2 a_1, L = (z_2 - y)^2"
    at = {"w1": 0.5, "b_1": 0.1, "w₂": -1, "x": 2, "y": 1}
    tables = [section.steps for section in cr.explain(neuron, *POINT, kind="graph").sections]
    again = [section.steps for section in cr.explain(text, at=at, kind="graph").sections]
    assert [sorted(map(repr, steps)) for steps in tables] == [
        sorted(map(repr, steps)) for steps in again
    ]


def test_where_nothing_has_a_name_every_node_is_shown() -> None:
    found = cr.explain("σ(w_2 tanh(w_1 x + b_1))", 1, 0.2, 3, 0.4, kind="graph", wrt="w_1")
    assert [step.subject.text for step in found.sections[0].steps] == (
        ["w₂", "w₁", "x", "b₁", "v₁", "v₂", "v₃", "v₄", "f"]
    )
    path = found.sections[3].steps[0].lines[0].expression
    assert path == Chain(
        (
            Partial("f", "v_4"),
            Partial("v_4", "v_3"),
            Partial("v_3", "v_2"),
            Partial("v_2", "v_1"),
            Partial("v_1", "w_1"),
        )
    )


# -- laws ------------------------------------------------------------------------------------------

_UNARY = ("tanh({})", "sin({})", "σ({})", "e^(-{}^2)", "ln(1 + {}^2)", "{}^2/2", "-{}", "relu({})")
_BINARY = ("{} + {}", "{} {}", "{} - 2 {}", "{}/(1 + {}^2)", "max({}, {})")


@st.composite
def programs(draw: st.DrawFn) -> str:
    """Definitions of h_1, h_2, … by what was defined before, and a sum of some as the result."""
    names = [f"x_{k}" for k in range(1, draw(st.integers(1, 3)) + 1)]
    lines = []
    for index in range(1, draw(st.integers(1, 7)) + 1):
        form = draw(st.sampled_from(_UNARY + _BINARY))
        used = [f"({draw(st.sampled_from(names))})" for _ in range(form.count("{}"))]
        lines.append(f"h_{index} = {form.format(*used)}")
        names.append(f"h_{index}")
    return ", ".join([*lines, f"L = h_{len(lines)} + {draw(st.sampled_from(names))}"])


@settings(max_examples=60)
@given(programs(), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_the_sum_over_all_paths_is_the_gradient(text: str, values: list[float]) -> None:
    program = Program(text)
    point = values[: len(program.names)]
    recording = record(program, *point)
    network = Network.of(recording)
    board = Board(network, network.stations)
    expected = cr.grad(program, argnums=tuple(range(len(point))))(*point)
    for vertex, slope in zip(recording.inputs, expected, strict=True):
        paths = list(network.listed(vertex.node)) if vertex.node in recording.cotangents else []
        assert network.paths.get(vertex.node, 0) == len(paths)
        products = [
            math.prod(board.locals(user)[node].value for user, node in pairwise(path))
            for path in paths
        ]
        assert math.fsum(products) == pytest.approx(float(slope), rel=1e-9, abs=1e-12)


@settings(max_examples=25)
@given(programs(), st.lists(st.floats(-2, 2), min_size=3, max_size=3))
def test_every_graph_is_explained_and_its_result_read_back(text: str, values: list[float]) -> None:
    program = Program(text)
    point = values[: len(program.names)]
    found = cr.explain(text, *point, kind="graph")
    expected = cr.grad(program, argnums=tuple(range(len(point))))(*point)
    assert [result.value for result in found.results] == pytest.approx(
        [float(slope) for slope in expected], rel=1e-9, abs=1e-12
    )
    assert Explanation.from_json(found.json()) == found
    recording = found.recording
    assert recording is not None
    numbers = {vertex.name: float(vertex.node.value) for vertex in recording.vertices}
    for formula, slope in zip(parse_many(found.result), expected, strict=True):
        value = float(formula(**{name: numbers[name] for name in formula.names}))
        assert value == pytest.approx(float(slope), rel=1e-6, abs=1e-9)


def test_claims_that_are_wrong_are_refused() -> None:
    slope = Partial("L", "z")
    chain = Chain((slope, Symbol("x")))
    claim(chain, 6.0, {"x": 2.0}, {slope: 3.0})
    with pytest.raises(cr.ChainRuleError, match="bug of chainrule"):
        claim(chain, 6.001, {"x": 2.0}, {slope: 3.0})
    numbers = Sum((Chain((Number(1.23457), Number(2.0))), Number(1.0)))
    claim_numbers(numbers, 3.469135)
    with pytest.raises(cr.ChainRuleError, match="bug of chainrule"):
        claim_numbers(numbers, 3.4694)


# -- what is said ----------------------------------------------------------------------------------


def steps_of(found: Explanation, title: str) -> tuple[Step, ...]:
    (section,) = [s for s in found.sections if s.title.text.startswith(title)]
    return section.steps


def test_a_variable_used_twice_has_a_sum_over_paths() -> None:
    found = cr.explain("z = x w, u = sin x, L = z u", 2, 3, kind="graph")
    (x, w) = steps_of(found, "along")
    assert x.rule == "sum over 2 paths" and w.rule == "product along the path"
    routes = [child.subject.text for child in x.children if isinstance(child, Step)]
    assert sorted(routes) == ["x → u → L", "x → z → L"]
    assert found.result == "u w + z cos(x), u x"


def test_a_square_is_one_edge() -> None:
    found = cr.explain("L = x x", 3, kind="graph")
    (edge,) = steps_of(found, "local")
    assert edge.result == Number(6)
    assert len(steps_of(found, "along")) == 1


def test_where_local_and_total_derivative_have_one_name_the_total_one_has_a_d() -> None:
    found = cr.explain("z = x^2, L = x z", 3, kind="graph")
    assert found.results[0].name.text == "dL/dx"
    assert found.results[0].value == 27
    assert "dL/dx        ∂L/∂x" in found.text()
    words = "dL/dx is the whole derivative, ∂L/∂x that of the formula of L alone"
    assert words in found.sections[2].notes
    assert Partial("L", "x", total=True) != Partial("L", "x")


def test_a_graph_of_many_paths_counts_them_and_lists_none() -> None:
    def diamonds(x: Any) -> Any:
        for _ in range(40):
            a = cr.sin(x)
            b = cr.cos(x)
            x = a * b
        return x

    found = cr.explain(diamonds, 0.3, kind="graph")
    (step,) = steps_of(found, "along")
    assert step.rule == f"{2**40:,} paths"
    assert "costs 160 edges, not paths" in step.notes[0]
    assert found.results[0].value == pytest.approx(float(cr.grad(diamonds)(0.3)))


def test_amounts_beyond_what_can_be_read_are_rounded() -> None:
    assert amount(2**40) == "1,099,511,627,776"
    assert amount(2**20000) == "about 10^6021"


def test_branches_by_value_and_unused_results_are_said() -> None:
    def f(x: Any) -> Any:
        unused = x * 3  # noqa: F841
        if x > 0:
            y = x**2
        else:
            y = -x
        return y

    found = cr.explain(f, 3, kind="graph")
    assert "decides by values" in found.notes[0] and "if x > 0" in found.notes[0]
    assert found.notes[1] == "unused is computed, but y does not depend on it"
    assert found.results[0].value == 6
    assert not [n for n in cr.explain(neuron, *POINT, kind="graph").notes if "decides" in n]


def test_kinks_state_both_sides_and_the_convention() -> None:
    found = cr.explain("a = relu(z), L = 3a", 0, kind="graph")
    (note,) = [note for step in steps_of(found, "local") for note in step.notes]
    assert note == (
        "a has a kink in z, at z = 0: the derivative from the left is 0; the derivative from the "
        "right is 1; the engine takes 0, by convention"
    )
    smooth = cr.explain("a = relu(z), L = 3a", 0.5, kind="graph")
    assert not [note for step in steps_of(smooth, "local") for note in step.notes]


def test_derivatives_that_are_zero_say_why() -> None:
    def f(x: Any, y: Any) -> Any:
        a = cr.relu(x)
        L = a * a + cr.floor(y)
        return L  # noqa: RET504

    (x, y) = steps_of(cr.explain(f, -1.0, 2.5, kind="graph"), "along")
    assert x.notes == ("it is zero here, because of the factors ∂L/∂a and ∂a/∂x",)
    assert "L does not depend on y" in y.notes[0]
    assert y.result == Number(0)

    def of(f: Any) -> tuple[str, ...]:
        (step,) = steps_of(cr.explain(f, 1.0, kind="graph"), "along")
        return step.notes

    cancels = ("it is zero here: the paths cancel",)
    assert of(lambda x: x * x - 2 * x) == cancels
    assert of(lambda x: cr.sin(0 * x) + x * x - 2 * x) == cancels
    (rounded,) = of(lambda x: x * 1e-200 * 1e-200)
    assert rounded.startswith("it is zero here by rounding")


@given(st.floats(1e-300, 1e300))
def test_values_are_shown_to_six_digits_however_large(value: float) -> None:
    written = styles.TEXT(shown(value))
    assert len(written) <= 16
    assert float(cr.parse(written)()) == pytest.approx(value, rel=1e-5)


def test_longer_formulas_are_derived_step_by_step() -> None:
    text = "p = σ(z), L = -y ln(p) - (1 - y) ln(1 - p)"
    found = cr.explain(text, at={"z": 0.3, "y": 1}, kind="graph", wrt="z")
    (derivation,) = steps_of(found, "step by step")
    assert derivation.rule == "difference rule" and derivation.children
    assert found.result == "p - y"


def test_what_is_not_finite_is_said() -> None:
    found = cr.explain("a = 1/x, b = 1/a, L = b + 1", 0, kind="graph")
    assert found.notes[0].startswith("∂L/∂x is not finite here")
    assert found.results[0].value is None
    assert Explanation.from_json(found.json()) == found


def test_a_choice_shows_the_branch_taken() -> None:
    found = cr.explain(lambda x: cr.where(x > 1, x**2, x) * x, 2.0, kind="graph")
    rows = {step.subject.text: step for step in steps_of(found, "forward")}
    assert rows["v₂"].rule == "the branch taken"
    assert rows["v₂"].lines[0].expression == Symbol("v_1")


def test_integers_are_numbers_or_what_wrt_leaves_them() -> None:
    def power(x: Any, n: int) -> Any:
        y = x
        for _ in range(n):
            y = y * x
        return y

    assert cr.explain(power, 2.0, 3, wrt="x", kind="graph").results[0].value == 32
    assert cr.explain("x^2", 3, kind="graph").results[0].value == 6
    assert cr.explain(lambda x: x**2, np.int64(3), kind="graph").results[0].value == 6


def test_points_by_name_leave_out_what_has_a_default() -> None:
    def f(w: Any, x: Any = 3.0) -> Any:
        return w * x**2

    for at, value in (({"w": 2.0}, 9), ({"w": 2.0, "x": 5.0}, 25)):
        assert cr.explain(f, at=at, wrt="w", kind="graph").results[0].value == value


# -- large graphs, arrays --------------------------------------------------------------------------


def long(x: Any, w: Any) -> Any:
    h = x
    for _ in range(300):
        z = w * h
        h = cr.tanh(z)
    return h


def test_large_graphs_are_folded_by_names_and_opened() -> None:
    found = cr.explain(long, 0.5, 1.2, kind="graph")
    assert found.folded == 594 and not found.complete
    assert "594 of 602 nodes are folded; a part is opened by its name: .opened('z')" in found.notes
    assert len(found.text().splitlines()) < 100
    opened = found.opened("z")
    assert opened.folded == 297 + 200
    assert "z₅₀ " in opened.text() and "z₅₀ " not in found.text()
    with pytest.raises(cr.ChainRuleError, match="not kept in JSON"):
        Explanation.from_json(found.json()).opened("z")


def test_layers_are_folded() -> None:
    key = cr.random.key(0)
    layers = [cr.nn.Linear(4, 4, key=key) for _ in range(30)]
    model = cr.nn.Sequential(*[part for layer in layers for part in (layer, cr.nn.Tanh())])
    found = cr.explain(
        lambda model, x: model(x).sum(), model, np.ones((2, 4)), kind="graph", wrt=["model"]
    )
    assert found.folded > 50
    assert all(len(section.steps) <= 150 for section in found.sections)
    assert len(found.text().splitlines()) < 250


def test_arrays_have_shapes_and_products_by_name() -> None:
    def loss(W: Any, x: Any) -> Any:
        z = x @ W
        L = (z**2).sum()
        return L  # noqa: RET504

    W, x = np.arange(6.0).reshape(3, 2), np.ones((5, 3))
    found = cr.explain(loss, W, x, kind="graph", wrt="W")
    assert "z      x W       5×2, norm" in found.text()
    assert "∂L/∂W        xᵀ ∂L/∂z" in found.text()
    assert "= ∂L/∂z · ∂z/∂W" in found.text()
    assert np.allclose(found.results[0].value, 2 * x.T @ (x @ W))
    assert Explanation.from_json(found.json()) == found


def test_small_arrays_are_shown_in_full() -> None:
    found = cr.explain(lambda x, y: (x * y).sum(), np.array([1.0, 2.0]), np.array([3.0, 4.0]))
    graph = cr.explain(
        lambda x, y: (x * y).sum(), np.array([1.0, 2.0]), np.array([3.0, 4.0]), kind="graph"
    )
    assert "∂f/∂x        y" in graph.text() and "(3, 4)" in graph.text()
    assert [one.value for one in graph.results] == [one.value for one in found.results]


def test_several_results_of_a_loop_are_nodes() -> None:
    def f(x: Any, w: Any) -> Any:
        final, history = cr.scan(lambda c, i: (cr.tanh(w * c), c), x, cr.arange(5.0))
        L = final**2 + history.sum()
        return L  # noqa: RET504

    found = cr.explain(f, 0.5, 1.2, kind="graph")
    assert "item(scan(w, x, c₁), 1)" in found.text()
    expected = cr.grad(f, argnums=(0, 1))(0.5, 1.2)
    assert [one.value for one in found.results] == pytest.approx([float(s) for s in expected])


# -- forms -----------------------------------------------------------------------------------------


def test_a_limit_shortens_the_tables() -> None:
    found = cr.explain(neuron, *POINT, kind="graph")
    rows = sum(1 for _ in found.walk())
    assert f"… {rows - 12} further steps" in found.text(limit=12)


def test_forms_have_tables() -> None:
    found = cr.explain(neuron, *POINT, kind="graph", wrt="w1")
    assert r"| $z_{1}$ | $w_{1} x + b_{1}$ | $1.1$ |  |" in found.markdown()
    assert r"\frac{\partial L}{\partial z_{2}} \cdot \frac{\partial z_{2}}" in found.latex()
    page = found.html()
    assert page.count("<table>") == 3 and "<mfrac>" in page


# -- bad input -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("f", "args", "options", "message"),
    [
        ("x^2", (), {}, "explained at a point: 1 values are needed"),
        ("x^2", (1, 2), {}, "2 are given"),
        ("x^2 y", (), {"at": {"x": 1}}, "no value for y"),
        ("x^2", (), {"at": {"z": 1}}, "no variable 'z'"),
        ("x^2", (1,), {"at": 1}, "give the point once"),
        ("x^2", (1,), {"order": 2}, "first derivatives"),
        ("x^2", (1,), {"wrt": "y"}, "no argument 'y'"),
        ("x^2 = y", (1, 2), {}, "defines no name"),
        ("a = x, a = x^2", (1,), {}, "defined twice"),
        ("b = a x, a = x^2", (1, 2), {}, "defined after it is used"),
        ("x^2 +", (1,), {}, r"\^"),
        ("ln x", (-1,), {}, "not a number"),
        (lambda x: cr.stack([x, x]), (1.0,), {}, r"shape \(2,\)"),
        (3, (1.0,), {}, "formulas as text or a function"),
        (lambda *, x: x**2, (), {"at": {"x": 1.0}}, "x is given by name only"),
    ],
)
def test_bad_input(f: Any, args: Any, options: Any, message: str) -> None:
    with pytest.raises(cr.ChainRuleError, match=message):
        cr.explain(f, *args, kind="graph", **options)
