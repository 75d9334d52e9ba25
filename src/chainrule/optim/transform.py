"""Optimizers as pure pairs of functions over pytrees.

An optimizer turns gradients into updates, which are added to the parameters. It is a pair: ``init``
makes its state, ``update`` takes gradients, state and parameters and returns updates and the new
state. Nothing is changed in place, so a step can be traced, compiled, replayed and saved. Pairs
chain: `chain` feeds the updates of one into the next.

Methods that ask for more than a gradient (a line search, a second derivative, the loss itself) find
it in the `Problem`, which is handed down the chain.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError, TreeError
from chainrule.core.tree import flatten, map_tree
from chainrule.tensor import Tensor

if TYPE_CHECKING:
    from chainrule.optim.bound import BoundOptimizer

__all__ = [
    "Optimizer",
    "Problem",
    "apply_updates",
    "chain",
    "global_norm",
    "map_leaves",
    "stateless",
    "widened",
]

Init = Callable[[Any], Any]


@dataclasses.dataclass(frozen=True)
class Problem:
    """What a step makes smaller: ``loss(outputs(params))``, on the examples of that step.

    The two parts are kept apart because Gauss-Newton methods linearise the first alone. A plain
    function of the parameters is ``Problem(lambda params: params, function)``.

    Args:
        outputs: of the network, as a function of its parameters.
        loss: a scalar of the outputs.
        value: the loss at the parameters of the step, where it is known already.

    >>> import chainrule as cr
    >>> x, y = cr.tensor([1.0, 2.0]), cr.tensor([2.0, 5.0])
    >>> problem = cr.optim.Problem(lambda w: w * x, lambda outputs: cr.nn.mse(outputs, y))
    >>> problem(cr.tensor(2.0))
    tensor(0.5)
    """

    outputs: Callable[[Any], Any]
    loss: Callable[[Any], Tensor]
    value: Tensor | None = None

    def __call__(self, params: Any) -> Tensor:
        """The loss at these parameters; traceable and differentiable."""
        return self.loss(self.outputs(params))


Update = Callable[[Any, Any, Any, Problem | None], tuple[Any, Any]]


@dataclasses.dataclass(frozen=True)
class Optimizer:
    """A pure pair of functions over pytrees of tensors.

    Args:
        name: what is shown, such as ``"sgd(0.1)"``.
        init: ``init(params)`` gives the state, itself a pytree of tensors.
        step: ``step(grads, state, params, problem)`` gives ``(updates, new state)``; the last is
            None where only gradients are known. It is called through `update`.
        max_norm: the norm to which gradients are clipped before anything else is done with them,
            for statistics of how often that happens; None if they are not.

    >>> import chainrule as cr
    >>> params = {"w": cr.tensor([1.0, 2.0])}
    >>> optimizer = cr.optim.sgd(0.1)
    >>> state = optimizer.init(params)
    >>> updates, state = optimizer.update({"w": cr.tensor([10.0, -10.0])}, state, params)
    >>> cr.optim.apply_updates(params, updates)["w"]
    tensor([0., 3.])
    """

    name: str
    init: Init = dataclasses.field(repr=False)
    step: Update = dataclasses.field(repr=False)
    max_norm: float | None = dataclasses.field(default=None, repr=False)

    def update(
        self, grads: Any, state: Any, params: Any, problem: Problem | None = None
    ) -> tuple[Any, Any]:
        """The updates to be added to ``params``, and the next state, as constants.

        Gradients with respect to tensors that require one, as ``model.parameters()`` do, are
        recorded themselves; with updates that were too, the parameters of a run would hold the
        graphs of all its steps.

        Args:
            grads: the gradients, of the structure of ``params``.
            state: from `init`, or from the update before.
            params: the parameters.
            problem: what is minimised; most methods do without.
        """
        if problem is not None and problem.value is not None:
            problem = dataclasses.replace(problem, value=_constant(problem.value))
        grads, params = map_tree(_constant, grads), map_tree(_constant, params)
        updates, state = self.step(grads, state, params, problem)
        # a problem may depend on further tensors that require a gradient
        return map_tree(_constant, updates), map_tree(_constant, state)

    def bind(self, model: Any) -> BoundOptimizer:
        """The familiar stateful face for one model: ``zero_grad()`` and ``step()``.

        Args:
            model: a network, or a tensor, or lists and dicts of tensors; those with
                ``requires_grad=True`` are trained.

        Raises:
            ArgumentError: if something in it is no tensor, or was computed from others.
            GradientError: if there is nothing to train.

        >>> import chainrule as cr
        >>> model = cr.nn.Linear(1, 1, key=cr.random.key(0))
        >>> x, y = cr.tensor([[-1.0], [1.0]]), cr.tensor([[1.0], [5.0]])
        >>> opt = cr.optim.adam(0.1).bind(model)
        >>> for step in range(200):
        ...     opt.zero_grad()
        ...     loss = cr.nn.mse(model(x), y)
        ...     loss.backward()
        ...     opt.step()
        >>> loss.item() < 1e-3
        True
        >>> w = cr.tensor([3.0, -2.0], requires_grad=True)
        >>> opt = cr.optim.sgd(0.5).bind([w])
        >>> (w * w).sum().backward()
        >>> opt.step()
        >>> w
        tensor([0., 0.], requires_grad=True)
        """
        from chainrule.optim.bound import BoundOptimizer

        return BoundOptimizer(self, model)

    def __repr__(self) -> str:
        return self.name


def chain(*optimizers: Optimizer) -> Optimizer:
    """One optimizer that feeds the updates of each of these into the next.

    >>> from chainrule import optim
    >>> optim.chain(optim.clip_by_global_norm(1.0), optim.adamw(3e-4))
    chain(clip_by_global_norm(1.0), adamw(0.0003))
    """

    def init(params: Any) -> Any:
        return tuple(optimizer.init(params) for optimizer in optimizers)

    def step(grads: Any, state: Any, params: Any, problem: Problem | None) -> tuple[Any, Any]:
        new = []
        for optimizer, own in zip(optimizers, state, strict=True):
            grads, own = optimizer.update(grads, own, params, problem)
            new.append(own)
        return grads, tuple(new)

    name = f"chain({', '.join(map(repr, optimizers))})"
    return Optimizer(name, init, step, optimizers[0].max_norm if optimizers else None)


def stateless(name: str, transform: Callable[[Any, Any], Any]) -> Optimizer:
    """An optimizer without state, from ``transform(grads, params) -> updates``."""
    return Optimizer(
        name,
        lambda params: (),
        lambda grads, state, params, problem: (transform(grads, params), state),
    )


def apply_updates(params: Any, updates: Any) -> Any:
    """``params + updates``, leaf by leaf, as constants in the dtype of the parameters.

    Raises:
        TreeError: if the structures differ.
        ShapeError: if the shape of an update is not that of its parameter.
    """
    return map_leaves("apply_updates", _applied, params, updates)


def _applied(param: Tensor, update: Tensor) -> Tensor:
    if param.shape != update.shape:
        raise ShapeError(f"an update of shape {update.shape} for a parameter of {param.shape}")
    return param.detach() + functions.astype(_constant(update), param.dtype)


def _constant(leaf: Any) -> Any:
    return leaf.detach() if isinstance(leaf, Tensor) and leaf.requires_grad else leaf


def map_leaves(name: str, function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """`core.tree.map_tree` whose error says which optimizer was given what."""
    try:
        return map_tree(function, tree, *rest)
    except TreeError as error:
        raise TreeError(
            f"{name}: gradients, state and parameters must belong to the same model; {error}"
        ) from None


def widened(leaf: Tensor) -> Tensor:
    """A float16 tensor in float32, any other as it is.

    float16 is for storage: squares of gradients leave its range, from 6e-8 to 65504, at once.
    """
    return functions.astype(leaf, "float32") if leaf.dtype == np.float16 else leaf


def global_norm(tree: Any) -> Tensor:
    """√Σ x² over all elements of all leaves, in float32 at least.

    Raises:
        DomainError: if there is no leaf.

    >>> import chainrule as cr
    >>> cr.optim.global_norm({"w": cr.tensor([3.0]), "b": cr.tensor([[4.0]])})
    tensor(5.)
    """
    leaves = [widened(leaf) for leaf in flatten(tree)[0]]
    if not leaves:
        raise DomainError("global_norm of nothing: the pytree has no tensor")
    return functions.sqrt(sum((leaf * leaf).sum() for leaf in leaves))
