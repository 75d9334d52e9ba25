import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, random, train


def test_batches_make_no_difference_and_dropout_is_off():
    keys = random.split(random.key(0), 3)
    model = nn.Sequential(
        nn.Linear(3, 8, key=keys[0]), nn.BatchNorm(8), nn.Dropout(0.5, key=keys[1])
    )
    x = np.random.default_rng(0).normal(size=(7, 3))
    before = {path: value.numpy().copy() for path, value in model.buffers().items()}
    whole = train.predict(model, x)
    assert whole.shape == (7, 8) and whole.dtype == np.float32 and not whole.requires_grad
    np.testing.assert_allclose(train.predict(model, x, batch_size=2), whole, rtol=1e-6)
    np.testing.assert_array_equal(model.eval()(cr.tensor(x, dtype="float32")), whole)
    for path, value in model.buffers().items():
        np.testing.assert_array_equal(value.numpy(), before[path])


def test_the_mode_stays_also_after_an_error():
    model = nn.Sequential(nn.Linear(3, 2, key=random.key(0)))
    with pytest.raises(cr.ShapeError):
        train.predict(model, np.ones((4, 5)))
    assert all(module.training for _, module in model.modules())


def test_several_outputs_and_integers():
    class Both(nn.Module):
        def __call__(self, x):
            return {"double": 2 * x, "negative": -x}

    found = train.predict(Both(), [[1], [2], [3]], batch_size=2)
    assert found["double"].tolist() == [[2], [4], [6]]
    assert found["negative"].dtype.kind == "i"


def test_no_examples_are_refused():
    model = nn.Linear(3, 2, key=random.key(0))
    with pytest.raises(cr.ShapeError, match="one row an example"):
        train.predict(model, np.ones((0, 3)))
    with pytest.raises(cr.DomainError, match="batch_size"):
        train.predict(model, np.ones((1, 3)), batch_size=0)


def test_iterating_over_a_loader_says_how():
    from chainrule import data

    loader = data.Loader((np.ones((4, 2)), np.zeros(4)), 2)
    with pytest.raises(cr.ChainRuleError, match=r"source.epoch\(number\)"):
        for _ in loader:
            pass
