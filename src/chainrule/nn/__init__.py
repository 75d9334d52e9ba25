"""Networks: modules, layers, initialisers and losses."""

from chainrule.nn import initialisers
from chainrule.nn.activations import GELU, ReLU, Sigmoid, Tanh
from chainrule.nn.layers import MLP, Linear, Sequential
from chainrule.nn.losses import bce_with_logits, cross_entropy, mse
from chainrule.nn.module import Module, observe, parameter

__all__ = [
    "GELU",
    "MLP",
    "Linear",
    "Module",
    "ReLU",
    "Sequential",
    "Sigmoid",
    "Tanh",
    "bce_with_logits",
    "cross_entropy",
    "initialisers",
    "mse",
    "observe",
    "parameter",
]
