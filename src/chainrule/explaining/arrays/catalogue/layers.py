"""Layers of networks: activations, normalisations, convolutions, lookups, attention."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from chainrule import functions as cr
from chainrule.explaining.arrays.catalogue.entry import entry

ACTIVATIONS, NORMALISATIONS = "activations", "normalisations and regularisers"
PLACES, ATTENTION = "convolution, pooling, lookup", "attention"

# -- activations -----------------------------------------------------------------------------------


def _activation(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def activation(Z: Any) -> Any:
        A = function(Z)
        return A

    return activation


for _name, _function, _summary in (
    ("sigmoid", cr.sigmoid, "A = σ(Z): σ(1 − σ)"),
    ("tanh", cr.tanh, "A = tanh(Z): 1 − A²"),
    ("relu", cr.relu, "A = max(0, Z): 1 where Z > 0, 0 at 0 by convention"),
    ("leaky relu", cr.leaky_relu, "A = Z, or 0.01 Z below 0"),
    ("elu", cr.elu, "A = Z, or e^Z − 1 below 0"),
    ("selu", cr.selu, "the elu that keeps mean 0 and variance 1"),
    ("gelu", cr.gelu, "A = Z Φ(Z)"),
    ("silu", cr.silu, "A = Z σ(Z), also called swish"),
    ("mish", cr.mish, "A = Z tanh(softplus(Z))"),
    ("softplus", cr.softplus, "A = ln(1 + e^Z): σ(Z)"),
    ("softsign", cr.softsign, "A = Z/(1 + |Z|)"),
    ("exponential", cr.exp, "A = e^Z"),
    ("logarithm", cr.log, "A = ln Z"),
):
    entry(
        _name,
        ACTIVATIONS,
        _summary,
        "Z",
        Z="n k: positive" if _name == "logarithm" else "n k",
        seed="n k",
        also=("swish",) if _name == "silu" else (),
    )(_activation(_function))


@entry(
    "gated linear unit",
    ACTIVATIONS,
    "Y = A ⊙ σ(B)",
    "A B",
    A="n k",
    B="n k",
    seed="n k",
    also=("GLU",),
)
def gated_linear_unit(A: Any, B: Any) -> Any:
    S = cr.sigmoid(B)
    Y = A * S
    return Y


# -- normalisations --------------------------------------------------------------------------------


@entry(
    "layer norm",
    NORMALISATIONS,
    "each row to mean 0 and variance 1, then γ and β",
    "X gamma beta",
    X="n d",
    gamma="d",
    beta="d",
    seed="n d",
    also=("layer normalisation", "LayerNorm"),
)
def layer_norm(X: Any, gamma: Any, beta: Any) -> Any:
    H = (X - X.mean(axis=1, keepdims=True)) / cr.sqrt(X.var(axis=1, keepdims=True) + 1e-5)
    Y = H * gamma + beta
    return Y


@entry(
    "layer norm step by step",
    NORMALISATIONS,
    "the same with mean, variance and deviation as steps of their own",
    "x",
    x="d",
    seed="d",
)
def layer_norm_step_by_step(x: Any) -> Any:
    mu = x.mean()
    u = x - mu
    v = cr.mean(u**2)
    s = cr.sqrt(v + 1e-5)
    y = u / s
    return y


@entry(
    "batch norm",
    NORMALISATIONS,
    "each column to mean 0 and variance 1 over the batch, then γ and β",
    "X gamma beta",
    X="n d",
    gamma="d",
    beta="d",
    seed="n d",
    also=("batch normalisation", "BatchNorm"),
)
def batch_norm(X: Any, gamma: Any, beta: Any) -> Any:
    H = (X - X.mean(axis=0, keepdims=True)) / cr.sqrt(X.var(axis=0, keepdims=True) + 1e-5)
    Y = H * gamma + beta
    return Y


@entry(
    "RMS norm",
    NORMALISATIONS,
    "each row over the root of its mean square",
    "X gamma",
    X="n d",
    gamma="d",
    seed="n d",
    also=("RMSNorm",),
)
def rms_norm(X: Any, gamma: Any) -> Any:
    H = X / cr.sqrt(cr.mean(X**2, axis=1, keepdims=True) + 1e-5)
    Y = H * gamma
    return Y


@entry(
    "group norm",
    NORMALISATIONS,
    "the channels of an example in two groups, each to mean 0 and variance 1",
    "X",
    X="n h",
    seed="n h",
    also=("group normalisation", "GroupNorm"),
)
def group_norm(X: Any) -> Any:
    U = X.reshape((4, 2, 3))
    H = (U - U.mean(axis=2, keepdims=True)) / cr.sqrt(U.var(axis=2, keepdims=True) + 1e-5)
    Y = H.reshape((4, 6))
    return Y


@entry(
    "dropout",
    NORMALISATIONS,
    "Y = X ⊙ M/(1 − p) with a mask M of zeros and ones",
    "X",
    X="n d",
    M="n d: binary",
    seed="n d",
    also=("dropout mask",),
)
def dropout(X: Any, M: Any) -> Any:
    Y = X * M / 0.5
    return Y


@entry(
    "residual connection",
    NORMALISATIONS,
    "Y = X + tanh(X W): the derivative has a way past the layer",
    "X W",
    X="n d",
    W="d d",
    seed="n d",
    also=("skip connection",),
)
def residual_connection(X: Any, W: Any) -> Any:
    Z = X @ W
    F = cr.tanh(Z)
    Y = X + F
    return Y


# -- convolution, pooling, lookup ------------------------------------------------------------------


@entry(
    "convolution 1-D",
    PLACES,
    "y slides k along x without reversing it",
    "x k",
    x="1 1 t",
    k="1 1 3",
    seed="1 1 5",
    also=("conv1d", "convolution"),
)
def convolution_1d(x: Any, k: Any) -> Any:
    y = cr.conv(x, k)
    return y


@entry(
    "convolution 1-D as windows",
    PLACES,
    "the windows of x times the kernel: the shared weight gets the sum over all places",
    "x k",
    x="t",
    k="d",
    seed="5",
)
def convolution_1d_as_windows(x: Any, k: Any) -> Any:
    y = k[0] * x[0:5] + k[1] * x[1:6] + k[2] * x[2:7]
    return y


@entry(
    "convolution 2-D",
    PLACES,
    "channels in and out: X (n×c×h×w) with a kernel (o×c×3×3)",
    "X K",
    X="2 3 5 5",
    K="4 3 3 3",
    seed="2 4 3 3",
    also=("conv2d",),
)
def convolution_2d(X: Any, K: Any) -> Any:
    Y = cr.conv(X, K)
    return Y


@entry(
    "average pooling",
    PLACES,
    "the mean of each pair: the derivative is shared equally",
    "X",
    X="n h",
    seed="n 3",
)
def average_pooling(X: Any) -> Any:
    U = X.reshape((4, 3, 2))
    Y = U.mean(axis=2)
    return Y


@entry(
    "max pooling",
    PLACES,
    "the largest of each pair: the derivative goes to it",
    "X",
    X="n h",
    seed="n 3",
)
def max_pooling(X: Any) -> Any:
    U = X.reshape((4, 3, 2))
    Y = U.max(axis=2)
    return Y


@entry(
    "embedding lookup",
    PLACES,
    "rows of E by their numbers: onehot(i)ᵀ G",
    "E",
    E="m d",
    i="n: labels d",
    seed="n d",
    also=("embedding",),
)
def embedding_lookup(E: Any, i: Any) -> Any:
    Y = E[i]
    return Y


@entry(
    "concatenation",
    PLACES,
    "Y = [A, B]: each gets its own columns of G",
    "A B",
    A="n d",
    B="n k",
    seed="n m",
)
def concatenation(A: Any, B: Any) -> Any:
    Y = cr.concatenate([A, B], axis=1)
    return Y


# -- attention -------------------------------------------------------------------------------------


@entry(
    "attention scores",
    ATTENTION,
    "P = softmax(Q Kᵀ/√d)",
    "Q K",
    Q="n d",
    K="m d",
    seed="n m",
)
def attention_scores(Q: Any, K: Any) -> Any:
    S = Q @ K.T / 3**0.5
    P = cr.softmax(S)
    return P


@entry(
    "attention",
    ATTENTION,
    "O = softmax(Q Kᵀ/√d) V",
    "Q K V",
    Q="n d",
    K="m d",
    V="m k",
    seed="n k",
    textbook={
        "V": lambda t: t.P.T @ t.G,
    },
    also=("attention output", "scaled dot-product attention", "self-attention"),
)
def attention(Q: Any, K: Any, V: Any) -> Any:
    S = Q @ K.T / 3**0.5
    P = cr.softmax(S)
    O = P @ V  # noqa: E741 - the name of the output
    return O


@entry(
    "causal attention",
    ATTENTION,
    "no row sees what comes after it",
    "Q K V",
    Q="n d",
    K="n d",
    V="n k",
    seed="n k",
    also=("causal masked attention", "masked attention"),
)
def causal_attention(Q: Any, K: Any, V: Any) -> Any:
    M = cr.tril(cr.ones((4, 4))).numpy() > 0
    S = Q @ K.T / 3**0.5
    T = cr.where(M, S, -1e9)
    P = cr.softmax(T)
    O = P @ V  # noqa: E741 - the name of the output
    return O


@entry(
    "multi-head attention",
    ATTENTION,
    "several heads side by side: Q (h×n×d), K (h×m×d), V (h×m×k)",
    "Q K V",
    Q="h n d",
    K="h m d",
    V="h m k",
    seed="h n k",
    also=("multihead attention",),
)
def multi_head_attention(Q: Any, K: Any, V: Any) -> Any:
    S = Q @ K.mT / 3**0.5
    P = cr.softmax(S)
    O = P @ V  # noqa: E741 - the name of the output
    return O


@entry(
    "attention of a sequence",
    ATTENTION,
    "queries, keys and values made from X by weights",
    "X A B C",
    X="n d",
    A="d d",
    B="d d",
    C="d k",
    seed="n k",
)
def attention_of_a_sequence(X: Any, A: Any, B: Any, C: Any) -> Any:
    Q = X @ A
    K = X @ B
    V = X @ C
    S = Q @ K.T / 3**0.5
    P = cr.softmax(S)
    O = P @ V  # noqa: E741 - the name of the output
    return O
