"""Metrics that are means over the examples, or follow from one; they can be traced."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn.losses import cross_entropy
from chainrule.tensor import Tensor, tensor
from chainrule.train.metrics.kinds import of_mean

__all__ = [
    "accuracy",
    "mean_absolute_error",
    "mean_squared_error",
    "perplexity",
    "top_k_accuracy",
]


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
    if not _is_traced(logits, labels):
        scores, right = np.asarray(logits), np.asarray(labels)
        _check_scores("accuracy", scores.shape, right.shape)
        return float(np.mean(scores.argmax(axis=1) == right))
    traced, truth = tensor(logits), tensor(labels)
    _check_scores("accuracy", traced.shape, truth.shape)
    return (traced.argmax(axis=1) == truth).astype("float64").mean()


def top_k_accuracy(logits: Tensor, labels: Any, k: int = 5) -> Any:
    """The share of examples whose right class has one of the ``k`` largest scores.

    Of equal scores the class with the lower number comes first, so that k = 1 is `accuracy`. For
    `fit` give ``functools.partial(train.top_k_accuracy, k=3)``.

    Args:
        logits: scores, shape (n, classes).
        labels: the right classes, shape (n,), integers.
        k: at least 1.

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError: if the shapes do not fit.
        DomainError: if ``k`` is below 1, or a label is no class.

    >>> import chainrule as cr
    >>> cr.train.top_k_accuracy(cr.tensor([[0.1, 0.3, 0.6], [0.5, 0.2, 0.3]]), [1, 1], k=2)
    0.5
    """
    if k < 1:
        raise DomainError(f"top_k_accuracy: k is at least 1, not {k}")
    traced = _is_traced(logits, labels)
    scores: Any = tensor(logits) if traced else np.asarray(logits)
    right: Any = tensor(labels) if traced else np.asarray(labels)
    _check_scores("top_k_accuracy", scores.shape, right.shape)
    classes = scores.shape[1]
    if not traced and right.size and not (right.min() >= 0 and right.max() < classes):
        raise DomainError(
            f"top_k_accuracy: labels are from 0 to {classes - 1}, these from {right.min()} to "
            f"{right.max()}"
        )
    space: Any = functions if traced else np
    numbers, column = space.arange(classes), space.expand_dims(right, axis=1)
    own = space.where(numbers == column, scores, 0).sum(axis=1, keepdims=True)
    before = (scores > own) | ((scores == own) & (numbers < column))
    found = before.astype("int64").sum(axis=1) < k
    return found.astype("float64").mean() if traced else float(found.mean())


def mean_squared_error(outputs: Tensor, targets: Any) -> Any:
    """The mean of (output − target)², in the squared unit of the targets.

    Args:
        outputs, targets: of one shape (n, …).

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.train.mean_squared_error(cr.tensor([1.0, 2.0]), [1.0, 4.0])
    2.0
    """
    error = _difference("mean_squared_error", outputs, targets)
    return _mean(error * error)


def mean_absolute_error(outputs: Tensor, targets: Any) -> Any:
    """The mean of |output − target|, in the unit of the targets.

    Args:
        outputs, targets: of one shape (n, …).

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.train.mean_absolute_error(cr.tensor([1.0, 2.0]), [1.0, 4.0])
    1.0
    """
    return _mean(abs(_difference("mean_absolute_error", outputs, targets)))


@of_mean(cross_entropy, math.exp)
def perplexity(logits: Tensor, labels: Any) -> Any:
    """exp of the mean cross-entropy: among how many equally likely classes one would guess as well.

    Over several batches the mean is taken first.

    Args:
        logits: scores before softmax, shape (…, classes).
        labels: the right classes, shape (…), integers.

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError, DTypeError, DomainError: as `nn.cross_entropy`.

    >>> import chainrule as cr
    >>> round(cr.train.perplexity(cr.tensor([[0.0, 0.0, 0.0, 0.0]]), [2]), 6)
    4.0
    """
    value = functions.exp(cross_entropy(logits, labels))
    return value if value.is_traced else value.item()


# -- helpers ---------------------------------------------------------------------------------------


def _is_traced(*values: Any) -> bool:
    return any(isinstance(value, Tensor) and value.is_traced for value in values)


def _check_scores(name: str, scores: tuple[int, ...], labels: tuple[int, ...]) -> None:
    if len(scores) != 2 or labels != scores[:1]:
        raise ShapeError(f"{name}: logits (n, classes) need labels (n,), got {scores} and {labels}")


def _difference(name: str, outputs: Any, targets: Any) -> Any:
    traced = _is_traced(outputs, targets)
    y: Any = tensor(outputs) if traced else np.asarray(outputs)
    wanted: Any = tensor(targets) if traced else np.asarray(targets)
    if y.shape != wanted.shape:
        raise ShapeError(
            f"{name}: outputs have shape {y.shape}, targets {wanted.shape}; they must be equal "
            "(reshape one of them)"
        )
    return y.astype("float64") - wanted.astype("float64")


def _mean(values: Any) -> Any:
    mean = values.mean()
    return mean if isinstance(mean, Tensor) else float(mean)
