"""Optimizers: pure pairs of ``init`` and ``update`` that chain, and their stateful face."""

from typing import NoReturn

from chainrule.optim.bound import BoundOptimizer
from chainrule.optim.methods import (
    adam,
    adamw,
    add_decayed_weights,
    clip_by_global_norm,
    momentum,
    scale_by_adam,
    sgd,
)
from chainrule.optim.plateau import PlateauState, reduce_on_plateau
from chainrule.optim.scaling import (
    FactorState,
    LearningRate,
    scale_by_factor,
    scale_by_learning_rate,
    scale_by_schedule,
)
from chainrule.optim.schedule import Schedule, constant, join, linear_warmup
from chainrule.optim.schedules import (
    cosine_decay,
    cosine_restarts,
    exponential_decay,
    inverse_sqrt,
    multi_step,
    one_cycle,
    polynomial_decay,
    step_decay,
)
from chainrule.optim.transform import Optimizer, Problem, apply_updates, chain, global_norm

__all__ = [
    "BoundOptimizer",
    "FactorState",
    "LearningRate",
    "Optimizer",
    "PlateauState",
    "Problem",
    "Schedule",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip_by_global_norm",
    "constant",
    "cosine_decay",
    "cosine_restarts",
    "exponential_decay",
    "global_norm",
    "inverse_sqrt",
    "join",
    "linear_warmup",
    "momentum",
    "multi_step",
    "one_cycle",
    "polynomial_decay",
    "reduce_on_plateau",
    "scale_by_adam",
    "scale_by_factor",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "sgd",
    "step_decay",
]


def __getattr__(name: str) -> NoReturn:
    message = f"module {__name__!r} has no attribute {name!r}"
    if name.lower() in __all__:
        message += f"; it is a function, cr.optim.{name.lower()}(learning_rate).bind(model)"
    raise AttributeError(message)
