"""Metrics of the order in which scores put the examples."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from chainrule.core.errors import DomainError
from chainrule.train.metrics.classes import labels_of
from chainrule.train.metrics.kinds import whole

__all__ = ["roc_auc"]


@whole
def roc_auc(
    outputs: Any, labels: Any, average: Literal["macro", "weighted", "none"] = "macro"
) -> Any:
    """The area under the ROC curve: how likely an example of a class scores above one of another.

    Equal scores count one half, so that this is U / (n₁ n₀) with the statistic U of Mann and
    Whitney; Hanley and McNeil 1982 (Radiology 143, p. 29). With more than two classes each is set
    against the rest, by its softmax probability.

    Args:
        outputs: scores of class 1, shape (n,) or (n, 1); or scores before softmax (n, classes).
        labels: the right classes, shape (n,).
        average: over the classes, where there are more than two: the mean, that weighted by the
            examples of each class, or an array with that of every class.

    Raises:
        ShapeError, DTypeError, DomainError: as `confusion_matrix`; and if a class has no example,
            or all, so that there is nothing to compare, or for an unknown average.

    >>> from chainrule import train
    >>> train.roc_auc([0.1, 0.4, 0.35, 0.8], [0, 0, 1, 1])
    0.75
    """
    scores = np.asarray(outputs, dtype=np.float64)
    _, right, classes = labels_of("roc_auc", scores, labels)
    if scores.ndim == 1 or scores.shape[1] == 1:
        return float(_area(scores.ravel(), right == 1, 1))
    if classes == 2:
        return float(_area(scores[:, 1] - scores[:, 0], right == 1, 1))
    if average not in ("macro", "weighted", "none"):
        raise DomainError(f'roc_auc: average is "macro", "weighted" or "none", not {average!r}')
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)
    areas = np.array([_area(probabilities[:, c], right == c, c) for c in range(classes)])
    if average == "none":
        return areas
    support = np.bincount(right, minlength=classes)
    return float(np.average(areas, weights=support if average == "weighted" else None))


def _area(scores: np.ndarray, positive: np.ndarray, label: int) -> Any:
    """The area for one score an example, shape (n,), and whether each belongs to the class."""
    many = int(positive.sum())
    others = len(positive) - many
    if not many or not others:
        raise DomainError(
            f"roc_auc: {'all examples are' if many else 'no example is'} of class {label}, so that "
            "there is no pair to compare; measure it on data with every class"
        )
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # the mean rank of equal scores, from 1
    return (ranks[place][positive].sum() - many * (many + 1) / 2) / (many * others)
