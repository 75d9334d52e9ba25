"""Trajectories over 200 steps in float64, beside PyTorch's and beside the papers' formulas."""

import itertools

import numpy as np
import pytest

import chainrule as cr
from chainrule import optim

STEPS = 200
RNG = np.random.default_rng(7)
X, Y = RNG.standard_normal((10, 3)), RNG.standard_normal((10, 4))
START = {
    "bias": RNG.standard_normal(4),
    "kernel": RNG.standard_normal((2, 3, 4)) / 3,
    "scale": np.array(1.5),
    "weight": RNG.standard_normal((3, 4)),
}


def gradient(p, t):
    """Of the mean of ½·(s·tanh(X·W + b) − Y)² over the examples of step t, and Σ sin(2k + t) / 10:
    not convex. By hand, so that both libraries are given the same bits; and never near 0, where
    methods that divide by the size of a gradient make rounding errors as large as steps."""
    x, y = X[t % 7 :: 3], Y[t % 7 :: 3]
    z = np.tanh(x @ p["weight"] + p["bias"])
    error = (p["scale"] * z - y) / len(x)
    inner = error * p["scale"] * (1 - z * z)
    return {
        "bias": inner.sum(axis=0),
        "kernel": 0.2 * np.cos(2 * p["kernel"] + t),
        "scale": np.array((error * z).sum()),
        "weight": x.T @ inner,
    }


def ours(optimizer, names=tuple(START), steps=STEPS):
    params = {name: cr.tensor(START[name]) for name in names}
    state, path = optimizer.init(params), []
    for t in range(1, steps + 1):
        values = START | {name: value.numpy() for name, value in params.items()}
        grads = {name: cr.tensor(gradient(values, t)[name]) for name in names}
        updates, state = optimizer.update(grads, state, params)
        params = optim.apply_updates(params, updates)
        path.append({name: value.numpy() for name, value in params.items()})
    return path


def theirs(make, names=tuple(START), steps=STEPS):
    torch = pytest.importorskip("torch")
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)  # also of what an optimizer keeps in a scalar
    try:
        params = {name: torch.tensor(START[name], requires_grad=True) for name in names}
        optimizer, path = make(torch.optim, list(params.values())), []
        for t in range(1, steps + 1):
            values = START | {name: p.detach().numpy() for name, p in params.items()}
            for name, grad in gradient(values, t).items():
                if name in params:
                    params[name].grad = torch.tensor(grad)
            optimizer.step()
            path.append({name: p.detach().numpy().copy() for name, p in params.items()})
    finally:
        torch.set_default_dtype(before)
    return path


def compare(found, expected, rtol=1e-12):
    for number, (a, b) in enumerate(zip(found, expected, strict=True)):
        for name in a:
            # an element that passes through 0 is known to the last bit of what it was
            np.testing.assert_allclose(
                a[name], b[name], rtol, rtol * abs(b[name]).max(), err_msg=f"{name}, step {number}"
            )


def options(**values):
    """Every combination of the options, each either left out or with one of its values."""
    choices = [[{}, *({name: value} for value in given)] for name, given in values.items()]
    for row in itertools.product(*choices):
        yield {name: value for part in row for name, value in part.items()}


DECAY, CLIMB = {"weight_decay": [0.05]}, {"maximize": [True]}
CASES = {
    "SGD": [
        {"lr": 1e-3 if "maximize" in case else 0.02, **case}
        for case in options(momentum=[0.9], dampening=[0.3], nesterov=[True], **DECAY, **CLIMB)
        if not (case.get("nesterov") and ("momentum" not in case or "dampening" in case))
    ],
    "Adagrad": list(
        options(lr_decay=[0.01], initial_accumulator_value=[0.1], eps=[1e-3], **DECAY, **CLIMB)
    ),
    "Adadelta": [{"lr": 0.3, **case} for case in options(rho=[0.7], eps=[1e-3], **DECAY, **CLIMB)],
    "RMSprop": list(
        options(momentum=[0.5], alpha=[0.9], centered=[True], eps=[1e-3], **DECAY, **CLIMB)
    ),
    "Adam": [
        *options(b1=[0.7], eps=[1e-3], amsgrad=[True], decoupled_weight_decay=[True], **DECAY),
        {"b2": 0.95, "maximize": True},
        {"lr": 0.02, "maximize": True, "weight_decay": 0.1},
    ],
    "AdamW": list(options(b1=[0.7], b2=[0.95], amsgrad=[True], weight_decay=[0.3], **CLIMB)),
    "NAdam": [
        *options(b2=[0.95], momentum_decay=[0.1], decoupled_weight_decay=[True], **DECAY, **CLIMB),
        {"b1": 0.7, "eps": 1e-3},
    ],
    "RAdam": [
        *options(b2=[0.95], eps=[1e-3], decoupled_weight_decay=[True], **DECAY, **CLIMB),
        {"b1": 0.7, "lr": 0.02},
    ],
    "Adafactor": list(
        options(lr=[0.02], beta2_decay=[-0.5], eps=[(1e-3, 0.1)], d=[2.0], **DECAY, **CLIMB)
    ),
}


def rows():
    """One row for each case; quick are those without options, and with as many as go together."""
    for name, cases in CASES.items():
        most = max(map(len, cases))
        for case in cases:
            quick = len(case) in (0, most) or case.keys() == {"lr"}
            marks = () if quick else pytest.mark.slow
            yield pytest.param(name, case, id=f"{name}-{case}", marks=marks)


def in_torch(case):
    """The options under PyTorch's names."""
    case = dict(case)
    if "b1" in case or "b2" in case:
        case["betas"] = (case.pop("b1", 0.9), case.pop("b2", 0.999))
    return case


@pytest.mark.parametrize(("name", "case"), list(rows()))
def test_equals_pytorchs_with_every_option(name, case):
    case = dict(case)
    rate = {"learning_rate": case.pop("lr")} if "lr" in case else {}
    found = ours(getattr(optim, name.lower())(**rate, **case))
    torch_case = in_torch(case) | ({"lr": rate["learning_rate"]} if rate else {})
    compare(found, theirs(lambda lib, params: getattr(lib, name)(params, **torch_case)))


MUON = [
    *options(
        momentum=[0.5],
        nesterov=[False],
        weight_decay=[0.0],
        adjust_lr_fn=["match_rms_adamw"],
        ns_steps=[3],
    ),
    {"ns_coefficients": (1.875, -1.25, 0.375), "eps": 0.1},
]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=str(case), marks=() if len(case) in (0, 5) else pytest.mark.slow)
        for case in MUON
    ],
)
def test_muon_equals_pytorchs_in_float64(case, monkeypatch):
    torch = pytest.importorskip("torch")
    # PyTorch's iteration runs in bfloat16, of 3 digits; kept in float64 it can be compared
    monkeypatch.setattr(torch.Tensor, "bfloat16", torch.Tensor.clone)
    found = ours(optim.muon(0.02, **case), ("weight",))
    compare(found, theirs(lambda lib, p: lib.Muon(p, 0.02, **case), ("weight",)), rtol=1e-11)


def test_muon_equals_pytorchs_to_the_digits_of_bfloat16():
    found = ours(optim.muon(0.02), ("weight",), 20)
    compare(found, theirs(lambda lib, p: lib.Muon(p, 0.02), ("weight",), 20), rtol=0.01)


# -- beside the formulas of the papers -------------------------------------------------------------


def by_hand(rule, steps=STEPS):
    """The trajectory of ``rule(step, θ, g, memory) -> θ`` for each tensor, in NumPy."""
    values, memory, path = dict(START), {name: {} for name in START}, []
    for t in range(1, steps + 1):
        grads = gradient(values, t)
        values = {name: rule(t, values[name], grads[name], memory[name]) for name in START}
        path.append(values)
    return path


def lion(t, x, g, memory):
    m = memory.get("m", 0.0)
    memory["m"] = 0.99 * m + 0.01 * g
    return x - 3e-3 * (np.sign(0.9 * m + 0.1 * g) + 0.1 * x)


def lamb(t, x, g, memory):
    m = memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
    v = memory["v"] = 0.99 * memory.get("v", 0.0) + 0.01 * g * g
    r = m / (1 - 0.9**t) / (np.sqrt(v / (1 - 0.99**t)) + 1e-6)
    u = r + 0.1 * x
    return x - 0.01 * np.linalg.norm(x) / np.linalg.norm(u) * u


def lars(t, x, g, memory):
    norm, slope = np.linalg.norm(x), np.linalg.norm(g)
    local = 0.02 * norm / (slope + 0.1 * norm)
    memory["v"] = 0.9 * memory.get("v", 0.0) + 0.5 * local * (g + 0.1 * x)
    return x - memory["v"]


def amsgrad_of_the_paper(t, x, g, memory):
    m = memory["m"] = 0.9 * memory.get("m", 0.0) + 0.1 * g
    v = memory["v"] = 0.999 * memory.get("v", 0.0) + 0.001 * g * g
    top = memory["top"] = np.maximum(memory.get("top", 0.0), v)
    return x - 1e-3 * m / (1 - 0.9**t) / (np.sqrt(top) / np.sqrt(1 - 0.999**t) + 1e-8)


@pytest.mark.parametrize(
    ("rule", "optimizer"),
    [
        (lion, optim.lion(3e-3, weight_decay=0.1)),
        (lamb, optim.lamb(0.01, b2=0.99, weight_decay=0.1)),
        (lars, optim.lars(0.5, trust_coefficient=0.02, weight_decay=0.1)),
        (amsgrad_of_the_paper, optim.adam(amsgrad=True)),
    ],
)
def test_equals_the_formula_of_the_paper(rule, optimizer):
    compare(ours(optimizer), by_hand(rule))


def test_a_bias_of_zero_is_moved_by_layerwise_methods():
    params = {"bias": cr.zeros((3,))}
    grads = {"bias": cr.tensor([1.0, -2.0, 0.0])}
    for optimizer, expected in (
        (optim.lamb(0.1, eps=1e-9), [-0.1, 0.1, 0.0]),
        (optim.lars(0.1), [-0.1, 0.2, 0.0]),
    ):
        updates, _ = optimizer.update(grads, optimizer.init(params), params)
        np.testing.assert_allclose(updates["bias"].numpy(), expected, rtol=1e-6, atol=1e-15)


def test_adafactor_keeps_rows_and_columns_and_is_exact_for_matrices_of_rank_one():
    g = np.outer([1.0, 2.0, 3.0], [1.0, 10.0])
    w = cr.tensor(np.ones((3, 2)))
    optimizer = optim.adafactor(0.1)
    updates, state = optimizer.update(cr.tensor(g), optimizer.init(w), w)
    # g² has rank one, so that v is g² itself and the update the sign
    np.testing.assert_allclose(updates.numpy(), -0.1 * np.sign(g), rtol=1e-12)
    assert (state.second.rows.shape, state.second.columns.shape) == ((3, 1), (1, 2))


# -- orthogonal matrices ---------------------------------------------------------------------------


def test_singular_values_come_near_one_in_five_steps():
    u, v = (np.linalg.qr(np.random.default_rng(8).standard_normal((n, n)))[0] for n in (8, 6))
    s = np.array([1.0, 0.7, 0.4, 0.2, 0.1, 0.05])
    matrix = u[:, :6] @ np.diag(s) @ v.T
    for x in (matrix, matrix.T):
        found = np.linalg.svd(optim.orthogonalized(cr.tensor(x)).numpy(), compute_uv=False)
        assert (found > 0.65).all()
        assert (found < 1.25).all()
        exact = optim.orthogonalized(cr.tensor(x), 30, coefficients=(1.875, -1.25, 0.375)).numpy()
        polar = u[:, :6] @ v.T if x is matrix else v @ u[:, :6].T
        np.testing.assert_allclose(exact, polar, atol=1e-12)


def test_kernels_count_as_matrices_of_their_first_axis():
    kernel = np.random.default_rng(8).standard_normal((3, 2, 4))
    flat = kernel.reshape(3, 8)
    found = [
        optim.muon(1.0).update(cr.tensor(g), optim.muon(1.0).init(cr.tensor(g)), cr.tensor(g))[0]
        for g in (kernel, flat)
    ]
    np.testing.assert_array_equal(found[0].numpy().reshape(3, 8), found[1].numpy())
