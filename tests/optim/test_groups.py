import numpy as np
import pytest

import chainrule as cr
from chainrule import optim
from chainrule.core.errors import ArgumentError, DomainError, TreeError


def parameters(**more):
    values = {"layers.0.weight": [[1.0, 2.0]], "layers.0.bias": [3.0], "bias": [4.0], **more}
    return {path: cr.tensor(value) for path, value in values.items()}


def updates_of(optimizer, params, grads=None, steps=1):
    state = optimizer.init(params)
    for _ in range(steps):
        updates, state = optimizer.update(params if grads is None else grads, state, params)
    return {path: np.asarray(update.numpy()) for path, update in updates.items()}


def test_the_first_pattern_that_matches_decides():
    optimizer = optim.partition(
        {"layers.0.bias": optim.sgd(1.0), "*.bias": optim.sgd(10.0), "*": optim.sgd(100.0)}
    )
    updates = updates_of(optimizer, parameters())
    assert updates["layers.0.bias"] == [-3.0]
    assert updates["bias"] == [-40.0]
    np.testing.assert_array_equal(updates["layers.0.weight"], [[-100.0, -200.0]])


def test_each_group_equals_its_optimizer_on_the_group_alone():
    makers = {"*.bias": lambda: optim.sgd(0.1, momentum=0.9), "*": lambda: optim.adamw(0.1)}
    params = parameters()
    together = updates_of(
        optim.partition({p: make() for p, make in makers.items()}), params, None, 3
    )
    for pattern, make in makers.items():
        own = {k: v for k, v in params.items() if k.endswith("bias") == (pattern == "*.bias")}
        for path, update in updates_of(make(), own, None, 3).items():
            np.testing.assert_array_equal(together[path], update)


def test_groups_of_nested_pytrees_and_of_one_tensor():
    params = [{"a": cr.tensor([1.0])}, (cr.tensor([2.0]), cr.tensor(3.0))]
    optimizer = optim.partition({"0.a": optim.sgd(1.0), "1.?": optim.freeze()})
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    assert [updates[0]["a"].item(), updates[1][0].item(), updates[1][1].item()] == [-1.0, 0.0, 0.0]
    whole = optim.partition({"*": optim.sgd(1.0)})
    assert whole.update(params[0]["a"], whole.init(params[0]["a"]), params[0]["a"])[0].item() == -1


def test_a_group_sees_the_loss_as_a_function_of_its_own_parameters():
    params = parameters()
    seen = []

    def look(grads, state, own, problem):
        seen.append(cr.grad(problem)(own))
        return grads, state

    spy = optim.Optimizer("spy", lambda params: (), look)
    optimizer = optim.partition({"*.bias": spy, "*": optim.sgd(1.0)})
    problem = optim.Problem(
        lambda p: p["bias"] * p["layers.0.weight"].sum() * p["layers.0.bias"], cr.sum
    )
    grads = cr.grad(problem)(params)
    optimizer.update(grads, optimizer.init(params), params, problem)
    assert seen[0].keys() == {"bias", "layers.0.bias"}
    assert {k: v.item() for k, v in seen[0].items()} == {"bias": 9.0, "layers.0.bias": 12.0}


def test_parameters_and_patterns_without_a_counterpart_are_named():
    params = parameters()
    with pytest.raises(TreeError, match=r"no pattern of .* matches layers\.0\.weight; put"):
        optim.partition({"*.bias": optim.sgd(0.1)}).init(params)
    with pytest.raises(TreeError, match=r"\['\*\.scale'\] is the first match of no parameter"):
        optim.partition({"*.scale": optim.sgd(0.1), "*": optim.sgd(0.1)}).init(params)
    with pytest.raises(TreeError, match=r"freeze: 'layer\.0\.\*' chooses no parameter; they are"):
        optim.freeze("layer.0.*").init(params)


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.partition([optim.sgd(0.1)]),
        lambda: optim.partition({}),
        lambda: optim.partition({"*": "adam"}),
        lambda: optim.masked(optim.sgd(0.1), 3),
        lambda: optim.freeze([]),
        lambda: optim.add_decayed_weights(0.1, mask={"weight": True}),
    ],
)
def test_what_is_no_group_is_refused(make):
    with pytest.raises(ArgumentError):
        make()


@pytest.mark.parametrize(
    "mask",
    [
        "*.weight",
        ["layers.?.weight"],
        lambda path, tensor: tensor.ndim == 2,
        lambda path, tensor: path.endswith("weight"),
    ],
)
def test_masks_choose_what_decays(mask):
    params = parameters()
    zero = {path: cr.zeros_like(value) for path, value in params.items()}
    updates = updates_of(optim.add_decayed_weights(0.5, mask), params, zero)
    np.testing.assert_array_equal(updates["layers.0.weight"], [[0.5, 1.0]])
    assert updates["bias"] == updates["layers.0.bias"] == [0.0]


def test_masked_pieces_leave_the_others_alone():
    updates = updates_of(optim.masked(optim.clip_by_value(1.0), ["*.weight", "bias"]), parameters())
    np.testing.assert_array_equal(updates["layers.0.weight"], [[1.0, 1.0]])
    assert (updates["bias"], updates["layers.0.bias"]) == ([1.0], [3.0])


def test_frozen_layers_keep_their_values_to_the_bit_in_training():
    model = cr.nn.Sequential(
        cr.nn.Linear(2, 3, key=cr.random.key(0)), cr.nn.Linear(3, 1, key=cr.random.key(1))
    )
    before = {path: value.numpy().copy() for path, value in model.parameters().items()}
    optimizer = optim.chain(optim.adamw(0.1, weight_decay=0.5), optim.freeze("layers.0.*"))
    x = cr.random.normal(cr.random.key(2), (8, 2), dtype="float32")
    cr.train.fit(model, cr.nn.mse, (x, x[:, :1]), optimizer=optimizer, epochs=3, progress=False)
    for path, value in model.parameters().items():
        assert (value.numpy() == before[path]).all() == path.startswith("layers.0")


# -- clipping --------------------------------------------------------------------------------------

CLIPS = {
    "value": optim.clip_by_value(2.5),
    "norm": optim.clip_by_norm(2.5),
    "global norm": optim.clip_by_global_norm(2.5),
    "agc": optim.adaptive_grad_clip(0.5),
}


def test_clipping_equals_pytorchs():
    torch = pytest.importorskip("torch")
    params = parameters()
    theirs = [
        torch.zeros(p.shape, dtype=torch.float64, requires_grad=True) for p in params.values()
    ]

    def fill():
        for mine, tensor in zip(params.values(), theirs, strict=True):
            tensor.grad = torch.tensor(mine.numpy())

    fill()
    torch.nn.utils.clip_grad_value_(theirs, 2.5)
    clipped = updates_of(optim.clip_by_value(2.5), params)
    for path, tensor in zip(params, theirs, strict=True):
        np.testing.assert_array_equal(clipped[path], tensor.grad.numpy())
    fill()
    torch.nn.utils.clip_grad_norm_(theirs, 2.5)
    clipped = updates_of(optim.clip_by_global_norm(2.5), params)
    for path, tensor in zip(params, theirs, strict=True):  # they divide by the norm plus 1e-6
        np.testing.assert_allclose(clipped[path], tensor.grad.numpy(), rtol=1e-6)


def test_clipping_by_norm_takes_each_tensor_alone():
    updates = updates_of(optim.clip_by_norm(2.0), parameters(small=[0.5], none=[0.0, 0.0]))
    np.testing.assert_allclose(
        updates["layers.0.weight"], np.array([[1, 2]]) * 2 / 5**0.5, rtol=1e-15
    )
    assert (updates["bias"], updates["small"]) == ([2.0], [0.5])
    assert (updates["none"] == 0).all()


def test_adaptive_clipping_takes_units_by_the_norm_of_their_weights():
    rng = np.random.default_rng(0)
    shapes = {"conv": (4, 3, 2, 2), "dense": (4, 6), "bias": (5,), "number": ()}
    w = {path: rng.standard_normal(shape) for path, shape in shapes.items()}
    w["conv"][1] = 0.0
    g = {
        path: rng.standard_normal(shape) * 10 ** rng.uniform(-3, 1)
        for path, shape in shapes.items()
    }
    g["dense"][2] = 0.0
    clip = optim.adaptive_grad_clip(0.05, eps=1e-2)
    params, grads = ({k: cr.tensor(v) for k, v in tree.items()} for tree in (w, g))
    found = updates_of(clip, params, grads)
    for path in shapes:
        units = range(4) if path in ("conv", "dense") else [...]
        for unit in units:
            own, norm = g[path][unit], np.linalg.norm(g[path][unit])
            longest = 0.05 * max(np.linalg.norm(w[path][unit]), 1e-2)
            expected = own * longest / norm if norm > longest else own
            np.testing.assert_allclose(found[path][unit], expected, rtol=1e-14)


@pytest.mark.parametrize("name", CLIPS)
class TestEveryClip:
    def test_small_gradients_stay_to_the_bit(self, name):
        params = parameters()
        small = {path: 1e-3 * value for path, value in params.items()}
        for path, update in updates_of(CLIPS[name], params, small).items():
            np.testing.assert_array_equal(update, small[path].numpy())

    def test_clipping_twice_is_clipping_once(self, name):
        params = parameters()
        once = updates_of(CLIPS[name], params, {k: 50 * v for k, v in params.items()})
        twice = updates_of(CLIPS[name], params, {k: cr.tensor(v) for k, v in once.items()})
        for path, update in twice.items():
            np.testing.assert_allclose(update, once[path], rtol=1e-15)

    def test_a_nan_is_not_hidden(self, name):
        params = parameters()
        grads = {**params, "bias": cr.tensor([float("nan")])}
        assert np.isnan(updates_of(CLIPS[name], params, grads)["bias"]).all()


@pytest.mark.parametrize(
    "make",
    [
        lambda: optim.clip_by_value(0.0),
        lambda: optim.clip_by_norm(-1.0),
        lambda: optim.clip_by_global_norm(float("nan")),
        lambda: optim.adaptive_grad_clip(0.0),
        lambda: optim.adaptive_grad_clip(0.1, eps=0.0),
    ],
)
def test_bounds_that_are_not_above_zero_are_refused(make):
    with pytest.raises(DomainError):
        make()
