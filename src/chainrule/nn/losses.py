"""Losses: how far outputs are from targets, in one number."""

from __future__ import annotations

from typing import Any, Literal

from chainrule import functions
from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["Reduction", "bce_with_logits", "cross_entropy", "mse"]

Reduction = Literal["mean", "sum", "none"]


def cross_entropy(
    logits: ArrayLike, labels: Any, reduction: Reduction = "mean", label_smoothing: float = 0.0
) -> Tensor:
    """−log softmax(logits)[label], the negative log-likelihood of the right class, in nats.

    Computed through log_softmax, so that logits of any size neither overflow nor lose the loss.
    The gradient of the mean is (softmax(logits) − one_hot(labels)) / N.

    Args:
        logits: scores before softmax, shape (…, classes).
        labels: integers from 0 to classes − 1, shape (…).
        reduction: "mean" or "sum" over all examples, or "none".
        label_smoothing: share ε of the target that is spread evenly over all classes, which keeps
            a network from growing ever surer; Szegedy et al. 2016 (CVPR), section 7.

    Raises:
        DTypeError: if the labels are no integers.
        ShapeError: if the shapes do not fit.
        DomainError: if a label is out of range, or ``label_smoothing`` not between 0 and 1.

    >>> import chainrule as cr
    >>> cr.nn.cross_entropy(cr.tensor([[0.0, 0.0], [1e4, 0.0]]), [0, 1], reduction="none")
    tensor([6.93147181e-01, 1.00000000e+04])
    """
    if not 0 <= label_smoothing <= 1:
        raise DomainError(f"cross_entropy: label_smoothing is 0 to 1, not {label_smoothing}")
    logits = _tensor(logits)
    target = _labels(logits, labels)
    log_p = functions.log_softmax(logits, axis=-1)
    picked = functions.take_along_axis(log_p, functions.expand_dims(target, axis=-1), axis=-1)
    loss = -functions.squeeze(picked, axis=-1)
    if label_smoothing:
        loss = (1 - label_smoothing) * loss - label_smoothing * functions.mean(log_p, axis=-1)
    return _reduce(loss, reduction)


def _labels(logits: Tensor, labels: Any) -> Tensor:
    """The labels as a tensor, checked against the logits."""
    target = _tensor(labels)
    if target.dtype.kind not in "iu":
        raise DTypeError(f"cross_entropy: labels are integers (classes), not {target.dtype.name}")
    if not logits.shape or target.shape != logits.shape[:-1]:
        raise ShapeError(
            f"cross_entropy: logits (…, classes) need labels (…), got {logits.shape} and "
            f"{target.shape}"
        )
    classes = logits.shape[-1]
    if not target.is_traced and target.size:
        low, high = target.numpy().min(), target.numpy().max()
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise DomainError(
                f"cross_entropy: label {wrong} is out of range; {classes} classes have the labels "
                f"0 to {classes - 1}"
            )
    elif target.dtype.kind == "i":
        # beyond the last class, where a lookup refuses it; -1 would be taken for the last one
        target = functions.where(target < 0, classes, functions.astype(target, "int64"))
    return target


def bce_with_logits(logits: ArrayLike, targets: Any, reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy of σ(logits): −y log σ(z) − (1−y) log(1−σ(z)).

    Computed as y·softplus(−z) + (1−y)·softplus(z), exact for any z. The gradient is σ(z) − y.

    Args:
        logits: scores before the sigmoid, any shape.
        targets: 0 or 1 (or a probability between), the same shape.
        reduction: "mean" or "sum" over all elements, or "none".

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.nn.bce_with_logits(cr.tensor([1000.0, -1000.0]), [1, 1], reduction="none")
    tensor([   0., 1000.])
    """
    z, y = _matching("bce_with_logits", logits, targets)
    loss = y * functions.softplus(-z) + (1 - y) * functions.softplus(z)
    return _reduce(loss, reduction)


def mse(predictions: ArrayLike, targets: Any, reduction: Reduction = "mean") -> Tensor:
    """Squared error (prediction − target)².

    Args:
        predictions: any shape.
        targets: the same shape; nothing is broadcast, which here would hide a mistake.
        reduction: "mean" or "sum" over all elements, or "none".

    Raises:
        ShapeError: if the shapes differ.

    >>> import chainrule as cr
    >>> cr.nn.mse(cr.tensor([1.0, 2.0]), [1.0, 4.0])
    tensor(2.)
    """
    outputs, y = _matching("mse", predictions, targets)
    return _reduce((outputs - y) ** 2, reduction)


def _tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else tensor(value)


def _matching(name: str, outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of one shape, as is checked, and of the floating-point dtype of the outputs.

    Outputs that are integers become float64: in their own dtype targets would lose their fraction.
    """
    outputs = _tensor(outputs)
    if outputs.dtype.kind != "f":
        outputs = functions.astype(outputs, "float64")
    y = functions.astype(_tensor(targets), outputs.dtype)
    if y.shape != outputs.shape:
        raise ShapeError(
            f"{name}: outputs have shape {outputs.shape}, targets {y.shape}; they must be equal "
            "(reshape one of them)"
        )
    return outputs, y


def _reduce(loss: Tensor, reduction: Reduction) -> Tensor:
    if reduction == "mean":
        return loss.mean()
    if reduction == "sum":
        return loss.sum()
    if reduction == "none":
        return loss
    raise DomainError(f'reduction is "mean", "sum" or "none", not {reduction!r}')
