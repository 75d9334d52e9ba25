import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, DTypeError, ShapeError

RNG = np.random.default_rng(0)


def softmax(z):
    e = np.exp(z - z.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


@pytest.mark.parametrize("scale", [1.0, 30.0, 1e4])
def test_gradient_of_cross_entropy_is_softmax_minus_one_hot(scale):
    z = RNG.normal(size=(6, 4)) * scale
    labels = np.array([0, 1, 2, 3, 0, 1])
    gradient = cr.grad(lambda logits: nn.cross_entropy(logits, labels))(cr.tensor(z))
    np.testing.assert_allclose(
        gradient.numpy(), (softmax(z) - np.eye(4)[labels]) / 6, rtol=1e-13, atol=1e-16
    )


def test_cross_entropy_value_and_reductions():
    z, labels = RNG.normal(size=(2, 3, 4)), RNG.integers(0, 4, size=(2, 3))
    expected = -np.log(np.take_along_axis(softmax(z), labels[..., None], -1))[..., 0]
    for reduction, value in [
        ("none", expected),
        ("sum", expected.sum()),
        ("mean", expected.mean()),
    ]:
        found = nn.cross_entropy(cr.tensor(z), cr.tensor(labels), reduction)
        np.testing.assert_allclose(found.numpy(), value, rtol=1e-13)


def test_cross_entropy_of_huge_logits():
    loss = nn.cross_entropy(cr.tensor([[1e4, -1e4], [1e4, -1e4]]), [0, 1], "none")
    np.testing.assert_array_equal(loss.numpy(), [0.0, 2e4])


def test_cross_entropy_stays_float32():
    logits = cr.tensor(RNG.normal(size=(3, 2)), dtype="float32")
    assert nn.cross_entropy(logits, [0, 1, 1]).dtype == np.float32


def test_cross_entropy_refuses_bad_labels():
    logits = cr.tensor(np.zeros((2, 3)))
    with pytest.raises(DomainError, match=r"label 3 is out of range.*0 to 2"):
        nn.cross_entropy(logits, [0, 3])
    with pytest.raises(DomainError, match="label -1"):
        nn.cross_entropy(logits, [-1, 0])
    with pytest.raises(DTypeError, match="integers"):
        nn.cross_entropy(logits, [0.0, 1.0])
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(3,\)"):
        nn.cross_entropy(logits, [0, 1, 2])
    with pytest.raises(DomainError, match="reduction"):
        nn.cross_entropy(logits, [0, 1], "average")


@pytest.mark.parametrize("y", [0.0, 1.0, 0.3])
def test_gradient_of_bce_is_sigmoid_minus_target(y):
    z = np.array([-1000.0, -40.0, -1.0, 0.0, 2.0, 40.0, 1000.0])
    target = np.full_like(z, y)
    gradient = cr.grad(lambda z: nn.bce_with_logits(z, target, "sum"))(cr.tensor(z)).numpy()
    with np.errstate(over="ignore"):
        expected = 1 / (1 + np.exp(-z)) - y
    np.testing.assert_allclose(gradient, expected, rtol=1e-14, atol=1e-16)


def test_bce_keeps_small_losses():
    loss = nn.bce_with_logits(cr.tensor([40.0, -40.0, 1000.0, -1000.0]), [1, 0, 0, 1], "none")
    np.testing.assert_allclose(loss.numpy(), [np.exp(-40), np.exp(-40), 1000, 1000], rtol=1e-14)


def test_mse():
    p, t = RNG.normal(size=(3, 2)), RNG.normal(size=(3, 2))
    np.testing.assert_allclose(nn.mse(cr.tensor(p), t).item(), ((p - t) ** 2).mean(), rtol=1e-14)
    gradient = cr.grad(lambda p: nn.mse(p, t))(cr.tensor(p))
    np.testing.assert_allclose(gradient.numpy(), 2 * (p - t) / 6, rtol=1e-14)


@pytest.mark.parametrize("loss", [nn.mse, nn.bce_with_logits])
def test_nothing_is_broadcast(loss):
    with pytest.raises(ShapeError, match=r"\(3, 1\), targets \(3,\)"):
        loss(cr.tensor(np.zeros((3, 1))), np.zeros(3))


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 1.0])
def test_label_smoothing_spreads_the_target(smoothing):
    z, labels = RNG.normal(size=(5, 4)), np.array([0, 1, 2, 3, 0])
    target = (1 - smoothing) * np.eye(4)[labels] + smoothing / 4
    loss = nn.cross_entropy(cr.tensor(z), labels, label_smoothing=smoothing)
    np.testing.assert_allclose(loss.item(), -(target * np.log(softmax(z))).sum() / 5, rtol=1e-13)
    gradient = cr.grad(lambda z: nn.cross_entropy(z, labels, label_smoothing=smoothing))(
        cr.tensor(z)
    )
    np.testing.assert_allclose(gradient.numpy(), (softmax(z) - target) / 5, atol=1e-16)
    with pytest.raises(DomainError, match="label_smoothing"):
        nn.cross_entropy(cr.tensor(z), labels, label_smoothing=1.5)


def test_losses_equal_pytorchs():
    torch = pytest.importorskip("torch")
    z, labels, y = RNG.normal(size=(5, 3)), RNG.integers(0, 3, size=5), RNG.uniform(size=(5, 3))
    pairs = [
        (nn.cross_entropy(cr.tensor(z), labels), "cross_entropy", labels),
        (nn.bce_with_logits(cr.tensor(z), y), "binary_cross_entropy_with_logits", y),
        (nn.mse(cr.tensor(z), y), "mse_loss", y),
    ]
    for ours, name, target in pairs:
        theirs = getattr(torch.nn.functional, name)(torch.tensor(z), torch.tensor(target))
        np.testing.assert_allclose(ours.item(), theirs.item(), rtol=1e-13)


def test_integer_outputs_do_not_round_the_targets():
    assert nn.mse(cr.tensor([1, 2]), [1.5, 2.5]).item() == 0.25
    assert nn.mse([1, 2], [1.5, 2.5]).item() == 0.25
    np.testing.assert_allclose(
        nn.bce_with_logits(cr.tensor([0]), [0.5]).item(), np.log(2), rtol=1e-15
    )


def test_lists_are_taken():
    expected = nn.cross_entropy(cr.tensor([[1.0, 2.0]]), [0]).item()
    assert nn.cross_entropy([[1.0, 2.0]], [0]).item() == expected
    assert nn.mse([1.0, 2.0], [1.0, 4.0]).item() == 2.0
    assert nn.bce_with_logits([1000.0], [1]).item() == 0.0
