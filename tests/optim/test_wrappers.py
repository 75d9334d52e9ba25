"""Accumulation, skipping, averages, lookahead, noise, sharpness-aware minimisation."""

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, GradientError, TreeError

W = {"w": cr.tensor([1.0, -2.0, 3.0]), "b": cr.tensor(0.5)}


def gradient(number):
    """Different from step to step, and exact in sums of a few."""
    return {"w": cr.tensor([1.0, -0.5, 2.0]) * (number % 5 - 1), "b": cr.tensor(0.25 * number)}


def run(optimizer, gradients, params=W, problem=None):
    state, path = optimizer.init(params), []
    for grads in gradients:
        updates, state = optimizer.update(grads, state, params, problem)
        params = optim.apply_updates(params, updates)
        path.append({name: value.numpy() for name, value in params.items()})
    return path, state


def same(a, b, **tolerance):
    for name in a:
        np.testing.assert_allclose(a[name], b[name], **{"rtol": 0, **tolerance})


# -- accumulation ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inner", [optim.sgd(0.125, momentum=0.5), optim.adamw(0.1)])
def test_accumulated_steps_are_those_of_the_mean_to_the_bit(inner):
    gradients = [gradient(number) for number in range(12)]
    path, _ = run(optim.accumulate(inner, every=4), gradients)
    means = [
        {k: sum(g[k] for g in gradients[first : first + 4]) / 4 for k in W} for first in (0, 4, 8)
    ]
    expected, _ = run(inner, means)
    for number in range(12):
        done = (number + 1) // 4
        same(path[number], expected[done - 1] if done else {k: v.numpy() for k, v in W.items()})


def test_accumulating_equals_training_with_the_large_batch():
    x = cr.random.normal(cr.random.key(3), (24, 3), dtype="float64")
    y = (x * x).sum(axis=1, keepdims=True)

    def trained(optimizer, batch_size, compile):
        model = cr.nn.Sequential(
            cr.nn.Linear(3, 4, key=cr.random.key(0), dtype="float64"),
            cr.nn.Tanh(),
            cr.nn.Linear(4, 1, key=cr.random.key(1), dtype="float64"),
        )
        step = cr.train.make_step(model, cr.nn.mse, optimizer)
        step = cr.compile(step) if compile else step
        params = {path: p.detach() for path, p in model.parameters().items()}
        state = optimizer.init(params)
        for _ in range(5):
            for first in range(0, 24, batch_size):
                rows = slice(first, first + batch_size)
                done = step(params, state, x[rows], y[rows])
                params, state = done.parameters, done.state
        return {path: p.numpy() for path, p in params.items()}

    inner = optim.adam(optim.step_decay(0.1, every=4))
    large = trained(inner, 12, False)
    same(trained(optim.accumulate(inner, every=3), 4, False), large, rtol=1e-11)
    same(trained(optim.accumulate(inner, every=3), 4, True), large, rtol=1e-11)


def test_float16_gradients_are_summed_in_float32():
    params = {"w": cr.tensor([1.0], dtype="float16")}
    large = {"w": cr.tensor([40000.0], dtype="float16")}
    optimizer = optim.accumulate(optim.sgd(1e-4), every=4)
    path, _ = run(optimizer, [large] * 4, params)
    np.testing.assert_allclose(path[-1]["w"], [-3.0], rtol=1e-3)
    assert path[-1]["w"].dtype == np.float16


# -- bad gradients ---------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("compiled", [False, True])
def test_bad_gradients_are_skipped_and_counted(bad, compiled):
    inner = optim.adam(optim.step_decay(0.1, every=2))
    good = [gradient(number) for number in range(6)]
    spoiled = {"w": gradient(1)["w"], "b": cr.tensor(bad)}
    optimizer = optim.skip_non_finite(inner, max_consecutive=2)
    if compiled:
        optimizer = optim.Optimizer("compiled", optimizer.init, _compiled(optimizer))
    path, state = run(optimizer, [*good[:3], spoiled, spoiled, *good[3:], spoiled])
    expected, inner_state = run(inner, good)
    same(path[4], expected[2], rtol=1e-15)
    same(path[-1], expected[-1], rtol=1e-15)
    assert (state.skipped.item(), state.consecutive.item()) == (3, 1)
    assert state.inner[0].count.item() == inner_state[0].count.item() == 6


def _compiled(optimizer):
    update = cr.compile(lambda grads, state, params: optimizer.update(grads, state, params))
    return lambda grads, state, params, problem: update(grads, state, params)


def test_too_many_bad_gradients_in_a_row_go_through():
    bad = {"w": cr.tensor([float("nan")] * 3), "b": cr.tensor(0.0)}
    path, _ = run(optim.skip_non_finite(optim.sgd(0.1), max_consecutive=3), [bad] * 4)
    assert np.isfinite(path[2]["w"]).all()
    assert np.isnan(path[3]["w"]).all()


class Overflowing(cr.nn.Module):
    """w·x, whose derivative in w is x + z²."""

    w: cr.Tensor

    def __call__(self, inputs):
        x, z = inputs[:, :1], inputs[:, 1:]
        return self.w * x + (self.w - cr.stop_gradient(self.w)) * z * z


@pytest.mark.parametrize("compile", [False, True])
def test_fit_goes_on_after_a_gradient_that_is_skipped(compile):
    inputs = np.stack([np.linspace(1.0, 2.0, 8), np.zeros(8)], axis=1)
    inputs[3, 1] = 1e200

    def trained(optimizer):
        model = Overflowing(cr.tensor(np.ones(1), requires_grad=True))
        return cr.train.fit(
            model,
            cr.nn.mse,
            (inputs, 2 * inputs[:, :1]),
            optimizer=optimizer,
            epochs=9,
            batch_size=2,
            progress=False,
            compile=compile,
        )

    run = trained(optim.skip_non_finite(optim.sgd(0.05)))
    assert (run.ended, run.steps, run.state.skipped.item()) == ("finished", 36, 9)
    np.testing.assert_allclose(run.model.w.item(), 2.0, rtol=1e-2)
    with pytest.raises(cr.train.NonFiniteError, match="the gradient of w is not finite"):
        trained(optim.sgd(0.05))


# -- averages --------------------------------------------------------------------------------------


def torch_average(path, make):
    torch = pytest.importorskip("torch")
    module = torch.nn.Linear(1, 1, dtype=torch.float64)
    average = make(torch.optim.swa_utils, module)
    for values in path:
        with torch.no_grad():
            module.weight.fill_(float(values["w"][0]))
            module.bias.fill_(float(values["b"]))
        average.update_parameters(module)
    return average.module.weight.item(), average.module.bias.item()


AVERAGES = {
    "ema": (optim.ema(0.75), lambda lib: lib.get_ema_avg_fn(0.75)),
    "swa": (optim.swa(), lambda lib: lib.get_swa_avg_fn()),
}


@pytest.mark.parametrize("name", AVERAGES)
@pytest.mark.parametrize("place", ["first", "last"])
def test_averages_equal_pytorchs(name, place):
    piece, function = AVERAGES[name]
    scaled = optim.scale_by_schedule(optim.cosine_decay(1.0, 20))
    pieces = [piece, optim.adam(0.3)] if place == "first" else [optim.adam(0.3), piece]
    gradients = [gradient(number) for number in range(9)]
    path, state = run(optim.chain(*pieces, scaled), gradients)
    plain, _ = run(optim.chain(optim.adam(0.3), scaled), gradients)
    same(path[-1], plain[-1])
    found = optim.averaged(state, {key: cr.tensor(value) for key, value in path[-1].items()})
    theirs = torch_average(path, lambda lib, m: lib.AveragedModel(m, avg_fn=function(lib)))
    np.testing.assert_allclose([found["w"][0].item(), found["b"].item()], theirs, rtol=1e-14)


def test_the_swa_mean_begins_at_its_start_and_takes_every_third():
    gradients = [gradient(number) for number in range(11)]
    for count in range(1, 12):
        piece = optim.chain(optim.sgd(0.3), optim.swa(start=5, every=3))
        path, state = run(piece, gradients[:count])
        # after steps 1 … 5 only the last counts; 5 is the first of the mean, then 8 and 11
        own = [path[4], *path[7::3]] if count > 5 else [path[-1]]
        mean = {k: np.mean([values[k] for values in own], axis=0) for k in W}
        now = {key: cr.tensor(value) for key, value in path[-1].items()}
        same({k: v.numpy() for k, v in optim.averaged(state, now).items()}, mean, rtol=1e-14)


def test_averages_are_found_in_states_of_any_shape():
    inner = optim.partition({"w": optim.chain(optim.sgd(0.1), optim.ema()), "b": optim.sgd(0.2)})
    optimizer = optim.skip_non_finite(optim.lookahead(inner))
    path, state = run(optimizer, [gradient(1)])
    now = {key: cr.tensor(value) for key, value in path[-1].items()}
    same({k: v.numpy() for k, v in optim.averaged(state, now).items()}, {"w": path[-1]["w"]})
    with pytest.raises(ArgumentError, match="holds no averages"):
        optim.averaged(optim.adam().init(W), W)
    with pytest.raises(ArgumentError, match="holds 2 averages"):
        optim.averaged(optim.chain(optim.ema(), optim.swa()).init(W), W)
    with pytest.raises(TreeError, match="must belong to the same model"):
        optim.averaged(optim.ema().init(W), {"w": W["w"]})


def test_averages_of_float16_are_kept_in_float32_and_given_back_in_float16():
    params = {"w": cr.tensor([1.0], dtype="float16")}
    grads = {"w": cr.tensor([-1e-3], dtype="float16")}
    path, state = run(optim.chain(optim.sgd(1.0), optim.ema(0.99)), [grads] * 3, params)
    assert state[1].average["w"].dtype == np.float32
    found = optim.averaged(state, {"w": cr.tensor(path[-1]["w"])})
    assert found["w"].dtype == np.float16


def test_lookahead_is_the_algorithm_of_the_paper():
    gradients = [gradient(number) for number in range(13)]
    inner = optim.sgd(0.1, momentum=0.9)
    path, _ = run(optim.lookahead(inner, every=4, alpha=0.3), gradients)
    slow = {k: v.numpy() for k, v in W.items()}
    params, state = W, inner.init(W)
    for number, grads in enumerate(gradients):
        updates, state = inner.update(grads, state, params)
        params = optim.apply_updates(params, updates)
        if number % 4 == 3:
            slow = {k: slow[k] + 0.3 * (params[k].numpy() - slow[k]) for k in W}
            params = {k: cr.tensor(v) for k, v in slow.items()}
        same(path[number], {k: v.numpy() for k, v in params.items()}, rtol=1e-13, atol=1e-14)


# -- noise -----------------------------------------------------------------------------------------


def test_noise_has_the_variance_of_the_paper_and_is_new_at_every_step_and_leaf():
    zero = {"a": cr.zeros((20_000,)), "b": cr.zeros((20_000,))}
    noise = optim.add_noise(0.3, gamma=0.55, key=cr.random.key(5))
    state, drawn = noise.init(zero), []
    for t in range(3):
        noisy, state = noise.update(zero, state, zero)
        drawn += [noisy["a"].numpy(), noisy["b"].numpy()]
        variance = 0.3 / (1 + t) ** 0.55
        # the standard error of a variance of n normal numbers is √(2/n), here 1 %
        np.testing.assert_allclose([d.var() for d in drawn[-2:]], variance, rtol=0.05)
    correlations = np.corrcoef(drawn) - np.eye(6)
    assert abs(correlations).max() < 0.04
    again, _ = noise.update(zero, noise.init(zero), zero)
    np.testing.assert_array_equal(again["a"].numpy(), drawn[0])


# -- sharpness -------------------------------------------------------------------------------------


def quartic():
    return optim.Problem(lambda p: p["w"] ** 4 * p["b"], lambda out: out.sum())


@pytest.mark.parametrize("adaptive", [False, True])
def test_sam_takes_the_gradient_at_the_point_of_the_paper(adaptive):
    problem, rho = quartic(), 0.3
    grads = cr.grad(problem)(W)
    g = np.concatenate([grads["w"].numpy(), [grads["b"].item()]])
    theta = np.concatenate([W["w"].numpy(), [W["b"].item()]])
    t = np.abs(theta) if adaptive else np.ones(4)
    there = theta + rho * t**2 * g / np.linalg.norm(t * g)
    steep = cr.grad(problem)({"w": cr.tensor(there[:3]), "b": cr.tensor(there[3])})
    path, _ = run(optim.sam(optim.sgd(0.5), rho, adaptive=adaptive), [grads], W, problem)
    same(path[0], {k: W[k].numpy() - 0.5 * steep[k].numpy() for k in W}, rtol=1e-14)


def test_adaptive_sam_does_not_depend_on_the_scale_of_parameters():
    """Kwon et al. 2021: a rescaling that leaves the function alone leaves the worst loss alone."""
    found = []
    for scale in (1.0, 8.0):
        problem = optim.Problem(lambda p: p["u"] * p["v"], lambda out: (out - 3.0).sum() ** 2)
        params = {"u": cr.tensor([1.0, 2.0]) * scale, "v": cr.tensor([0.5, -1.0]) / scale}
        seen = []
        spy = optim.Optimizer(
            "spy", lambda p: (), lambda g, s, p, problem: (seen.append(g) or g, s)
        )
        optim.sam(spy, 0.5, adaptive=True).update(cr.grad(problem)(params), (), params, problem)
        found.append({"u": seen[0]["u"].numpy() * scale, "v": seen[0]["v"].numpy() / scale})
    same(found[0], found[1], rtol=1e-12)


def test_sam_at_a_stationary_point_stays_there():
    problem = optim.Problem(lambda p: p["w"], lambda out: (out * out).sum())
    params = {"w": cr.tensor([0.0, 0.0])}
    for adaptive in (False, True):
        optimizer = optim.sam(optim.sgd(0.1), adaptive=adaptive)
        path, _ = run(optimizer, [params], params, problem)
        np.testing.assert_array_equal(path[0]["w"], [0.0, 0.0])


def test_sam_without_the_loss_says_so():
    optimizer = optim.sam(optim.sgd(0.1))
    with pytest.raises(GradientError, match="needs the loss as a function of the parameters"):
        optimizer.update(W, optimizer.init(W), W)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.accumulate(optim.sgd(0.1), every=0),
        lambda: optim.skip_non_finite(optim.sgd(0.1), max_consecutive=0),
        lambda: optim.ema(1.0),
        lambda: optim.swa(-1),
        lambda: optim.swa(every=0),
        lambda: optim.lookahead(optim.sgd(0.1), every=0),
        lambda: optim.lookahead(optim.sgd(0.1), alpha=0.0),
        lambda: optim.add_noise(-1.0),
        lambda: optim.sam(optim.sgd(0.1), rho=0.0),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(DomainError):
        make()
