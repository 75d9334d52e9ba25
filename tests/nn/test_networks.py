"""Layers of several rooms together in training."""

import warnings

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, optim, train


def convnet():
    keys = cr.random.split(cr.random.key(3), 6)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding="same", bias=False, key=keys[0]),
        nn.BatchNorm(8),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Residual(
            nn.Sequential(
                nn.GroupNorm(2, 8),
                nn.Conv2d(8, 8, 3, padding=1, key=keys[1]),
                nn.SiLU(),
                nn.DropPath(0.1, key=keys[2]),
            )
        ),
        nn.Conv2d(8, 12, 3, stride=2, padding=1, key=keys[3]),
        nn.PReLU(12),
        nn.AdaptiveAvgPool2d((2, 2)),
        nn.Flatten(),
        nn.Dropout(0.2, key=keys[4]),
        nn.Linear(48, 4, key=keys[5]),
    )


def stripes(count=96):
    """Images of stripes of four directions, with noise."""
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 4, size=count)
    row, column = np.mgrid[:12, :12]
    directions = np.stack([row, column, row + column, row - column]) % 4 < 2
    images = directions[labels] + 0.3 * rng.normal(size=(count, 12, 12))
    return images[:, None].astype(np.float32), labels


def test_a_step_has_no_fallbacks():
    model, optimizer = convnet(), optim.adam(1e-3)
    images, labels = (cr.tensor(a) for a in stripes(16))
    step = cr.compile(train.make_step(model, nn.cross_entropy, optimizer))
    parameters = model.parameters()
    after = step(parameters, optimizer.init(parameters), images, labels, model.buffers())
    assert step.report().fallbacks == []
    assert after.buffers["layers.1.num_batches_tracked"].item() == 1


def test_training_natively_is_training_eagerly():
    def fitted(compile):
        model = convnet()
        with warnings.catch_warnings():
            warnings.simplefilter("error", cr.CompileWarning)
            train.fit(
                model,
                nn.cross_entropy,
                stripes(32),
                optimizer=optim.sgd(0.05),
                epochs=1,
                batch_size=8,
                progress=False,
                compile=compile,
            )
        return model.state_dict()

    native, eager = fitted(True), fitted(False)
    assert native.keys() == eager.keys()
    for path, value in eager.items():
        np.testing.assert_allclose(
            native[path].numpy(), value.numpy(), rtol=1e-3, atol=1e-4, err_msg=path
        )


@pytest.mark.slow
def test_it_learns():
    model = convnet()
    run = train.fit(
        model,
        nn.cross_entropy,
        stripes(400),
        optimizer=optim.adam(5e-3),
        epochs=12,
        validation=stripes(100),
        metrics=[train.accuracy],
        progress=False,
    )
    assert run.history[-1].validation["accuracy"] > 0.95
