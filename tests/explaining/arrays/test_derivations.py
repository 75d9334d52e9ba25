"""Derivations of functions of arrays: the lines, their checks, their forms, what is refused."""

from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ClaimError
from chainrule.explaining import Explanation
from chainrule.explaining.arrays.derive import Deriver
from chainrule.explaining.arrays.explain import explain_arrays
from chainrule.explaining.arrays.expression import ONE, matmul, symbol, transpose
from chainrule.explaining.graph.recording import record

RNG = np.random.default_rng(0)
X, W, B, Y = (RNG.normal(size=shape) for shape in ((4, 3), (3, 2), (2,), (4, 2)))
LABELS = np.array([0, 1, 1, 0])
DIMS = {"n": 4, "d": 3, "k": 2}


def mse(X: Any, W: Any, b: Any, Y: Any) -> Any:
    Z = X @ W + b
    L = cr.mean((Z - Y) ** 2)
    return L  # noqa: RET504 - the name of the result


def classifier(X: Any, W: Any, b: Any, y: Any) -> Any:
    Z = X @ W + b
    P = cr.softmax(Z)
    L = -cr.mean(cr.log(P)[np.arange(4), LABELS])
    return L  # noqa: RET504 - the name of the result


def lines(found: Explanation) -> dict[str, list[str]]:
    """For each step the texts of its lines."""
    from chainrule.explaining.styles import TEXT

    return {
        step.subject.text: [TEXT(line.expression) for line in step.lines] for step in found.steps
    }  # type: ignore[union-attr]


def test_a_linear_layer_with_squared_error() -> None:
    found = explain_arrays(mse, (X, W, B, Y), ["W", "b"], dims=DIMS)
    shown = lines(found)
    assert shown["Z"] == ["X W + 1 bᵀ"]
    assert shown["∂L/∂Z"][0] == "2/(n k) (Z - Y)"
    assert shown["∂L/∂W"][:2] == ["Xᵀ ∂L/∂Z", "2/(n k) Xᵀ (Z - Y)"]
    assert shown["∂L/∂b"][:2] == ["(∂L/∂Z)ᵀ 1", "2/(n k) (Z - Y)ᵀ 1"]
    rules = {step.subject.text: step.rule for step in found.steps}  # type: ignore[union-attr]
    assert rules["∂L/∂W"] == "linear layer rule"
    assert rules["∂L/∂b"].startswith("bias rule: sum over")
    shapes = {step.subject.text: step.lines[0].shape for step in found.steps}  # type: ignore[union-attr]
    assert shapes["∂L/∂W"] == ("d", "k")
    assert shapes["L"] == ()
    assert found.complete


def test_the_results_are_the_gradient() -> None:
    found = explain_arrays(mse, (X, W, B, Y), ["W", "b"])
    expected = cr.grad(mse, argnums=(1, 2))(X, W, B, Y)
    for result, gradient in zip(found.results, expected, strict=True):
        assert np.allclose(result.value, gradient.numpy(), rtol=1e-12)


def test_softmax_and_cross_entropy_separately_and_fused() -> None:
    shown = lines(explain_arrays(classifier, (X, W, B, LABELS), ["W"], dims=DIMS))
    assert shown["∂L/∂P"][0] == "-(onehot(y) ⊘ P)/n"
    assert shown["∂L/∂Z"][:2] == [
        "P ⊙ (∂L/∂P - (∂L/∂P ⊙ P) 1 1ᵀ)",
        "(P - onehot(y))/n",
    ]

    def fused(X: Any, W: Any, y: Any) -> Any:
        Z = X @ W
        return cr.nn.cross_entropy(Z, y)

    shown = lines(explain_arrays(fused, (X, W, LABELS), ["W"], dims=DIMS))
    assert shown["∂L/∂Z"][0] == "(softmax(Z) - onehot(y))/n"


def test_probabilities_that_do_not_sum_to_one_are_not_taken_for_it() -> None:
    def loss(Z: Any, Y: Any) -> Any:
        return -(Y * cr.log_softmax(Z)).sum()

    rows = np.array([[0.2, 0.8], [0.5, 0.5]])
    assert lines(explain_arrays(loss, (X[:2, :2], rows), ["Z"]))["∂L/∂Z"][0] == "softmax(Z) - Y"
    other = lines(explain_arrays(loss, (X[:2, :2], 2 * rows), ["Z"]))["∂L/∂Z"][0]
    assert other == "softmax(Z) ⊙ (Y 1 1ᵀ) - Y"


def test_upstream_gradients() -> None:
    found = explain_arrays(lambda X, W: X @ W, (X, W), seed=Y)
    shown = lines(found)
    assert shown["∂L/∂X"][0] == "G Wᵀ"
    assert shown["∂L/∂W"][0] == "Xᵀ G"
    assert np.allclose(found.results[1].value, X.T @ Y)


def test_every_form() -> None:
    found = explain_arrays(classifier, (X, W, B, LABELS), ["W", "b"], dims=DIMS)
    assert Explanation.from_json(found.json()) == found
    assert r"X^{\top} \, \frac{\partial L}{\partial Z} \quad (d \times k)" in found.latex()
    assert found.latex().count("{") == found.latex().count("}")
    assert "(d×k)" in found.html() and "<mo>⊤</mo>" in found.html()
    assert r"\operatorname{softmax}" in found.markdown()
    assert "2. softmax rule: ∂L/∂Z" in found.text()
    assert found.text(limit=2).count("\n") < found.text().count("\n")


def test_a_wrong_line_is_refused() -> None:
    deriver = Deriver(record(mse, X, W, B, Y))
    deriver.run(ONE)
    right, wrong = symbol("X", (4, 3)), symbol("Y", (4, 2))
    expected = deriver.engine(deriver.recording["W"].node)
    with pytest.raises(ClaimError, match="is not what the engine computed"):
        deriver.claim(matmul(transpose(right), wrong), expected)
    with pytest.raises(ClaimError, match=r"its shape \(3, 3\)"):
        deriver.claim(matmul(transpose(right), right), expected)


def test_a_wrong_rule_of_a_textbook_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    from chainrule.explaining.arrays import derive

    original = derive.candidates

    def planted(*arguments: Any) -> Any:
        return [2 * form for form in original(*arguments)]

    monkeypatch.setattr(derive, "candidates", planted)
    found = explain_arrays(mse, (X, W, B, Y), ["W"])
    assert not found.complete
    assert found.unnamed


def test_ties_are_shared_as_the_engine_shares_them() -> None:
    found = explain_arrays(lambda x: x.max(), (np.array([1.0, 3.0, 3.0]),))
    assert found.complete
    assert found.results[0].value == (0.0, 0.5, 0.5)


def test_a_convolutional_network_with_its_loss() -> None:
    key, nn = cr.random.key(0), cr.nn
    model = nn.Sequential(
        nn.Conv2d(1, 2, 3, key=key),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(8, 3, key=key),
    )
    x = RNG.normal(size=(2, 1, 6, 6))
    found = cr.explain(model, x, np.array([0, 2]), loss="cross_entropy")
    assert found.complete
    gradient = cr.grad(lambda model: nn.cross_entropy(model(x), np.array([0, 2])))(model)
    for result, (_, value) in zip(found.results, gradient.parameters().items(), strict=True):
        assert np.allclose(result.value, value.numpy(), rtol=1e-4, atol=1e-6)


def test_loops_are_shown_by_the_rule_of_the_engine_and_counted() -> None:
    def f(x: Any) -> Any:
        y, _ = cr.scan(lambda carry, _: (carry * x, carry), cr.ones(3), None, length=3)
        return (y**2).sum()

    x = np.array([0.5, 1.0, -2.0])
    found = explain_arrays(f, (x,))
    assert not found.complete
    assert np.allclose(found.results[0].value, 6 * x**5)


def test_a_gradient_differentiated_once_more() -> None:
    def energy(x: Any) -> Any:
        return (cr.sin(x) ** 2).sum()

    found = cr.explain(cr.grad(energy), np.array([1.0, 2.0]), seed=np.array([1.0, 0.0]))
    assert found.complete
    (step,) = (step for step in found.steps if step.number is not None)
    assert step.lines[0].shape == ("2",)
    assert np.allclose(found.results[0].value, [2 * np.cos(2.0), 0])


def test_large_arrays_are_derived_but_not_kept() -> None:
    found = explain_arrays(lambda A: (A @ A).sum(), (RNG.normal(size=(70, 70)),))
    assert found.results[0].value is None
    assert "(70×70)" in found.text() and len(found.json()) < 10_000


def test_at_a_kink_the_convention_is_said() -> None:
    found = explain_arrays(lambda x: cr.relu(x).sum(), (np.array([0.0, 1.0]),))
    assert "convention: relu has slopes 0 and 1 at 0; 0 is taken" in found.text()


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: explain_arrays(lambda X: X * 2, (X,)), r"shape \(4, 3\).*seed=G"),
        (lambda: explain_arrays(lambda X: X.sum(), (X,), seed=np.ones(3)), "seed: the result"),
        (lambda: explain_arrays(lambda X: X.sum(), (LABELS,)), "all arguments are int64"),
        (lambda: explain_arrays(mse, (X, W, B, Y), ["V"]), "no argument 'V'"),
        (lambda: explain_arrays(lambda X: X.sum(), (X,), None, 2), "not order 2"),
        (lambda: cr.explain(lambda x: cr.log(x).sum(), np.array([-1.0])), "L is not finite"),
        (lambda: explain_arrays("X W", (X, W)), "a function of the arrays"),
        (lambda: explain_arrays(mse, (), None, 1, {"X": X}), "no value for W"),
        (lambda: explain_arrays(mse, (X,), None, 1, {"X": X}), "arguments once"),
    ],
)
def test_bad_input(call: Any, words: str) -> None:
    with pytest.raises(cr.ChainRuleError, match=words):
        call()
