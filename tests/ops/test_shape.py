"""Rearranging and windows against NumPy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes

from chainrule.core.errors import DTypeError, IndexingError, ShapeError
from chainrule.ops.parts import concatenate, flip, pad, roll, slice_, slice_axis, split, stack
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import broadcast_to, permute, reshape
from chainrule.ops.window import overlap_add, sliding_windows
from tests.ops.nodes import constant, few, gradient, hessian

shapes = array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4)


def counted(shape):
    return np.arange(1.0, 1.0 + np.prod(shape, dtype=int)).reshape(shape)


def weighted(shape):
    """Different weights for different places, so that misplaced derivatives show."""
    return constant(np.cos(counted(shape)))


@few
@given(shape=shapes, data=st.data())
def test_slices_agree_with_numpy(shape, data):
    x = counted(shape)
    slices = tuple(data.draw(st.slices(n)) if n else slice(None) for n in shape)
    start, stop, step = zip(*(s.indices(n) for s, n in zip(slices, shape))) if shape else ((),) * 3
    take = lambda x: slice_(x, start=start, stop=stop, step=step)
    wanted = x[slices]
    np.testing.assert_array_equal(take(constant(x)).value, wanted)
    weights = weighted(wanted.shape)
    slopes = np.zeros(shape)
    slopes[slices] = weights.value
    np.testing.assert_array_equal(gradient(lambda x: take(x) * weights, x), slopes)


@few
@given(n=st.integers(0, 5), piece=st.slices(5))
def test_slice_axis_takes_python_bounds(n, piece):
    x = counted((2, n))
    start, stop, step = piece.start or 0, 5 if piece.stop is None else piece.stop, piece.step or 1
    found = slice_axis(constant(x), 1, start, stop, step)
    np.testing.assert_array_equal(found.value, x[:, start:stop:step])


def test_slices_out_of_bounds():
    x = constant(counted((3, 4)))
    with pytest.raises(IndexingError, match="0 to 4 is outside axis 1 of size 4"):
        slice_(x, start=(0, 0), stop=(3, 5), step=(1, 1))
    with pytest.raises(ShapeError, match="has 2 axes"):
        slice_(x, start=(0,), stop=(3,), step=(1,))


def padded(x, value, low, high, interior):
    """Padding by its definition: dilate, extend, cut."""
    for axis, (a, b, i) in enumerate(zip(low, high, interior)):
        x = np.moveaxis(x, axis, 0)
        dilated = np.full((max(0, len(x) + (len(x) - 1) * i), *x.shape[1:]), value)
        dilated[:: i + 1] = x
        margin = lambda n, x=x: np.full((max(n, 0), *x.shape[1:]), value)
        whole = np.concatenate([margin(a), dilated, margin(b)])
        x = np.moveaxis(whole[max(-a, 0) : len(whole) - max(-b, 0)], 0, axis)
    return x


@few
@given(shape=shapes, data=st.data())
def test_padding_is_dilating_extending_and_cutting(shape, data):
    draw = lambda low, high: tuple(data.draw(st.integers(low, high)) for _ in shape)
    low, high, interior = draw(-3, 3), draw(-3, 3), draw(0, 2)
    dilated = [max(0, n + (n - 1) * i) for n, i in zip(shape, interior)]
    x, value = counted(shape), constant(-7.0)
    add_margins = lambda x, v: pad(x, v, low=low, high=high, interior=interior)
    fits = all(n + min(a, 0) + min(b, 0) >= 0 for n, a, b in zip(dilated, low, high))
    if not fits:
        return
    wanted = padded(x, -7.0, low, high, interior)
    np.testing.assert_array_equal(add_margins(constant(x), value).value, wanted)
    weights = weighted(wanted.shape)
    slopes = gradient(lambda x: add_margins(x, value) * weights, x)
    inside = padded(np.ones(shape), 0.0, low, high, interior) > 0
    of_value = gradient(lambda v: add_margins(constant(x), v) * weights, -7.0)
    np.testing.assert_allclose(of_value, np.sum(weights.value[~inside]), atol=1e-12)
    np.testing.assert_allclose(np.sum(slopes), np.sum(weights.value[inside]), atol=1e-12)


def test_padding_that_cuts_too_much():
    with pytest.raises(ShapeError, match="cut more off"):
        pad(constant(counted((2,))), 0.0, low=(-2,), high=(-1,), interior=(0,))
    with pytest.raises(ShapeError, match="float64 scalar"):
        pad(constant(counted((2,))), constant([0.0]), low=(0,), high=(0,), interior=(0,))


@few
@given(shape=array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=3), data=st.data())
def test_joining_and_parting_agree_with_numpy(shape, data):
    axis = data.draw(st.integers(0, len(shape) - 1))
    sizes = data.draw(st.lists(st.integers(0, 3), min_size=1, max_size=4))
    parts = [counted((*shape[:axis], n, *shape[axis + 1 :])) + 10 * n for n in sizes]
    whole = concatenate(*map(constant, parts), axis=axis)
    np.testing.assert_array_equal(whole.value, np.concatenate(parts, axis))
    for part, again in zip(parts, split(whole, sizes, axis)):
        np.testing.assert_array_equal(again.value, part)
    x = counted(shape)
    places = data.draw(st.integers(-5, 5))
    np.testing.assert_array_equal(roll(constant(x), places, axis).value, np.roll(x, places, axis))
    np.testing.assert_array_equal(
        stack([constant(x), constant(2 * x)], axis).value, np.stack([x, 2 * x], axis)
    )
    np.testing.assert_array_equal(flip(constant(x), (axis,)).value, np.flip(x, axis))


def test_joining_what_does_not_fit():
    a = constant(counted((2, 3)))
    with pytest.raises(ShapeError, match=r"\(2, 3\) and \(3, 3\) differ in more than axis 1"):
        concatenate(a, constant(counted((3, 3))), axis=1)
    with pytest.raises(DTypeError, match="float64 and float32"):
        concatenate(a, constant(counted((2, 3)).astype(np.float32)), axis=0)
    with pytest.raises(ShapeError, match="no axis 2"):
        concatenate(a, a, axis=2)
    with pytest.raises(ShapeError, match="add up to 4"):
        split(a, [2, 2], 1)


def test_nothing_changes_nothing():
    x = constant(counted((2, 3)))
    assert reshape(x, (2, 3)) is x
    assert permute(x, (0, 1)) is x
    assert broadcast_to(x, (2, 3)) is x
    assert flip(x, ()) is x
    assert slice_axis(x, 1, 0, 3) is x
    assert roll(x, 3, 1) is x


# -- windows -------------------------------------------------------------------------------------


@few
@given(shape=array_shapes(min_dims=1, max_dims=3, min_side=1, max_side=6), data=st.data())
def test_windows_agree_with_numpy(shape, data):
    axes = tuple(data.draw(st.permutations(range(len(shape)))))
    axes = axes[: data.draw(st.integers(1, len(shape)))]
    sizes = tuple(data.draw(st.integers(1, shape[axis])) for axis in axes)
    strides = tuple(data.draw(st.integers(1, 3)) for _ in axes)
    x = counted(shape)
    found = sliding_windows(constant(x), axes=axes, sizes=sizes, strides=strides)
    wanted = np.lib.stride_tricks.sliding_window_view(x, sizes, axes)
    for axis, stride in zip(axes, strides):
        wanted = np.take(wanted, range(0, wanted.shape[axis], stride), axis)
    np.testing.assert_array_equal(found.value, wanted)
    ones = constant(np.ones(found.shape))
    seen = overlap_add(ones, shape=shape, axes=axes, strides=strides)
    np.testing.assert_array_equal(
        seen.value,
        gradient(lambda x: sliding_windows(x, axes=axes, sizes=sizes, strides=strides), x),
    )
    assert np.sum(seen.value) == found.type.size


def test_second_derivatives_through_windows():
    """Σ over windows of (Σ x)³: the Hessian has 6 Σ x of each window on the pairs inside it."""
    x = np.array([1.0, -2.0, 3.0, 0.5, 2.0])
    size, stride = 3, 2

    def cubes(x):
        windows = sliding_windows(x, axes=(0,), sizes=(size,), strides=(stride,))
        return sum_(windows, axes=(1,), keepdims=False) ** 3

    first, second = np.zeros(5), np.zeros((5, 5))
    for start in (0, 2):
        inside = slice(start, start + size)
        first[inside] += 3 * np.sum(x[inside]) ** 2
        second[inside, inside] += 6 * np.sum(x[inside])
    np.testing.assert_allclose(gradient(cubes, x), first)
    np.testing.assert_allclose(hessian(cubes, x), second)


def test_windows_that_do_not_fit():
    x = constant(counted((3, 4)))
    with pytest.raises(ShapeError, match=r"a window of 4 elements .* axis 0 of \(3, 4\)"):
        sliding_windows(x, axes=(0,), sizes=(4,), strides=(1,))
    with pytest.raises(ShapeError, match="distinct axes"):
        sliding_windows(x, axes=(0, 0), sizes=(1, 1), strides=(1, 1))
    with pytest.raises(ShapeError, match="are not the windows of"):
        overlap_add(x, shape=(8,), axes=(0,), strides=(1,))
