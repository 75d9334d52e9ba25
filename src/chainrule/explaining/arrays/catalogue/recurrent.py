"""Recurrent networks and small networks as a whole."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from typing import Any

from chainrule import functions as cr
from chainrule.explaining.arrays.catalogue.entry import entry

RECURRENT, NETWORKS = "recurrent networks", "networks"


@entry(
    "RNN step",
    RECURRENT,
    "g = tanh(W x + U h + b)",
    "x h W U b",
    x="d",
    h="k",
    W="k d",
    U="k k",
    b="k",
    seed="k",
)
def rnn_step(x: Any, h: Any, W: Any, U: Any, b: Any) -> Any:
    z = W @ x + U @ h + b
    g = cr.tanh(z)
    return g


@entry(
    "RNN through time",
    RECURRENT,
    "backpropagation through time: three steps with shared weights, a product of Jacobians",
    "U W",
    U="k k",
    W="k d",
    X="3 d",
    h="k",
    y="k",
    also=("backpropagation through time", "BPTT"),
)
def rnn_through_time(U: Any, W: Any, X: Any, h: Any, y: Any) -> Any:
    z1 = W @ X[0] + U @ h
    h1 = cr.tanh(z1)
    z2 = W @ X[1] + U @ h1
    h2 = cr.tanh(z2)
    z3 = W @ X[2] + U @ h2
    h3 = cr.tanh(z3)
    L = ((h3 - y) ** 2).sum() / 2
    return L


@entry(
    "linear recurrence through time",
    RECURRENT,
    "h₃ = U³ h: powers of Uᵀ, which vanish or explode",
    "h U",
    h="d",
    U="d d",
    seed="d",
)
def linear_recurrence_through_time(h: Any, U: Any) -> Any:
    h1 = U @ h
    h2 = U @ h1
    h3 = U @ h2
    return h3


@entry(
    "LSTM cell",
    RECURRENT,
    "d = f ⊙ c + i ⊙ g, r = o ⊙ tanh(d), by its four pre-activations and c",
    "a b p q c",
    a="k",
    b="k",
    p="k",
    q="k",
    c="k",
    seed="k",
)
def lstm_cell(a: Any, b: Any, p: Any, q: Any, c: Any) -> Any:
    i = cr.sigmoid(a)
    f = cr.sigmoid(b)
    g = cr.tanh(p)
    o = cr.sigmoid(q)
    d = f * c + i * g
    u = cr.tanh(d)
    r = o * u
    return r


@entry(
    "GRU cell",
    RECURRENT,
    "y = (1 − z) ⊙ n + z ⊙ h, n = tanh(p + r ⊙ q), by its pre-activations and h",
    "a b p q h",
    a="k",
    b="k",
    p="k",
    q="k",
    h="k",
    seed="k",
)
def gru_cell(a: Any, b: Any, p: Any, q: Any, h: Any) -> Any:
    z = cr.sigmoid(a)
    r = cr.sigmoid(b)
    u = cr.tanh(p + r * q)
    y = (1 - z) * u + z * h
    return y


@entry(
    "two-layer network",
    NETWORKS,
    "the four equations of backpropagation, with tanh and squared error",
    "W1 b1 W2 b2",
    X="n d",
    W1="d m",
    b1="m",
    W2="m k",
    b2="k",
    Y="n k",
    also=("four equations of backpropagation", "backpropagation", "multilayer perceptron"),
)
def two_layer_network(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
    Z1 = X @ W1 + b1
    A1 = cr.tanh(Z1)
    Z2 = A1 @ W2 + b2
    C = cr.mean((Z2 - Y) ** 2)
    return C


@entry(
    "classifier with one hidden layer",
    NETWORKS,
    "the four equations, with relu and softmax cross-entropy: δ₂ = (P − Y)/n",
    "W1 b1 W2 b2",
    X="n d",
    W1="d m",
    b1="m",
    W2="m k",
    b2="k",
    Y="n k: onehot",
)
def classifier_with_one_hidden_layer(X: Any, W1: Any, b1: Any, W2: Any, b2: Any, Y: Any) -> Any:
    Z1 = X @ W1 + b1
    A1 = cr.relu(Z1)
    Z2 = A1 @ W2 + b2
    C = -(Y * cr.log_softmax(Z2)).sum(axis=1).mean()
    return C


@entry(
    "autoencoder",
    NETWORKS,
    "a code of k numbers and back, with tied weights",
    "W b",
    X="n d",
    W="d k",
    b="k",
)
def autoencoder(X: Any, W: Any, b: Any) -> Any:
    Z = X @ W + b
    H = cr.tanh(Z)
    Y = H @ W.T
    L = cr.mean((Y - X) ** 2)
    return L


@entry(
    "neuron",
    NETWORKS,
    "one sigmoid neuron with squared error",
    "w b",
    x="d",
    w="d",
    b="",
    y=": share",
    also=("sigmoid neuron",),
)
def neuron(x: Any, w: Any, b: Any, y: Any) -> Any:
    z = w @ x + b
    a = cr.sigmoid(z)
    L = (a - y) ** 2 / 2
    return L
