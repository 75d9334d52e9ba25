"""Losses of regression, and penalties."""

# ruff: noqa: RET504 - the names are those of the formulas, also that of the result

from __future__ import annotations

from typing import Any

from chainrule import functions as cr
from chainrule.explaining.arrays.catalogue.entry import entry
from chainrule.explaining.arrays.expression import Term, apply

REGRESSION, PENALTIES = "losses of regression", "penalties"


def _sign(x: Term) -> Term:
    return apply("sign", x)


# -- regression ------------------------------------------------------------------------------------


@entry(
    "mean squared error",
    REGRESSION,
    "L = mean((Z − Y)²)",
    "Z",
    Z="n k",
    Y="n k",
    textbook={"Z": lambda t: 2 / (t.n * t.k) * (t.Z - t.Y)},
    also=("MSE",),
)
def mean_squared_error(Z: Any, Y: Any) -> Any:
    L = cr.mean((Z - Y) ** 2)
    return L


@entry(
    "mean squared error of a linear layer",
    REGRESSION,
    "L = mean((X W + 1 bᵀ − Y)²)",
    "W b",
    X="n d",
    W="d k",
    b="k",
    Y="n k",
    textbook={"W": lambda t: 2 / (t.n * t.k) * t.X.T @ (t.Z - t.Y)},
)
def mean_squared_error_of_a_linear_layer(X: Any, W: Any, b: Any, Y: Any) -> Any:
    Z = X @ W + b
    L = cr.mean((Z - Y) ** 2)
    return L


@entry(
    "mean absolute error",
    REGRESSION,
    "L = mean |Z − Y|",
    "Z",
    Z="n k",
    Y="n k",
    textbook={"Z": lambda t: _sign(t.Z - t.Y) / (t.n * t.k)},
    also=("MAE", "L1 loss"),
)
def mean_absolute_error(Z: Any, Y: Any) -> Any:
    L = cr.mean(cr.abs(Z - Y))
    return L


@entry(
    "Huber loss",
    REGRESSION,
    "½ r² within 1, |r| − ½ beyond",
    "z",
    z="n",
    y="n",
    also=("smooth L1 loss",),
)
def huber_loss(z: Any, y: Any) -> Any:
    r = z - y
    near = (cr.abs(r) <= 1).numpy()
    L = cr.mean(cr.where(near, r**2 / 2, cr.abs(r) - 0.5))
    return L


@entry(
    "log-cosh loss",
    REGRESSION,
    "L = mean ln cosh(z − y)",
    "z",
    z="n",
    y="n",
    textbook={"z": lambda t: apply("tanh", t.z - t.y) / t.n},
)
def log_cosh_loss(z: Any, y: Any) -> Any:
    L = cr.mean(cr.log(cr.cosh(z - y)))
    return L


@entry(
    "Poisson loss",
    REGRESSION,
    "L = mean(e^z − y z) for counts y with the logarithm of the rate z",
    "z",
    z="n",
    y="n: counts",
    textbook={"z": lambda t: (apply("exp", t.z) - t.y) / t.n},
)
def poisson_loss(z: Any, y: Any) -> Any:
    L = cr.mean(cr.exp(z) - y * z)
    return L


@entry(
    "Gaussian negative log-likelihood",
    REGRESSION,
    "L = mean(½ ln v + (y − μ)²/(2 v)), by mean and variance",
    "mu v",
    mu="n",
    v="n: positive",
    y="n",
)
def gaussian_negative_log_likelihood(mu: Any, v: Any, y: Any) -> Any:
    L = cr.mean(cr.log(v) / 2 + (y - mu) ** 2 / (2 * v))
    return L


# -- penalties -------------------------------------------------------------------------------------


@entry(
    "L1 penalty",
    PENALTIES,
    "L = λ Σ |w|",
    "W",
    W="d k",
    lambda_="",
    textbook={"W": lambda t: t.lambda_ * _sign(t.W)},
    also=("lasso",),
)
def l1_penalty(W: Any, lambda_: Any) -> Any:
    L = lambda_ * cr.abs(W).sum()
    return L


@entry(
    "L2 penalty",
    PENALTIES,
    "L = λ/2 ‖W‖²",
    "W",
    W="d k",
    lambda_="",
    textbook={"W": lambda t: t.lambda_ * t.W},
)
def l2_penalty(W: Any, lambda_: Any) -> Any:
    L = lambda_ / 2 * (W**2).sum()
    return L


@entry(
    "elastic net",
    PENALTIES,
    "L = λ Σ |w| + μ/2 ‖w‖²",
    "w",
    w="d",
    lambda_="",
    mu="",
    textbook={"w": lambda t: t.lambda_ * _sign(t.w) + t.mu * t.w},
)
def elastic_net(w: Any, lambda_: Any, mu: Any) -> Any:
    L = lambda_ * cr.abs(w).sum() + mu / 2 * (w**2).sum()
    return L
