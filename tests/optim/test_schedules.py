import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, GradientError

STEPS = 60


def torch_rates(make, base, steps=STEPS):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], base)
    schedule = make(torch.optim.lr_scheduler, optimizer)
    rates = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for _ in range(steps):
            rates.append(optimizer.param_groups[0]["lr"])
            optimizer.step()
            schedule.step()
    return np.array(rates)


def one_cycle(**options):
    return (
        optim.one_cycle(0.3, STEPS, **options),
        lambda lib, opt: lib.OneCycleLR(opt, 0.3, STEPS, cycle_momentum=False, **options),
    )


SAME_AS_TORCH = {
    "constant": (optim.constant(0.3), lambda lib, opt: lib.ConstantLR(opt, 1.0)),
    "step": (
        optim.step_decay(0.3, every=7, factor=0.5),
        lambda lib, opt: lib.StepLR(opt, 7, 0.5),
    ),
    "multi step": (
        optim.multi_step(0.3, milestones=[5, 20, 21], factor=0.3),
        lambda lib, opt: lib.MultiStepLR(opt, [5, 20, 21], 0.3),
    ),
    "exponential": (
        optim.exponential_decay(0.3, factor=0.9, steps=1),
        lambda lib, opt: lib.ExponentialLR(opt, 0.9),
    ),
    "polynomial": (
        optim.polynomial_decay(0.3, 40, power=1.7),
        lambda lib, opt: lib.PolynomialLR(opt, 40, 1.7),
    ),
    "linear": (optim.polynomial_decay(0.3, 40), lambda lib, opt: lib.PolynomialLR(opt, 40)),
    "cosine": (
        optim.cosine_decay(0.3, STEPS, end=0.01),
        lambda lib, opt: lib.CosineAnnealingLR(opt, STEPS, 0.01),
    ),
    "restarts": (
        optim.cosine_restarts(0.3, steps=7, end=0.01),
        lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 7, eta_min=0.01),
    ),
    "longer restarts": (
        optim.cosine_restarts(0.3, steps=4, multiple=3),
        lambda lib, opt: lib.CosineAnnealingWarmRestarts(opt, 4, 3),
    ),
    "warm-up": (
        optim.linear_warmup(10, then=0.3, start=0.25),
        lambda lib, opt: lib.LinearLR(opt, 0.25, 1.0, 10),
    ),
    "warm-up and cosine": (
        optim.linear_warmup(10, then=optim.cosine_decay(0.3), start=0.25).over(STEPS),
        lambda lib, opt: lib.SequentialLR(
            opt,
            [lib.LinearLR(opt, 0.25, 1.0, 10), lib.CosineAnnealingLR(opt, STEPS - 10)],
            [10],
        ),
    ),
    "joined": (
        optim.join([optim.step_decay(0.3, every=3), optim.cosine_decay(0.3)], [20]).over(STEPS),
        lambda lib, opt: lib.SequentialLR(
            opt, [lib.StepLR(opt, 3), lib.CosineAnnealingLR(opt, STEPS - 20)], [20]
        ),
    ),
    "one cycle": one_cycle(),
    "one cycle, linear": one_cycle(anneal_strategy="linear", pct_start=0.41, div_factor=7.0),
    "one cycle, three phases": one_cycle(three_phase=True, pct_start=0.33, final_div_factor=50.0),
    "one cycle, three linear phases": one_cycle(three_phase=True, anneal_strategy="linear"),
    "one cycle that only falls": one_cycle(pct_start=0.0),
}


@pytest.mark.parametrize("name", SAME_AS_TORCH)
def test_the_whole_course_equals_pytorchs(name):
    schedule, make = SAME_AS_TORCH[name]
    theirs = torch_rates(make, 0.3)
    ours = [schedule(step) for step in range(STEPS)]
    # theirs multiply from step to step, so that near 0 they only know 0.3's last bits
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=0.3e-12)


@pytest.mark.parametrize("name", SAME_AS_TORCH)
def test_compiled_schedules_give_the_same_rates(name):
    schedule, _ = SAME_AS_TORCH[name]
    compiled = cr.compile(lambda step: cr.asarray(schedule(step), dtype="float64"))
    for step in (0, 1, 6, 7, 10, 19, 20, 21, 40, STEPS - 1):
        np.testing.assert_allclose(
            compiled(cr.tensor(step)).item(), schedule(step), rtol=1e-12, atol=1e-15
        )


def test_restarts_hit_every_boundary_exactly():
    schedule = optim.cosine_restarts(1.0, steps=3, multiple=7)
    start, period = 0, 3
    for _ in range(12):
        assert schedule(start) == 1.0
        assert start == 0 or schedule(start - 1) < 0.26
        start, period = start + period, period * 7


def test_inverse_square_root_is_that_of_attention_is_all_you_need():
    width, warmup = 512, 40
    schedule = optim.inverse_sqrt((width * warmup) ** -0.5, warmup=warmup)
    for number in (1, 7, 40, 41, 1000):
        expected = width**-0.5 * min(number**-0.5, number * warmup**-1.5)
        np.testing.assert_allclose(schedule(number - 1), expected, rtol=1e-14)


OPEN = {
    "cosine": (optim.cosine_decay(end=0.1), 0.1),
    "polynomial": (optim.polynomial_decay(power=3.0, end=0.2), 0.2),
    "exponential": (optim.exponential_decay(factor=1e-3), 1e-3),
    "warm-up": (optim.linear_warmup(5, then=optim.cosine_decay(end=0.1)), 0.1),
    "nested": (
        optim.join([0.5, optim.linear_warmup(3, then=optim.polynomial_decay(end=0.1))], [4]),
        0.1,
    ),
}


@pytest.mark.parametrize("name", OPEN)
def test_what_has_no_length_takes_the_whole_training(name):
    schedule, end = OPEN[name]
    with pytest.raises(DomainError, match=r"its \.over\(steps\)"):
        schedule(0)
    for total in (20, 300):
        fitted = schedule.over(total)
        assert fitted.over(7) is fitted
        np.testing.assert_allclose(fitted(total), end, rtol=1e-14)
        if name != "exponential":  # which goes on falling
            assert fitted(total + 9) == fitted(total)
        assert fitted(total - 1) > end


def test_one_cycle_over_a_training_ends_at_its_last_step():
    schedule = optim.one_cycle(div_factor=10.0, final_div_factor=100.0).over(50)
    np.testing.assert_allclose([schedule(0), schedule(14), schedule(49)], [0.1, 1.0, 1e-3])
    assert schedule(60) == schedule(49)
    assert optim.one_cycle(1.0, 1)(0) > 0


def test_a_part_without_a_length_takes_the_steps_up_to_the_boundary():
    joined = optim.join([optim.cosine_decay(1.0), 0.1], boundaries=[30])
    np.testing.assert_allclose(
        [joined(15), joined(29), joined(30)], [0.5, 0.0027390523158633, 0.1], rtol=1e-12
    )


def test_a_warm_up_longer_than_the_training_says_so():
    with pytest.raises(DomainError, match="the first 10 steps leave nothing of a training of 10"):
        optim.linear_warmup(10, then=optim.cosine_decay()).over(10)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.constant(-1.0),
        lambda: optim.constant(float("nan")),
        lambda: optim.step_decay(1.0, every=0),
        lambda: optim.step_decay(1.0, every=2.5),
        lambda: optim.multi_step(1.0, milestones=[3, 3]),
        lambda: optim.exponential_decay(factor=0.0),
        lambda: optim.polynomial_decay(1.0, 10, power=-1.0),
        lambda: optim.cosine_decay(1.0, 0),
        lambda: optim.cosine_restarts(1.0, steps=5, multiple=0),
        lambda: optim.inverse_sqrt(1.0, warmup=0),
        lambda: optim.one_cycle(pct_start=1.5),
        lambda: optim.one_cycle(pct_start=0.6, three_phase=True),
        lambda: optim.linear_warmup(-1),
        lambda: optim.join([0.1, 0.2, 0.3], [10, 5]),
        lambda: optim.cosine_decay().over(0),
        lambda: optim.reduce_on_plateau(factor=1.0),
        lambda: optim.reduce_on_plateau(patience=-1),
        lambda: optim.scale_by_factor(float("inf")),
    ],
)
def test_values_out_of_range_are_refused(make):
    with pytest.raises(DomainError):
        make()


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.join([0.1, 0.2], []),
        lambda: optim.one_cycle(anneal_strategy="square"),
        lambda: optim.reduce_on_plateau(mode="lowest"),
        lambda: optim.reduce_on_plateau(threshold_mode="relative"),
        lambda: optim.scale_by_schedule(0.1),
    ],
)
def test_other_arguments_are_refused(make):
    with pytest.raises(ArgumentError):
        make()


def test_a_schedule_as_a_factor_equals_it_as_a_rate():
    schedule = optim.cosine_decay(1.0, 10)
    params = {"x": cr.tensor([1.0, 2.0], dtype="float32")}
    as_rate = optim.adam(optim.cosine_decay(0.25, 10))
    as_factor = optim.chain(optim.adam(0.25), optim.scale_by_schedule(schedule))
    states = [as_rate.init(params), as_factor.init(params)]
    for number in range(10):
        gradient = {"x": cr.tensor([1.0, -number], dtype="float32")}
        (a, states[0]), (b, states[1]) = (
            optimizer.update(gradient, state, params)
            for optimizer, state in zip((as_rate, as_factor), states, strict=True)
        )
        assert b["x"].dtype == np.float32
        np.testing.assert_allclose(b["x"].numpy(), a["x"].numpy(), rtol=1e-6)


LOSSES = np.concatenate(
    [
        np.linspace(3.0, 1.0, 12),
        1.0 + 0.01 * np.sin(np.arange(40)),
        np.linspace(1.0, 0.2, 9),
        0.2 + 0.001 * np.cos(np.arange(60)),
    ]
)
PLATEAUS = [
    {},
    {"factor": 0.5, "patience": 3},
    {"factor": 0.5, "patience": 2, "cooldown": 5},
    {"factor": 0.5, "patience": 0, "threshold": 0.01, "threshold_mode": "abs"},
    {"factor": 0.5, "patience": 2, "mode": "max"},
    {"factor": 0.3, "patience": 1, "mode": "max", "threshold_mode": "abs", "threshold": 0.1},
    {"factor": 0.5, "patience": 1, "eps": 0.05},
]


def scales(piece, losses):
    state = piece.init(None)
    found = []
    for loss in losses:
        problem = optim.Problem(lambda p: p, lambda p: p, cr.tensor(loss))
        updates, state = piece.update([cr.tensor(1.0)], state, None, problem)
        found.append(updates[0].item())
    return found


@pytest.mark.parametrize("options", PLATEAUS)
@pytest.mark.parametrize("least", [0.0, 0.2])
def test_reducing_on_a_plateau_equals_pytorchs(options, least):
    torch = pytest.importorskip("torch")
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], 1.0)
    schedule = torch.optim.lr_scheduler.ReduceLROnPlateau(optimizer, min_lr=least, **options)
    theirs = []
    for loss in LOSSES:
        schedule.step(loss)
        theirs.append(optimizer.param_groups[0]["lr"])
    ours = scales(optim.reduce_on_plateau(min_scale=least, **options), LOSSES)
    assert min(ours) < 1.0 or "eps" in options
    np.testing.assert_allclose(ours, theirs, rtol=1e-12)


def test_a_plateau_of_means_over_some_steps():
    pairs = np.stack([LOSSES - 0.5, LOSSES + 0.5], axis=1).ravel()
    single = scales(optim.reduce_on_plateau(patience=2, factor=0.5), LOSSES)
    paired = scales(optim.reduce_on_plateau(patience=2, factor=0.5, every=2), pairs)
    np.testing.assert_array_equal(paired[1::2], single)


def test_compiled_plateaus_reduce_at_the_same_steps():
    piece = optim.reduce_on_plateau(patience=2, factor=0.5, cooldown=3, every=2)

    def step(state, loss):
        problem = optim.Problem(lambda p: p, lambda p: p, loss)
        return piece.update([cr.tensor(1.0)], state, None, problem)

    compiled = cr.compile(step)
    state, found = piece.init(None), []
    for loss in LOSSES:
        updates, state = compiled(state, cr.tensor(loss))
        found.append(updates[0].item())
    np.testing.assert_array_equal(found, scales(piece, LOSSES))


def test_a_plateau_without_a_loss_says_so():
    piece = optim.reduce_on_plateau()
    with pytest.raises(GradientError, match="needs the loss"):
        piece.update([cr.tensor(1.0)], piece.init(None), None)


def test_a_callback_may_replace_the_factor():
    optimizer = optim.chain(optim.sgd(0.5), optim.scale_by_factor())
    params = {"x": cr.tensor([1.0], dtype="float32")}
    state = optimizer.init(params)
    compiled = cr.compile(lambda g, state: optimizer.update(g, state, params))
    updates, state = compiled(params, state)
    assert updates["x"].item() == -0.5
    state = (state[0], optim.FactorState(cr.tensor(0.5)))
    updates, state = compiled(params, state)
    assert updates["x"].item() == -0.25
    assert updates["x"].dtype == np.float32
