"""K-FAC: the natural gradient with a Kronecker-factored Fisher information."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args

from chainrule import functions, random
from chainrule.control import cond
from chainrule.core.errors import ArgumentError, DomainError, TreeError
from chainrule.nn.module import Module
from chainrule.optim.adam import adam
from chainrule.optim.common import (
    call_text,
    checked,
    checked_count,
    checked_positive,
    checked_rate,
    in_dtype_of,
    number_text,
    zeros,
)
from chainrule.optim.kronecker import Expectation, Factors, Layer, inverse, layers_of, measure
from chainrule.optim.scaling import LearningRate
from chainrule.optim.transform import Optimizer, Problem
from chainrule.optim.vector import needed, rate_of
from chainrule.tensor import Tensor, tensor

__all__ = ["KFACState", "kfac"]


@dataclasses.dataclass(frozen=True)
class KFACState:
    """What is known from the steps so far; dictionaries have the path of a layer's weight for keys.

    Attributes:
        count: the number of steps done.
        key: of the random numbers.
        factors: running means of the Kronecker factors of each layer.
        inverses: their damped inverses, as of the last time they were computed.
        momentum: for each parameter of these layers.
        others: the state of the optimizer of all other parameters.
    """

    count: Tensor
    key: Tensor
    factors: dict[str, Factors]
    inverses: dict[str, Factors]
    momentum: dict[str, Tensor]
    others: Any


def kfac(
    model: Module,
    learning_rate: LearningRate,
    damping: float = 1e-3,
    momentum: float = 0.9,
    *,
    decay: float = 0.95,
    max_divergence: float | None = 1e-3,
    inverse_every: int = 1,
    expectation: Expectation = "sampled",
    others: Optimizer | None = None,
    key: Tensor | None = None,
) -> Optimizer:
    """K-FAC: V ← G⁻¹ V A⁻¹ for the gradient V of each layer, then momentum.

    Martens & Grosse 2015 for `nn.Linear`, Grosse & Martens 2016 for `nn.Conv2d` and its kin without
    groups; see `kronecker`. The factors are running means with weight min(1 − 1/t, decay) on the
    past (section 5), damped by factored Tikhonov regularisation (section 6.3). There is no
    adaptation of λ, and layers are taken to be independent (the block-diagonal version).

    The loss is a mean or a sum over examples, along the first axis of the outputs; layers are
    called outside of `scan` and `checkpoint`. The Hessian of the loss in the outputs of one example
    is formed and decomposed, which is meant for up to about a hundred outputs.

    Args:
        model: the network that is trained, for its layers.
        learning_rate: η, a number or a schedule.
        damping: λ.
        momentum: μ; m ← μ·m + V, θ ← θ − η·m.
        decay: ε of the running means.
        max_divergence: V is shortened where η²/2·Σ VᵀF V, the Kullback-Leibler divergence of the
            step −η·V in second order, would be larger (Ba, Grosse & Martens 2017, section 5), so
            that η may be generous; None for no bound, with which a large η can diverge.
        inverse_every: after how many steps the inverses are computed again.
        expectation: over targets drawn from the model: "sampled" by one random vector for each
            example and step, "exact" by as many backward passes as there are outputs.
        others: what trains parameters of other layers, by default ``adam(1e-3)``.
        key: of the random vectors, by default ``cr.random.key(0)``. It is a part of the state.

    Raises:
        ArgumentError: if ``model`` is no network.
        DomainError: for values out of range.

    Raises (init and the step):
        TreeError: if the parameters are not those of the model by path.
        GradientError: if the problem is not given, or its outputs do not come from the model.

    >>> import chainrule as cr
    >>> model = cr.nn.MLP(2, (8,), 2, key=cr.random.key(0))
    >>> x, y = cr.tensor([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]), cr.tensor([0, 1, 1, 0])
    >>> opt = cr.optim.kfac(model, 0.1, expectation="exact").bind(model)
    >>> for _ in range(40):
    ...     loss = opt.step(lambda out: cr.nn.cross_entropy(out, y), outputs=lambda net: net(x))
    >>> loss.item() < 0.05
    True
    """
    if not isinstance(model, Module):
        raise ArgumentError(f"kfac: model is a network, for its layers, not {model!r}")
    damping = checked("kfac", "damping", damping)
    momentum = checked_rate("kfac", "momentum", momentum)
    decay = checked_rate("kfac", "decay", decay)
    inverse_every = checked_count("kfac", "inverse_every", inverse_every)
    if max_divergence is not None:
        max_divergence = checked_positive("kfac", "max_divergence", max_divergence)
    if expectation not in get_args(Expectation):
        raise DomainError(f'kfac: expectation is "sampled" or "exact", not {expectation!r}')
    rate = rate_of("kfac", learning_rate)
    rest_method = adam(1e-3) if others is None else others
    start = random.key(0) if key is None else key
    name = call_text(
        kfac,
        type(model).__name__,
        number_text(learning_rate),
        damping=damping,
        momentum=momentum,
        decay=decay,
        max_divergence=max_divergence,
        inverse_every=inverse_every,
        expectation=expectation,
        others=others,
    )
    every = layers_of(model, frozenset(model.parameters()))

    def split(params: Any) -> tuple[list[Layer], dict[str, Tensor]]:
        """The layers whose parameters are there, and the parameters of no layer."""
        if not isinstance(params, dict) or not params.keys() <= model.state_dict().keys():
            raise TreeError(
                f"{name} takes the parameters of its model by path, as model.parameters() gives "
                "them and train.fit and bind hand them on"
            )
        layers = [
            dataclasses.replace(layer, bias=layer.bias if layer.bias in params else None)
            for layer in every
            if layer.weight in params
        ]
        own = {path for layer in layers for path in (layer.weight, layer.bias)}
        return layers, {path: value for path, value in params.items() if path not in own}

    def init(params: Any) -> KFACState:
        layers, rest = split(params)
        factors, m = {}, {}
        for layer in layers:
            matrix = zeros(layer.matrix(params))
            factors[layer.weight] = Factors(
                *(functions.zeros((n, n), dtype=matrix.dtype) for n in matrix.shape[::-1])
            )
            m[layer.weight] = matrix
        return KFACState(tensor(0), start, factors, factors, m, rest_method.init(rest))

    def factors_of(
        state: KFACState, layers: list[Layer], problem: Problem, params: Any
    ) -> dict[str, Factors]:
        now = random.fold_in(state.key, state.count)
        new = measure(name, layers, problem, params, expectation, now)
        past = functions.minimum(1.0 - 1.0 / (1.0 + state.count), decay)

        def mean(old: Tensor, measured: Tensor) -> Tensor:
            weight = in_dtype_of(old, past)
            blend: Tensor = weight * old + (1.0 - weight) * functions.astype(measured, old.dtype)
            return blend

        return {path: Factors(*map(mean, state.factors[path], new[path])) for path in new}

    def step(
        grads: Any, state: KFACState, params: Any, problem: Problem | None
    ) -> tuple[Any, KFACState]:
        problem = needed(name, problem)
        layers, rest = split(params)
        factors = factors_of(state, layers, problem, params)
        inverses = cond(
            state.count % inverse_every == 0,
            lambda factors, old: {path: inverse(f, damping) for path, f in factors.items()},
            lambda factors, old: old,
            factors,
            state.inverses,
        )
        eta = rate(state.count)
        directions, product = {}, 0.0
        for layer in layers:
            v = layer.matrix(grads)
            v = functions.astype(v, factors[layer.weight].inputs.dtype)
            a, g = inverses[layer.weight]
            directions[layer.weight] = g @ v @ a
            product = product + (v * directions[layer.weight]).sum()  # VᵀFV with F·(F⁻¹V) = V
        shorter: Any = 1.0
        if max_divergence is not None and layers:
            spread = product * eta**2 / 2.0
            over = spread > max_divergence
            shorter = functions.where(
                over, functions.sqrt(max_divergence / functions.where(over, spread, 1.0)), 1.0
            )
        m = {
            path: momentum * state.momentum[path] + in_dtype_of(d, shorter) * d
            for path, d in directions.items()
        }
        updates: dict[str, Tensor] = {}
        for layer in layers:
            moved = -in_dtype_of(m[layer.weight], eta) * m[layer.weight]
            updates |= layer.parts(moved, params)
        rest_grads = {path: grads[path] for path in rest}
        outputs = problem.outputs
        rest_problem = dataclasses.replace(problem, outputs=lambda part: outputs(params | part))
        rest_updates, after = rest_method.update(rest_grads, state.others, rest, rest_problem)
        updates |= rest_updates
        ordered = {path: updates[path] for path in params}
        return ordered, KFACState(state.count + 1, state.key, factors, inverses, m, after)

    return Optimizer(name, init, step)
