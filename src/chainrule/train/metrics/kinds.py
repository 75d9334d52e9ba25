"""How a metric of many batches follows from its batches.

A metric is any function ``metric(outputs, targets)``. One that says nothing is a mean over the
examples: the mean over the batches, weighted by their size, is its value on all of them. Precision,
the area under a curve or R² are no means; they are marked `whole`, and measured once on the outputs
of all batches. A function of a mean, such as perplexity, is marked `of_mean`.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, TypeVar

__all__ = ["batch_part", "finished", "is_whole", "of_mean", "whole"]

Metric = TypeVar("Metric", bound=Callable[..., Any])


def whole(metric: Metric) -> Metric:
    """Mark a metric as one of all examples together, which is no mean over batches.

    >>> from chainrule import train
    >>> @train.whole
    ... def worst(outputs, targets):
    ...     return abs(outputs - targets).max()
    """
    metric.whole = True  # type: ignore[attr-defined]
    return metric


def of_mean(
    mean: Callable[..., Any], finish: Callable[[float], float]
) -> Callable[[Metric], Metric]:
    """Mark a metric as ``finish`` of the mean of another one over all examples.

    >>> import chainrule as cr
    >>> from chainrule import train
    >>> @train.of_mean(cr.nn.mse, lambda mean: mean**0.5)
    ... def root_mean_squared_error(outputs, targets):
    ...     return cr.nn.mse(outputs, targets) ** 0.5
    """

    def mark(metric: Metric) -> Metric:
        metric.mean, metric.finish = mean, finish  # type: ignore[attr-defined]
        return metric

    return mark


def is_whole(metric: Callable[..., Any]) -> bool:
    """Whether a metric has to see all examples together."""
    return bool(getattr(_function(metric), "whole", False))


def batch_part(metric: Callable[..., Any]) -> Callable[..., Any]:
    """What of a metric is averaged over batches; options given by `functools.partial` are its own
    too."""
    if not hasattr(_function(metric), "mean"):
        return metric
    part: Callable[..., Any] = _function(metric).mean  # type: ignore[attr-defined]
    given = []
    while isinstance(metric, functools.partial):
        given.append(metric)
        metric = metric.func
    for outer in reversed(given):
        part = functools.partial(part, *outer.args, **outer.keywords)
    return part


def finished(metric: Callable[..., Any], mean: float) -> float:
    """The metric, from the mean of its `batch_part`."""
    finish = getattr(_function(metric), "finish", None)
    return mean if finish is None else float(finish(mean))


def _function(metric: Callable[..., Any]) -> Callable[..., Any]:
    while isinstance(metric, functools.partial):
        metric = metric.func
    return metric
