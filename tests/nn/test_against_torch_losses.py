import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn

torch = pytest.importorskip("torch")
RNG = np.random.default_rng(0)
CLASSES = 4
WEIGHT = np.array([0.2, 3.0, 1.5, 0.7])
REDUCTIONS = ["mean", "sum", "none"]
F = torch.nn.functional


def same(ours, theirs, x, *targets):
    """Values and gradients with respect to the outputs, eager and native."""
    given = torch.tensor(x, requires_grad=True)
    expected = theirs(given, *(torch.tensor(t) for t in targets))
    cotangent = RNG.normal(size=tuple(expected.shape))
    (expected * torch.tensor(cotangent)).sum().backward()

    def weighted(x, ct, *targets):
        loss = ours(x, *targets)
        return (loss * ct).sum(), loss

    slope = cr.value_and_grad(weighted, has_aux=True)
    for run in (slope, cr.compile(slope)):
        arguments = [cr.tensor(a) for a in (x, cotangent, *targets)]
        (_, loss), gradient = run(*arguments)
        np.testing.assert_allclose(loss.numpy(), expected.detach().numpy(), rtol=1e-11, atol=1e-13)
        np.testing.assert_allclose(gradient.numpy(), given.grad.numpy(), rtol=1e-10, atol=1e-13)


OPTIONS = [
    {"weight": weight, "label_smoothing": smoothing, "ignore_index": ignore}
    for weight, smoothing, ignore in itertools.product((None, WEIGHT), (0.0, 0.1), (None, 2, -100))
]


def for_torch(options):
    kept = {name: value for name, value in options.items() if value is not None}
    if "weight" in kept:
        kept["weight"] = torch.tensor(kept["weight"])
    return kept


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("options", OPTIONS, ids=lambda o: "-".join(map(str, o.values())))
def test_cross_entropy_of_labels(options, reduction):
    z, labels = RNG.normal(size=(7, CLASSES)) * 5, RNG.integers(0, CLASSES, size=7)
    if options["ignore_index"] == -100:
        labels[[1, 4]] = -100
    same(
        lambda z, y: nn.cross_entropy(z, y, reduction, **options),
        lambda z, y: F.cross_entropy(z, y, reduction=reduction, **for_torch(options)),
        z,
        labels,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_cross_entropy_of_probabilities(weight, smoothing, reduction):
    z, t = RNG.normal(size=(7, CLASSES)), RNG.dirichlet(np.ones(CLASSES), size=7)
    options = {"weight": weight, "label_smoothing": smoothing}
    same(
        lambda z, t: nn.cross_entropy(z, t, reduction, **options),
        lambda z, t: F.cross_entropy(z, t, reduction=reduction, **for_torch(options)),
        z,
        t,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT], ids=["", "weight"])
@pytest.mark.parametrize("ignore", [None, 1])
def test_nll(weight, ignore, reduction):
    log_p, labels = RNG.normal(size=(7, CLASSES)), RNG.integers(0, CLASSES, size=7)
    options = {"weight": weight, "ignore_index": ignore}
    same(
        lambda z, y: nn.nll(z, y, reduction, **options),
        lambda z, y: F.nll_loss(z, y, reduction=reduction, **for_torch(options)),
        log_p,
        labels,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("weight", [None, WEIGHT, RNG.uniform(size=(5, 1))], ids=["", "4", "5x1"])
@pytest.mark.parametrize("pos_weight", [None, WEIGHT, np.array(3.0)], ids=["", "4", "one"])
def test_bce(weight, pos_weight, reduction):
    z, y = RNG.normal(size=(5, CLASSES)) * 10, RNG.uniform(size=(5, CLASSES))
    options = {"weight": weight, "pos_weight": pos_weight}
    given = {k: torch.tensor(v) for k, v in options.items() if v is not None}
    same(
        lambda z, y: nn.bce_with_logits(z, y, reduction, **options),
        lambda z, y: F.binary_cross_entropy_with_logits(z, y, reduction=reduction, **given),
        z,
        y,
    )


COUNTS = RNG.poisson(3.0, size=(5, 3)).astype(float)
RATES = RNG.uniform(0.1, 5.0, size=(5, 3))
X, T = RNG.normal(size=(5, 3)) * 3, RNG.normal(size=(5, 3))
LABELS = RNG.integers(0, 3, size=5)
LOGS, P = np.log(RNG.dirichlet(np.ones(3), size=5)), RNG.dirichlet(np.ones(3), size=5)
CASES = {
    "mse": (nn.mse, F.mse_loss, X, T, {}),
    "mae": (nn.mae, F.l1_loss, X, T, {}),
    "huber": (nn.huber, F.huber_loss, X, T, {}),
    "huber 0.3": (nn.huber, F.huber_loss, X, T, {"delta": 0.3}),
    "poisson": (nn.poisson_nll, F.poisson_nll_loss, X, COUNTS, {}),
    "poisson full": (nn.poisson_nll, F.poisson_nll_loss, X, COUNTS, {"full": True}),
    "poisson rates": (nn.poisson_nll, F.poisson_nll_loss, RATES, COUNTS, {"log_input": False}),
    "margin": (nn.multi_margin, F.multi_margin_loss, X, LABELS, {}),
    "margin 2": (nn.multi_margin, F.multi_margin_loss, X, LABELS, {"p": 2, "margin": 0.4}),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("case", CASES)
def test_others(case, reduction):
    ours, theirs, x, target, options = CASES[case]
    same(
        lambda x, t: ours(x, t, reduction, **options),
        lambda x, t: theirs(x, t, reduction=reduction, **options),
        x,
        target,
    )


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_margin_with_weights(reduction):
    weight = WEIGHT[:3]
    same(
        lambda x, t: nn.multi_margin(x, t, reduction, weight=weight),
        lambda x, t: F.multi_margin_loss(x, t, reduction=reduction, weight=torch.tensor(weight)),
        X,
        LABELS,
    )


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_gaussian(full, reduction):
    same(
        lambda x, t, v: nn.gaussian_nll(x, t, v, reduction, full),
        lambda x, t, v: F.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),
        X,
        T,
        RATES,
    )
    same(  # with respect to the variance
        lambda v, x, t: nn.gaussian_nll(x, t, v, reduction, full),
        lambda v, x, t: F.gaussian_nll_loss(x, t, v, full=full, reduction=reduction),
        RATES,
        X,
        T,
    )


@pytest.mark.parametrize("log_target", [False, True])
@pytest.mark.parametrize(("ours", "theirs"), [("mean", "batchmean"), ("sum", "sum")])
def test_kl_divergence(log_target, ours, theirs):
    target = P.copy()
    if log_target:
        target = np.log(P)
    else:
        target[0] = [1.0, 0.0, 0.0]
    same(
        lambda q, t: nn.kl_divergence(q, t, ours, log_target),
        lambda q, t: F.kl_div(q, t, reduction=theirs, log_target=log_target),
        LOGS,
        target,
    )
