"""The array that people hold: operators, indexing, item assignment, methods, printing."""

import copy
import operator
import pickle
from typing import Any

import hypothesis.extra.numpy as hnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr

# -- operators -------------------------------------------------------------------------------------

FLOAT_OPERATORS = [
    operator.add, operator.sub, operator.mul, operator.truediv, operator.floordiv, operator.mod,
    operator.pow, operator.matmul, operator.lt, operator.le, operator.gt, operator.ge, operator.eq,
    operator.ne, divmod,
]  # fmt: skip
BIT_OPERATORS = [operator.and_, operator.or_, operator.xor, operator.lshift, operator.rshift]


def same(ours: Any, wanted: Any) -> None:
    if isinstance(wanted, tuple):
        for a, b in zip(ours, wanted, strict=True):
            same(a, b)
        return
    assert isinstance(ours, cr.Tensor)
    wanted = np.asarray(wanted)
    assert (ours.shape, ours.dtype) == (wanted.shape, wanted.dtype)
    np.testing.assert_allclose(ours, wanted, rtol=1e-15)


@pytest.mark.parametrize("f", FLOAT_OPERATORS + BIT_OPERATORS, ids=lambda f: f.__name__)
def test_operators_with_every_partner(f: Any) -> None:
    kind: Any = float if f in FLOAT_OPERATORS else int
    a, b = np.asarray([1, 2, 7]).astype(kind), np.asarray([3, 1, 2]).astype(kind)
    t, u = cr.tensor(a), cr.tensor(b)
    same(f(t, u), f(a, b))
    same(f(t, b), f(a, b))
    same(f(a, u), f(a, b))  # NumPy leaves the operator to the tensor
    same(f(t, b.tolist()), f(a, b))
    if f is not operator.matmul:
        number = kind(2)
        same(f(t, number), f(a, number))
        same(f(number, t), f(number, a))
        same(f(np.asarray(number)[()], t), f(number, a))  # a NumPy scalar


def test_unary_operators() -> None:
    x = np.asarray([-1.5, 2.5])
    t = cr.tensor(x)
    same(-t, -x)
    same(+t, x)
    same(abs(t), abs(x))
    same(round(t), np.round(x))
    same(~cr.tensor([True, False]), np.asarray([False, True]))
    same(~cr.tensor([5, 0]), ~np.asarray([5, 0]))
    assert 2.5 in t and 3.0 not in t
    assert [row.item() for row in t] == [-1.5, 2.5]


def test_operators_refuse_what_they_do_not_know() -> None:
    with pytest.raises(TypeError):
        cr.tensor(1.0) + "a"  # type: ignore[operator]
    with pytest.raises(TypeError):
        object() @ cr.ones(2)  # type: ignore[operator]
    assert (cr.tensor(1.0) == "a") is False
    assert cr.tensor(1.0) is not None and (cr.tensor(1.0) != None) is True  # noqa: E711


def test_in_place_operators_rebind() -> None:
    x = cr.tensor(3.0, requires_grad=True)
    y = x * x
    kept = y
    y += 1.0
    y *= 2.0
    y.backward()
    assert (kept.item(), y.item(), x.grad.item()) == (9.0, 20.0, 12.0)


# -- indexing --------------------------------------------------------------------------------------

INDICES: list[Any] = [
    1, -1, np.int32(2), slice(None), slice(1, None), slice(None, None, -1), slice(3, 0, -2),
    slice(5, 1), Ellipsis, None, (0, 1), (slice(None), 2), (..., -1), (None, ..., None, 1),
    [0, 2], np.asarray([[0, 1], [2, 2]]), (slice(1), [0, 1, 1]), ([0, 1], [1, 2]),
    (1, slice(None), [0, 3]), ([0, 1], slice(None), [0, 3]), (0, [1, 2]), ([[0], [1]], 1, [2, 3]),
    (slice(None), 1, [2, 3]), ([True, False, True],), (slice(None), [True, False, True, True]),
    ([True, False, True], ..., [1]), (), True, False, (True, 0), (slice(None), True, [0, 1]),
    ([], slice(2)), (None, [1], None, [2]), ([1], None, [2]), (0, None, [1, 2]), (..., [0, 1], 0),
    ([0, 1], ..., [1, 1]), np.zeros((3, 4), bool), np.asarray(1), (np.asarray(True), 1),
]  # fmt: skip


@pytest.mark.parametrize("index", INDICES, ids=repr)
def test_indexing_equals_numpys(index: Any) -> None:
    x = np.arange(60.0).reshape(3, 4, 5)
    same(cr.tensor(x)[index], x[index])
    y, t = x.copy(), cr.tensor(x)
    y[index] = -1.0
    t[index] = -1.0
    same(t, y)


def indices(shape: tuple[int, ...]) -> st.SearchStrategy[Any]:
    """Any mix of slices, integers, ellipsis, new axes, integer arrays and masks."""
    arrays = hnp.array_shapes(max_dims=2, max_side=3, min_dims=0)

    @st.composite
    def build(draw: Any) -> tuple[Any, ...]:
        broadcast = draw(arrays)
        items: list[Any] = []
        axis = 0
        while axis < len(shape):
            extent = shape[axis]
            kind = draw(
                st.sampled_from(["slice", "integer", "array", "array", "mask", "new", "stop"])
            )
            if kind == "slice":
                items.append(draw(st.slices(extent)))
            elif kind == "integer" and extent:
                items.append(draw(st.integers(-extent, extent - 1)))
            elif kind == "array" and extent:
                inside = st.integers(-extent, extent - 1)
                items.append(draw(hnp.arrays(np.int64, broadcast, elements=inside)))
            elif kind == "mask" and broadcast == ():
                items.append(draw(hnp.arrays(np.bool_, extent)))
            elif kind == "new":
                items.append(None)
                continue
            elif kind == "stop":
                break
            else:
                continue
            axis += 1
        if draw(st.booleans()):
            place = draw(st.integers(0, len(items))) if axis == len(shape) else len(items)
            items.insert(place, Ellipsis)
        return tuple(items)

    return build()


@settings(max_examples=300)
@given(st.data(), hnp.array_shapes(max_dims=4, min_side=1, max_side=4))
def test_every_mix_of_indices_equals_numpys(data: Any, shape: tuple[int, ...]) -> None:
    x = np.arange(np.prod(shape), dtype=float).reshape(shape)
    index = data.draw(indices(shape))
    try:
        wanted = x[index]
    except IndexError:  # masks with different counts do not broadcast
        with pytest.raises((IndexError, ValueError)):
            cr.tensor(x)[index]
        return
    same(cr.tensor(x)[index], wanted)
    weights = np.arange(1.0, wanted.size + 1).reshape(wanted.shape)
    gradient = np.zeros(shape)
    np.add.at(gradient, index, weights)
    same(cr.grad(lambda t: (t[index] * weights).sum())(x), gradient)
    same(cr.tensor(x).at[index].add(weights), x + gradient)
    changed = x.copy()
    changed[index] = weights
    same(cr.tensor(x).at[index].set(weights), changed)


@pytest.mark.parametrize(
    ("index", "words"),
    [
        (3, r"index 3 is out of range for axis 0 of shape \(3, 4\)"),
        ((0, -5), "axis 1"),
        ((0, 0, 0), "names 3 axes"),
        ([0, 7], "index 7"),
        ("a", "not of str"),
        (1.0, "not of float"),
        ([0.5], "integer or boolean"),
        (np.ones((2, 2), bool), "mask of shape"),
        ((..., ...), "at most one ellipsis"),
        (slice(None, None, 0), "slice step cannot be zero"),
        (slice(0.5), "slice"),
    ],
)
def test_wrong_indices(index: Any, words: str) -> None:
    with pytest.raises(IndexError, match=words):
        cr.ones((3, 4))[index]


def test_indices_may_be_tensors_also_traced_ones() -> None:
    x = np.arange(12.0).reshape(3, 4)
    same(cr.tensor(x)[cr.tensor(1)], x[1])
    same(cr.tensor(x)[:, cr.tensor([0, 2])], x[:, [0, 2]])
    same(cr.tensor(x)[cr.tensor(x) > 5], x[x > 5])
    picked = cr.vmap(lambda row, k: row[k], in_axes=(0, 0))(x, np.asarray([1, 0, -1]))
    same(picked, np.asarray([1.0, 4.0, 11.0]))
    stored = cr.vmap(lambda row, k: row.at[k].set(0.0))(x, np.asarray([1, 0, -1]))
    wanted = x.copy()
    wanted[[0, 1, 2], [1, 0, -1]] = 0.0
    same(stored, wanted)


# -- item assignment -------------------------------------------------------------------------------


def test_item_assignment_keeps_recorded_graphs() -> None:
    x = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    v = cr.tensor(5.0, requires_grad=True)
    y = x * x
    before = y * 10.0
    y[1] = v * 2.0
    same(before.detach(), np.asarray([10.0, 40.0, 90.0]))
    (before.sum() + (y * y).sum()).backward()
    # Σ 10 x² + x₀⁴ + (2v)² + x₂⁴
    np.testing.assert_allclose(x.grad, [20 + 4, 40, 60 + 4 * 27])
    np.testing.assert_allclose(v.grad, 8 * 5)


def test_the_last_of_several_assignments_to_one_place_wins_and_gets_the_derivative() -> None:
    values = cr.tensor([1.0, 2.0, 3.0], requires_grad=True)
    y = cr.zeros(2)
    y[[0, 0, 1]] = values
    same(y.detach(), np.asarray([2.0, 3.0]))
    y.sum().backward()
    np.testing.assert_array_equal(values.grad, [0.0, 1.0, 1.0])


def test_item_assignment_to_a_leaf_that_requires_a_gradient() -> None:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    with pytest.raises(cr.GradientError, match="no_grad"):
        w[0] = 0.0
    with cr.no_grad():
        w[0] = 7.0
    assert w.requires_grad and w.tolist() == [7.0, 2.0]
    doubled = w * 2
    doubled[0] = 0.0
    doubled.sum().backward()
    assert w.grad.tolist() == [0.0, 2.0]


def test_item_assignment_inside_a_transformed_function() -> None:
    def f(x: cr.Tensor) -> cr.Tensor:
        x[0] = x[1] * 10.0
        return (x * x).sum()

    np.testing.assert_allclose(cr.grad(f)(cr.tensor([1.0, 2.0])), [0.0, 404.0])
    np.testing.assert_allclose(cr.vmap(f)(np.ones((3, 2))), [101.0] * 3)
    constant = cr.tensor([1.0, 2.0])
    np.testing.assert_allclose(cr.grad(f)(constant), [0.0, 404.0])
    assert constant.tolist() == [1.0, 2.0]


def test_assigned_values_broadcast_and_are_cast() -> None:
    t = cr.zeros((2, 3), dtype=cr.float32)
    t[:, 1:] = np.asarray([[1], [2]])
    t[0] = np.ones((1, 1, 3))
    same(t, np.asarray([[1, 1, 1], [0, 2, 2]], np.float32))
    with pytest.raises(cr.ShapeError, match=r"\(4,\).*\(3,\)"):
        t[0] = np.ones(4)


def test_at_updates() -> None:
    x = cr.tensor([1.0, 2.0, 4.0])
    assert x.at[1].get().item() == 2.0
    assert x.at[[1, 1]].multiply(3.0).tolist() == [1.0, 18.0, 4.0]
    assert x.at[[1, 1]].subtract([1.0, 2.0]).tolist() == [1.0, -1.0, 4.0]
    assert x.at[1:].divide(2.0).tolist() == [1.0, 1.0, 2.0]
    assert x.at[-1].power(0.5).tolist() == [1.0, 2.0, 2.0]
    assert x.at[[0, 0]].max([5.0, 3.0]).tolist() == [5.0, 2.0, 4.0]
    assert x.at[x > 1].min(1.5).tolist() == [1.0, 1.5, 1.5]
    assert x.at[0].apply(cr.exp).tolist() == [np.e, 2.0, 4.0]
    assert x.tolist() == [1.0, 2.0, 4.0]
    gradient = cr.grad(lambda x, v: x.at[[1, 1]].multiply(v).sum(), argnums=(0, 1))(x, [3.0, 5.0])
    np.testing.assert_allclose(gradient[0], [1.0, 15.0, 1.0])
    np.testing.assert_allclose(gradient[1], [10.0, 6.0])
    with pytest.raises(cr.TraceError, match="which places repeat"):
        cr.vmap(lambda k: x.at[k].multiply(2.0))(np.asarray([0, 1]))


# -- methods ---------------------------------------------------------------------------------------


def test_methods_of_shape() -> None:
    x = np.arange(6.0).reshape(2, 3)
    t = cr.tensor(x)
    for shape in ((3, 2), (-1,), (6, 1, 1)):
        same(t.reshape(shape), x.reshape(shape))
        same(t.reshape(*shape), x.reshape(shape))
    same(t.reshape(-1), x.ravel())
    same(t.view(3, -1), x.reshape(3, 2))
    same(t.T, x.T)
    same(t.mT, x.T)
    cube = cr.ones((2, 3, 4))
    assert cube.T.shape == (4, 3, 2) and cube.mT.shape == (2, 4, 3)
    assert cube.transpose(1, 0, 2).shape == cube.permute((1, 0, 2)).shape == (3, 2, 4)
    assert cube.transpose().shape == (4, 3, 2) and cube.swapaxes(0, -1).shape == (4, 3, 2)
    assert cube.flatten().shape == (24,) and cube.flatten(1).shape == (2, 12)
    assert cube.unsqueeze(1).squeeze().shape == (2, 3, 4)
    assert cr.ones((3, 1)).expand(2, -1, 4).shape == (2, 3, 4)
    same(t.ravel().repeat(2), x.ravel().repeat(2))


@pytest.mark.parametrize(
    "name",
    [
        "sum", "mean", "prod", "max", "min", "argmax", "argmin", "var", "std", "all", "any",
        "cumsum", "cumprod", "round", "sort", "argsort", "trace", "diagonal", "ptp", "nonzero",
    ],
)  # fmt: skip
def test_methods_of_numpy(name: str) -> None:
    x = np.asarray([[1.5, -2.0], [0.0, 3.0]])
    wanted = np.ptp(x) if name == "ptp" else getattr(x.copy(), name)()
    if name == "sort":
        wanted = np.sort(x)
    same(getattr(cr.tensor(x), name)(), wanted)


def test_methods_of_functions() -> None:
    x = np.asarray([0.3, 1.2])
    t = cr.tensor(x)
    for name in (
        "abs", "sign", "exp", "expm1", "log", "log1p", "sqrt", "square", "sin", "cos", "tan",
        "tanh", "sigmoid", "relu", "floor", "ceil", "softmax", "log_softmax", "logsumexp", "norm",
    ):  # fmt: skip
        same(getattr(t, name)(), getattr(cr, name)(x).numpy())
    same(t.clip(0.5, 1.0), x.clip(0.5, 1.0))
    same(t.clamp(max=1.0), x.clip(None, 1.0))
    same(t.pow(2), x**2)
    same(t.dot(t), x @ x)
    same(t.matmul(x), x @ x)
    same(t.take([1, 0]), x[[1, 0]])
    same(t.astype("float32"), x.astype(np.float32))
    same(t.to(cr.float32).to("cpu"), x.astype(np.float32))
    same(t.sum(axis=0, keepdims=True), x.sum(axis=0, keepdims=True))


def test_values() -> None:
    t = cr.tensor([[1, 2], [3, 4]])
    assert t.tolist() == [[1, 2], [3, 4]] and len(t) == 2
    assert (t.ndim, t.size, t.nbytes, t.device) == (2, 4, 32, "cpu")
    assert float(cr.tensor([2.5])) == 2.5 and int(cr.tensor(3.7)) == 3
    assert [10, 20, 30][cr.tensor(1)] == 20
    assert f"{cr.tensor(3.14159):.2f}" == "3.14"
    assert cr.tensor(2).item() == 2 and isinstance(cr.tensor(2).item(), int)
    with pytest.raises(cr.ShapeError, match="ambiguous"):
        bool(t > 2)
    with pytest.raises(cr.ShapeError, match="one element"):
        t.item()
    with pytest.raises(cr.ShapeError, match="no length"):
        len(cr.tensor(1.0))
    with pytest.raises(cr.DTypeError, match="integer"):
        [1, 2][cr.tensor(0.5)]


def test_copies_are_independent() -> None:
    source = np.ones(3)
    t = cr.tensor(source)
    source[0] = 9.0
    assert t.tolist() == [1.0, 1.0, 1.0]
    other = t.clone()
    other[0] = 5.0
    assert t.tolist() == [1.0, 1.0, 1.0]
    with pytest.raises(ValueError, match="read-only"):
        t.numpy()[0] = 3.0
    w = cr.tensor(1.0, requires_grad=True)
    (w.clone() * 3).backward()
    assert w.grad.item() == 3.0
    fresh = np.full(2, 4.0)
    leaf = cr.zeros(2)
    leaf.assign_(fresh)
    fresh[0] = 0.0
    assert leaf.tolist() == [4.0, 4.0]


def test_round_trips() -> None:
    leaf = cr.tensor([1.0, 2.0], dtype=cr.float32, requires_grad=True)
    (leaf * 3).sum().backward()
    for again in (pickle.loads(pickle.dumps(leaf)), copy.deepcopy(leaf)):
        assert again.requires_grad and again.dtype == cr.float32 and again.tolist() == [1.0, 2.0]
        (again * 2).sum().backward()
    assert leaf.grad.tolist() == [3.0, 3.0]
    assert copy.deepcopy(leaf).grad.tolist() == [3.0, 3.0]
    assert copy.copy(leaf).grad.tolist() == [3.0, 3.0]
    result = leaf * 2
    assert not pickle.loads(pickle.dumps(result)).requires_grad
    assert pickle.loads(pickle.dumps(cr.tensor(True))).item() is True
    shared = copy.deepcopy([leaf, leaf])
    assert shared[0] is shared[1]


@pytest.mark.parametrize(
    ("tensor", "text"),
    [
        (lambda: cr.tensor(1.5), "tensor(1.5)"),
        (lambda: cr.tensor([1, 2]), "tensor([1, 2])"),
        (lambda: cr.tensor([True]), "tensor([ True])"),
        (lambda: cr.tensor([1.0], "float32"), "tensor([1.], dtype=float32)"),
        (lambda: cr.zeros((0, 3)), "tensor([], shape=(0, 3))"),
        (lambda: cr.tensor(2.0, requires_grad=True), "tensor(2., requires_grad=True)"),
        (lambda: cr.tensor([[1.0, 2.0], [3.0, 4.0]]), "tensor([[1., 2.],\n        [3., 4.]])"),
        (lambda: cr.zeros(2, dtype="int8"), "tensor([0, 0], dtype=int8)"),
    ],
)
def test_printing(tensor: Any, text: str) -> None:
    assert repr(tensor()) == text


def test_printing_a_traced_tensor() -> None:
    seen = []
    cr.trace(lambda x: seen.append(repr(x)) or x, np.float32([1, 2]))
    assert seen == ["tensor(traced float32[2])"]
    with pytest.raises(cr.TraceError, match=r"cr\.where"):
        cr.trace(lambda x: x if x > 0 else -x, 1.0)


def test_in_place_updates_of_a_leaf_under_no_grad_train() -> None:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    same = w
    for _ in range(2):
        (w * w).sum().backward()
        with cr.no_grad():
            w -= 0.25 * w.grad
        w.zero_grad()
    assert w is same
    assert w.requires_grad
    np.testing.assert_allclose(w.numpy(), [0.25, 0.5])


def test_in_place_operators_rebind_the_name_elsewhere() -> None:
    x = cr.tensor([1.0], requires_grad=True)
    y, before = x * 2.0, x
    x += 5.0
    assert x is not before
    np.testing.assert_allclose(before.numpy(), [1.0])
    y.sum().backward()
    np.testing.assert_allclose(before.grad.numpy(), [2.0])


def test_a_graph_recorded_before_an_update_feeds_the_same_gradient() -> None:
    w = cr.tensor([1.0, 2.0], requires_grad=True)
    first, second = (w * w).sum(), (3.0 * w).sum()
    first.backward()
    w.assign_([5.0, 5.0])
    second.backward()
    np.testing.assert_allclose(w.grad.numpy(), [5.0, 7.0])


def test_no_grad_holds_in_traced_functions() -> None:
    def f(x):
        with cr.no_grad():
            y = x * 2.0
        return y * x

    assert cr.grad(f)(3.0).item() == 6.0
    assert cr.grad(cr.checkpoint(f))(3.0).item() == 6.0
    assert cr.vmap(cr.grad(f))(cr.tensor([3.0])).tolist() == [6.0]


def test_numbers_outside_the_dtype_still_compare_and_divide() -> None:
    x = cr.tensor([1, 2], dtype="uint8")
    assert (x == 300).tolist() == [False, False]
    assert (x > -1).tolist() == [True, True]
    np.testing.assert_allclose((x / 300).numpy(), np.array([1, 2]) / 300)


def test_tensors_of_other_libraries_mix() -> None:
    torch = pytest.importorskip("torch")
    ours, theirs = cr.tensor([1.0, 2.0]), torch.tensor([3.0, 4.0], dtype=torch.float64)
    for found in (ours * theirs, theirs * ours):
        assert isinstance(found, cr.Tensor)
        assert found.tolist() == [3.0, 8.0]
    assert (ours @ theirs).item() == 11.0
