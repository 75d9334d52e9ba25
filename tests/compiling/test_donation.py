"""Donated arguments: what is overwritten, what is not, and what a step returns in their place."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.node import array
from tests.compiling.steps import (
    adam_step,
    close,
    mlp,
    mlp_data,
    mlp_loss,
    random,
    same_bits,
    values,
)


def double(x):
    return 2 * x + 1


def address(tensor):
    return tensor.node.value.ctypes.data


def test_a_result_takes_over_the_memory():
    f = cr.compile(double, donate=0)
    x = f(cr.tensor(random(100)))
    for _ in range(4):
        before, wanted = address(x), double(cr.tensor(x.numpy().copy()))
        y = f(x)
        same_bits(y, wanted)
        assert address(y) == before
        x = y


def test_a_step_returns_the_same_objects():
    optimizer, step = adam_step(mlp_loss)
    compiled = cr.compile(step, donate=(0, 1))
    x, labels = mlp_data()
    wanted, wanted_state = mlp(), optimizer.init(mlp())
    model, state = mlp(), optimizer.init(mlp())
    model, state, _ = compiled(model, state, x, labels)
    places = [id(model), id(state), *map(address, model.parameters().values())]
    wanted, wanted_state, _ = step(wanted, wanted_state, x, labels)
    for _ in range(3):
        model, state, loss = compiled(model, state, x, labels)
        wanted, wanted_state, wanted_loss = step(wanted, wanted_state, x, labels)
        assert [id(model), id(state), *map(address, model.parameters().values())] == places
        close((model, state, loss), (wanted, wanted_state, wanted_loss))
    assert all(p.requires_grad for p in model.parameters().values())


def test_fresh_optimizer_states_may_share_arrays():
    optimizer, step = adam_step(mlp_loss)
    model = mlp()
    state = optimizer.init(model)
    shared = np.zeros(3, np.float32)

    def both(a, b, c):
        return a + 1, b + 2, c

    found = cr.compile(both, donate=(0, 1))(shared, shared, shared)
    close(found, (cr.tensor(shared * 0 + 1), cr.tensor(shared * 0 + 2), cr.tensor(shared * 0)), 0)
    compiled = cr.compile(step, donate=(0, 1))
    x, labels = mlp_data()
    wanted = step(mlp(), optimizer.init(mlp()), x, labels)
    close(compiled(model, state, x, labels), wanted)


def test_donated_and_passed_once_more():
    f = cr.compile(lambda x, y: (x + 1, x * y), donate=0)
    x = cr.tensor(random(20))
    wanted = x.numpy() + 1, x.numpy() * x.numpy()
    for found, value in zip(f(x, x), wanted, strict=True):
        np.testing.assert_array_equal(found.numpy(), value)
    base = random(30)
    wanted = base[:20] + 1, base[:20] * base[10:]
    for found, value in zip(f(base[:20], base[10:]), wanted, strict=True):
        np.testing.assert_array_equal(found.numpy(), value)


def test_donated_twice():
    f = cr.compile(lambda x, y: (x + 1, y + 2), donate=(0, 1))
    x = cr.tensor(random(5))
    before = x.numpy().copy()
    first, second = f(x, x)
    np.testing.assert_array_equal(first.numpy(), before + 1)
    np.testing.assert_array_equal(second.numpy(), before + 2)


def test_what_a_user_cannot_write_is_not_changed():
    f = cr.compile(double, donate=0)
    x = random(7)
    x.flags.writeable = False
    before = x.copy()
    for _ in range(3):
        np.testing.assert_array_equal(f(x).numpy(), 2 * before + 1)
        np.testing.assert_array_equal(x, before)
    tensor = cr.tensor(before)
    view = tensor.numpy()
    for _ in range(2):
        f(cr.tensor(before))
    np.testing.assert_array_equal(view, before)


def test_arrays_that_do_not_lie_in_a_row():
    f = cr.compile(double, donate=0)
    wide = random(4, 6)
    wanted = 2 * wide[:, ::2] + 1
    for _ in range(2):
        np.testing.assert_array_equal(f(wide[:, ::2].copy(order="F")).numpy(), wanted)
    np.testing.assert_array_equal(f(wide[:, ::2]).numpy(), wanted)


def test_every_element_is_read_before_it_is_overwritten():
    x = random(64, 64)
    cases = {
        "turned": lambda x: x.T,
        "flipped": lambda x: x[::-1, ::-1],
        "moved": lambda x: cr.roll(x, 1, axis=0),
        "product": lambda x: x @ x,
        "rows": lambda x: x - x.sum(axis=1, keepdims=True),
        "columns": lambda x: x - x.mean(axis=0),
        "all": lambda x: x / x.max(),
        "softmax": lambda x: cr.softmax(x),
        "running": lambda x: cr.cumsum(x, axis=0),
        "sorted": lambda x: cr.sort(x, axis=0),
        "looked up": lambda x: x[np.arange(64)[::-1].copy()],
        "unchanged": lambda x: x,
    }
    for name, f in cases.items():
        found = cr.compile(f, donate=0)(x.copy())
        close(found, f(cr.tensor(x)), 1e-4)
        again = cr.compile(lambda x, f=f: (f(x), x.sum(), x + 1), donate=0)(x.copy())
        close(again, (f(cr.tensor(x)), cr.tensor(x).sum(), cr.tensor(x) + 1), 1e-4), name


def test_exchanged_arguments():
    a, b = random(33), random(33, seed=1)
    found = cr.compile(lambda x, y: (y, x), donate=(0, 1))(a.copy(), b.copy())
    np.testing.assert_array_equal(found[0].numpy(), b)
    np.testing.assert_array_equal(found[1].numpy(), a)
    found = cr.compile(lambda x, y: (y + x, x - y, x), donate=(0, 1))(a.copy(), b.copy())
    for place, wanted in enumerate((a + b, a - b, a)):
        np.testing.assert_array_equal(found[place].numpy(), wanted)


def test_carries_of_a_scan():
    def f(c, xs):
        return cr.scan(lambda c, x: (c * 0.5 + x, c), c, xs)

    c, xs = random(3), random(5, 3)
    found = cr.compile(f, donate=(0, 1))(c.copy(), xs.copy())
    close(found, f(cr.tensor(c), cr.tensor(xs)), 1e-6)


def test_nothing_is_overwritten_where_finite_numbers_are_checked():
    x = random(4)
    before = x.copy()
    cr.compile(double, donate=0, check_finite=True)(x)
    np.testing.assert_array_equal(x, before)


def test_positions_are_checked():
    with pytest.raises(cr.ChainRuleError, match="donate names argument 1"):
        cr.compile(double, donate=1)(1.0)
    with pytest.raises(cr.ChainRuleError, match="positions of arguments"):
        cr.compile(double, donate="x")


def test_a_structure_with_other_leaves_beside():
    f = cr.compile(lambda p, s: ({"w": p["w"] + 1, "b": p["b"] * s}, s), donate=0)
    p = {"w": cr.tensor(random(3)), "b": cr.tensor(random(2))}
    wanted = {"w": p["w"].numpy() + 1, "b": p["b"].numpy() * np.float32(2)}
    found, s = f(p, cr.tensor(2.0, dtype="float32"))
    np.testing.assert_array_equal(found["w"].numpy(), wanted["w"])
    np.testing.assert_array_equal(found["b"].numpy(), wanted["b"])
    assert values(s)[0] == 2.0


@pytest.mark.parametrize("dtype", ["uint8", "int8", "bool", "float16", "int16", "int32", "float64"])
@pytest.mark.parametrize("shape", [(1,), (17,), (5, 8, 33), (3, 5), (2, 16)])
def test_nothing_beyond_a_result_is_written(dtype, shape):
    size = int(np.prod(shape))
    base = np.full(size + 64, 1, dtype)
    own = cr.Tensor(array(base[:size].reshape(shape)))
    source = np.abs(random(*shape[:-2], *shape[:-3:-1])) * 3
    turned = (*range(len(shape) - 2), *range(len(shape) - 1, len(shape) - 3, -1))
    if len(shape) == 1:
        turned = (0,)

    def f(x, y):
        return cr.permute_dims(y, turned).astype(x.dtype)

    found = cr.compile(f, donate=0)(own, source)
    assert address(found) == base.ctypes.data
    np.testing.assert_array_equal(found.numpy(), source.transpose(turned).astype(dtype))
    np.testing.assert_array_equal(base[size:], np.full(64, 1, dtype))
