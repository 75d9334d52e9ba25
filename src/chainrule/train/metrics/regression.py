"""Metrics of predicted numbers that are no mean over the examples."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.train.metrics.kinds import whole

__all__ = ["r2"]


@whole
def r2(outputs: Any, targets: Any) -> float:
    """R² = 1 − Σ(y − ŷ)² / Σ(y − ȳ)², the share of the variance that is explained.

    1 for perfect predictions, 0 for those of the mean ȳ, below that for worse ones. For several
    targets an example the mean of their R². As in scikit-learn, targets that are constant give 1
    if they are met and else 0.

    Args:
        outputs, targets: of one shape (n, …).

    Raises:
        ShapeError: if the shapes differ, or there are fewer than two examples.

    >>> from chainrule import train
    >>> train.r2([1.0, 2.0, 3.0], [1.0, 2.0, 4.0])
    0.7857142857142857
    """
    predicted, y = np.asarray(outputs, np.float64), np.asarray(targets, np.float64)
    if predicted.shape != y.shape or not y.ndim:
        raise ShapeError(
            f"r2: outputs have shape {predicted.shape}, targets {y.shape}; they must be equal "
            "(reshape one of them)"
        )
    if len(y) < 2:
        raise ShapeError("r2: one example has no variance to explain; there must be two or more")
    y, predicted = y.reshape(len(y), -1), predicted.reshape(len(y), -1)
    left = ((y - predicted) ** 2).sum(axis=0)
    all_ = ((y - y.mean(axis=0)) ** 2).sum(axis=0)
    shares = np.where(all_ > 0, 1 - left / np.where(all_ > 0, all_, 1), left == 0)
    return float(shares.mean())
