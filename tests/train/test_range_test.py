import numpy as np
import pytest

import chainrule as cr
from chainrule import data, nn, optim, train
from chainrule.core.errors import DomainError

DIGITS = data.load_digits()


def network():
    return nn.MLP(64, (32,), 10, key=cr.random.key(0))


@pytest.mark.parametrize("make", [optim.sgd, optim.adam])
def test_the_suggestion_trains_well(make):
    model = network()
    before = {path: value.numpy().copy() for path, value in model.state_dict().items()}
    found = train.find_lr(model, nn.cross_entropy, DIGITS, optimizer=make)
    for path, value in before.items():
        np.testing.assert_array_equal(model.state_dict()[path].numpy(), value)
    assert model.training
    losses = {}
    for factor in (1e-3, 1.0, 100.0):
        try:
            run = train.fit(
                network(),
                nn.cross_entropy,
                DIGITS,
                optimizer=make(factor * found.suggestion),
                epochs=2,
                progress=False,
            )
            losses[factor] = run.curve("loss")[-1]
        except train.NonFiniteError:
            losses[factor] = np.inf
    assert losses[1.0] < 0.6
    assert losses[1.0] < min(losses[1e-3], losses[100.0])


def test_rates_grow_from_low_to_high():
    options = {"optimizer": optim.sgd, "low": 1e-5, "high": 1e-2, "steps": 31}
    found = train.find_lr(network(), nn.cross_entropy, DIGITS, **options)
    assert len(found.rates) == len(found.losses) == len(found.raw) == 31
    np.testing.assert_allclose(found.rates[[0, 10, 20, 30]], [1e-5, 1e-4, 1e-3, 1e-2])
    np.testing.assert_allclose(np.diff(np.log(found.rates)), np.log(1e3) / 30)
    # the losses are those of a run whose learning rate grows in this way
    rate = 1e3 ** (1 / 30)

    class Losses(train.Callback):
        def __init__(self):
            self.seen = []

        def stepped(self, run, measured):
            self.seen.append(measured["loss"])

    losses = Losses()
    train.fit(
        network(),
        nn.cross_entropy,
        DIGITS,
        optimizer=optim.sgd(lambda step: 1e-5 * rate**step),
        max_steps=31,
        callbacks=[losses],
        progress=False,
    )
    np.testing.assert_allclose(found.raw, losses.seen, rtol=1e-4)


def test_an_optimizer_is_scaled_as_it_is():
    by_function = train.find_lr(network(), nn.cross_entropy, DIGITS, optimizer=optim.sgd)
    scaled = train.find_lr(
        network(), nn.cross_entropy, DIGITS, optimizer=optim.sgd(0.5), low=2e-7, high=20.0
    )
    count = min(len(by_function.raw), len(scaled.raw)) - 5  # then it diverges
    np.testing.assert_allclose(by_function.raw[:count], scaled.raw[:count], rtol=1e-2)


def test_it_ends_where_the_loss_is_large():
    found = train.find_lr(network(), nn.cross_entropy, DIGITS, optimizer=optim.sgd, high=1e6)
    assert len(found.rates) < 100


def test_a_loss_that_does_not_fall_gives_no_suggestion():
    rising = train.RangeTest(
        np.geomspace(1e-3, 1, 20), np.arange(20.0), np.arange(20.0), np.zeros(20)
    )
    with pytest.raises(DomainError, match="smaller one"):
        _ = rising.suggestion
    falling = train.RangeTest(
        np.geomspace(1e-3, 1, 7), np.array([5, 5, 4.9, 2, 1.5, 1.4, 9]), np.zeros(7), np.zeros(7)
    )
    assert falling.suggestion == pytest.approx(10**-1.5, rel=1e-6)
    assert repr(falling) == "RangeTest(7 rates from 1.0e-03 to 1.0e+00, suggestion 3.2e-02)"
    assert repr(rising).endswith("no suggestion)")


@pytest.mark.parametrize("make", [optim.sgd, optim.adam])
@pytest.mark.parametrize("seed", range(4))
def test_batches_that_differ_much_do_not_mislead_it(make, seed):
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(700, 8))
    y = np.sin(x[:, :1]) + x[:, 1:2] * x[:, 2:3] + 3.0 * rng.standard_t(3, size=(700, 1))
    found = train.find_lr(
        nn.MLP(8, (32, 32), 1, key=cr.random.key(seed)), nn.mse, (x, y), optimizer=make
    )
    assert np.std(np.diff(found.raw[:40])) > 100 * np.std(np.diff(found.adjusted[:40]))
    assert 1e-4 < found.suggestion < 0.3
    np.testing.assert_allclose(found.start[:5], found.raw[:5], rtol=1e-3)


@pytest.mark.parametrize(
    "wrong", [{"low": 0}, {"low": 1.0, "high": 0.1}, {"steps": 3}, {"smoothing": 0}]
)
def test_values_out_of_range_are_refused(wrong):
    with pytest.raises(DomainError, match="find_lr"):
        train.find_lr(network(), nn.cross_entropy, DIGITS, optimizer=optim.sgd, **wrong)


def test_it_draws_itself(tmp_path):
    pytest.importorskip("matplotlib")
    found = train.find_lr(network(), nn.cross_entropy, DIGITS, optimizer=optim.sgd)
    assert found.plot(tmp_path / "rates.png").read_bytes().startswith(b"\x89PNG")
    (ax,) = found.plot().axes
    assert ax.get_xscale() == "log"
    assert any("suggestion" in text.get_text() for text in ax.get_legend().get_texts())
