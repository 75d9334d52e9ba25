"""What losses share: arguments as tensors that fit, labels within range, reductions."""

from __future__ import annotations

from typing import Any, Literal

from chainrule import functions
from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.tensor import ArrayLike, Tensor, tensor

Reduction = Literal["mean", "sum", "none"]


def as_tensor(value: Any) -> Tensor:
    return value if isinstance(value, Tensor) else tensor(value)


def as_float(value: ArrayLike) -> Tensor:
    """A floating-point tensor; integers become float64."""
    found = as_tensor(value)
    return found if found.dtype.kind == "f" else functions.astype(found, "float64")


def matching(name: str, outputs: Any, targets: Any) -> tuple[Tensor, Tensor]:
    """Both as tensors of one shape, as is checked, and of the floating-point dtype of the outputs.

    Outputs that are integers become float64: in their own dtype targets would lose their fraction.
    """
    outputs = as_float(outputs)
    y = functions.astype(as_tensor(targets), outputs.dtype)
    if y.shape != outputs.shape:
        raise ShapeError(
            f"{name}: outputs have shape {outputs.shape}, targets {y.shape}; they must be equal "
            "(reshape one of them)"
        )
    return outputs, y


def checked_labels(
    name: str, scores: Tensor, labels: Any, ignore_index: int | None = None
) -> tuple[Tensor, Tensor | None]:
    """The labels as a tensor, checked against the scores (…, classes), and which of them count.

    Those that are ignored become label 0; all count if the second is None.
    """
    target = as_tensor(labels)
    if target.dtype.kind not in "iu":
        raise DTypeError(
            f"{name}: labels are integers (classes), not {target.dtype.name}; cast them, "
            '.astype("int64")'
        )
    if not scores.shape or target.shape != scores.shape[:-1]:
        column = target.shape == (*scores.shape[:-1], 1)
        raise ShapeError(
            f"{name}: scores (…, classes) need labels (…), got {scores.shape} and {target.shape}"
            + ("; take their last axis away, labels[..., 0]" if column else "")
        )
    counted: Tensor | None = None
    if ignore_index is not None:
        target = functions.astype(target, "int64")
        counted = functions.not_equal(target, ignore_index)
        target = functions.where(counted, target, 0)
    classes = scores.shape[-1]
    if not target.is_traced and target.size:
        low, high = target.numpy().min(), target.numpy().max()
        if low < 0 or high >= classes:
            wrong = low if low < 0 else high
            raise DomainError(
                f"{name}: label {wrong} is out of range; {classes} classes have the labels "
                f"0 to {classes - 1}"
            )
    elif target.dtype.kind == "i":
        # beyond the last class, where a lookup refuses it; -1 would be taken for the last one
        signed = functions.astype(target, "int64")
        target = functions.where(functions.less(signed, 0), classes, signed)
    return target, counted


def picked(scores: Tensor, labels: Tensor) -> Tensor:
    """The score of each label: (…, classes) and (…) to (…)."""
    places = functions.expand_dims(labels, axis=-1)
    return functions.squeeze(functions.take_along_axis(scores, places, axis=-1), axis=-1)


def class_weights(name: str, weight: Any, scores: Tensor) -> Tensor | None:
    """Weights of the classes in the dtype of the scores, checked against them."""
    if weight is None:
        return None
    found = functions.astype(as_tensor(weight), scores.dtype)
    if found.shape != scores.shape[-1:]:
        raise ShapeError(
            f"{name}: weight has one number for each of {scores.shape[-1]} classes, got shape "
            f"{found.shape}"
        )
    return found


def check_reduction(reduction: str) -> None:
    if reduction not in ("mean", "sum", "none"):
        raise DomainError(f'reduction is "mean", "sum" or "none", not {reduction!r}')


def reduced(loss: Tensor, reduction: Reduction) -> Tensor:
    check_reduction(reduction)
    if reduction == "mean":
        return loss.mean()
    return loss.sum() if reduction == "sum" else loss
