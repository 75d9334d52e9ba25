"""Indexing, sorting and searching against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays

from chainrule.core.errors import DTypeError, IndexingError, ShapeError
from chainrule.core.node import apply, input_node, variable
from chainrule.core.types import type_of
from chainrule.ops.index import assign, gather, scatter_add, scatter_index, take_along_axis
from chainrule.ops.reduce import prod
from chainrule.ops.sorting import argsort, searchsorted, sort_, top_k
from chainrule.rules.batch import batch
from tests.ops.nodes import constant, few, gradient, hessian


def counted(shape):
    return np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)


@st.composite
def selections(draw):
    """An array shape, some of its axes, and index arrays for them that broadcast together."""
    shape = draw(array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=4))
    axes = tuple(draw(st.permutations(range(len(shape)))))[: draw(st.integers(1, len(shape)))]
    index_shape = draw(array_shapes(min_dims=0, max_dims=2, min_side=0, max_side=4))
    indices = []
    for axis in axes:
        lead = draw(st.integers(0, len(index_shape)))
        own = tuple(1 if draw(st.booleans()) else n for n in index_shape[lead:])
        places = st.integers(-shape[axis], shape[axis] - 1)
        dtype = draw(st.sampled_from([np.int64, np.int32, np.int8]))
        indices.append(np.asarray(draw(arrays(dtype, own, elements=places))))
    return shape, axes, indices


def selected(x, indices, axes):
    """The definition: NumPy's fancy indexing with the indexed axes in front."""
    return np.moveaxis(x, axes, range(len(axes)))[tuple(indices)]


@few
@given(case=selections())
def test_gather_and_scatter_add_agree_with_numpy(case):
    shape, axes, indices = case
    x = counted(shape)
    places = [constant(index) for index in indices]
    found = gather(constant(x), *places, axes=axes)
    np.testing.assert_array_equal(found.value, selected(x, indices, axes))
    updates = np.cos(counted(found.shape))
    wanted = np.zeros(shape)
    np.add.at(np.moveaxis(wanted, axes, range(len(axes))), tuple(indices), updates)
    for dtype in (np.float64, np.float32, np.int64):
        scaled = (updates * 10).astype(dtype)
        summed = scatter_add(constant(scaled), *places, shape=shape, axes=axes)
        wanted = np.zeros(shape, dtype)
        np.add.at(np.moveaxis(wanted, axes, range(len(axes))), tuple(indices), scaled)
        assert summed.value.dtype == dtype
        np.testing.assert_allclose(summed.value, wanted, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(
        gradient(lambda x: gather(x, *places, axes=axes) * constant(updates * 10), x),
        scatter_add(constant(updates * 10), *places, shape=shape, axes=axes).value,
        rtol=1e-12,
    )


@few
@given(case=selections())
def test_assignment_agrees_with_numpy(case):
    shape, axes, indices = case
    x = counted(shape)
    updates = -counted(selected(x, indices, axes).shape)
    places = [constant(index) for index in indices]
    wanted = x.copy()
    np.moveaxis(wanted, axes, range(len(axes)))[tuple(indices)] = updates
    found = assign(constant(x), constant(updates), places, axes)
    np.testing.assert_array_equal(found.value, wanted)
    kept = gradient(lambda x: assign(x, constant(updates), places, axes), x)
    np.testing.assert_array_equal(kept, wanted == x)
    passed = gradient(lambda u: assign(constant(x), u, places, axes), updates)
    assert np.sum(passed) == np.sum(wanted != x)
    owners = scatter_index(*places, shape=shape, axes=axes).value
    np.testing.assert_array_equal(np.ravel(updates)[owners[owners >= 0]], wanted[owners >= 0])


@few
@given(case=selections(), which=st.integers(1, 31), seed=st.integers(0, 99))
def test_batched_indices_differ_between_examples(case, which, seed):
    """A batch in which each example has its own indices, against a loop."""
    shape, axes, indices = case
    rng = np.random.default_rng(seed)
    size = 3
    index_sets = [
        [np.asarray(rng.integers(-shape[a], shape[a], i.shape)) for a, i in zip(axes, indices)]
        for _ in range(size)
    ]
    chosen = np.broadcast_shapes(*(i.shape for i in indices))
    rest = tuple(n for a, n in enumerate(shape) if a not in axes)
    for primitive, lead, argument in (
        (gather, shape, (axes,)),
        (scatter_add, (*chosen, *rest), (shape, axes)),
        (scatter_index, None, (shape, axes)),
    ):
        first = [] if lead is None else [np.asarray(rng.normal(size=lead)) for _ in range(size)]
        rows = [[*first[k : k + 1], *index_sets[k]] for k in range(size)]
        flags = [bool(which >> i & 1) for i in range(len(rows[0]))]
        if not any(flags):
            continue
        single = [
            input_node(type_of(v)) if flag else constant(v) for v, flag in zip(rows[0], flags)
        ]
        y = apply(primitive, tuple(single), argument)
        stacked = {
            hole: constant(np.stack([row[i] for row in rows]))
            for i, (hole, flag) in enumerate(zip(single, flags))
            if flag
        }
        ((many, batched),) = batch([y], stacked, size)
        assert batched
        assert many.shape == (size, *y.shape)
        for k in range(size):
            at = [rows[k][i] if flag else rows[0][i] for i, flag in enumerate(flags)]
            np.testing.assert_allclose(many.value[k], primitive.evaluate(*at, *argument))


def test_duplicate_indices_add_up_in_first_and_second_derivatives():
    x = np.array([2.0, 3.0, 5.0])
    places = constant([0, 2, 0, -1])
    cubes = lambda x: gather(x, places, axes=(0,)) ** 3
    np.testing.assert_allclose(gradient(cubes, x), 2 * 3 * x**2 * [1, 0, 1])
    np.testing.assert_allclose(hessian(cubes, x), np.diag(2 * 6 * x * [1, 0, 1]))
    together = lambda x: prod(gather(x, places, axes=(0,)), axes=(0,), keepdims=False)
    np.testing.assert_allclose(gradient(together, x), [2 * 2 * 25, 0, 4 * 2 * 5])


@pytest.mark.parametrize("columns", [8, 300])
def test_many_duplicates_of_rows(columns):
    rng = np.random.default_rng(0)
    places, updates = rng.integers(0, 50, 1000), rng.normal(size=(1000, columns))
    wanted = np.zeros((50, columns))
    np.add.at(wanted, places, updates)
    found = scatter_add(constant(updates), constant(places), shape=(50, columns), axes=(0,))
    np.testing.assert_allclose(found.value, wanted, rtol=1e-11, atol=1e-11)


def test_index_errors_name_index_axis_and_size():
    x = constant(counted((2, 3)))
    for axes, index, size in (((0,), 2, 2), ((1,), -4, 3), ((1,), [[0, 5]], 3)):
        worst = np.ravel(index)[-1]
        message = rf"index {worst} is outside axis {axes[0]} of size {size}"
        with pytest.raises(IndexingError, match=message):
            gather(x, constant(index), axes=axes)
        with pytest.raises(IndexingError, match=message):
            scatter_index(constant(index), shape=(2, 3), axes=axes)
    with pytest.raises(IndexingError, match="integer array, not float64"):
        gather(x, constant(1.0), axes=(0,))
    with pytest.raises(IndexingError, match="one index array for each"):
        gather(x, constant(1), axes=(0, 1))
    with pytest.raises(IndexingError, match="no axes"):
        gather(x, constant(1), axes=(2,))
    with pytest.raises(ShapeError, match=r"updates have shape \(2,\).*select \(2, 3\)"):
        scatter_add(constant([1.0, 2.0]), constant([0, 1]), shape=(4, 3), axes=(0,))
    with pytest.raises(IndexError):  # the matching built-in
        gather(constant(np.zeros((0, 2))), constant([0]), axes=(0,))


@pytest.mark.parametrize("dtype", ["uint8", "uint64", "int16"])
def test_any_integer_indexes(dtype):
    found = gather(constant(counted((3,))), constant(np.array([2, 0], dtype)), axes=(0,))
    np.testing.assert_array_equal(found.value, [3.0, 1.0])


@few
@given(
    x=arrays(np.float64, array_shapes(min_dims=1, max_dims=3), elements=st.floats(-9, 9)),
    data=st.data(),
)
def test_take_along_axis_agrees_with_numpy(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    shape = (*x.shape[:axis], data.draw(st.integers(0, 4)), *x.shape[axis + 1 :])
    indices = data.draw(arrays(np.int64, shape, elements=st.integers(0, x.shape[axis] - 1)))
    found = take_along_axis(constant(x), constant(indices), axis)
    np.testing.assert_array_equal(found.value, np.take_along_axis(x, indices, axis))


# -- sorting -------------------------------------------------------------------------------------

crowded = st.sampled_from([-1.0, -0.0, 0.0, 0.5, 2.0, np.inf, -np.inf, np.nan])


@few
@given(
    x=arrays(np.float64, array_shapes(min_dims=1, max_dims=3, max_side=6), elements=crowded),
    data=st.data(),
)
def test_sorting_agrees_with_numpy(x, data):
    axis = data.draw(st.integers(0, x.ndim - 1))
    order = argsort(constant(x), axis=axis, descending=False)
    assert order.dtype == np.int64
    np.testing.assert_array_equal(order.value, np.argsort(x, axis, kind="stable"))
    for descending in (False, True):
        order = argsort(constant(x), axis=axis, descending=descending)
        found = sort_(constant(x), axis=axis, descending=descending).value
        np.testing.assert_array_equal(found, np.take_along_axis(x, order.value, axis))
        rows, places = (np.moveaxis(a, axis, -1) for a in (found, order.value))
        for row, place in zip(rows.reshape(-1, x.shape[axis]), places.reshape(-1, x.shape[axis])):
            known = row[~np.isnan(row)]
            assert np.all(np.isnan(row[len(known) :]))  # NaN last
            up = known[::-1] if descending else known
            assert np.all(up[:-1] <= up[1:])
            assert all(a < b for a, b, p, q in zip(place, place[1:], row, row[1:]) if p == q)


@pytest.mark.parametrize("dtype", ["int8", "uint8", "bool", "float32"])
def test_descending_order_of_extreme_numbers(dtype):
    x = np.array([0, 1], bool) if dtype == "bool" else np.array([0, 127, 1], dtype)
    if dtype == "int8":
        x[2] = -128
    found = sort_(constant(x), axis=0, descending=True)
    assert found.value.dtype == x.dtype
    np.testing.assert_array_equal(found.value, np.sort(x)[::-1])


def test_derivatives_travel_with_sorted_elements():
    x = np.array([[3.0, 1.0, 2.0], [0.0, 5.0, -1.0]])
    weights = np.array([1.0, 10.0, 100.0])
    ascending = lambda x: sort_(x, axis=1, descending=False) ** 2 * constant(weights)
    rank = np.argsort(np.argsort(x, axis=1), axis=1)
    np.testing.assert_allclose(gradient(ascending, x), 2 * x * weights[rank])
    np.testing.assert_allclose(hessian(ascending, x), np.diag(2 * weights[rank].ravel()))
    largest = lambda x: top_k(x, 2)[0] * constant(weights[:2])
    np.testing.assert_allclose(gradient(largest, x), [[1, 0, 10], [10, 1, 0]])


def test_top_k():
    values, indices = top_k(constant([[1.0, 4.0, 4.0, 2.0]]), 3)
    np.testing.assert_array_equal(values.value, [[4, 4, 2]])
    np.testing.assert_array_equal(indices.value, [[1, 2, 3]])
    with pytest.raises(ShapeError, match="does not have 4"):
        top_k(constant([1.0, 2.0]), 4)


def test_sorting_a_variable_keeps_it_differentiable_while_recording():
    x = variable(np.array([2.0, 1.0]))
    assert sort_(x, axis=0, descending=False).tracked
    assert not argsort(constant([2.0, 1.0]), axis=0, descending=False).tracked


# -- searching -----------------------------------------------------------------------------------


@few
@given(
    sequence=st.lists(st.integers(-5, 5), max_size=8),
    values=arrays(np.int64, array_shapes(min_dims=0, max_dims=2), elements=st.integers(-6, 6)),
    side=st.sampled_from(["left", "right"]),
)
def test_searchsorted_agrees_with_numpy(sequence, values, side):
    ordered = np.array(sorted(sequence), np.int64)
    found = searchsorted(constant(ordered), constant(values), side=side)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found.value, np.searchsorted(ordered, values, side))


def test_searchsorted_errors():
    with pytest.raises(DTypeError, match="int64, the values are float64"):
        searchsorted(constant([1, 2]), constant([1.0]), side="left")
    with pytest.raises(ShapeError, match="extents agree"):
        searchsorted(constant([[1.0, 2.0]]), constant([1.0, 2.0]), side="left")
