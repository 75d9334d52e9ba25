"""Optimizers: pure pairs of ``init`` and ``update`` that chain, and their stateful face."""

from typing import NoReturn

from chainrule.optim.bound import BoundOptimizer
from chainrule.optim.methods import (
    LearningRate,
    adam,
    adamw,
    add_decayed_weights,
    clip_by_global_norm,
    momentum,
    scale_by_adam,
    scale_by_learning_rate,
    sgd,
)
from chainrule.optim.transform import Optimizer, Problem, apply_updates, chain, global_norm

__all__ = [
    "BoundOptimizer",
    "LearningRate",
    "Optimizer",
    "Problem",
    "adam",
    "adamw",
    "add_decayed_weights",
    "apply_updates",
    "chain",
    "clip_by_global_norm",
    "global_norm",
    "momentum",
    "scale_by_adam",
    "scale_by_learning_rate",
    "sgd",
]


def __getattr__(name: str) -> NoReturn:
    message = f"module {__name__!r} has no attribute {name!r}"
    if name.lower() in __all__:
        message += f"; it is a function, cr.optim.{name.lower()}(learning_rate).bind(model)"
    raise AttributeError(message)
