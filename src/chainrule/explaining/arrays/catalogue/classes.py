"""Losses of classes and of probabilities."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from typing import Any

from chainrule import functions as cr
from chainrule import nn
from chainrule.explaining.arrays.catalogue.entry import entry
from chainrule.explaining.arrays.expression import Term, apply, call, number

CLASSES = "losses of classes"


def _softmax(z: Term) -> Term:
    return call("softmax", z, argument=((z.ndim - 1,),))


def _one_hot(y: Term, count: int) -> Term:
    return call("one_hot", y, argument=(count,))


@entry(
    "softmax",
    CLASSES,
    "p = softmax(z): the Jacobian diag(p) − p pᵀ",
    "z",
    z="k",
    seed="k",
    textbook={"z": lambda t: (call("diag", t.p) - call("outer", t.p, t.p)) @ t.G},
    also=("softmax Jacobian",),
)
def softmax(z: Any) -> Any:
    p = cr.softmax(z)
    return p


@entry(
    "softmax of rows",
    CLASSES,
    "P = softmax(Z) for each row",
    "Z",
    Z="n k",
    seed="n k",
)
def softmax_of_rows(Z: Any) -> Any:
    P = cr.softmax(Z)
    return P


@entry(
    "log-softmax",
    CLASSES,
    "Y = ln softmax(Z) for each row",
    "Z",
    Z="n k",
    seed="n k",
)
def log_softmax(Z: Any) -> Any:
    Y = cr.log_softmax(Z)
    return Y


@entry(
    "logsumexp",
    CLASSES,
    "L = ln Σ e^z, whose gradient is the softmax",
    "z",
    z="k",
    textbook={"z": lambda t: _softmax(t.z)},
)
def logsumexp(z: Any) -> Any:
    L = cr.logsumexp(z)
    return L


@entry(
    "cross-entropy",
    CLASSES,
    "L = −mean Σ Y ln P of probabilities P",
    "P",
    P="n k: probabilities",
    Y="n k: onehot",
    textbook={"P": lambda t: -(t.Y / t.P) / t.n},
)
def cross_entropy(P: Any, Y: Any) -> Any:
    L = -(Y * cr.log(P)).sum(axis=1).mean()
    return L


@entry(
    "softmax cross-entropy",
    CLASSES,
    "softmax and cross-entropy separately, and fused to p − y",
    "Z",
    Z="n k",
    Y="n k: onehot",
    textbook={"Z": lambda t: (t.P - t.Y) / t.n},
    also=("cross-entropy with softmax", "softmax with cross-entropy"),
)
def softmax_cross_entropy(Z: Any, Y: Any) -> Any:
    P = cr.softmax(Z)
    L = -(Y * cr.log(P)).sum(axis=1).mean()
    return L


@entry(
    "cross-entropy from logits",
    CLASSES,
    "softmax and cross-entropy in one, as it is computed",
    "Z",
    Z="n k",
    Y="n k: onehot",
    textbook={"Z": lambda t: (_softmax(t.Z) - t.Y) / t.n},
)
def cross_entropy_from_logits(Z: Any, Y: Any) -> Any:
    L = -(Y * cr.log_softmax(Z)).sum(axis=1).mean()
    return L


@entry(
    "cross-entropy with class indices",
    CLASSES,
    "the labels are numbers of classes",
    "Z",
    Z="n k",
    y="n: labels k",
    textbook={"Z": lambda t: (_softmax(t.Z) - _one_hot(t.y, 5)) / t.n},
)
def cross_entropy_with_class_indices(Z: Any, y: Any) -> Any:
    L = nn.cross_entropy(Z, y)
    return L


@entry(
    "label smoothing",
    CLASSES,
    "targets (1 − ε) Y + ε/k",
    "Z",
    Z="n k",
    Y="n k: onehot",
    also=("cross-entropy with label smoothing",),
)
def label_smoothing(Z: Any, Y: Any) -> Any:
    T = 0.9 * Y + 0.1 / 5
    L = -(T * cr.log_softmax(Z)).sum(axis=1).mean()
    return L


@entry(
    "cross-entropy of a linear layer",
    CLASSES,
    "multinomial logistic regression: ∂L/∂W = Xᵀ (P − Y)/n",
    "W b",
    X="n d",
    W="d k",
    b="k",
    Y="n k: onehot",
    textbook={"W": lambda t: t.X.T @ (t.P - t.Y) / t.n},
    also=("softmax regression", "multinomial logistic regression"),
)
def cross_entropy_of_a_linear_layer(X: Any, W: Any, b: Any, Y: Any) -> Any:
    Z = X @ W + b
    P = cr.softmax(Z)
    L = -(Y * cr.log(P)).sum(axis=1).mean()
    return L


@entry(
    "binary cross-entropy",
    CLASSES,
    "of probabilities: L = −mean(y ln p + (1 − y) ln(1 − p))",
    "p",
    p="n: share",
    y="n: binary",
    textbook={"p": lambda t: (t.p - t.y) / (t.p * (1 - t.p)) / t.n},
    also=("binary cross-entropy from probabilities", "BCE"),
)
def binary_cross_entropy(p: Any, y: Any) -> Any:
    L = -cr.mean(y * cr.log(p) + (1 - y) * cr.log(1 - p))
    return L


@entry(
    "binary cross-entropy with sigmoid",
    CLASSES,
    "p = σ(z) and the loss separately, and fused to p − y",
    "z",
    z="n",
    y="n: binary",
    textbook={"z": lambda t: (t.p - t.y) / t.n},
)
def binary_cross_entropy_with_sigmoid(z: Any, y: Any) -> Any:
    p = cr.sigmoid(z)
    L = -cr.mean(y * cr.log(p) + (1 - y) * cr.log(1 - p))
    return L


@entry(
    "binary cross-entropy from logits",
    CLASSES,
    "as it is computed, by softplus: σ(z) − y",
    "z",
    z="n",
    y="n: binary",
    textbook={"z": lambda t: (apply("sigmoid", t.z) - t.y) / t.n},
)
def binary_cross_entropy_from_logits(z: Any, y: Any) -> Any:
    L = nn.bce_with_logits(z, y)
    return L


@entry(
    "logistic regression",
    CLASSES,
    "L = mean ln(1 + e^(−y xᵀw)) for labels ±1",
    "w",
    X="n d",
    w="d",
    y="n: sign",
)
def logistic_regression(X: Any, w: Any, y: Any) -> Any:
    s = X @ w
    L = cr.mean(cr.softplus(-y * s))
    return L


@entry(
    "logistic regression with weights",
    CLASSES,
    "each example with a weight c",
    "w",
    X="n d",
    w="d",
    y="n: binary",
    c="n: positive",
    textbook={"w": lambda t: t.X.T @ (t.c * (t.p - t.y))},
)
def logistic_regression_with_weights(X: Any, w: Any, y: Any, c: Any) -> Any:
    z = X @ w
    p = cr.sigmoid(z)
    L = -(c * (y * cr.log(p) + (1 - y) * cr.log(1 - p))).sum()
    return L


@entry(
    "hinge loss",
    CLASSES,
    "L = mean max(0, 1 − y s)",
    "s",
    s="n",
    y="n: sign",
)
def hinge_loss(s: Any, y: Any) -> Any:
    L = cr.mean(cr.relu(1 - y * s))
    return L


@entry(
    "support vector machine",
    CLASSES,
    "L = ½ ‖w‖² + C Σ max(0, 1 − y (xᵀw + b))",
    "w b",
    X="n d",
    w="d",
    b="",
    y="n: sign",
    C=": positive",
    also=("SVM",),
)
def support_vector_machine(X: Any, w: Any, b: Any, y: Any, C: Any) -> Any:
    m = y * (X @ w + b)
    L = (w**2).sum() / 2 + C * cr.relu(1 - m).sum()
    return L


@entry(
    "Kullback-Leibler divergence",
    CLASSES,
    "L = Σ p ln(p/q), by q",
    "q",
    p="k: probabilities",
    q="k: probabilities",
    textbook={"q": lambda t: -(t.p / t.q)},
    also=("KL divergence",),
)
def kullback_leibler_divergence(p: Any, q: Any) -> Any:
    L = (p * (cr.log(p) - cr.log(q))).sum()
    return L


@entry(
    "entropy",
    CLASSES,
    "L = −Σ p ln p",
    "p",
    p="k: probabilities",
    textbook={"p": lambda t: -apply("log", t.p) - number(1)},
)
def entropy(p: Any) -> Any:
    L = -(p * cr.log(p)).sum()
    return L


@entry(
    "knowledge distillation",
    CLASSES,
    "cross-entropy with the softened probabilities of a teacher",
    "Z",
    Z="n k",
    T="n k",
)
def knowledge_distillation(Z: Any, T: Any) -> Any:
    Q = cr.softmax(T / 2)
    P = cr.softmax(Z / 2)
    L = -(Q * cr.log(P)).sum(axis=1).mean()
    return L


@entry(
    "InfoNCE",
    CLASSES,
    "contrastive: each row of A is to find its own row of B",
    "A",
    A="n d",
    B="n d",
    also=("contrastive loss", "NT-Xent"),
)
def info_nce(A: Any, B: Any) -> Any:
    S = A @ B.T
    L = cr.mean(cr.logsumexp(S, axis=1) - (A * B).sum(axis=1))
    return L


@entry(
    "triplet loss",
    CLASSES,
    "L = max(0, ‖a − p‖² − ‖a − q‖² + 1)",
    "a p q",
    a="d",
    p="d",
    q="d",
)
def triplet_loss(a: Any, p: Any, q: Any) -> Any:
    m = ((a - p) ** 2).sum() - ((a - q) ** 2).sum() + 9
    L = cr.relu(m)
    return L
