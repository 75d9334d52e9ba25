"""Measures of how good predictions are; unlike losses they need no derivative.

Most are means over the examples, and are averaged over batches. What is no such mean says so: see
`kinds`.
"""

from chainrule.train.metrics.classes import confusion_matrix, f1, precision, recall
from chainrule.train.metrics.kinds import batch_part, finished, is_whole, of_mean, whole
from chainrule.train.metrics.means import (
    accuracy,
    mean_absolute_error,
    mean_squared_error,
    perplexity,
    top_k_accuracy,
)
from chainrule.train.metrics.ranking import roc_auc
from chainrule.train.metrics.regression import r2

__all__ = [
    "accuracy",
    "batch_part",
    "confusion_matrix",
    "f1",
    "finished",
    "is_whole",
    "mean_absolute_error",
    "mean_squared_error",
    "of_mean",
    "perplexity",
    "precision",
    "r2",
    "recall",
    "roc_auc",
    "top_k_accuracy",
    "whole",
]
