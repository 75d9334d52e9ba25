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
    """The share, from 0 to 1, of examples whose predicted class is the right one.

    An example with a score that is NaN counts as wrong.

    Args:
        logits: scores (n, classes), of which the largest counts; or scores of class 1 against
            class 0, shape (n,) or (n, 1), positive for class 1; or predicted classes, integers,
            shape (n,).
        labels: the right classes, shape (n,) or (n, 1).

    Returns:
        A float; under tracing a tensor.

    Raises:
        ShapeError: if the shapes do not fit.

    >>> import chainrule as cr
    >>> cr.train.accuracy(cr.tensor([[0.1, 0.9], [0.8, 0.2]]), [1, 1])
    0.5
    >>> cr.train.accuracy(cr.tensor([[1.3], [-0.2]]), [1, 1])
    0.5
    """
    traced = _is_traced(logits, labels)
    space: Any = functions if traced else np
    scores, right = (
        values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        for values in (tensor(v) if traced else np.asarray(v) for v in (logits, labels))
    )
    if scores.ndim not in (1, 2) or right.shape != scores.shape[:1]:
        raise ShapeError(
            f"accuracy: logits (n, classes), (n, 1) or (n,) need labels (n,), got "
            f"{np.shape(logits)} and {np.shape(labels)}"
        )
    if scores.ndim == 2:
        hits = (scores.argmax(axis=1) == right) & ~space.isnan(scores).any(axis=1)
    elif scores.dtype.kind == "f":
        hits = ((scores > 0).astype("int64") == right) & ~space.isnan(scores)
    else:
        hits = scores == right
    return _mean(hits.astype("float64"))


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
    if scores.ndim != 2 or right.shape != scores.shape[:1]:
        raise ShapeError(
            f"top_k_accuracy: logits (n, classes) need labels (n,), got {scores.shape} and "
            f"{right.shape}"
        )
    classes = scores.shape[1]
    if not traced and right.size and not (right.min() >= 0 and right.max() < classes):
        raise DomainError(
            f"top_k_accuracy: labels are from 0 to {classes - 1}, these from {right.min()} to "
            f"{right.max()}"
        )
    space: Any = functions if traced else np
    numbers, column = space.arange(classes), space.expand_dims(right, axis=1)
    own = space.where(numbers == column, scores, 0).sum(axis=1, keepdims=True)
    # by what does not come first, so that NaN, which is not ordered, is no hit
    behind = (scores < own) | ((scores == own) & (numbers >= column))
    found = (~behind).astype("int64").sum(axis=1) < k
    return _mean(found.astype("float64"))


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
