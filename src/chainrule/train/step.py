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
from chainrule.train.fallback import warn_user

__all__ = [
    "Loss",
    "Metric",
    "Penalty",
    "Step",
    "Tensors",
    "UnusedParameterWarning",
    "after_call",
    "check_loss",
    "check_optimizer",
    "make_step",
]

Loss = Callable[[Any, Any], Tensor]
Metric = Callable[[Any, Any], Any]
Tensors = dict[str, Tensor]
Penalty = Callable[[Tensors], Tensor]

METHODS = (
    *("sgd", "adagrad", "adadelta", "rmsprop", "adam", "adamw", "nadam", "radam"),
    *("lion", "lamb", "lars", "adafactor", "muon"),
)
"""What is made by a learning rate alone."""


class UnusedParameterWarning(UserWarning):
    """A parameter on which the loss does not depend, so that only decay would change it."""


class Step(NamedTuple):
    """What one training step gives: the next parameters and state, and what was seen on the way.

    ``buffers`` are those of `Module.buffers` as the call of the network left them, ``penalty`` is
    None where there is none; it is no part of ``loss``, but of what the gradients are of.
    """

    parameters: Tensors
    state: Any
    loss: Tensor
    outputs: Any
    gradients: Tensors
    buffers: Tensors
    penalty: Tensor | None = None


def make_step(
    model: Module, loss: Loss, optimizer: Optimizer, penalty: Penalty | None = None
) -> Callable[..., Step]:
    """The pure training step ``(parameters, state, inputs, targets, buffers=None) -> Step``.

    The model gives the structure, and the buffers where none are given; it is not changed. A
    network that sets buffers when it is called, such as running means, leaves them in
    ``Step.buffers``, to be given to the next step.

    Args:
        model, loss, optimizer: as for `fit`.
        penalty: ``penalty(parameters)`` is a scalar that is added to the loss.

    Raises:
        ArgumentError: if ``optimizer`` is none, or is bound to a model; or ``loss`` is no function.

    Warns (the step, once):
        UnusedParameterWarning: names the parameters on which loss and penalty do not depend.

    Raises (the step):
        GradientError: if the loss is no scalar, or depends on no parameter, or on a tensor that
            requires a gradient and is not given to the step, or the network sets a parameter, or
            the penalty is no scalar tensor.
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

    check_optimizer(optimizer)
    check_loss(loss)

    warned = False

    def objective(parameters: Tensors, buffers: Tensors, inputs: Tensor, targets: Tensor) -> Any:
        nonlocal warned
        network = model.replace(parameters | buffers)
        outputs = network(inputs)
        value = loss(outputs, targets)
        extra = None if penalty is None else _penalized(penalty, parameters)
        if not isinstance(value, Tensor) or not (value.requires_grad or value.is_traced):
            raise GradientError(
                "the loss does not depend on any parameter of the model. Compute it from the "
                "outputs by differentiable functions of tensors, without .detach(), .numpy() or "
                "argmax on the way."
            )
        if value.shape != ():
            raise GradientError(
                f"the loss is a scalar, this one has shape {value.shape}; take the mean over the "
                "examples, .mean()"
            )
        total = value if extra is None else value + extra
        _check_captured(model, total, (parameters, buffers, inputs, targets))
        if not warned:
            warned = True
            _warn_of_unused(model, total, parameters)
        return total, (value, extra, outputs, after_call(model, network, parameters, buffers))

    differentiate = value_and_grad(objective, has_aux=True)

    def step(
        parameters: Tensors,
        state: Any,
        inputs: Tensor,
        targets: Tensor,
        buffers: Tensors | None = None,
    ) -> Step:
        before = model.buffers() if buffers is None else buffers
        found, gradients = differentiate(parameters, before, inputs, targets)
        total, (value, extra, outputs, buffers) = found

        problem = Problem(
            lambda at: _predicted(model.replace(at | before), inputs, at, penalty),
            lambda predicted: _measured(loss, predicted, targets, penalty),
            total,
        )
        updates, state = optimizer.update(gradients, state, parameters, problem)
        after = apply_updates(parameters, updates)
        return Step(after, state, value, outputs, gradients, buffers, extra)

    return step


def _penalized(penalty: Penalty, parameters: Tensors) -> Tensor:
    value = penalty(parameters)
    if not isinstance(value, Tensor) or value.shape != ():
        shown = f"a tensor of shape {value.shape}" if isinstance(value, Tensor) else repr(value)
        raise GradientError(f"the penalty is a scalar tensor, a sum over parameters, not {shown}")
    return value


def _predicted(
    network: Module, inputs: Tensor, parameters: Tensors, penalty: Penalty | None
) -> Any:
    """The outputs, and with them the penalty where there is one."""
    outputs = network(inputs)
    return outputs if penalty is None else (outputs, penalty(parameters))


def _measured(loss: Loss, predicted: Any, targets: Tensor, penalty: Penalty | None) -> Tensor:
    if penalty is None:
        return loss(predicted, targets)
    outputs, extra = predicted
    total: Tensor = loss(outputs, targets) + extra
    return total


def _warn_of_unused(model: Module, total: Tensor, parameters: Tensors) -> None:
    reached = _reached(total.node)
    unused = [path for path in model.parameters() if parameters[path].node not in reached]
    if unused:
        warn_user(
            f"the loss does not depend on {', '.join(unused)}: the gradient is 0, whatever the "
            "data. Use what this part of the network computes, or take it out of the training by "
            ".requires_grad_(False).",
            UnusedParameterWarning,
        )


def _reached(root: Node) -> set[Node]:
    """The nodes from which derivatives flow to ``root``."""
    found, waiting = {root}, [root]
    while waiting:
        node = waiting.pop()
        if node.sources and node.type.is_float and node.primitive.differentiable:
            new = [source for source in node.sources if source not in found]
            found.update(new)
            waiting += new
    return found


def check_optimizer(optimizer: Any) -> None:
    """Raise an ArgumentError unless it is an optimizer that is bound to no model."""
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


def check_loss(loss: Any) -> None:
    """Raise an ArgumentError unless it can be called with (outputs, targets)."""
    if not callable(loss) or isinstance(loss, type):
        raise ArgumentError(
            f"the loss is a function (outputs, targets), such as nn.cross_entropy, not {loss!r}"
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
                "be lost. Give a penalty by itself, fit(penalty=lambda parameters: 1e-4 * "
                "nn.l2_penalty(parameters)), or let the network return what the loss needs."
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
