"""The table of all optimizers that the contract suite examines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule import optim


@dataclass(frozen=True)
class Entry:
    """One optimizer.

    Args:
        make: gives it for a learning rate, a number or a schedule.
        rate: the learning rate with which it makes the quadratic of the suite smaller.
        steps: and in how many steps.
        exempt: laws that do not hold for it, by name, each with the reason.
    """

    make: Callable[[Any], optim.Optimizer]
    rate: float = 0.1
    steps: int = 100
    exempt: Mapping[str, str] = field(default_factory=dict)


DECAY = {"descent": "weights decay, wherever the slope leads"}
PENALTY = "the penalty on weights does not scale with the loss"
EPSILON = "ε inside of both roots is what the first step is made of"
NORM = "it takes norms of whole tensors"

LINEAR = {"scale": "steps are as large as gradients"}
EXEMPT_MATRIX = {"elements": "it looks at whole matrices"}

NO_RATE = dict.fromkeys(("zero", "schedule"), "it has no learning rate")
FLAT = {"descent": "the function of that law is linear, and has no curvature to divide by"}
FIRST = {"scale": "the first length depends on the size of the gradient"}

TABLE: dict[str, Entry] = {
    # -- descent
    "sgd": Entry(optim.sgd, exempt=LINEAR),
    "momentum": Entry(lambda rate: optim.sgd(rate, momentum=0.9), 0.02, exempt=LINEAR),
    "nesterov": Entry(
        lambda rate: optim.sgd(rate, momentum=0.9, nesterov=True), 0.02, exempt=LINEAR
    ),
    "dampened": Entry(lambda rate: optim.sgd(rate, 0.9, dampening=0.5), 0.05, exempt=LINEAR),
    "sgd with decay": Entry(
        lambda rate: optim.sgd(rate, weight_decay=0.1), exempt={**LINEAR, **DECAY}
    ),
    # -- adaptive
    "adagrad": Entry(lambda rate: optim.adagrad(rate, eps=0.0), 0.5),
    "adagrad that decays": Entry(lambda rate: optim.adagrad(rate, lr_decay=0.01, eps=0.0), 0.5),
    "adadelta": Entry(
        lambda rate: optim.adadelta(rate, eps=1e-3), 3.0, 150, exempt={"scale": EPSILON}
    ),
    "rmsprop": Entry(lambda rate: optim.rmsprop(rate, eps=0.0), 0.02),
    "centred rmsprop": Entry(
        lambda rate: optim.rmsprop(rate, 0.9, momentum=0.5, centered=True, eps=1e-30), 0.01
    ),
    # -- Adam
    "adam": Entry(lambda rate: optim.adam(rate, eps=0.0)),
    "adam with decay": Entry(
        lambda rate: optim.adam(rate, weight_decay=0.1), exempt={"scale": PENALTY, **DECAY}
    ),
    "amsgrad": Entry(lambda rate: optim.adam(rate, amsgrad=True, eps=0.0)),
    "adamw": Entry(lambda rate: optim.adamw(rate, weight_decay=0.1, eps=0.0), exempt=DECAY),
    "nadam": Entry(lambda rate: optim.nadam(rate, eps=0.0)),
    "radam": Entry(
        lambda rate: optim.radam(rate, b2=0.9, eps=0.0),
        exempt={"scale": "its first steps are as large as gradients"},
    ),
    # -- others
    "lion": Entry(optim.lion, 0.05),
    "lamb": Entry(
        lambda rate: optim.lamb(rate, weight_decay=0.01, eps=0.0),
        0.05,
        exempt={"elements": NORM, **DECAY},
    ),
    "lars": Entry(
        lambda rate: optim.lars(rate, 0.5, trust_coefficient=0.1), 0.5, exempt={"elements": NORM}
    ),
    "adafactor": Entry(
        lambda rate: optim.adafactor(rate, eps=(0.0, 1e-3)), 0.2, exempt=EXEMPT_MATRIX
    ),
    "muon": Entry(
        lambda rate: optim.partition(
            {
                "matrix": optim.muon(rate, weight_decay=0.0, eps=1e-30),
                "*": optim.adam(rate, eps=0.0),
            }
        ),
        exempt=EXEMPT_MATRIX,
    ),
    "sam": Entry(
        lambda rate: optim.sam(optim.sgd(rate), 0.05), exempt={**LINEAR, "elements": NORM}
    ),
    "adaptive sam": Entry(
        lambda rate: optim.sam(optim.adam(rate), 0.5, adaptive=True),
        exempt={"scale": "ε of Adam is not 0", "elements": NORM},
    ),
    # -- wrapped
    "lookahead": Entry(lambda rate: optim.lookahead(optim.adam(rate, eps=0.0))),
    "averaged": Entry(lambda rate: optim.chain(optim.adam(rate, eps=0.0), optim.ema(0.9))),
    "stochastically averaged": Entry(
        lambda rate: optim.chain(optim.sgd(rate), optim.swa(start=2, every=2)), exempt=LINEAR
    ),
    "accumulated": Entry(
        lambda rate: optim.accumulate(optim.adam(rate, eps=0.0), every=2),
        exempt={"descent": "the first gradient alone moves nothing"},
    ),
    "skipping": Entry(
        lambda rate: optim.skip_non_finite(optim.adam(rate, eps=0.0)),
        exempt={"nan": "it is there to skip it"},
    ),
    "clipped": Entry(
        lambda rate: optim.chain(optim.clip_by_global_norm(1.0), optim.sgd(rate)),
        rate=0.2,
        exempt={**LINEAR, "elements": NORM},
    ),
    "clipped by units": Entry(
        lambda rate: optim.chain(optim.adaptive_grad_clip(0.1), optim.sgd(rate)),
        steps=300,
        exempt={**LINEAR, "elements": NORM},
    ),
    "noisy": Entry(
        lambda rate: optim.chain(optim.add_noise(1e-4), optim.sgd(rate)),
        exempt={
            **LINEAR,
            "elements": "each element has its own noise",
            "descent": "noise leads anywhere",
        },
    ),
    "grouped": Entry(
        lambda rate: optim.partition(
            {"matrix": optim.adam(rate, eps=0.0), "*": optim.rmsprop(rate, 0.9, eps=0.0)}
        ),
    ),
    "masked decay": Entry(lambda rate: optim.adamw(rate, eps=0.0, weight_decay=0.1, mask="matrix")),
    "scheduled": Entry(
        lambda rate: optim.chain(
            optim.adam(rate, eps=0.0), optim.scale_by_schedule(optim.cosine_decay(1.0, 200))
        )
    ),
    "on a plateau": Entry(
        lambda rate: optim.chain(optim.sgd(rate), optim.reduce_on_plateau(patience=20)),
        exempt=LINEAR,
    ),
    # -- second order: they solve for the step, or search along it
    "newton": Entry(optim.newton, 1.0, 5),
    "shifted newton": Entry(lambda rate: optim.newton(rate, "strong_wolfe", "shift"), 1.0, 5),
    "plain newton": Entry(lambda rate: optim.newton(rate, None), 0.5, 10),
    "gauss_newton": Entry(optim.gauss_newton, 1.0, 5, exempt=FLAT),
    "plain gauss_newton": Entry(lambda rate: optim.gauss_newton(rate, None), 0.5, exempt=FLAT),
    "levenberg_marquardt": Entry(
        lambda rate: optim.levenberg_marquardt(), steps=5, exempt={**NO_RATE, **FLAT}
    ),
    "natural_gradient": Entry(
        lambda rate: optim.natural_gradient(rate, damping=0.0), 1.0, 5, exempt=FLAT
    ),
    "natural_gradient by cg": Entry(
        lambda rate: optim.natural_gradient(rate, damping=0.0, solver="cg"), 1.0, 5, exempt=FLAT
    ),
    "hessian_free": Entry(
        lambda rate: optim.hessian_free(0.1),
        steps=10,
        exempt={
            **NO_RATE,
            "scale": "damping is absolute",
            "elements": "rounding decides when conjugate gradients end",
        },
    ),
    "lbfgs": Entry(optim.lbfgs, 1.0, 10, exempt=FIRST),
    "backtracking lbfgs": Entry(
        lambda rate: optim.lbfgs(rate, 5, "backtracking"), 1.0, 10, exempt=FIRST
    ),
    "plain lbfgs": Entry(lambda rate: optim.lbfgs(rate, 5, None), 0.5, 30, exempt=FIRST),
    "conjugate_gradient": Entry(optim.conjugate_gradient, 1.0, 15, exempt=FIRST),
    "fletcher_reeves": Entry(
        lambda rate: optim.conjugate_gradient(rate, "fletcher_reeves"), 1.0, 15, exempt=FIRST
    ),
    "hager_zhang": Entry(
        lambda rate: optim.conjugate_gradient(rate, "hager_zhang", "backtracking"),
        1.0,
        30,
        exempt=FIRST,
    ),
}
