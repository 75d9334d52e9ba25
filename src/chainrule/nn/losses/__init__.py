"""Losses: how far outputs are from targets, in one number; penalties of parameters."""

from chainrule.nn.losses._shared import Reduction
from chainrule.nn.losses.classification import (
    bce_with_logits,
    cross_entropy,
    hinge,
    kl_divergence,
    multi_margin,
    nll,
)
from chainrule.nn.losses.penalties import elastic_net_penalty, l1_penalty, l2_penalty
from chainrule.nn.losses.regression import gaussian_nll, huber, mae, mse, poisson_nll

__all__ = [
    "Reduction",
    "bce_with_logits",
    "cross_entropy",
    "elastic_net_penalty",
    "gaussian_nll",
    "hinge",
    "huber",
    "kl_divergence",
    "l1_penalty",
    "l2_penalty",
    "mae",
    "mse",
    "multi_margin",
    "nll",
    "poisson_nll",
]
