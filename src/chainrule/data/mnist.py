"""Handwritten digits of MNIST, 500 of each, which come with the package."""

from __future__ import annotations

import numpy as np

from chainrule.data.dataset import Dataset
from chainrule.data.packed import unpacked

__all__ = ["load_mnist"]


def load_mnist() -> Dataset:
    """5,000 images of MNIST, 28×28 pixels, and the digits 0 to 9 that they show, 500 of each.

    Inputs have shape (5000, 1, 28, 28), one channel, float32 from 0 (white) to 1 (black). Targets
    are int64. The images are sorted by digit: `Dataset.split` and `train.fit` mix them.

    Source: Y. LeCun, C. Cortes and C. J. C. Burges, CC BY-SA 3.0; see mnist.txt.

    >>> from chainrule import data
    >>> data.load_mnist()
    Dataset(mnist: 5,000 examples, inputs (1, 28, 28) float32, targets () int64)
    """
    table = np.frombuffer(unpacked("mnist.gz"), np.uint8).reshape(5000, 785)
    pixels = table[:, :784].reshape(-1, 1, 28, 28).astype(np.float32) / 255
    return Dataset(pixels, table[:, 784].astype(np.int64), "mnist")
