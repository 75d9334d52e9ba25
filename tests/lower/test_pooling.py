"""Pooling as people write it: windows, strides, reshapes; forward and backward, in native loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.rewrite.simplify import simplify
from chainrule.tracing import trace
from tests.lower.programs import Native

Pool = Callable[[Any], Any]


def _windows(size: int, stride: int, start: int = 0) -> Pool:
    """Maxima over square windows of the last two axes."""

    def pool(x: Any) -> Any:
        windows = cr.sliding_window_view(x, (size, size), axis=(-2, -1))
        return cr.max(windows[:, start::stride, start::stride], axis=(-2, -1))

    return pool


def _reshaped(size: int, fold: Callable[..., Any], axes: tuple[int, ...] = (2, 4)) -> Pool:
    def pool(x: Any) -> Any:
        n, h, w = x.shape
        return fold(cr.reshape(x, (n, h // size, size, w // size, size)), axis=axes)

    return pool


POOLS = {
    "max 2x2": _reshaped(2, cr.max),
    "max 3x3": _reshaped(3, cr.max),
    "max 4x4": _reshaped(4, cr.max),
    "mean 2x2": _reshaped(2, cr.mean),
    "max of rows": _reshaped(2, cr.max, (2,)),
    "max of columns": _reshaped(2, cr.max, (4,)),
    "windows 2, stride 2": _windows(2, 2),
    "windows 3, stride 3": _windows(3, 3),
    "windows 3, stride 2": _windows(3, 2),
    "windows 3, stride 1": _windows(3, 1),
    "windows 2, stride 3": _windows(2, 3),
    "windows 2, stride 2, from 1": _windows(2, 2, 1),
}


def _native(f: Callable[..., Any], *values: np.ndarray[Any, Any]) -> tuple[Native, list[Any]]:
    graph, _ = simplify(trace(f, *values).graph)
    native = Native(graph)
    assert native.program.fallbacks == []
    return native, native(*values)


@pytest.mark.parametrize("shape", [(3, 24, 36), (2, 12, 84), (5, 12, 12)])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", POOLS)
def test_pooling(name: str, dtype: str, shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    x = np.round(rng.normal(size=shape), 1).astype(dtype)  # with ties
    x[0, 3, 5] = np.nan
    pool = POOLS[name]
    wanted = pool(cr.tensor(x)).numpy()
    ct = rng.normal(size=wanted.shape).astype(dtype)
    _, (found,) = _native(pool, x)
    tolerance = {"rtol": 1e-6, "atol": 1e-6} if "mean" in name else {"rtol": 0, "atol": 0}
    np.testing.assert_allclose(found, wanted, **tolerance)

    def backward(x: Any, ct: Any) -> Any:
        return cr.vjp(pool, x)[1](ct)

    (gradient,) = backward(cr.tensor(x), cr.tensor(ct))
    _, (found,) = _native(backward, x, ct)
    np.testing.assert_allclose(found, gradient.numpy(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ["max 2x2", "windows 2, stride 2"])
def test_windows_side_by_side_are_never_stored(name: str) -> None:
    """The gradient reads the image and what came down; nothing of its size lies between them."""
    x = np.ones((4, 32, 32), np.float32)
    ct = np.ones((4, 16, 16), np.float32)
    native, _ = _native(lambda x, ct: cr.vjp(POOLS[name], x)[1](ct), x, ct)
    frame = native.program.frame
    assert set(native.kinds) == {"loop"}
    assert max((block.size for block in frame.blocks.values()), default=0) <= ct.nbytes


def test_strided_parts_of_an_array_that_ends_with_them() -> None:
    """Vectors of every second, third, fourth element read nothing behind the last one."""
    rng = np.random.default_rng(1)
    for step in (2, 3, 4):
        for extent in (40 * step + 1, 40 * step + step, 17 * step + 1):
            x = rng.normal(size=extent).astype(np.float32)
            _, (found,) = _native(lambda x, step=step: x[::step] * 2, x)
            np.testing.assert_array_equal(found, x[::step] * 2)
