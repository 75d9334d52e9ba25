"""Losses of classes and of probabilities."""

from __future__ import annotations

from typing import Any

from chainrule import functions
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.nn.losses._shared import (
    Reduction,
    as_float,
    as_tensor,
    check_reduction,
    checked_labels,
    class_weights,
    matching,
    picked,
    reduced,
)
from chainrule.tensor import ArrayLike, Tensor

__all__ = ["bce_with_logits", "cross_entropy", "hinge", "kl_divergence", "multi_margin", "nll"]


def cross_entropy(
    logits: ArrayLike,
    labels: Any,
    reduction: Reduction = "mean",
    label_smoothing: float = 0.0,
    *,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """−Σ_c w_c t_c log softmax(logits)_c, where t is 1 at the label or given by probabilities.

    The negative log-likelihood of the right class, in nats. Computed through log_softmax, so that
    logits of any size neither overflow nor lose the loss. Without weights the gradient of the mean
    is (softmax(logits) − t) / N.

    Args:
        logits: scores before softmax, shape (…, classes).
        labels: integers from 0 to classes − 1, shape (…), or probabilities t, shape (…, classes).
        reduction: "mean" or "sum" over all examples, or "none". The mean of labels is weighted by
            the weights of the labels: Σ loss / Σ w[label] over the examples that count. It is NaN
            if none does. That of probabilities is the mean over the examples. (PyTorch's means.)
        label_smoothing: share ε of the target that is spread evenly over all classes, which keeps
            a network from growing ever surer; Szegedy et al. 2016 (CVPR), section 7.
        weight: weights w of the classes, shape (classes,); by default 1.
        ignore_index: label of examples that do not count, such as padding; any integer.

    Raises:
        ShapeError: if the shapes do not fit.
        DTypeError: if labels are neither integers nor floating-point.
        DomainError: if a label is out of range, or ``label_smoothing`` not between 0 and 1.
        ArgumentError: for ``ignore_index`` with probabilities.

    >>> import chainrule as cr
    >>> cr.nn.cross_entropy(cr.tensor([[0.0, 0.0], [1e4, 0.0]]), [0, 1], reduction="none")
    tensor([6.93147181e-01, 1.00000000e+04])
    >>> cr.nn.cross_entropy(cr.tensor([[0.0, 0.0], [1e4, 0.0]]), [0, -1], ignore_index=-1)
    tensor(0.69314718)
    """
    if not 0 <= label_smoothing <= 1:
        raise DomainError(f"cross_entropy: label_smoothing is 0 to 1, not {label_smoothing}")
    logits = as_float(logits)
    target = as_tensor(labels)
    if target.dtype.kind == "f" and logits.ndim and target.shape == logits.shape:
        if ignore_index is not None:
            raise ArgumentError(
                "cross_entropy: ignore_index is for labels that are integers; with probabilities "
                "give such examples a target of zeros"
            )
        return _of_probabilities(logits, target, reduction, label_smoothing, weight)
    label, counted = checked_labels("cross_entropy", logits, target, ignore_index)
    weights = class_weights("cross_entropy", weight, logits)
    log_p = functions.log_softmax(logits, axis=-1)
    loss = -picked(log_p, label)
    if weights is not None:
        loss = loss * functions.take(weights, label, axis=0)
    if label_smoothing:
        weighted = log_p if weights is None else log_p * weights
        spread = -functions.mean(weighted, axis=-1)
        loss = (1 - label_smoothing) * loss + label_smoothing * spread
    return _weighted(loss, label, weights, counted, reduction)


def _of_probabilities(
    logits: Tensor, target: Tensor, reduction: Reduction, smoothing: float, weight: Any
) -> Tensor:
    weights = class_weights("cross_entropy", weight, logits)
    t = functions.astype(target, logits.dtype)
    if smoothing:
        t = (1 - smoothing) * t + smoothing / logits.shape[-1]
    if weights is not None:
        t = t * weights
    return reduced(-(t * functions.log_softmax(logits, axis=-1)).sum(axis=-1), reduction)


def nll(
    log_probabilities: ArrayLike,
    labels: Any,
    reduction: Reduction = "mean",
    *,
    weight: ArrayLike | None = None,
    ignore_index: int | None = None,
) -> Tensor:
    """−w[label] · log_probabilities[label]: `cross_entropy` behind a log_softmax of one's own.

    Args:
        log_probabilities: logarithms of the probabilities of the classes, shape (…, classes).
        labels: integers from 0 to classes − 1, shape (…).
        reduction, weight, ignore_index: as for `cross_entropy`.

    Raises:
        DTypeError: if the labels are no integers.
        ShapeError: if the shapes do not fit.
        DomainError: if a label is out of range.

    >>> import chainrule as cr
    >>> cr.nn.nll(cr.log_softmax([[0.0, 0.0]]), [1])
    tensor(0.69314718)
    """
    log_p = as_float(log_probabilities)
    label, counted = checked_labels("nll", log_p, labels, ignore_index)
    weights = class_weights("nll", weight, log_p)
    loss = -picked(log_p, label)
    if weights is not None:
        loss = loss * functions.take(weights, label, axis=0)
    return _weighted(loss, label, weights, counted, reduction)


def _weighted(
    loss: Tensor,
    label: Tensor,
    weights: Tensor | None,
    counted: Tensor | None,
    reduction: Reduction,
) -> Tensor:
    """Reduce losses that hold the weights of their labels, leaving out what does not count."""
    check_reduction(reduction)
    if counted is not None:
        loss = functions.where(counted, loss, 0.0)
    if reduction != "mean" or (weights is None and counted is None):
        return reduced(loss, reduction)
    if weights is None:
        share = functions.astype(counted, loss.dtype)  # type: ignore[arg-type]
    else:
        share = functions.take(weights, label, axis=0)
        if counted is not None:
            share = functions.where(counted, share, 0.0)
    return loss.sum() / share.sum()


def bce_with_logits(
    logits: ArrayLike,
    targets: Any,
    reduction: Reduction = "mean",
    *,
    weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None,
) -> Tensor:
    """Binary cross-entropy of σ(logits): −w (p·y log σ(z) + (1−y) log(1−σ(z))).

    Computed as w (p·y·softplus(−z) + (1−y)·softplus(z)), exact for any z. Without weights the
    gradient is σ(z) − y.

    Args:
        logits: scores before the sigmoid, any shape.
        targets: 0 or 1 (or a probability between), the same shape.
        reduction: "mean" or "sum" over all elements, or "none".
        weight: factor w of each element; anything that broadcasts to the shape.
        pos_weight: factor p of the positive part, above 1 where positives are rare; anything that
            broadcasts to the shape.

    Raises:
        ShapeError: if the shapes differ, or a weight does not broadcast to them.

    >>> import chainrule as cr
    >>> cr.nn.bce_with_logits(cr.tensor([1000.0, -1000.0]), [1, 1], reduction="none")
    tensor([   0., 1000.])
    """
    z, y = matching("bce_with_logits", logits, targets)
    positive = y * functions.softplus(-z)
    if pos_weight is not None:
        positive = positive * _broadcast("pos_weight", pos_weight, z)
    loss = positive + (1 - y) * functions.softplus(z)
    if weight is not None:
        loss = loss * _broadcast("weight", weight, z)
    return reduced(loss, reduction)


def _broadcast(what: str, weight: Any, z: Tensor) -> Tensor:
    found = functions.astype(as_tensor(weight), z.dtype)
    lead = z.ndim - found.ndim
    if lead < 0 or any(n not in (1, m) for n, m in zip(found.shape, z.shape[lead:], strict=True)):
        raise ShapeError(
            f"bce_with_logits: {what} of shape {found.shape} does not broadcast to {z.shape}"
        )
    return found


def hinge(scores: ArrayLike, labels: Any, reduction: Reduction = "mean", p: int = 1) -> Tensor:
    """max(0, 1 − y·s)^p, zero only for examples on the right side with a margin of 1.

    Cortes and Vapnik 1995 (Support-vector networks); at the corner y·s = 1 the slope is taken as 0.

    Args:
        scores: s, of any sign and shape.
        labels: y, −1 or 1, the same shape.
        reduction: "mean" or "sum" over all elements, or "none".
        p: 1, or 2 for the squared hinge loss.

    Raises:
        ShapeError: if the shapes differ.
        DomainError: if a label is neither −1 nor 1, or ``p`` neither 1 nor 2.

    >>> import chainrule as cr
    >>> cr.nn.hinge(cr.tensor([2.0, 0.5, -1.0]), [1, 1, 1], reduction="none")
    tensor([0. , 0.5, 2. ])
    """
    s, y = matching("hinge", scores, labels)
    if not y.is_traced:
        wrong = y.numpy()[abs(y.numpy()) != 1]
        if wrong.size:
            hint = "; write 2·y − 1 for labels 0 and 1" if 0 in wrong else ""
            raise DomainError(f"hinge: labels are -1 or 1, not {wrong.flat[0]:g}{hint}")
    return reduced(_power("hinge", functions.relu(1 - y * s), p), reduction)


def multi_margin(
    scores: ArrayLike,
    labels: Any,
    reduction: Reduction = "mean",
    p: int = 1,
    margin: float = 1.0,
    *,
    weight: ArrayLike | None = None,
) -> Tensor:
    """w[y]·Σ_{c ≠ y} max(0, margin − s_y + s_c)^p / classes: the hinge loss of several classes.

    Weston and Watkins 1999 (Support vector machines for multi-class pattern recognition); divided
    by the number of classes as in PyTorch.

    Args:
        scores: s, shape (…, classes).
        labels: y, integers from 0 to classes − 1, shape (…).
        reduction: "mean" or "sum" over all examples, or "none".
        p: 1, or 2 for the squared loss.
        margin: by how much the right class has to lead.
        weight: weights w of the classes, shape (classes,); by default 1.

    Raises:
        DTypeError: if the labels are no integers.
        ShapeError: if the shapes do not fit.
        DomainError: if a label is out of range, or ``p`` neither 1 nor 2.

    >>> import chainrule as cr
    >>> cr.nn.multi_margin(cr.tensor([[0.0, 2.0, 1.5]]), [1])
    tensor(0.16666667)
    """
    s = as_float(scores)
    label, _ = checked_labels("multi_margin", s, labels)
    weights = class_weights("multi_margin", weight, s)
    right = functions.expand_dims(picked(s, label), axis=-1)
    lead = _power("multi_margin", functions.relu(margin - right + s), p)
    others = 1 - functions.one_hot(label, s.shape[-1], dtype=s.dtype)
    loss = functions.mean(lead * others, axis=-1)
    if weights is not None:
        loss = loss * functions.take(weights, label, axis=0)
    return reduced(loss, reduction)


def _power(name: str, x: Tensor, p: int) -> Tensor:
    if p not in (1, 2):
        raise DomainError(f"{name}: p is 1 or 2, not {p!r}")
    return x if p == 1 else functions.square(x)


def kl_divergence(
    log_probabilities: ArrayLike,
    targets: Any,
    reduction: Reduction = "mean",
    log_target: bool = False,
) -> Tensor:
    """KL(t ‖ q) = Σ_c t_c (log t_c − log q_c) along the last axis, in nats; 0 log 0 is 0.

    Kullback and Leibler 1951. The first argument is log q, such as ``log_softmax(logits)``. The
    gradient with respect to logits is then q − t.

    Args:
        log_probabilities: log q, shape (…, classes).
        targets: probabilities t, or their logarithms with ``log_target``, the same shape.
        reduction: "mean" or "sum" over all distributions, or "none". PyTorch calls this mean
            "batchmean"; its "mean" also divides by the number of classes.
        log_target: whether ``targets`` are logarithms.

    Raises:
        ShapeError: if the shapes differ or there is no axis.
        DomainError: if a probability is negative.

    >>> import chainrule as cr
    >>> cr.nn.kl_divergence(cr.log_softmax([[0.0, 0.0]]), [[1.0, 0.0]])
    tensor(0.69314718)
    """
    log_q, t = matching("kl_divergence", log_probabilities, targets)
    if not log_q.ndim:
        raise ShapeError("kl_divergence: distributions lie along the last axis, there is no axis")
    if log_target:
        log_t, t = t, functions.exp(t)
        there = functions.greater(t, 0.0)
        log_t = functions.where(there, log_t, 0.0)
    else:
        if not t.is_traced and t.size and t.numpy().min() < 0:
            raise DomainError(
                f"kl_divergence: targets are probabilities, one is {t.numpy().min():g}; give "
                "logarithms with log_target=True"
            )
        there = functions.greater(t, 0.0)
        log_t = functions.log(functions.where(there, t, 1.0))
    # where t is 0 the other factor is made finite, so that neither value nor gradient is NaN
    difference = log_t - functions.where(there, log_q, 0.0)
    return reduced((t * difference).sum(axis=-1), reduction)
