"""The pure training step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from chainrule.calculus import value_and_grad
from chainrule.core.errors import ArgumentError, GradientError, TreeError
from chainrule.core.node import VARIABLE, Node, topological
from chainrule.core.tree import flatten
from chainrule.nn.module import Module, static_parts
from chainrule.optim.bound import BoundOptimizer
from chainrule.optim.transform import Optimizer, Problem, apply_updates
from chainrule.rules.reach import between, dependents
from chainrule.tensor import Tensor

__all__ = ["Loss", "Metric", "Step", "Tensors", "after_call", "make_step"]

Loss = Callable[[Any, Any], Tensor]
Metric = Callable[[Any, Any], Any]
Tensors = dict[str, Tensor]

METHODS = ("adam", "adamw", "sgd")


class Step(NamedTuple):
    """What one training step gives: the next parameters and state, and what was seen on the way.

    ``buffers`` are those of `Module.buffers` as the call of the network left them.
    """

    parameters: Tensors
    state: Any
    loss: Tensor
    outputs: Any
    gradients: Tensors
    buffers: Tensors


def make_step(model: Module, loss: Loss, optimizer: Optimizer) -> Callable[..., Step]:
    """The pure training step ``(parameters, state, inputs, targets, buffers=None) -> Step``.

    The model gives the structure, and the buffers where none are given; it is not changed. A
    network that sets buffers when it is called, such as running means, leaves them in
    ``Step.buffers``, to be given to the next step.

    Raises:
        ArgumentError: if ``optimizer`` is none, or is bound to a model.

    Raises (the step):
        GradientError: if the loss depends on no parameter, or on a tensor that requires a gradient
            and is not given to the step, or the network sets a parameter.
        TreeError: if the network sets an attribute that is no tensor, which would be lost.

    >>> import chainrule as cr
    >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
    >>> optimizer = cr.optim.sgd(0.1)
    >>> step = cr.train.make_step(model, cr.nn.mse, optimizer)
    >>> parameters = {"weight": cr.tensor([[1.0]]), "bias": cr.tensor([0.0])}
    >>> after = step(
    ...     parameters, optimizer.init(parameters), cr.tensor([[1.0]]), cr.tensor([[3.0]])
    ... )
    >>> after.loss, after.parameters["weight"]
    (tensor(4.), tensor([[1.4]]))
    """

    _check_optimizer(optimizer)

    def objective(parameters: Tensors, buffers: Tensors, inputs: Tensor, targets: Tensor) -> Any:
        network = model.replace(parameters | buffers)
        outputs = network(inputs)
        value = loss(outputs, targets)
        if not isinstance(value, Tensor) or not (value.requires_grad or value.is_traced):
            raise GradientError(
                "the loss does not depend on any parameter of the model. Compute it from the "
                "outputs by differentiable functions of tensors, without .detach(), .numpy() or "
                "argmax on the way."
            )
        _check_captured(model, value, (parameters, buffers, inputs, targets))
        return value, (outputs, after_call(model, network, parameters, buffers))

    differentiate = value_and_grad(objective, has_aux=True)

    def step(
        parameters: Tensors,
        state: Any,
        inputs: Tensor,
        targets: Tensor,
        buffers: Tensors | None = None,
    ) -> Step:
        before = model.buffers() if buffers is None else buffers
        (value, (outputs, buffers)), gradients = differentiate(parameters, before, inputs, targets)
        problem = Problem(
            lambda at: model.replace(at | before)(inputs), lambda out: loss(out, targets), value
        )
        updates, state = optimizer.update(gradients, state, parameters, problem)
        return Step(apply_updates(parameters, updates), state, value, outputs, gradients, buffers)

    return step


def _check_optimizer(optimizer: Any) -> None:
    if isinstance(optimizer, BoundOptimizer):
        raise ArgumentError(
            "the optimizer is bound to a model and keeps a state of its own; give the one that it "
            f"was made from, {optimizer.optimizer!r}, which is the .optimizer of the bound one"
        )
    if not callable(getattr(optimizer, "init", None)) or not hasattr(optimizer, "update"):
        name = optimizer if isinstance(optimizer, str) else getattr(optimizer, "__name__", None)
        given = repr(name) if isinstance(optimizer, str) else name or repr(optimizer)
        known = name if isinstance(name, str) and name in METHODS else "adam"
        raise ArgumentError(
            f"the optimizer is made by a function of cr.optim, such as cr.optim.{known}(1e-3); "
            f"got {given}"
        )


def _check_captured(model: Module, value: Tensor, given: Any) -> None:
    """Raise if derivatives of the loss flow to a leaf that is none of the arguments ``given``."""
    own = frozenset(leaf.node for leaf in flatten(given)[0] if isinstance(leaf, Tensor))
    captured = [
        node
        for node in topological([value.node], stop=own)
        if node.primitive is VARIABLE and node.argument[0] is not None and node not in own
    ]
    for leaf in captured:
        variables = frozenset([leaf])
        if value.node in dependents(between([value.node], variables), variables):
            raise GradientError(_captured(model, leaf))


def _captured(model: Module, leaf: Node) -> str:
    for path, parameter in model.parameters().items():
        if parameter.node.argument[0] is leaf.argument[0]:
            return (
                f"the loss depends on the parameter {path} other than through the outputs. The "
                "network is called on a copy of the model, so that this part of the gradient would "
                "be lost. For a penalty use the weight_decay of the optimizer, such as "
                "optim.adamw(1e-3, weight_decay=0.01), or let the network return what the loss "
                "needs."
            )
    return (
        f"the loss depends on a tensor of type {leaf.type!r} that requires a gradient and is no "
        "parameter of the model, so that it would not be trained. Make it an attribute of the "
        "model, or give its .detach()ed value if it is meant to be constant."
    )


def after_call(model: Module, used: Module, parameters: Tensors, buffers: Tensors) -> Tensors:
    """The buffers of ``used``, a copy of ``model`` that was called, if nothing else has changed."""
    before, after = static_parts(model), static_parts(used)
    if before != after:
        changed = [name for name in before | after if [before.get(name)] != [after.get(name)]]
        raise TreeError(
            f"{', '.join(changed) or 'an attribute'} changed when the network was called. In "
            "training the call is made on a copy, of which only tensors are kept: make it a tensor "
            "from the start, such as self.count = cr.tensor(0) in __init__."
        )
    own = used.state_dict()
    for path, given in parameters.items():
        if own[path] is not given:
            raise GradientError(
                f"the network set its parameter {path} when it was called; parameters are changed "
                "by the optimizer alone. Use the new value without assigning it."
            )
    for path, buffer in buffers.items():
        if own[path].node.type is not buffer.node.type:
            raise TreeError(
                f"the buffer {path} was {buffer.node.type!r} and became {own[path].node.type!r} "
                "when the network was called; a buffer keeps its shape and dtype"
            )
    return {path: own[path] for path in buffers}
