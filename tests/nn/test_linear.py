import numpy as np
import pytest

import chainrule as cr
from chainrule import nn
from chainrule.core.errors import DomainError, DTypeError, IndexingError, ShapeError


def key(seed=0):
    return cr.random.key(seed)


class TestBilinear:
    def test_is_the_bilinear_form_of_each_output(self):
        layer = nn.Bilinear(3, 4, 2, key=key(), dtype="float64")
        x1, x2 = np.random.default_rng(0).normal(size=(2, 5, 4))
        x1 = x1[:, :3]
        a, b = layer.weight.numpy(), layer.bias.numpy()
        expected = [[u @ a[k] @ v + b[k] for k in range(2)] for u, v in zip(x1, x2, strict=True)]
        np.testing.assert_allclose(layer(x1, x2).numpy(), expected, rtol=1e-13)

    def test_variance_of_the_start_is_that_of_all_products(self):
        weight = nn.Bilinear(40, 50, 60, key=key()).weight.numpy()
        assert weight.var() == pytest.approx(2 / (40 * 50 + 60), rel=0.05)

    def test_errors_name_the_input(self):
        layer = nn.Bilinear(3, 4, 2, key=key())
        with pytest.raises(ShapeError, match=r"second input takes a last axis of 4.*\(5, 3\)"):
            layer(cr.ones((5, 3)), cr.ones((5, 3)))
        with pytest.raises(DomainError, match="in2_features is a whole number above 0, not 0"):
            nn.Bilinear(3, 0, 2, key=key())

    def test_repr(self):
        assert repr(nn.Bilinear(3, 4, 2, key=key(), bias=False)) == "Bilinear(3, 4, 2, bias=False)"


class TestEmbedding:
    def test_gives_rows_and_sums_gradients_of_repeated_indices(self):
        layer = nn.Embedding(4, 2, key=key())
        rows = layer(cr.tensor([1, 3, 1]))
        np.testing.assert_array_equal(rows.numpy(), layer.weight.numpy()[[1, 3, 1]])
        rows.sum().backward()
        np.testing.assert_array_equal(layer.weight.grad.numpy(), [[0, 0], [2, 2], [0, 0], [1, 1]])

    def test_padding_starts_at_zero_without_gradient(self):
        layer = nn.Embedding(4, 2, key=key(), padding_idx=-1)
        assert layer.padding_idx == 3
        assert not layer.weight.numpy()[3].any()
        assert layer.weight.numpy()[:3].all()
        layer([0, 3]).sum().backward()
        np.testing.assert_array_equal(layer.weight.grad.numpy()[[0, 3]], [[1, 1], [0, 0]])

    @pytest.mark.parametrize("wrong", [-1, 4, 100])
    def test_an_index_out_of_range_is_named(self, wrong):
        layer = nn.Embedding(4, 2, key=key())
        with pytest.raises(IndexingError, match=rf"index {wrong} is out of range.*rows 0 to 3"):
            layer([[0, wrong]])

    @pytest.mark.parametrize("wrong", [-1, 4])
    def test_native_code_refuses_it_too(self, wrong):
        look_up = cr.compile(lambda layer, i: layer(i))
        layer = nn.Embedding(4, 2, key=key())
        np.testing.assert_array_equal(
            look_up(layer, cr.tensor([2, 0])).numpy(), layer.weight.numpy()[[2, 0]]
        )
        with pytest.raises(IndexingError, match="index 4"):
            look_up(layer, cr.tensor([0, wrong]))

    def test_bad_arguments(self):
        with pytest.raises(IndexingError, match="padding_idx 4 is none of the 4 rows"):
            nn.Embedding(4, 2, key=key(), padding_idx=4)
        with pytest.raises(DTypeError, match="indices are integers, not float64"):
            nn.Embedding(4, 2, key=key())([0.5])

    def test_repr(self):
        layer = nn.Embedding(4, 2, key=key(), padding_idx=1)
        assert repr(layer) == "Embedding(4, 2, padding_idx=1)"
