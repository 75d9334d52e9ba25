"""Finding where numbers stopped being numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ChainRuleError, DomainError
from chainrule.nn.module import Module, observe
from chainrule.tensor import Tensor, no_grad
from chainrule.train.step import Loss

__all__ = ["NonFiniteError", "at_example", "check_step"]


class NonFiniteError(ChainRuleError, FloatingPointError):
    """Training met a NaN or an infinity. The model keeps the parameters from before that step.

    Attributes:
        step: the step, counted from 1 over the whole run.
        layer: path of the layer (or ``"loss"``) in which it appeared first.
    """

    def __init__(self, message: str, step: int, layer: str) -> None:
        super().__init__(message)
        self.step = step
        self.layer = layer


def check_step(
    model: Module,
    parameters: Mapping[str, Tensor],
    inputs: Tensor,
    loss: Tensor,
    gradients: Mapping[str, Tensor],
    updated: Mapping[str, Tensor],
    step: int,
) -> None:
    """Raise if the loss, a gradient or a new parameter of this step is not finite.

    Args:
        model: gives the structure.
        parameters: those at which the step was computed, by path.
        inputs: of the batch.
        loss, gradients, updated: what came out; ``updated`` are the next parameters.
        step: the number of the step, for the message.

    Raises:
        NonFiniteError: naming the step and the first layer concerned.
    """
    updated_beyond = False
    if not _finite(loss):
        layer = _first_layer(model.replace(parameters), inputs)
        cause = (
            f"the loss is {loss.item()}; the first output that is not finite is that of "
            f"layer {layer}"
            if layer
            else f"the loss is {loss.item()} although the outputs of all layers are finite"
        )
    elif path := _last_bad(gradients):
        layer = path.rpartition(".")[0] or path
        cause = f"the gradient of {path} is not finite although the loss is ({loss.item():.3g})"
    elif path := _last_bad(updated):
        layer = path.rpartition(".")[0] or path
        updated_beyond = True
        cause = f"the update of {path} leads beyond {updated[path].dtype.name}"
    else:
        return
    if step == 1 and not updated_beyond:
        advice = (
            "No update was made yet, so the inputs, the initial parameters or the loss give it: "
            "scale the inputs to about 1, and look for a division by zero, the logarithm of zero "
            "or the root of a negative number."
        )
    else:
        advice = (
            "The model keeps the parameters from before this step. Try a smaller learning rate, "
            "optim.clip_by_global_norm(1.0), or inputs scaled to about 1."
        )
    raise NonFiniteError(f"step {step}: {cause}. {advice}", step, layer or "loss")


def at_example(
    error: DomainError, loss: Loss, outputs: Any, targets: Tensor, rows: Sequence[int], data: str
) -> DomainError:
    """The error of the loss of a batch, with the example that gave it where one alone does.

    Args:
        error: what ``loss(outputs, targets)`` raised.
        loss, outputs, targets: of the batch.
        rows: the number of each example in the data.
        data: what they are called.
    """
    with no_grad():
        for place, row in enumerate(rows):
            try:
                loss(outputs[place : place + 1], targets[place : place + 1])
            except DomainError as own:
                message = str(own).splitlines()[0]
                return DomainError(f"{message} (targets of example {row} of the {data})")
            except Exception:  # a loss need not take one example, nor outputs be one tensor
                break
    return error


def _last_bad(tensors: Mapping[str, Tensor]) -> str | None:
    """The last path with a value that is not finite: where the reverse pass met it first."""
    bad = [path for path, tensor in tensors.items() if not _finite(tensor)]
    return bad[-1] if bad else None


def _first_layer(model: Module, inputs: Any) -> str | None:
    """The path of the first innermost module whose output is not finite, or None."""
    paths = {id(module): path for path, module in model.modules()}
    found: list[str] = []

    def note(module: Module, output: Any) -> None:
        leaves = [leaf for leaf in tree.flatten(output)[0] if isinstance(leaf, Tensor)]
        if not all(map(_finite, leaves)):
            found.append(paths.get(id(module)) or type(module).__name__)

    with no_grad(), observe(note), np.errstate(all="ignore"):
        model(inputs)
    return found[0] if found else None


def _finite(value: Tensor) -> bool:
    return value.dtype.kind != "f" or bool(np.isfinite(value.numpy()).all())
