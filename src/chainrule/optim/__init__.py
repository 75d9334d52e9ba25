"""Optimizers: pure pairs of ``init`` and ``update`` that chain, and their stateful face."""

from typing import NoReturn

from chainrule.optim.accumulate import AccumulateState, SkipState, accumulate, skip_non_finite
from chainrule.optim.averaging import AverageState, averaged, ema, lookahead, swa
from chainrule.optim.bound import BoundOptimizer
from chainrule.optim.clipping import (
    adaptive_grad_clip,
    clip_by_global_norm,
    clip_by_norm,
    clip_by_value,
)
from chainrule.optim.conjugate import Solution, cg, conjugate_gradient
from chainrule.optim.decay import add_decayed_weights
from chainrule.optim.gauss_newton import gauss_newton, levenberg_marquardt
from chainrule.optim.groups import Mask, freeze, masked, partition
from chainrule.optim.hessian_free import hessian_free
from chainrule.optim.lbfgs import lbfgs
from chainrule.optim.methods import (
    adam,
    adamw,
    momentum,
    scale_by_adam,
    sgd,
)
from chainrule.optim.minimize import Minimum, least_squares, minimize
from chainrule.optim.natural import natural_gradient
from chainrule.optim.newton import newton
from chainrule.optim.noise import add_noise
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
from chainrule.optim.sharpness import sam
from chainrule.optim.transform import Optimizer, Problem, apply_updates, chain, global_norm

__all__ = [
    "AccumulateState",
    "AverageState",
    "BoundOptimizer",
    "FactorState",
    "LearningRate",
    "Mask",
    "Minimum",
    "Optimizer",
    "PlateauState",
    "Problem",
    "Schedule",
    "SkipState",
    "Solution",
    "accumulate",
    "adam",
    "adamw",
    "adaptive_grad_clip",
    "add_decayed_weights",
    "add_noise",
    "apply_updates",
    "averaged",
    "cg",
    "chain",
    "clip_by_global_norm",
    "clip_by_norm",
    "clip_by_value",
    "conjugate_gradient",
    "constant",
    "cosine_decay",
    "cosine_restarts",
    "ema",
    "exponential_decay",
    "freeze",
    "gauss_newton",
    "global_norm",
    "hessian_free",
    "inverse_sqrt",
    "join",
    "lbfgs",
    "least_squares",
    "levenberg_marquardt",
    "linear_warmup",
    "lookahead",
    "masked",
    "minimize",
    "momentum",
    "multi_step",
    "natural_gradient",
    "newton",
    "one_cycle",
    "partition",
    "polynomial_decay",
    "reduce_on_plateau",
    "sam",
    "scale_by_adam",
    "scale_by_factor",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "sgd",
    "skip_non_finite",
    "step_decay",
    "swa",
]


def __getattr__(name: str) -> NoReturn:
    message = f"module {__name__!r} has no attribute {name!r}"
    if name.lower() in __all__:
        message += f"; it is a function, cr.optim.{name.lower()}(learning_rate).bind(model)"
    raise AttributeError(message)
