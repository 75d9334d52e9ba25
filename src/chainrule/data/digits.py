"""The handwritten digits of E. Alpaydin and C. Kaynak, which come with the package."""

from __future__ import annotations

import numpy as np

from chainrule.data.dataset import Dataset
from chainrule.data.packed import unpacked

__all__ = ["load_digits"]


def load_digits() -> Dataset:
    """1,797 images of handwritten digits, 8×8 pixels, and the digits 0 to 9 that they show.

    Inputs have shape (1797, 64), float32 from 0 (white) to 1 (black), pixels row by row;
    ``inputs.reshape(-1, 8, 8)`` are the images. Targets are int64.

    Source: E. Alpaydin and C. Kaynak (1998), Optical Recognition of Handwritten Digits, UCI
    Machine Learning Repository, https://doi.org/10.24432/C50P49, CC BY 4.0; see digits.txt.

    >>> from chainrule import data
    >>> data.load_digits()
    Dataset(digits: 1,797 examples, inputs (64,) float32, targets () int64)
    """
    lines = unpacked("digits.csv.gz").decode("ascii").splitlines()
    table = np.loadtxt(lines, delimiter=",", dtype=np.int64)
    pixels = table[:, :64].astype(np.float32) / 16
    return Dataset(pixels, table[:, 64], "digits")
