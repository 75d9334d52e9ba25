"""Networks: modules, layers, initialisers and losses."""

from chainrule.nn import initialisers
from chainrule.nn.activations import GELU, ReLU, Sigmoid, Tanh
from chainrule.nn.cells import GRUCell, LSTMCell, RNNCell
from chainrule.nn.containers import Flatten, Function, Identity, Residual, Sequential
from chainrule.nn.convolution import (
    Conv1d,
    Conv2d,
    Conv3d,
    ConvTranspose1d,
    ConvTranspose2d,
    ConvTranspose3d,
)
from chainrule.nn.dropout import (
    Dropout,
    DropPath,
    SpatialDropout,
)
from chainrule.nn.linear import Bilinear, Embedding, Linear
from chainrule.nn.losses import bce_with_logits, cross_entropy, mse
from chainrule.nn.mlp import MLP
from chainrule.nn.module import Module, observe, parameter
from chainrule.nn.normalisation import (
    BatchNorm,
    GroupNorm,
    InstanceNorm,
    LayerNorm,
    RMSNorm,
)
from chainrule.nn.pooling import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    AdaptiveMaxPool1d,
    AdaptiveMaxPool2d,
    AdaptiveMaxPool3d,
    AvgPool1d,
    AvgPool2d,
    AvgPool3d,
    MaxPool1d,
    MaxPool2d,
    MaxPool3d,
)
from chainrule.nn.recurrent import GRU, LSTM, RNN

__all__ = [
    "GELU",
    "GRU",
    "LSTM",
    "MLP",
    "RNN",
    "AdaptiveAvgPool1d",
    "AdaptiveAvgPool2d",
    "AdaptiveAvgPool3d",
    "AdaptiveMaxPool1d",
    "AdaptiveMaxPool2d",
    "AdaptiveMaxPool3d",
    "AvgPool1d",
    "AvgPool2d",
    "AvgPool3d",
    "BatchNorm",
    "Bilinear",
    "Conv1d",
    "Conv2d",
    "Conv3d",
    "ConvTranspose1d",
    "ConvTranspose2d",
    "ConvTranspose3d",
    "DropPath",
    "Dropout",
    "Embedding",
    "Flatten",
    "Function",
    "GRUCell",
    "GroupNorm",
    "Identity",
    "InstanceNorm",
    "LSTMCell",
    "LayerNorm",
    "Linear",
    "MaxPool1d",
    "MaxPool2d",
    "MaxPool3d",
    "Module",
    "RMSNorm",
    "RNNCell",
    "ReLU",
    "Residual",
    "Sequential",
    "Sigmoid",
    "SpatialDropout",
    "Tanh",
    "bce_with_logits",
    "cross_entropy",
    "initialisers",
    "mse",
    "observe",
    "parameter",
]
