"""One run, forward and backward: names, values, cotangents, layers."""

import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule.explaining.graph.recording import record

X = np.random.default_rng(0).normal(size=(4, 3))


def neuron(w1, b1, w2, x, y):  # type: ignore[no-untyped-def]
    z1 = w1 * x + b1
    a1 = cr.tanh(z1)
    z2 = w2 * a1
    L = (z2 - y) ** 2
    return L  # noqa: RET504 - the name of the result


def layer(x, W, b):  # type: ignore[no-untyped-def]
    z = x @ W + b
    return cr.relu(z)


def stacked(parameters):  # type: ignore[no-untyped-def]
    h = X
    for W, b in parameters:
        h = layer(h, W, b)
    return (h**2).mean()


def test_nodes_have_the_names_of_the_lines_that_made_them() -> None:
    found = record(neuron, 0.5, 0.1, -1.0, 2.0, 1.0)
    own = [vertex.name for vertex in found.vertices if vertex.own]
    assert own == ["w_1", "b_1", "w_2", "x", "y", "z_1", "a_1", "z_2", "L"]
    assert [v.name for v in found.vertices if not v.own] == ["v_1", "v_2"]
    assert found.output.name == "L"
    assert found["z1"].node.value == pytest.approx(1.1)


def test_names_in_loops_and_helpers_are_numbered() -> None:
    parameters = [(np.ones((3, 2)), np.zeros(2)), (np.ones((2, 2)), np.zeros(2))]
    found = record(stacked, parameters)
    assert [v.name for v in found.inputs] == ["W_1", "b_1", "W_2", "b_2"]
    assert [found[name].node.primitive.name for name in ("z_1", "z_2")] == ["add", "add"]
    assert np.array_equal(found["h_1"].node.value, X)  # data that the function captured


def test_parts_of_lists_are_numbered_by_their_places() -> None:
    found = record(lambda w, more: w[0] * w[1] + more["a"][0], [1.0, 2.0], {"a": [3.0]})
    assert [vertex.name for vertex in found.inputs] == ["w_0", "w_1", "a_0"]


def test_cotangents_are_the_gradient_of_the_result() -> None:
    point = (0.5, 0.1, -1.0, 2.0, 1.0)
    found = record(neuron, *point)
    expected = cr.grad(neuron, argnums=(0, 1, 2, 3, 4))(*point)
    values = [found.cotangents[vertex.node].value for vertex in found.inputs]
    assert values == pytest.approx([float(value) for value in expected], rel=1e-14)


def test_what_arrives_at_a_node_is_its_cotangent() -> None:
    found = record(lambda x: cr.sin(x) * x + x**2, 0.7)
    for node, cotangent in found.cotangents.items():
        passed = [
            step.contribution for step in found.steps if step.node.sources[step.index] is node
        ]
        if passed:
            assert sum(float(c.value) for c in passed) == pytest.approx(float(cotangent.value))


def test_layers_are_known_by_their_paths() -> None:
    key = cr.random.key(0)
    model = cr.nn.Sequential(cr.nn.Linear(3, 4, key=key), cr.nn.Tanh())
    found = record(lambda model, x: model(x).sum(), model, X)
    layers = {v.node.primitive.name: v.layer for v in found.vertices if v.node.sources}
    assert layers["tanh"] == ("Sequential", "layers.1")
    assert layers["contract"] == ("Sequential", "layers.0")
    assert layers["sum"] == ()
    assert found["model.layers.0.weight"].name == "weight"


def test_the_seed_is_the_cotangent_of_a_result_that_is_no_scalar() -> None:
    G = np.arange(8.0).reshape(4, 2)
    W = np.ones((3, 2))
    found = record(lambda X, W: X @ W, X, W, wrt=["W"], seed=G)
    assert np.allclose(found.cotangents[found["W"].node].value, X.T @ G)
    with pytest.raises(cr.ChainRuleError, match=r"shape \(4, 2\)"):
        record(lambda X, W: X @ W, X, W, seed=G.T)


def test_names_that_formulas_would_misread_are_replaced() -> None:
    def f(x):  # type: ignore[no-untyped-def]
        e = x * 2  # Euler's number in a formula
        return e + 1

    assert [vertex.name for vertex in record(f, 1.0).vertices][1] == "v_1"


def test_a_debugger_is_put_back() -> None:
    def watch(*_):  # type: ignore[no-untyped-def]
        return None

    before = sys.gettrace()
    sys.settrace(watch)
    try:
        record(neuron, 0.5, 0.1, -1.0, 2.0, 1.0)
        assert sys.gettrace() is watch
    finally:
        sys.settrace(before)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (lambda x: (x, x), "returns 2"),
        (lambda x: 3.0, "does not depend"),
        (lambda x: x > 1, "need a float"),
    ],
)
def test_what_has_no_derivative_is_refused(f, message) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(cr.ChainRuleError, match=message):
        record(f, 2.0)


def test_unknown_names_are_refused_with_those_that_exist() -> None:
    with pytest.raises(cr.ChainRuleError, match=r"w1 \(w_1\)"):
        record(neuron, 0.5, 0.1, -1.0, 2.0, 1.0, wrt=["q"])
