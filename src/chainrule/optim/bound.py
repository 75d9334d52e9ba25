"""The stateful face of an optimizer."""

from __future__ import annotations

from typing import Any

from chainrule import functions
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, GradientError
from chainrule.nn.module import trainable
from chainrule.optim.transform import Optimizer, apply_updates
from chainrule.tensor import Tensor

__all__ = ["BoundOptimizer"]


class BoundOptimizer:
    """An optimizer together with what it trains and its state; made by `Optimizer.bind`.

    Attributes:
        optimizer: the pure pair behind it.
        model: the network, or the pytree of tensors, whose parameters it trains.
        state: the state of the pair, a pytree of tensors.

    Trained are the tensors that require a gradient when the model is bound. One that is frozen
    later, by ``.requires_grad_(False)``, keeps its value until it requires a gradient again.
    """

    def __init__(self, optimizer: Optimizer, model: Any) -> None:
        _check(model)
        parameters = trainable(model)
        if not parameters:
            raise GradientError(
                f"{type(model).__name__} has no parameter to train: no tensor with "
                "requires_grad=True"
            )
        self.optimizer = optimizer
        self.model = model
        self._paths = tuple(parameters)
        self.state: Any = optimizer.init(_constants(parameters))

    def zero_grad(self) -> None:
        """Forget the gradients accumulated so far."""
        for parameter in trainable(self.model).values():
            parameter.zero_grad()

    def step(self) -> None:
        """Give every parameter its next value, from the gradients of `Tensor.backward`.

        Graphs recorded earlier keep the old values, and gradients stay until `zero_grad`.

        Raises:
            GradientError: if a parameter has no gradient, or the model has got or lost one since it
                was bound; it is named.
        """
        trained = trainable(self.model)
        parameters = self._bound(trained)
        missing = [path for path, parameter in trained.items() if parameter.grad is None]
        if len(missing) == len(trained):
            raise GradientError("step() before loss.backward(): no parameter has a gradient")
        if missing:
            raise GradientError(
                f"the loss does not depend on {_listed(missing)}. Leave such parameters out "
                "of training with .requires_grad_(False)."
            )
        gradients = {
            path: trained[path].grad if path in trained else functions.zeros_like(parameter)
            for path, parameter in parameters.items()
        }
        constants = _constants(parameters)
        updates, self.state = self.optimizer.update(gradients, self.state, constants)
        new = apply_updates(constants, updates)
        for path, parameter in trained.items():  # not the frozen: weight decay would move them
            parameter.assign_(new[path])

    def _bound(self, trained: dict[str, Tensor]) -> dict[str, Tensor]:
        """The parameters that were bound, also those frozen since then."""
        own = dict(tree.paths(self.model))
        changed = [*(trained.keys() - set(self._paths)), *(set(self._paths) - own.keys())]
        if changed:
            raise GradientError(
                f"{_listed(sorted(changed))} became a parameter of the model, or left it, after "
                "the optimizer was bound; bind it again"
            )
        return {path: own[path] for path in self._paths}

    def __repr__(self) -> str:
        return f"{self.optimizer!r}.bind({type(self.model).__name__})"


def _check(model: Any) -> None:
    """Raise if this is no pytree of tensors that can be given new values."""
    if isinstance(model, type):
        raise ArgumentError(
            f"bind: {model.__name__} is a class; make a network of it first, {model.__name__}(…)"
        )
    for path, leaf in tree.paths(model):
        if not isinstance(leaf, Tensor):
            raise ArgumentError(
                "bind takes a network, a tensor, or lists and dicts of tensors, not "
                f"{type(leaf).__name__}{f' at {path}' if path else ''}"
            )
        if not leaf.is_leaf:
            raise ArgumentError(
                f"bind: the tensor{f' at {path}' if path else ''} was computed from others; only "
                "tensors made by cr.tensor(…, requires_grad=True) can be trained"
            )


def _listed(paths: list[str]) -> str:
    """The paths for a message; that of a single tensor is empty, those in a list are numbers."""
    return ", ".join(
        f"tensor {path}".rstrip() if not path or path[0].isdigit() else path for path in paths
    )


def _constants(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {path: parameter.detach() for path, parameter in parameters.items()}
