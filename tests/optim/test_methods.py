import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, GradientError, ShapeError

OPTIMIZERS = {
    "sgd": lambda rate: optim.sgd(rate),
    "momentum": lambda rate: optim.sgd(rate, momentum=0.9),
    "nesterov": lambda rate: optim.sgd(rate, momentum=0.9, nesterov=True),
    "sgd with decay": lambda rate: optim.sgd(rate, momentum=0.5, weight_decay=0.1),
    "adam": lambda rate: optim.adam(rate),
    "adam with other moments": lambda rate: optim.adam(rate, b1=0.8, b2=0.95, eps=1e-3),
    "adam with decay": lambda rate: optim.adam(rate, weight_decay=0.1),
    "adamw": lambda rate: optim.adamw(rate, weight_decay=0.1),
}
START = np.array([1.5, -2.0, 0.3])
CURVES = np.array([1.0, 30.0, 0.01])


def rosenbrock_like(x, power):
    """Curved, badly scaled, and with gradients that change their sign on the way."""
    return (power(x, 4) * CURVES).sum() + x[0] * x[1] - x[2]


def trajectory(optimizer, steps):
    params = {"x": cr.tensor(START)}
    state = optimizer.init(params)
    path = []
    for _ in range(steps):
        gradient = cr.grad(lambda p: rosenbrock_like(p["x"], lambda x, n: x**n))(params)
        updates, state = optimizer.update(gradient, state, params)
        params = optim.apply_updates(params, updates)
        path.append(params["x"].numpy())
    return np.array(path)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_the_bound_face_takes_the_same_steps(name):
    model = cr.nn.Linear(3, 1, key=cr.random.key(0), dtype="float64")
    model.weight.assign_(START[None])
    start_bias = model.bias.numpy().copy()
    bound = OPTIMIZERS[name](2e-3).bind(model)
    for _ in range(20):
        bound.zero_grad()
        loss = rosenbrock_like(model.weight[0], lambda x, n: x**n) + 0.0 * model.bias.sum()
        loss.backward()
        bound.step()
    expected = trajectory(OPTIMIZERS[name](2e-3), 20)[-1]
    np.testing.assert_allclose(model.weight.numpy()[0], expected, rtol=1e-13)
    np.testing.assert_array_equal(model.bias.numpy(), start_bias)


def test_a_schedule_sees_the_steps_done():
    seen = []

    def schedule(step):
        seen.append(int(step))
        return 0.5 ** int(step)

    optimizer = optim.sgd(schedule)
    params = {"x": cr.tensor([1.0])}
    state = optimizer.init(params)
    moved = []
    for _ in range(3):
        updates, state = optimizer.update({"x": cr.tensor([1.0])}, state, params)
        moved.append(updates["x"].item())
    assert seen == [0, 1, 2]
    assert moved == [-1.0, -0.5, -0.25]


def test_global_norm_clipping_keeps_short_gradients_and_shortens_long_ones():
    clip = optim.clip_by_global_norm(5.0)
    short = {"a": cr.tensor([3.0]), "b": cr.tensor([[3.9]])}
    long = {"a": cr.tensor([30.0]), "b": cr.tensor([[40.0]])}
    kept, _ = clip.update(short, clip.init(short), short)
    assert [kept["a"].item(), kept["b"].item()] == [3.0, 3.9]
    cut, _ = clip.update(long, clip.init(long), long)
    np.testing.assert_allclose([cut["a"].item(), cut["b"].item()], [3.0, 4.0], rtol=1e-15)
    zero, _ = clip.update({"a": cr.tensor([0.0])}, (), None)
    assert zero["a"].item() == 0.0


def test_chain_feeds_one_into_the_next():
    chained = optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(0.1, momentum=0.9))
    params = {"x": cr.tensor([0.0])}
    state = chained.init(params)
    updates, state = chained.update({"x": cr.tensor([1000.0])}, state, params)
    np.testing.assert_allclose(updates["x"].item(), -0.1, rtol=1e-15)
    assert repr(chained) == "chain(clip_by_global_norm(1.0), sgd(0.1, momentum=0.9))"


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.sgd(-0.1),
        lambda: optim.sgd(float("nan")),
        lambda: optim.sgd(0.1, momentum=1.0),
        lambda: optim.sgd(0.1, nesterov=True),
        lambda: optim.sgd(0.1, weight_decay=-1.0),
        lambda: optim.adam(b1=1.0),
        lambda: optim.adam(b2=-0.1),
        lambda: optim.adam(eps=-1e-8),
        lambda: optim.sgd(0.1, momentum=0.9, nesterov=True, dampening=0.1),
        lambda: optim.sgd(0.1, dampening=-0.1),
        lambda: optim.sgd("0.1"),
        lambda: optim.sgd(True),
        lambda: optim.adagrad(lr_decay=-1.0),
        lambda: optim.adagrad(initial_accumulator_value=-1.0),
        lambda: optim.adadelta(rho=1.0),
        lambda: optim.adadelta(eps=-1.0),
        lambda: optim.rmsprop(alpha=1.0),
        lambda: optim.rmsprop(momentum=-0.1),
        lambda: optim.adamw(weight_decay=float("inf")),
        lambda: optim.nadam(momentum_decay=-1.0),
        lambda: optim.nadam(b1=1.0),
        lambda: optim.radam(b2=0.6),
        lambda: optim.lion(b1=1.0),
        lambda: optim.lamb(eps=-1.0),
        lambda: optim.lamb(weight_decay=-1.0),
        lambda: optim.lars(0.1, trust_coefficient=0.0),
        lambda: optim.lars(-0.1),
        lambda: optim.adafactor(-1.0),
        lambda: optim.adafactor(beta2_decay=0.1),
        lambda: optim.adafactor(d=0.5),
        lambda: optim.adafactor(eps=(-1.0, 1e-3)),
        lambda: optim.muon(momentum=1.0),
        lambda: optim.muon(ns_steps=0),
        lambda: optim.muon(ns_coefficients=(1.0, 2.0)),
        lambda: optim.muon(eps=0.0),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(DomainError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.muon(adjust_lr_fn="none"),
        lambda: optim.adamw(mask=0.1),
        lambda: optim.adafactor(mask=[1]),
        lambda: optim.lars(0.1, mask=True),
    ],
)
def test_other_arguments_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


def test_muon_names_what_is_no_matrix():
    model = cr.nn.Linear(2, 2, key=cr.random.key(0))
    with pytest.raises(ShapeError, match=r"muon is for matrices; bias is none.*partition"):
        optim.muon().bind(model)


def test_step_before_backward_says_so():
    model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    with pytest.raises(GradientError, match=r"before loss\.backward"):
        optim.sgd(0.1).bind(model).step()


def test_a_parameter_left_out_of_the_loss_is_named():
    model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    opt = optim.sgd(0.1).bind(model)
    model.weight.sum().backward()
    with pytest.raises(GradientError, match="does not depend on bias"):
        opt.step()


def test_frozen_parameters_stay():
    model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    model.bias.requires_grad_(False)
    before = model.bias.numpy().copy()
    opt = optim.adam(0.1).bind(model)
    (model(cr.tensor([[1.0, 1.0]], dtype="float32")) ** 2).sum().backward()
    opt.step()
    np.testing.assert_array_equal(model.bias.numpy(), before)
    assert model.weight.grad is not None
    opt.zero_grad()
    assert model.weight.grad is None


def test_a_model_without_parameters_cannot_be_bound():
    with pytest.raises(GradientError, match="no parameter"):
        optim.sgd(0.1).bind(cr.nn.ReLU())


def test_parameters_frozen_after_binding_stay():
    model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    opt = optim.adamw(0.1, weight_decay=0.5).bind(model)
    x = cr.tensor([[1.0, 1.0]], dtype="float32")

    def step():
        before = model.weight.numpy().copy(), model.bias.numpy().copy()
        opt.zero_grad()
        ((model(x) - 3.0) ** 2).sum().backward()
        opt.step()
        return [
            bool((b == now.numpy()).all())
            for b, now in zip(before, (model.weight, model.bias), strict=True)
        ]

    assert step() == [False, False]
    model.bias.requires_grad_(False)
    assert step() == [False, True]
    model.bias.requires_grad_(True)
    assert step() == [False, False]


def test_parameters_that_come_after_binding_are_named():
    model = cr.nn.Linear(2, 1, key=cr.random.key(0))
    model.bias.requires_grad_(False)
    opt = optim.sgd(0.1).bind(model)
    model.bias.requires_grad_(True)
    model(cr.tensor([[1.0, 1.0]], dtype="float32")).sum().backward()
    with pytest.raises(GradientError, match=r"bias became a parameter.*bind it again"):
        opt.step()


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        (optim.adam(1e-3, weight_decay=0.1), "adam(0.001, weight_decay=0.1)"),
        (optim.adam(b1=0.5), "adam(0.001, b1=0.5)"),
        (optim.adam(b1=0.0), "adam(0.001, b1=0.0)"),
        (optim.adamw(1e-3, weight_decay=0.3), "adamw(0.001, weight_decay=0.3)"),
        (optim.adamw(1e-3, weight_decay=0.0), "adamw(0.001, weight_decay=0.0)"),
        (optim.adamw(), "adamw(0.001)"),
        (optim.sgd(0.1, momentum=0.9, nesterov=True), "sgd(0.1, momentum=0.9, nesterov=True)"),
        (optim.momentum(0.9, nesterov=True), "momentum(0.9, nesterov=True)"),
        (optim.scale_by_adam(eps=1e-3), "scale_by_adam(eps=0.001)"),
        (optim.adamw(mask=["*.weight"]), "adamw(0.001, mask=['*.weight'])"),
        (optim.adam(optim.cosine_decay(0.1, 9)), "adam(cosine_decay(0.1, steps=9))"),
        (optim.radam(decoupled_weight_decay=True), "radam(0.001, decoupled_weight_decay=True)"),
        (optim.adafactor(eps=(1e-3, 0.1)), "adafactor(0.01, eps=(0.001, 0.1))"),
        (optim.sam(optim.sgd(0.1), 0.5), "sam(sgd(0.1), rho=0.5)"),
        (optim.accumulate(optim.lion(), every=4), "accumulate(lion(0.0001), every=4)"),
    ],
)
def test_the_representation_shows_what_differs_from_the_defaults(optimizer, text):
    assert repr(optimizer) == text


def test_global_norm_of_float16_is_that_of_the_numbers():
    leaves = [cr.tensor([300.0, 300.0], dtype="float16"), cr.tensor([1e-4], dtype="float16")]
    np.testing.assert_allclose(optim.global_norm(leaves).item(), 300 * 2**0.5, rtol=1e-6)
    tiny = [cr.tensor([3e-5, 4e-5], dtype="float16")]
    np.testing.assert_allclose(
        optim.global_norm(tiny).item(), np.linalg.norm(tiny[0].numpy().astype(float)), rtol=1e-6
    )
    clip = optim.clip_by_global_norm(1.0)
    (clipped, _), _ = clip.update(leaves, (), None)
    assert clipped.dtype == np.float16
    np.testing.assert_allclose(clipped.numpy(), [0.5**0.5] * 2, rtol=1e-3)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_float16_parameters_train(name):
    optimizer = OPTIMIZERS[name](0.05)
    params = {"x": cr.tensor([3.0, -2.0, 1.0], dtype="float16")}
    state = optimizer.init(params)
    for _ in range(100):
        # of the three one has no gradient, and one a gradient whose square float16 cannot hold
        gradient = {"x": params["x"] * cr.tensor([2.0, 2e-4, 0.0], dtype="float16")}
        updates, state = optimizer.update(gradient, state, params)
        assert updates["x"].dtype == np.float16
        params = optim.apply_updates(params, updates)
    x = params["x"].numpy()
    assert np.isfinite(x).all()
    assert abs(x[0]) < 0.6
    if "adam" in name:  # which divides a small gradient by its size
        assert abs(x[1]) < 1.0


@pytest.mark.parametrize(
    "collect",
    [
        lambda w, b: [w, b],
        lambda w, b: (w, {"b": b}),
        lambda w, b: {"w": w, "b": [b, w]},
        lambda w, b: [w, b, cr.tensor(1.0)],
    ],
)
def test_tensors_made_by_hand_are_trained(collect):
    w = cr.tensor([1.0, -1.0], requires_grad=True)
    b = cr.tensor(0.5, requires_grad=True)
    opt = optim.sgd(0.1).bind(collect(w, b))
    ((w * w).sum() + 3 * b).backward()
    opt.step()
    np.testing.assert_allclose(w.numpy(), [0.8, -0.8])
    np.testing.assert_allclose(b.numpy(), 0.2)
    opt.zero_grad()
    assert w.grad is None
    assert b.grad is None


def test_one_tensor_is_trained():
    w = cr.tensor(2.0, requires_grad=True)
    opt = optim.sgd(0.25).bind(w)
    (w * w).backward()
    opt.step()
    assert w.item() == 1.0


def test_tensors_without_a_gradient_are_named():
    w, b = (cr.tensor(1.0, requires_grad=True) for _ in range(2))
    opt = optim.sgd(0.1).bind([w, b])
    (w * w).backward()
    with pytest.raises(GradientError, match="does not depend on tensor 1"):
        opt.step()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda w: cr.nn.Linear, r"Linear is a class; make a network of it first, Linear\("),
        (lambda w: [w, 1.0], "not float at 1"),
        (lambda w: "model", "not str"),
        (lambda w: {"a": w * w}, "the tensor at a was computed from others"),
    ],
)
def test_what_cannot_be_trained_is_refused(make, words):
    with pytest.raises(ArgumentError, match=words):
        optim.adam(0.1).bind(make(cr.tensor(1.0, requires_grad=True)))


def test_capital_letters_get_a_hint():
    with pytest.raises(AttributeError, match=r"it is a function, cr.optim.adamw\("):
        _ = optim.AdamW
    assert not hasattr(optim, "Lion")
