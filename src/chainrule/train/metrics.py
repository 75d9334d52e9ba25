"""Measures of how good predictions are; unlike losses they need no derivative."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import ShapeError
from chainrule.tensor import Tensor, tensor

__all__ = ["accuracy"]


def accuracy(logits: Tensor, labels: Any) -> Any:
    """The share, from 0 to 1, of examples whose largest score is that of the right class.

    Args:
        logits: scores, shape (n, classes).
        labels: the right classes, shape (n,).

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import chainrule as cr
    >>> cr.train.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), [1, 1])
    0.5
    """
    if not any(isinstance(value, Tensor) and value.is_traced for value in (logits, labels)):
        scores, right = np.asarray(logits), np.asarray(labels)
        _check(scores.shape, right.shape)
        return float(np.mean(scores.argmax(axis=1) == right))
    traced, truth = tensor(logits), tensor(labels)
    _check(traced.shape, truth.shape)
    return (traced.argmax(axis=1) == truth).astype("float64").mean()


def _check(scores: tuple[int, ...], labels: tuple[int, ...]) -> None:
    if len(scores) != 2 or labels != scores[:1]:
        raise ShapeError(
            f"accuracy: logits (n, classes) need labels (n,), got {scores} and {labels}"
        )
