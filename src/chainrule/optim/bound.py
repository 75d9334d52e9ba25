"""The stateful face of an optimizer."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, overload

from chainrule import functions
from chainrule.calculus import value_and_grad
from chainrule.core import tree
from chainrule.core.errors import ArgumentError, GradientError
from chainrule.nn.module import trainable
from chainrule.optim.transform import Optimizer, Problem, apply_updates
from chainrule.rules.reach import between, dependents
from chainrule.tensor import Tensor

__all__ = ["BoundOptimizer"]


Closure = Callable[[Any], Any]


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

    @overload
    def step(self) -> None: ...

    @overload
    def step(self, closure: Closure, *, outputs: Closure | None = None) -> Tensor: ...

    def step(
        self, closure: Closure | None = None, *, outputs: Closure | None = None
    ) -> Tensor | None:
        """Give every parameter its next value.

        Without a closure it comes from the gradients of `Tensor.backward`. Methods that look at the
        loss itself are given it as a function of the model, which they call with other parameters:
        on a copy, which the closure has to use. Graphs recorded earlier keep the old values, and
        gradients stay until `zero_grad`.

        Args:
            closure: the loss, ``closure(model)``; with ``outputs`` it is ``closure(outputs)``.
            outputs: ``outputs(model)``, for methods that linearise the network alone, such as
                Gauss-Newton.

        Returns:
            The loss before the step, if there is a closure.

        Raises:
            GradientError: if a parameter has no gradient, or the model has got or lost one since it
                was bound, which is named; if the loss of the closure does not depend on the model
                that it is called with.

        >>> import chainrule as cr
        >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0), dtype="float64")
        >>> x, y = cr.tensor([[-1.0], [1.0]]), cr.tensor([[1.0], [5.0]])
        >>> opt = cr.optim.lbfgs().bind(model)
        >>> for _ in range(5):
        ...     loss = opt.step(lambda model: cr.nn.mse(model(x), y))
        >>> model.weight.item(), model.bias.item()  # doctest: +ELLIPSIS
        (2.0..., 3.0...)
        """
        trained = trainable(self.model)
        parameters = self._bound(trained)
        if closure is not None:
            return self._closure_step(trained, parameters, closure, outputs)
        if outputs is not None:
            raise ArgumentError("step: outputs needs the loss of these outputs as a closure")
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
        self._update(trained, parameters, gradients, None)
        return None

    def _closure_step(
        self,
        trained: dict[str, Tensor],
        parameters: dict[str, Tensor],
        closure: Closure,
        outputs: Closure | None,
    ) -> Tensor:
        leaves, structure = tree.flatten(self.model)

        def model_at(values: dict[str, Tensor]) -> Any:
            new = {id(parameter): values[path] for path, parameter in trained.items()}
            return structure.build(new.get(id(leaf), leaf) for leaf in leaves)

        def whole(values: dict[str, Tensor]) -> tuple[Tensor, dict[str, Tensor]]:
            model = model_at(values)
            loss = closure(model) if outputs is None else closure(outputs(model))
            _check_loss(loss, values)
            return loss, {p: leaf for p, leaf in tree.paths(model) if p not in parameters}

        value: Tensor
        (value, after), gradients = value_and_grad(whole, has_aux=True)(_constants(parameters))
        if outputs is None:
            problem = Problem(lambda values: values, lambda at: closure(model_at(at)), value)
        else:
            given = outputs
            problem = Problem(lambda values: given(model_at(values)), closure, value)
        self._update(trained, parameters, gradients, problem)
        own = dict(tree.paths(self.model))
        for path, leaf in after.items():  # running means and the like, as the call left them
            if leaf is not own[path]:
                own[path].assign_(leaf)
        return value

    def _update(
        self,
        trained: dict[str, Tensor],
        parameters: dict[str, Tensor],
        gradients: dict[str, Tensor | None],
        problem: Problem | None,
    ) -> None:
        constants = _constants(parameters)
        updates, self.state = self.optimizer.update(gradients, self.state, constants, problem)
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


def _check_loss(loss: Any, values: dict[str, Tensor]) -> None:
    """Raise unless this is a tensor that depends on one of the values."""
    variables = frozenset(value.node for value in values.values())
    if isinstance(loss, Tensor):
        node = loss.node
        if node in dependents(between([node], variables), variables):
            return
    raise GradientError(
        "step: the loss of the closure does not depend on the model that it is called with, which "
        "is a copy with the parameters to be tried. Use its argument, as in "
        "opt.step(lambda model: loss(model(x), y))."
    )


def _listed(paths: list[str]) -> str:
    """The paths for a message; that of a single tensor is empty, those in a list are numbers."""
    return ", ".join(
        f"tensor {path}".rstrip() if not path or path[0].isdigit() else path for path in paths
    )


def _constants(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
    return {path: parameter.detach() for path, parameter in parameters.items()}
