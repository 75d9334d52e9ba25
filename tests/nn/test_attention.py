import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import ArgumentError, DTypeError, ShapeError
from chainrule.nn import attention
from chainrule.nn.blocked_attention import BLOCK

RNG = np.random.default_rng(0)
attend = nn.scaled_dot_product_attention


@pytest.fixture(params=["plain", "blocked"])
def way(request, monkeypatch):
    """Both ways of computing, whatever the length."""
    monkeypatch.setattr(attention, "LONG", 0 if request.param == "blocked" else 10**9)
    return request.param


def arrays(heads=4, key_heads=4, length=5, keys=7, extent=3, value_extent=2, batch=(2,)):
    shapes = (heads, length, extent), (key_heads, keys, extent), (key_heads, keys, value_extent)
    return [RNG.normal(size=(*batch, *shape)) for shape in shapes]


def reference(q, k, v, allowed=True, bias=0.0):
    k, v = (np.repeat(x, q.shape[-3] // k.shape[-3], axis=-3) for x in (k, v))
    scores = q @ np.swapaxes(k, -1, -2) / np.sqrt(q.shape[-1]) + bias
    weights = np.exp(scores - scores.max(axis=-1, keepdims=True)) * allowed
    total = weights.sum(axis=-1, keepdims=True)
    return weights / np.where(total, total, 1) @ v


MASKS = {
    "none": None,
    "each": RNG.random((2, 4, 5, 7)) < 0.7,
    "keys": RNG.random((2, 1, 1, 7)) < 0.7,
    "queries and keys": RNG.random((5, 7)) < 0.7,
    "queries": RNG.random((5, 1)) < 0.5,
}


@pytest.mark.parametrize("mask", MASKS)
@pytest.mark.parametrize("causal", [False, True])
def test_values_equal_the_formula(way, mask, causal):
    q, k, v = arrays()
    given = MASKS[mask]
    allowed = np.tri(5, 7, dtype=bool) if causal else np.ones((5, 7), bool)
    if given is not None:
        allowed = allowed & given
    found = attend(q, k, v, given, is_causal=causal)
    np.testing.assert_allclose(found.numpy(), reference(q, k, v, allowed), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("key_heads", [1, 2])
def test_grouped_queries(way, key_heads):
    q, k, v = arrays(key_heads=key_heads)
    np.testing.assert_allclose(attend(q, k, v).numpy(), reference(q, k, v), rtol=1e-12)


def test_rows_that_attend_to_nothing_are_zero_and_have_no_gradient(way):
    q, k, v = map(cr.tensor, arrays())
    for mask in (np.arange(5)[:, None] > 0, np.where(np.arange(5)[:, None] > 0, 0.0, -np.inf)):
        mask = np.broadcast_to(mask, (5, 7))
        out = attend(q, k, v, mask)
        assert not out.numpy()[..., 0, :].any()
        assert np.isfinite(out.numpy()).all()
        slopes = cr.grad(lambda q, k, v: (attend(q, k, v, mask) ** 2).sum(), (0, 1, 2))(q, k, v)
        assert all(np.isfinite(slope.numpy()).all() for slope in slopes)
        assert not slopes[0].numpy()[..., 0, :].any()


@pytest.mark.parametrize("keys", [1, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 3])
@pytest.mark.parametrize("causal", [False, True])
def test_blocks_give_values_and_gradients_of_the_formula(monkeypatch, keys, causal):
    q, k, v = map(cr.tensor, arrays(2, 1, length=9, keys=keys, batch=()))
    bias = cr.tensor(RNG.normal(size=(2, 1, keys)))

    def loss(q, k, v, bias):
        out = attend(q, k, v, bias, is_causal=causal)
        return (out**3).sum(), out

    results = []
    for limit in (10**9, 0):
        monkeypatch.setattr(attention, "LONG", limit)
        results.append(cr.value_and_grad(loss, argnums=(0, 1, 2, 3), has_aux=True)(q, k, v, bias))
    (_, plain), plain_slopes = results[0]
    (_, blocked), blocked_slopes = results[1]
    for a, b in zip([plain, *plain_slopes], [blocked, *blocked_slopes], strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("shape", [(2, 4, 5, 7), (4, 1, 7), (5, 7), (1, 1, 5, 1), (1,)])
def test_gradient_of_an_additive_mask(monkeypatch, shape):
    q, k, v = map(cr.tensor, arrays())
    bias = cr.tensor(RNG.normal(size=shape))
    loss = lambda bias, q: (attend(q, k, v, bias) ** 2).sum()
    assert cr.check_gradient(loss, bias, q).ok
    plain = cr.grad(loss, argnums=(0, 1))(bias, q)
    monkeypatch.setattr(attention, "LONG", 0)
    for a, b in zip(plain, cr.grad(loss, argnums=(0, 1))(bias, q), strict=True):
        np.testing.assert_allclose(b.numpy(), a.numpy(), rtol=1e-11, atol=1e-13)
    np.testing.assert_allclose(
        attend(q, k, v, bias).numpy(),
        reference(*(x.numpy() for x in (q, k, v)), bias=bias.numpy()),
        rtol=1e-12,
    )


def test_second_derivatives_and_forward_mode(way):
    q, k, v = map(cr.tensor, arrays(1, 1, 2, 3, 2, 2, ()))
    f = lambda q: (attend(q, k, v, is_causal=True) ** 3).sum()
    hessian = cr.hessian(f)(q).numpy()
    step = 1e-5
    for place in np.ndindex(q.shape):
        move = np.zeros(q.shape)
        move[place] = step
        numerical = (cr.grad(f)(q + move) - cr.grad(f)(q - move)).numpy() / (2 * step)
        np.testing.assert_allclose(hessian[place], numerical, rtol=1e-6, atol=1e-8)
    _, tangent = cr.jvp(f, (q,), (cr.ones_like(q),))
    np.testing.assert_allclose(tangent.item(), cr.grad(f)(q).sum().item(), rtol=1e-10)


def test_vmap(way):
    q, k, v = map(cr.tensor, arrays())
    mapped = cr.vmap(lambda q, k, v: attend(q, k, v, is_causal=True))(q, k, v)
    np.testing.assert_allclose(mapped.numpy(), attend(q, k, v, is_causal=True).numpy(), rtol=1e-12)


def test_native_equals_eager(way):
    q, k, v = map(cr.tensor, arrays(2, 1, 6, 150))
    mask = cr.tensor(RNG.random((6, 150)) < 0.9)
    slope = cr.value_and_grad(
        lambda q, k, v, mask: (attend(q, k, v, mask, is_causal=True) ** 2).sum(), (0, 1, 2)
    )
    compiled = cr.compile(slope)
    for a, b in zip(
        cr.core.tree.flatten(compiled(q, k, v, mask))[0],
        cr.core.tree.flatten(slope(q, k, v, mask))[0],
        strict=True,
    ):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=1e-11, atol=1e-13)
    assert not compiled.report().fallbacks


def test_compiled_blocks_do_not_hold_the_scores():
    length = 1024
    x = cr.tensor(RNG.normal(size=(1, 8, length, 16)).astype("float32"))
    compiled = cr.compile(cr.grad(lambda x: (attend(x, x, x, is_causal=True) ** 2).sum()))
    scores = 8 * length * length * 4
    assert compiled.compile(x).program.arena < scores / 2
    # twice as long: twice the memory, not four times
    longer = cr.concat([x, x], axis=2)
    assert compiled.report(longer).arena < 2.5 * compiled.report(x).arena


def test_dropout(way):
    q, k, v = map(cr.tensor, arrays(2, 2, 50, 200, batch=()))
    v = cr.ones_like(v)
    drop = lambda key, q=q: attend(q, k, v, dropout=0.25, dropout_key=cr.random.key(key))
    out = drop(0).numpy()
    assert (out == drop(0).numpy()).all()
    assert (out != drop(1).numpy()).any()
    assert abs(out.mean() - 1) < 0.02  # the mean stays; it is over 100 rows of 200 weights
    assert out.std() > 0.01


def test_gradient_through_dropout(way):
    q, k, v = map(cr.tensor, arrays(1, 1, 2, 3, 2, 2, ()))
    options = {"dropout": 0.5, "dropout_key": cr.random.key(0)}
    loss = lambda q, k, v: (attend(q, k, v, **options) ** 2).sum()
    assert cr.check_gradient(loss, q, k, v).ok


def test_large_scores_do_not_overflow(way):
    q, k, v = arrays()
    found = attend(1e4 * q, k, v).numpy()
    np.testing.assert_allclose(found, reference(1e4 * q, k, v), rtol=1e-9, atol=1e-12)


def test_bad_input():
    q, k, v = arrays()
    with pytest.raises(ShapeError, match=r"got \(2, 4, 5, 3\), \(2, 4, 7, 3\) and \(2, 4, 6, 2\)"):
        attend(q, k, v[..., :6, :])
    with pytest.raises(ShapeError, match="3 key heads cannot be shared out among 4 heads"):
        attend(q, k[:, :3], v[:, :3])
    with pytest.raises(ShapeError, match=r"a mask of shape \(7, 5\) does not broadcast"):
        attend(q, k, v, np.ones((7, 5), bool))
    with pytest.raises(DTypeError, match="could mean either"):
        attend(q, k, v, np.ones((5, 7), int))
    with pytest.raises(ArgumentError, match="random key"):
        attend(q, k, v, dropout=0.5)


@pytest.mark.parametrize(("causal", "masked"), [(False, False), (True, False), (False, True)])
def test_equals_pytorchs(way, causal, masked):
    torch = pytest.importorskip("torch")
    given = arrays(length=6)
    mask = (RNG.random((6, 7)) < 0.6) | (np.arange(7) == 0) if masked else None
    theirs = [torch.tensor(x, requires_grad=True) for x in given]
    wanted = torch.nn.functional.scaled_dot_product_attention(
        *theirs, None if mask is None else torch.tensor(mask), is_causal=causal
    )
    (wanted**2).sum().backward()
    ours = [cr.tensor(x) for x in given]
    np.testing.assert_allclose(
        attend(*ours, mask, is_causal=causal).numpy(), wanted.detach().numpy(), rtol=1e-10
    )
    slopes = cr.grad(
        lambda *qkv: (attend(*qkv, mask, is_causal=causal) ** 2).sum(), argnums=(0, 1, 2)
    )(*ours)
    for slope, x in zip(slopes, theirs, strict=True):
        np.testing.assert_allclose(slope.numpy(), x.grad.numpy(), rtol=1e-10, atol=1e-13)
