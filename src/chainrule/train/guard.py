"""Finding where numbers stopped being numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ChainRuleError
from chainrule.nn.module import Module, observe
from chainrule.tensor import Tensor, no_grad

__all__ = ["NonFiniteError", "check_step"]


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
    step: int,
) -> None:
    """Raise if the loss or a gradient of this step is not finite.

    Args:
        model: gives the structure.
        parameters: those at which the step was computed, by path.
        inputs: of the batch.
        loss, gradients: what came out.
        step: the number of the step, for the message.

    Raises:
        NonFiniteError: naming the step and the first layer concerned.
    """
    if not _finite(loss):
        layer = _first_layer(model.replace(parameters), inputs)
        what = "the output of layer" if layer else "the loss"
        place = f"{what} {layer}".strip()
        cause = f"{place} is not finite (loss {loss.item()}) although the layers before it are"
    else:
        bad = [path for path, gradient in gradients.items() if not _finite(gradient)]
        if not bad:
            return
        layer = bad[-1].rpartition(".")[0] or bad[-1]  # the reverse pass met the last one first
        cause = f"the gradient of {bad[-1]} is not finite although the loss is ({loss.item():.3g})"
    raise NonFiniteError(
        f"step {step}: {cause}. The model keeps the parameters from before this step. Try a "
        "smaller learning rate, optim.clip_by_global_norm(1.0), or inputs scaled to about 1.",
        step,
        layer or "loss",
    )


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
