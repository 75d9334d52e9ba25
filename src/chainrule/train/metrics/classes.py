"""Metrics of predicted classes: what was taken for what."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.train.metrics.kinds import whole

__all__ = ["Average", "confusion_matrix", "f1", "labels_of", "precision", "recall"]

Average = Literal["macro", "micro", "weighted", "binary", "none"]
"""Over classes: the mean, that of all decisions, the mean weighted by the examples of each class;
or the value of class 1 alone, or an array with that of every class."""


@whole
def confusion_matrix(outputs: Any, labels: Any) -> np.ndarray:
    """How often examples of class i were taken for class j: entry (i, j), integers.

    Args:
        outputs: scores (n, classes), of which the largest counts; or scores of class 1 against
            class 0, shape (n,) or (n, 1), positive for class 1; or predicted classes, integers,
            shape (n,).
        labels: the right classes, shape (n,).

    Returns:
        Shape (classes, classes).

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if labels are no whole numbers.
        DomainError: if a label is out of range, or a score is NaN.

    >>> from chainrule import train
    >>> train.confusion_matrix([0, 1, 1, 1], [0, 0, 1, 1]).tolist()
    [[1, 1], [0, 2]]
    """
    predicted, right, classes = labels_of("confusion_matrix", outputs, labels)
    pairs = np.bincount(right * classes + predicted, minlength=classes * classes)
    return pairs.reshape(classes, classes)


@whole
def precision(
    outputs: Any, labels: Any, average: Average = "macro", zero_division: float = 0.0
) -> Any:
    """Of the examples taken for a class, the share that belongs to it: TP / (TP + FP).

    Like scikit-learn, averages are over the classes that occur in predictions or labels. For `fit`
    give ``functools.partial(train.precision, average="binary")``.

    Args:
        outputs, labels: as for `confusion_matrix`.
        average: over the classes, see `Average`.
        zero_division: the value where there is no such example, 0, 1 or NaN, which is left out of
            averages.

    Raises:
        ShapeError, DTypeError, DomainError: as `confusion_matrix`, and for an unknown average, or
            "binary" where there are more than two classes.

    >>> from chainrule import train
    >>> train.precision([0, 1, 1, 1], [0, 0, 1, 1], average="binary")
    0.6666666666666666
    """
    return _ratio("precision", outputs, labels, average, zero_division)


@whole
def recall(
    outputs: Any, labels: Any, average: Average = "macro", zero_division: float = 0.0
) -> Any:
    """Of the examples of a class, the share that was taken for it: TP / (TP + FN).

    Args:
        outputs, labels, average, zero_division: as for `precision`.

    Raises:
        ShapeError, DTypeError, DomainError: as `precision`.

    >>> from chainrule import train
    >>> train.recall([0, 1, 1, 1], [0, 0, 1, 1], average="none").tolist()
    [0.5, 1.0]
    """
    return _ratio("recall", outputs, labels, average, zero_division)


@whole
def f1(outputs: Any, labels: Any, average: Average = "macro", zero_division: float = 0.0) -> Any:
    """The harmonic mean of precision and recall of a class: 2 TP / (2 TP + FP + FN).

    Args:
        outputs, labels, average, zero_division: as for `precision`.

    Raises:
        ShapeError, DTypeError, DomainError: as `precision`.

    >>> from chainrule import train
    >>> train.f1([0, 1, 1, 1], [0, 0, 1, 1], average="binary")
    0.8
    """
    return _ratio("f1", outputs, labels, average, zero_division)


def labels_of(name: str, outputs: Any, labels: Any) -> tuple[np.ndarray, np.ndarray, int]:
    """Predicted classes (n,), right classes (n,) and the number of classes.

    Raises: as `confusion_matrix`.
    """
    scores, right = (
        values[:, 0] if values.ndim == 2 and values.shape[1] == 1 else values
        for values in (np.asarray(outputs), np.asarray(labels))
    )
    if scores.ndim not in (1, 2) or right.shape != scores.shape[:1] or not right.size:
        raise ShapeError(
            f"{name}: outputs (n, classes), (n, 1) or (n,) need labels (n,), got "
            f"{np.shape(outputs)} and {np.shape(labels)}"
        )
    if right.dtype.kind not in "biuf" or not (right == np.rint(right)).all():
        raise DTypeError(f"{name}: labels are whole numbers (classes), not {right.dtype.name}")
    right = right.astype(np.int64)
    if scores.dtype.kind == "f" and np.isnan(scores).any():
        raise DomainError(f"{name}: a score is NaN, so that no class has the largest")
    if scores.ndim == 2:
        predicted, classes = scores.argmax(axis=1), scores.shape[1]
    elif scores.dtype.kind == "f":
        predicted, classes = (scores > 0).astype(np.int64), 2
    else:
        predicted = scores.astype(np.int64)
        classes = max(int(predicted.max()), int(right.max()), 1) + 1
    low, high = min(right.min(), predicted.min()), right.max()
    if low < 0 or high >= classes:
        raise DomainError(
            f"{name}: class {low if low < 0 else high} is out of range; {classes} classes have the "
            f"numbers 0 to {classes - 1}"
        )
    return predicted, right, classes


def _ratio(name: str, outputs: Any, labels: Any, average: str, zero_division: float) -> Any:
    predicted, right, classes = labels_of(name, outputs, labels)
    hits = np.bincount(right[right == predicted], minlength=classes)
    taken = np.bincount(predicted, minlength=classes)
    support = np.bincount(right, minlength=classes)
    over, under = {
        "precision": (hits, taken),
        "recall": (hits, support),
        "f1": (2 * hits, taken + support),
    }[name]
    if average == "micro":
        return float(_divided(over.sum(), under.sum(), zero_division))
    values = _divided(over, under, zero_division)
    if average == "none":
        return values
    if average == "binary":
        if classes != 2:
            raise DomainError(
                f'{name}: average="binary" is for two classes, there are {classes}; take "macro", '
                '"micro" or "weighted"'
            )
        return float(values[1])
    if average not in ("macro", "weighted"):
        raise DomainError(
            f'{name}: average is "macro", "micro", "weighted", "binary" or "none", not {average!r}'
        )
    counted = (taken + support > 0) & ~np.isnan(values)
    if not counted.any():
        return float(zero_division)
    weights = support[counted] if average == "weighted" else None
    if weights is not None and not weights.any():  # classes that were only predicted
        weights = None
    return float(np.average(values[counted], weights=weights))


def _divided(over: Any, under: Any, zero_division: float) -> np.ndarray:
    return np.where(under > 0, over / np.maximum(under, 1), zero_division)
