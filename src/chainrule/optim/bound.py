"""The stateful face of an optimizer."""

from __future__ import annotations

from typing import Any

from chainrule.core.errors import GradientError
from chainrule.nn.module import Module
from chainrule.optim.transform import Optimizer, apply_updates

__all__ = ["BoundOptimizer"]


class BoundOptimizer:
    """An optimizer together with one model and its state; made by `Optimizer.bind`.

    Attributes:
        optimizer: the pure pair behind it.
        model: whose parameters it trains.
        state: the state of the pair, a pytree of tensors.
    """

    def __init__(self, optimizer: Optimizer, model: Module) -> None:
        if not model.parameters():
            raise GradientError(
                f"{type(model).__name__} has no parameter to train: no tensor with "
                "requires_grad=True"
            )
        self.optimizer = optimizer
        self.model = model
        self.state: Any = optimizer.init(_constants(model))

    def zero_grad(self) -> None:
        """Forget the gradients accumulated so far."""
        for parameter in self.model.parameters().values():
            parameter.zero_grad()

    def step(self) -> None:
        """Give every parameter its next value, from the gradients of `Tensor.backward`.

        Graphs recorded earlier keep the old values.

        Raises:
            GradientError: if a parameter has no gradient; it is named.
        """
        parameters = self.model.parameters()
        missing = [path for path, parameter in parameters.items() if parameter.grad is None]
        if len(missing) == len(parameters):
            raise GradientError("step() before loss.backward(): no parameter has a gradient")
        if missing:
            raise GradientError(
                f"the loss does not depend on {', '.join(missing)}. Leave such parameters out of "
                "training with .requires_grad_(False)."
            )
        gradients = {path: parameter.grad for path, parameter in parameters.items()}
        constants = _constants(self.model)
        updates, self.state = self.optimizer.update(gradients, self.state, constants)
        for path, value in apply_updates(constants, updates).items():
            gradient = parameters[path].grad
            parameters[path].assign_(value)
            parameters[path].grad = gradient  # stays to be looked at, until zero_grad()

    def __repr__(self) -> str:
        return f"{self.optimizer!r}.bind({type(self.model).__name__})"


def _constants(model: Module) -> dict[str, Any]:
    return {path: parameter.detach() for path, parameter in model.parameters().items()}
