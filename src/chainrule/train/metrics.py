"""Measures of how good predictions are; unlike losses they need no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.tensor import Tensor

__all__ = ["accuracy"]


def accuracy(logits: Tensor, labels: Any) -> float:
    """The share, from 0 to 1, of examples whose largest score is that of the right class.

    Args:
        logits: scores, shape (n, classes).
        labels: the right classes, shape (n,).

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import chainrule as cr
    >>> cr.train.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), [1, 1])
    0.5
    """
    scores, right = np.asarray(logits), np.asarray(labels)
    if scores.ndim != 2 or right.shape != scores.shape[:1]:
        raise ShapeError(
            f"accuracy: logits (n, classes) need labels (n,), got {scores.shape} and {right.shape}"
        )
    return float(np.mean(scores.argmax(axis=1) == right))
