import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import (
    ArgumentError,
    DomainError,
    DTypeError,
    IndexingError,
    ShapeError,
    TreeError,
)

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


@pytest.mark.parametrize(
    "loss",
    [nn.mse, nn.mae, nn.huber, nn.bce_with_logits, nn.hinge, nn.kl_divergence, nn.poisson_nll],
)
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


class TestCrossEntropy:
    def test_probabilities_of_one_are_labels(self):
        z, labels = RNG.normal(size=(5, 4)), RNG.integers(0, 4, size=5)
        for options in ({}, {"label_smoothing": 0.2}):
            np.testing.assert_allclose(
                nn.cross_entropy(z, np.eye(4)[labels], **options).item(),
                nn.cross_entropy(z, labels, **options).item(),
                rtol=1e-13,
            )

    def test_what_is_ignored_has_no_gradient_and_does_not_count(self):
        z, labels = RNG.normal(size=(4, 3)), np.array([0, -1, 2, -1])

        def loss(z):
            return nn.cross_entropy(z, labels, ignore_index=-1)

        kept = nn.cross_entropy(z[[0, 2]], labels[[0, 2]])
        np.testing.assert_allclose(loss(cr.tensor(z)).item(), kept.item(), rtol=1e-14)
        gradient = cr.grad(loss)(cr.tensor(z)).numpy()
        assert not gradient[[1, 3]].any()
        assert gradient[[0, 2]].all()

    def test_ignoring_does_not_hide_other_wrong_labels(self):
        with pytest.raises(DomainError, match="label -2 is out of range"):
            nn.cross_entropy(np.zeros((2, 3)), [-1, -2], ignore_index=-1)

    @pytest.mark.parametrize("wrong", [-1, 3])
    def test_native_code_refuses_wrong_labels(self, wrong):
        loss = cr.compile(lambda z, y: nn.cross_entropy(z, y, ignore_index=7))
        z = cr.tensor(np.zeros((2, 3)))
        np.testing.assert_allclose(loss(z, cr.tensor([0, 7])).item(), np.log(3), rtol=1e-14)
        with pytest.raises(IndexingError, match="index 3"):
            loss(z, cr.tensor([0, wrong]))

    def test_refuses_bad_options(self):
        z = np.zeros((2, 3))
        with pytest.raises(ShapeError, match=r"one number for each of 3 classes, got shape \(2,\)"):
            nn.cross_entropy(z, [0, 1], weight=[1.0, 2.0])
        with pytest.raises(ArgumentError, match="ignore_index is for labels that are integers"):
            nn.cross_entropy(z, np.full((2, 3), 1 / 3), ignore_index=0)
        with pytest.raises(DTypeError, match="labels are integers"):
            nn.nll(z, [0.0, 1.0])
        with pytest.raises(DomainError, match="reduction"):
            nn.cross_entropy(z, [0, 1], "average", weight=[1.0, 1.0, 1.0])

    def test_weights_do_not_widen_float32(self):
        z = cr.tensor(np.zeros((2, 3)), dtype="float32")
        assert nn.cross_entropy(z, [0, 1], weight=np.ones(3)).dtype == np.float32


@pytest.mark.parametrize("pos_weight", [None, 3.0])
def test_bce_weights_that_do_not_broadcast(pos_weight):
    with pytest.raises(ShapeError, match=r"weight of shape \(3,\) does not broadcast to \(2, 2\)"):
        nn.bce_with_logits(np.zeros((2, 2)), np.zeros((2, 2)), weight=[1, 2, 3])
    with pytest.raises(ShapeError, match="pos_weight of shape"):  # would make the loss larger
        nn.bce_with_logits(np.zeros(2), np.zeros(2), pos_weight=np.ones((3, 2)))


@given(st.floats(-1e6, 1e6, allow_subnormal=False), st.floats(0.01, 1e3))
def test_gradient_of_huber_is_the_error_cut_off(error, delta):
    slope = cr.grad(lambda x: nn.huber(x, cr.tensor([0.0]), "sum", delta))(cr.tensor([error]))
    np.testing.assert_allclose(slope.item(), np.clip(error, -delta, delta), rtol=1e-12)


class TestHinge:
    def test_values_and_slopes(self):
        s, y = np.array([2.0, 1.0, 0.25, -3.0, -3.0]), np.array([1, 1, 1, 1, -1])
        loss = nn.hinge(s, y, "none").numpy()
        np.testing.assert_array_equal(loss, [0.0, 0.0, 0.75, 4.0, 0.0])
        np.testing.assert_array_equal(nn.hinge(s, y, "none", p=2).numpy(), loss**2)
        slope = cr.grad(lambda s: nn.hinge(s, y, "sum"))(cr.tensor(s))
        np.testing.assert_array_equal(slope.numpy(), [0, 0, -1, -1, 0])

    def test_labels_of_0_and_1_are_refused_with_a_hint(self):
        with pytest.raises(DomainError, match=r"labels are -1 or 1, not 0; write 2·y − 1"):
            nn.hinge([0.5, 0.5], [0, 1])
        with pytest.raises(DomainError, match=r"labels are -1 or 1, not 2\n"):
            nn.hinge([0.5, 0.5], [2, 1])
        with pytest.raises(DomainError, match="p is 1 or 2, not 3"):
            nn.hinge([0.5], [1], p=3)


class TestKullbackLeibler:
    def test_gradient_for_logits_is_q_minus_t(self):
        z, t = RNG.normal(size=(3, 4)) * 100, RNG.dirichlet(np.ones(4), size=3)
        t[0] = [0.0, 1.0, 0.0, 0.0]
        slope = cr.grad(lambda z: nn.kl_divergence(cr.log_softmax(z), t, "sum"))(cr.tensor(z))
        np.testing.assert_allclose(slope.numpy(), softmax(z) - t, atol=1e-14)

    def test_zero_of_itself_positive_else(self):
        t = RNG.dirichlet(np.ones(4), size=3)
        assert abs(nn.kl_divergence(np.log(t), t, "none").numpy()).max() < 1e-15
        assert (nn.kl_divergence(np.log(t[::-1]), t, "none").numpy()[[0, 2]] > 0).all()

    def test_impossible_events_cost_nothing_if_they_do_not_happen(self):
        log_q = cr.tensor([[0.0, -np.inf]])
        value, slope = cr.value_and_grad(lambda q: nn.kl_divergence(q, [[1.0, 0.0]]))(log_q)
        assert value.item() == 0.0
        np.testing.assert_array_equal(slope.numpy(), [[-1.0, 0.0]])
        logs = nn.kl_divergence(log_q, [[0.0, -np.inf]], log_target=True)
        assert logs.item() == 0.0

    def test_logarithms_by_mistake_are_refused(self):
        with pytest.raises(DomainError, match=r"one is -0\.7; give logarithms with log_target"):
            nn.kl_divergence([[-0.7, -0.7]], [[-0.7, 0.7]])


def test_poisson_refuses_negative_counts_and_keeps_a_rate_of_zero_finite():
    with pytest.raises(DomainError, match="targets are counts, one is -1"):
        nn.poisson_nll([0.0], [-1])
    rate_zero = nn.poisson_nll([0.0], [2.0], log_input=False)
    np.testing.assert_allclose(rate_zero.item(), -2 * np.log(1e-8), rtol=1e-14)


def test_gaussian_refuses_what_is_no_variance():
    with pytest.raises(DomainError, match="variances are not negative, one is -1"):
        nn.gaussian_nll([0.0], [0.0], [-1.0])
    with pytest.raises(ShapeError, match=r"\(var\)"):
        nn.gaussian_nll([0.0], [0.0], [1.0, 1.0])
    assert np.isfinite(nn.gaussian_nll([0.0], [1.0], [0.0]).item())


@pytest.mark.parametrize(
    "loss",
    [
        lambda x: nn.huber(x, cr.tensor([0.1, -3.0, 2.0]), delta=0.7),
        lambda x: nn.multi_margin(x[None], [1]),
        lambda x: nn.hinge(x, [1, -1, 1], p=2),
        lambda x: nn.poisson_nll(x, [1, 0, 4], full=True),
        lambda x: nn.gaussian_nll(x, [1.0, 0.0, 4.0], x * x),
        lambda x: nn.kl_divergence(cr.log_softmax(x), [0.2, 0.3, 0.5]),
        lambda x: nn.elastic_net_penalty({"w": [x, 2 * x]}, 0.3),
    ],
)
def test_gradients(loss):
    assert cr.check_gradient(loss, cr.tensor([0.3, -1.2, 2.4])).ok


class TestPenalties:
    @property
    def weights(self):
        return {"a": cr.tensor([[1.0, -2.0], [0.0, 3.0]]), "b": [cr.tensor(-4.0)]}

    def test_values(self):
        assert nn.l1_penalty(self.weights).item() == 10.0
        assert nn.l2_penalty(self.weights).item() == 15.0
        assert nn.elastic_net_penalty(self.weights, 0.2).item() == pytest.approx(
            0.2 * 10 + 0.8 * 15
        )

    def test_gradients_are_the_sign_and_the_weight(self):
        one, two = (cr.grad(p)(self.weights) for p in (nn.l1_penalty, nn.l2_penalty))
        np.testing.assert_array_equal(one["a"].numpy(), [[1, -1], [0, 1]])
        np.testing.assert_array_equal(two["a"].numpy(), self.weights["a"].numpy())

    def test_of_a_module_parameters_count_and_buffers_do_not(self):
        model = nn.Sequential(
            nn.Linear(2, 3, key=cr.random.key(0)), nn.BatchNorm(3), nn.Dropout(key=cr.random.key(1))
        )
        expected = sum(abs(w.numpy()).sum() for w in model.parameters().values())
        assert nn.l1_penalty(model).item() == pytest.approx(expected, rel=1e-6)
        nn.l2_penalty(model).backward()
        weight = model.layers[0].weight
        np.testing.assert_array_equal(weight.grad.numpy(), weight.numpy())

    def test_native(self):
        slope = cr.compile(cr.grad(nn.elastic_net_penalty))(self.weights)
        np.testing.assert_array_equal(
            slope["a"].numpy(), cr.grad(nn.elastic_net_penalty)(self.weights)["a"].numpy()
        )

    def test_errors(self):
        with pytest.raises(TreeError, match="l2_penalty: there are no floating-point parameters"):
            nn.l2_penalty({"n": cr.tensor(3)})
        with pytest.raises(DomainError, match="l1_ratio is 0 to 1, not 2"):
            nn.elastic_net_penalty(self.weights, 2)
        with pytest.raises(TreeError, match="give the dict of the parameters"):
            cr.compile(nn.l1_penalty)(nn.Linear(2, 3, key=cr.random.key(0)))
