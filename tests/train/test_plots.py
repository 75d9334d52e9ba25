import sys

import numpy as np
import pytest

import chainrule as cr
from chainrule import nn, train
from chainrule.core.errors import DomainError, MissingExtraError

PNG = b"\x89PNG\r\n\x1a\n"


def run_of(epochs, validation=True):
    held_out = {"loss": 0.4, "accuracy": 0.8} if validation else {}
    history = [
        train.Epoch(n, 0.1, {"loss": 1 / n, "accuracy": 1 - 1 / (n + 1)}, held_out)
        for n in range(1, epochs + 1)
    ]
    return train.Run(nn.ReLU(), epochs, 1, history)


@pytest.mark.parametrize("epochs", [1, 5])
@pytest.mark.parametrize("validation", [True, False])
def test_curves_are_drawn(tmp_path, epochs, validation):
    pytest.importorskip("matplotlib")
    path = train.plot_curves(run_of(epochs, validation), tmp_path / "curves.png", "title")
    assert path.read_bytes().startswith(PNG)


@pytest.mark.parametrize("wrong", [0, 1, 4, 40])
def test_mistakes_are_drawn(tmp_path, wrong):
    pytest.importorskip("matplotlib")
    labels = np.zeros(50, dtype=int)
    probabilities = np.tile([0.7, 0.3], (50, 1))
    probabilities[:wrong] = [0.2, 0.8]
    images = np.random.default_rng(0).uniform(size=(50, 8, 8))
    path = train.plot_mistakes(images, labels, probabilities, tmp_path / "m.png", "title")
    assert path.read_bytes().startswith(PNG)


def test_a_run_without_an_epoch_cannot_be_drawn(tmp_path):
    with pytest.raises(DomainError, match="no completed epoch"):
        train.plot_curves(run_of(0), tmp_path / "curves.png")


def test_without_matplotlib_the_error_names_the_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'chainrule\[explain\]'"):
        train.plot_curves(run_of(1), tmp_path / "curves.png")
    assert not list(tmp_path.iterdir())


def test_accuracy():
    logits = cr.tensor([[0.1, 0.9], [0.8, 0.2], [0.3, 0.7]])
    assert train.accuracy(logits, [1, 0, 0]) == pytest.approx(2 / 3)
    with pytest.raises(cr.core.errors.ShapeError, match=r"\(3, 2\) and \(2,\)"):
        train.accuracy(logits, [1, 0])
