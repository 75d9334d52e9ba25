"""Finding where numbers stopped being numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.calculus import grad
from chainrule.compiling.finite import blame
from chainrule.core import errors as core_errors
from chainrule.core import tree
from chainrule.core.errors import ChainRuleError, DomainError
from chainrule.nn.module import Module
from chainrule.nn.observing import observe
from chainrule.tensor import Tensor, no_grad
from chainrule.tracing import trace
from chainrule.train.step import Loss, Step, Tensors

__all__ = ["NonFiniteError", "at_example", "check_step"]


class NonFiniteError(ChainRuleError, FloatingPointError):
    """Training met a NaN or an infinity. The model keeps the parameters from before that step.

    Attributes:
        step: the step, counted from 1 over the whole run.
        layer: path of the layer (or ``"loss"``) in which it appeared first.
        checkpoint: the file of the last checkpoint, all of whose values are finite; or None.
    """

    def __init__(self, message: str, step: int, layer: str) -> None:
        super().__init__(message)
        self.step = step
        self.layer = layer
        self.checkpoint: Path | None = None


def check_step(
    model: Module, loss: Loss, inputs: Tensor, targets: Tensor, done: Step, number: int
) -> None:
    """Raise if the loss or a new parameter of a step is not finite.

    A gradient that is not, but has left the parameters alone, was skipped by the optimizer.

    Args:
        model: as it was before the step.
        loss: of the outputs and the targets.
        inputs, targets: of the batch.
        done: what came out.
        number: of the step, for the message.

    Raises:
        NonFiniteError: naming the step, the first layer concerned, and the first operation that
            made a NaN or an infinity, with its line.
    """
    updated_beyond = False
    origin = ""
    if not _finite(done.loss):
        layer = _first_layer(model, inputs)
        cause = (
            f"the loss is {done.loss.item()}; the first output that is not finite is that of "
            f"layer {layer}"
            if layer
            else f"the loss is {done.loss.item()} although the outputs of all layers are finite"
        )
        origin = _origin(model, loss, inputs, targets, done)
    elif done.penalty is not None and not _finite(done.penalty):
        layer = "penalty"
        cause = f"the penalty is {done.penalty.item()}"
    elif (path := _last_bad(done.gradients)) and _last_bad(done.parameters):
        layer = path.rpartition(".")[0] or path
        cause = (
            f"the gradient of {path} is not finite although the loss is ({done.loss.item():.3g})"
        )
        origin = _origin(model, loss, inputs, targets, done, of_gradient=True)
    elif path := _last_bad(done.parameters):
        layer = path.rpartition(".")[0] or path
        updated_beyond = True
        cause = f"the update of {path} leads beyond {done.parameters[path].dtype.name}"
    else:
        return
    if number == 1 and not updated_beyond:
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
    raise NonFiniteError(f"step {number}: {cause}{origin}. {advice}", number, layer or "loss")


def _origin(
    model: Module,
    loss: Loss,
    inputs: Tensor,
    targets: Tensor,
    done: Step,
    of_gradient: bool = False,
) -> str:
    """The first operation whose result is not finite, with its line; empty where the network or the
    loss cannot be traced."""
    own = model.state_dict()
    before = ({path: own[path] for path in part} for part in (done.parameters, done.buffers))

    def objective(parameters: Tensors, buffers: Tensors, inputs: Tensor, targets: Tensor) -> Any:
        return loss(model.replace(parameters | buffers)(inputs), targets)

    args = (*before, inputs, targets)
    try:
        graph = trace(grad(objective) if of_gradient else objective, *args).graph
        leaves = [leaf.numpy() for leaf in tree.flatten(args)[0]]
        blame(graph, leaves, [np.nan])
    except core_errors.NonFiniteError as error:
        return f" ({str(error).splitlines()[0]})"
    except Exception:  # it is the user's function, and has run before
        return ""
    return ""


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
