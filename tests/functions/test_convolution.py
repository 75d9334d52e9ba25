"""Convolution and windows through the public functions."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ShapeError

RNG = np.random.default_rng(2)


def test_convolution_is_a_contraction_of_windows() -> None:
    x, w = RNG.normal(size=(2, 3, 7, 6)), RNG.normal(size=(4, 3, 3, 2))
    windows = cr.sliding_window_view(x, (3, 2), axis=(2, 3))
    assert windows.shape == (2, 3, 5, 5, 3, 2)
    np.testing.assert_allclose(
        cr.conv(x, w).numpy(), cr.einsum("ncijkl,ockl->noij", windows, w).numpy(), rtol=1e-12
    )


def test_windows_equal_numpys() -> None:
    x = RNG.normal(size=(4, 5))
    view = np.lib.stride_tricks.sliding_window_view
    np.testing.assert_array_equal(cr.sliding_window_view(x, (2, 3)), view(x, (2, 3)))
    np.testing.assert_array_equal(cr.sliding_window_view(x, 2, axis=-1), view(x, 2, axis=-1))


@pytest.mark.parametrize("padding", ["valid", "same", 1])
def test_gradients(padding: str | int) -> None:
    x, w = RNG.normal(size=(1, 2, 5)), RNG.normal(size=(2, 1, 3))
    f = lambda x, w: cr.tanh(cr.conv(x, w, strides=2, padding=padding, groups=2))
    assert cr.check_gradient(f, x, w)
    back = lambda x, w: cr.sin(cr.conv_transpose(x, w, strides=2))
    assert cr.check_gradient(back, x, RNG.normal(size=(2, 1, 3)))


def test_bad_input() -> None:
    with pytest.raises(ShapeError, match="channels"):
        cr.conv(np.ones((1, 2, 5)), np.ones((1, 3, 2)))
    with pytest.raises(ShapeError, match="2 sizes for 1 axes"):
        cr.sliding_window_view(np.ones(5), (2, 2))
    with pytest.raises(ShapeError):
        cr.sliding_window_view(np.ones(2), 3)
