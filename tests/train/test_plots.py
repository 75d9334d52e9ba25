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


@pytest.mark.parametrize(("wrong", "size"), [(3, 8), (6, 8), (15, 8), (15, 12)])
def test_mistakes_fill_the_picture(tmp_path, wrong, size):
    image = pytest.importorskip("matplotlib.image")
    probabilities = np.tile([0.2, 0.8], (wrong, 1))
    images = np.ones((wrong, size, 8))
    labels = np.zeros(wrong, dtype=int)
    path = train.plot_mistakes(images, labels, probabilities, tmp_path / "m.png", "title")
    drawn = np.argwhere(image.imread(path)[..., :3].min(axis=2) < 0.9)
    margins = np.subtract(image.imread(path).shape[:2], drawn.max(axis=0))
    assert margins.max() <= 20  # of 150 pixels an inch


def test_the_least_loss_is_drawn(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from chainrule.train import plots

    figures = []
    monkeypatch.setattr(plots, "save_figure", lambda figure, path: figures.append(figure))
    train.plot_curves(run_of(3), tmp_path / "curves.png", least=0.25)
    loss, accuracy = figures[0].axes
    texts = [[text.get_text() for text in ax.get_legend().get_texts()] for ax in (loss, accuracy)]
    assert texts[0] == ["training", "validation", "least possible: 0.250"]
    assert texts[1] == ["training", "validation"]
    assert list(loss.get_lines()[-1].get_ydata()) == [0.25, 0.25]


def test_a_single_epoch_and_a_metric_of_several_words_are_named():
    pytest.importorskip("matplotlib")
    epoch = train.Epoch(1, 0.1, {"loss": 1.0, "mean_absolute_error": 0.5}, {})
    loss, error = train.Run(nn.ReLU(), 1, 1, [epoch]).plot().axes
    low, high = loss.get_xlim()
    assert [tick for tick in loss.get_xticks() if low <= tick <= high] == [1]
    assert (error.get_title(), error.get_ylabel()) == ("Mean absolute error", "mean absolute error")
