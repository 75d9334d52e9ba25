import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, IndexingError, ShapeError

RNG = np.random.default_rng(0)


def test_products_of_turned_vectors_depend_on_the_distance_only():
    rotary = nn.RotaryPositions()
    q, k = RNG.normal(size=(2, 1, 8))
    products = {
        offset: (rotary(q, offset) @ rotary(k, offset + 5).T).item() for offset in (0, 3, 1000)
    }
    np.testing.assert_allclose(list(products.values()), products[0], rtol=1e-10)
    assert abs(products[0] - (rotary(q, 0) @ rotary(k, 6).T).item()) > 1e-3
    x = RNG.normal(size=(2, 3, 8))
    np.testing.assert_allclose(
        np.linalg.norm(rotary(x).numpy(), axis=-1), np.linalg.norm(x, axis=-1), rtol=1e-13
    )


def test_halves_are_turned_as_complex_numbers():
    x = RNG.normal(size=(5, 6))
    angles = np.arange(5)[:, None] * 100.0 ** (-np.arange(3) / 3)
    turned = (x[:, :3] + 1j * x[:, 3:]) * np.exp(1j * angles)
    found = nn.RotaryPositions(100.0)(x).numpy()
    np.testing.assert_allclose(found, np.hstack([turned.real, turned.imag]), rtol=1e-13)


@pytest.mark.parametrize("kind", ["learned", "sinusoidal", "rotary"])
def test_an_offset_is_a_later_part_of_the_sequence(kind):
    layer = {
        "learned": nn.LearnedPositions(20, 4, key=cr.random.key(0), dtype="float64"),
        "sinusoidal": nn.SinusoidalPositions(),
        "rotary": nn.RotaryPositions(),
    }[kind]
    x = cr.tensor(RNG.normal(size=(2, 9, 4)))
    whole = layer(x).numpy()
    later = cr.compile(lambda layer, x, offset: layer(x, offset))
    for offset in (6, cr.tensor(6)):
        np.testing.assert_allclose(layer(x[:, 6:], offset).numpy(), whole[:, 6:], rtol=1e-13)
    np.testing.assert_allclose(
        later(layer, x[:, 6:], cr.tensor(6)).numpy(), whole[:, 6:], rtol=1e-13
    )


def test_float32_positions_are_exact_far_out():
    x = RNG.normal(size=(1, 8)).astype("float32")
    far = 100_000
    close = nn.RotaryPositions()(x.astype("float64"), far).numpy()
    found = nn.RotaryPositions()(x, far)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found.numpy(), close, atol=1e-6)


def test_bad_input():
    with pytest.raises(ShapeError, match=r"even number of features.*\(2, 5\)"):
        nn.RotaryPositions()(cr.zeros((2, 5)))
    with pytest.raises(DomainError, match="base is above 1"):
        nn.SinusoidalPositions(0.5)(cr.zeros((2, 4)))
    layer = nn.LearnedPositions(4, 2, key=cr.random.key(0))
    with pytest.raises(ShapeError, match=r"knows positions 0 to 3, .* goes from 0 to 4"):
        layer(cr.zeros((5, 2)))
    with pytest.raises(ShapeError, match="takes a last axis of 2"):
        layer(cr.zeros((3, 3)))
    with pytest.raises(IndexingError):
        cr.compile(lambda m, x, o: m(x, o))(layer, cr.zeros((3, 2)), cr.tensor(2))
