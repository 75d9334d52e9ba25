"""Optimizers: pure pairs of ``init`` and ``update`` that chain, and their stateful face."""

from typing import TYPE_CHECKING

from chainrule.core.elsewhere import in_chainrule
from chainrule.core.later import later

if TYPE_CHECKING:
    from chainrule.optim.accumulate import AccumulateState, SkipState, accumulate, skip_non_finite
    from chainrule.optim.adafactor import adafactor
    from chainrule.optim.adam import adam, adamw, nadam, radam, scale_by_adam
    from chainrule.optim.adaptive import adadelta, adagrad, rmsprop
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
    from chainrule.optim.descent import momentum, sgd
    from chainrule.optim.gauss_newton import gauss_newton, levenberg_marquardt
    from chainrule.optim.groups import Mask, freeze, masked, partition
    from chainrule.optim.hessian_free import hessian_free
    from chainrule.optim.kfac import kfac
    from chainrule.optim.layerwise import lamb, lars, scale_by_trust_ratio
    from chainrule.optim.lbfgs import lbfgs
    from chainrule.optim.matrix import muon, orthogonalized
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
    from chainrule.optim.sign import lion
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
    "adadelta",
    "adafactor",
    "adagrad",
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
    "kfac",
    "lamb",
    "lars",
    "lbfgs",
    "least_squares",
    "levenberg_marquardt",
    "linear_warmup",
    "lion",
    "lookahead",
    "masked",
    "minimize",
    "momentum",
    "multi_step",
    "muon",
    "nadam",
    "natural_gradient",
    "newton",
    "one_cycle",
    "orthogonalized",
    "partition",
    "polynomial_decay",
    "radam",
    "reduce_on_plateau",
    "rmsprop",
    "sam",
    "scale_by_adam",
    "scale_by_factor",
    "scale_by_learning_rate",
    "scale_by_schedule",
    "scale_by_trust_ratio",
    "sgd",
    "skip_non_finite",
    "step_decay",
    "swa",
]


def _hint(name: str) -> str:
    if name.lower() in __all__:
        return f"; it is a function, cr.optim.{name.lower()}(learning_rate).bind(model)"
    return in_chainrule(__name__, name)


later(
    __name__,
    {
        "accumulate": (
            "AccumulateState",
            "SkipState",
            "accumulate",
            "skip_non_finite",
        ),
        "adafactor": ("adafactor",),
        "adam": (
            "adam",
            "adamw",
            "nadam",
            "radam",
            "scale_by_adam",
        ),
        "adaptive": (
            "adadelta",
            "adagrad",
            "rmsprop",
        ),
        "averaging": (
            "AverageState",
            "averaged",
            "ema",
            "lookahead",
            "swa",
        ),
        "bound": ("BoundOptimizer",),
        "clipping": (
            "adaptive_grad_clip",
            "clip_by_global_norm",
            "clip_by_norm",
            "clip_by_value",
        ),
        "conjugate": (
            "Solution",
            "cg",
            "conjugate_gradient",
        ),
        "decay": ("add_decayed_weights",),
        "descent": (
            "momentum",
            "sgd",
        ),
        "gauss_newton": (
            "gauss_newton",
            "levenberg_marquardt",
        ),
        "groups": (
            "Mask",
            "freeze",
            "masked",
            "partition",
        ),
        "hessian_free": ("hessian_free",),
        "kfac": ("kfac",),
        "layerwise": (
            "lamb",
            "lars",
            "scale_by_trust_ratio",
        ),
        "lbfgs": ("lbfgs",),
        "matrix": (
            "muon",
            "orthogonalized",
        ),
        "minimize": (
            "Minimum",
            "least_squares",
            "minimize",
        ),
        "natural": ("natural_gradient",),
        "newton": ("newton",),
        "noise": ("add_noise",),
        "plateau": (
            "PlateauState",
            "reduce_on_plateau",
        ),
        "scaling": (
            "FactorState",
            "LearningRate",
            "scale_by_factor",
            "scale_by_learning_rate",
            "scale_by_schedule",
        ),
        "schedule": (
            "Schedule",
            "constant",
            "join",
            "linear_warmup",
        ),
        "schedules": (
            "cosine_decay",
            "cosine_restarts",
            "exponential_decay",
            "inverse_sqrt",
            "multi_step",
            "one_cycle",
            "polynomial_decay",
            "step_decay",
        ),
        "sharpness": ("sam",),
        "sign": ("lion",),
        "transform": (
            "Optimizer",
            "Problem",
            "apply_updates",
            "chain",
            "global_norm",
        ),
    },
    _hint,
)
