"""The four equations of backpropagation, for networks of many shapes and in every layout."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core import tree
from chainrule.explaining import Explanation
from chainrule.explaining.styles import TEXT

RNG = np.random.default_rng(1)
LABELS = np.array([0, 1, 1, 0])


def texts(found: Explanation) -> dict[str, str]:
    """The first line of each step."""
    return {
        step.subject.text: TEXT(step.lines[0].expression)  # type: ignore[union-attr]
        for step in found.steps
        if step.lines
    }


def titles(found: Explanation) -> list[str]:
    return [section.title.text for section in found.sections]


@given(
    widths=st.lists(st.integers(1, 5), min_size=1, max_size=4),
    activation=st.sampled_from(
        ["relu", "tanh", "sigmoid", "gelu", "silu", "softplus", "mish", "elu", "leaky_relu", "selu"]
    ),
    loss=st.sampled_from(["mse", "cross_entropy", "mae"]),
    seed=st.integers(0, 100),
)
@settings(max_examples=25)
def test_any_perceptron(widths: list[int], activation: str, loss: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    model = cr.nn.MLP(3, widths, 2, key=cr.random.key(seed), activation=activation, dtype="float64")
    x = rng.normal(size=(4, 3))
    y = LABELS if loss == "cross_entropy" else rng.normal(size=(4, 2))
    found = cr.explain(model, x, y, loss=loss)
    shown = texts(found)
    depth = len(widths) + 1
    for index in range(1, depth):
        slope = {"sigmoid": "σ", "leaky_relu": "leaky relu"}.get(activation, activation) + "′"
        assert shown[f"δ{_sub(index)}"] == (
            f"(δ{_sub(index + 1)} W{_sub(index + 1)}) ⊙ {slope}(Z{_sub(index)})"
        )
        assert shown[f"∂L/∂b{_sub(index)}"] == f"δ{_sub(index)}ᵀ 1"
        before = "x" if index == 1 else f"A{_sub(index - 1)}"
        assert shown[f"∂L/∂W{_sub(index)}"] == f"δ{_sub(index)}ᵀ {before}"
    assert found.complete
    function = getattr(cr.nn, loss)
    gradients = cr.grad(lambda model: function(model(x), y))(model)
    expected = [value.numpy() for value in tree.flatten(gradients)[0]]
    assert len(expected) == len(found.results) == 2 * depth
    for result, gradient in zip(found.results, expected, strict=True):
        assert np.allclose(result.value, gradient, rtol=1e-9, atol=1e-12)


def _sub(index: int) -> str:
    return str(index).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))


def rows(W1: Any, b1: Any, W2: Any, b2: Any, X: Any, Y: Any) -> Any:
    Z1 = X @ W1 + b1
    H = cr.tanh(Z1)
    Z2 = H @ W2 + b2
    P = cr.sigmoid(Z2)
    C = ((P - Y) ** 2).sum() / 2
    return C  # noqa: RET504 - the name of the result


def columns(W1: Any, b1: Any, W2: Any, b2: Any, x: Any, y: Any) -> Any:
    z1 = W1 @ x + b1
    a1 = cr.relu(z1)
    z2 = W2 @ a1 + b2
    return ((z2 - y) ** 2).sum() / 2


def test_rows_with_weights_in_by_out() -> None:
    args = [RNG.normal(size=s) for s in ((3, 5), (5,), (5, 2), (2,), (4, 3), (4, 2))]
    found = cr.explain(rows, *args, wrt="W1, b1, W2, b2")
    shown = texts(found)
    assert shown["δ₂"] == "∂C/∂P ⊙ σ′(Z₂)"
    assert shown["δ₁"] == "(δ₂ W₂ᵀ) ⊙ tanh′(Z₁)"
    assert shown["∂C/∂W₂"] == "Hᵀ δ₂"
    assert shown["∂C/∂W₁"] == "Xᵀ δ₁"
    assert shown["∂C/∂b₁"] == "δ₁ᵀ 1"
    assert "equation 1, the error of the last layer: δ_L = ∂C/∂A_L ⊙ φ′(Z_L)" in titles(found)


def test_one_example_as_a_column() -> None:
    args = [RNG.normal(size=s) for s in ((3, 2), (3,), (2, 3), (2,), (2,), (2,))]
    found = cr.explain(columns, *args, wrt="W1, b1, W2, b2")
    shown = texts(found)
    assert shown["δ₂"] == "z₂ - y"
    assert shown["δ₁"] == "(W₂ᵀ δ₂) ⊙ relu′(z₁)"
    assert shown["∂L/∂W₁"] == "δ₁ xᵀ"
    assert shown["∂L/∂b₁"] == "δ₁"
    assert "equation 4, the weights: ∂L/∂Wₗ = δₗ aₗ₋₁ᵀ" in titles(found)


def test_layers_are_called_by_their_modules() -> None:
    key = cr.random.key(0)
    nn = cr.nn
    model = nn.Sequential(nn.Linear(3, 4, key=key), nn.GELU(), nn.Linear(4, 2, key=key))
    found = cr.explain(
        lambda model, x, y: nn.mse(model(x), y), model, np.ones((4, 3)), np.ones((4, 2))
    )
    text = found.text()
    assert "model.layers.0   W₁ (4×3)   b₁ (4)   Z₁ (4×4)   gelu" in text
    assert "equation 2, layer 1 (model.layers.0): δ₁" in text
    assert found.wrt == ("W_1", "b_1", "W_2", "b_2")  # the data are no parameters
    assert Explanation.from_json(found.json()) == found
    assert r"\delta_\ell = (\delta_{\ell+1} W_{\ell+1}) \odot \varphi'(Z_\ell)" in found.latex()


def test_the_error_of_softmax_with_cross_entropy_is_p_minus_y() -> None:
    model = cr.nn.MLP(3, 4, 2, key=cr.random.key(0))
    found = cr.explain(model, np.ones((4, 3)), LABELS, loss="cross_entropy")
    assert texts(found)["δ₂"] == "(softmax(Z₂) - onehot(y))/4"


def test_a_recurrent_step_is_no_chain_of_layers() -> None:
    def step(W: Any, U: Any, x: Any, h: Any) -> Any:
        new = cr.tanh(W @ x + U @ h)
        return (new**2).sum()

    found = cr.explain(step, *[RNG.normal(size=s) for s in ((3, 3), (3, 3), (3,), (3,))])
    assert titles(found) == ["forward pass", "backward pass"]


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda m: cr.explain(m, np.ones((4, 3)), loss="mse"), "input and a target"),
        (lambda m: cr.explain(m, np.ones((4, 3)), LABELS, loss="mes"), "no loss 'mes'"),
        (lambda m: cr.explain(m, np.ones((4, 3)), LABELS), "at its input, and with loss="),
        (lambda m: cr.explain(m, np.ones((4, 3))), "loss='mse'"),
        (lambda m: cr.explain(lambda x: x.sum(), np.ones(3), loss="mse"), "goes with a module"),
        (lambda m: cr.explain("x^2", loss="mse"), "not with kind='derivative'"),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    model = cr.nn.MLP(3, 4, 2, key=cr.random.key(0))
    with pytest.raises(cr.ChainRuleError, match=words):
        call(model)
