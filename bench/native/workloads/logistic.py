"""Logistic regression: the mean loss over 10000 examples and its gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import ELEMENTARY, OWN, Array, Contestants, Runner, Steady, Work

EXAMPLES, FEATURES = 10_000, 100
NAMES = ("loss", "gradient of w", "gradient of b")


def _arrays() -> tuple[np.ndarray, ...]:
    """Weights, intercept, examples (rows), and labels 0 or 1 as numbers."""
    rng = np.random.default_rng(0)
    w, b = 0.1 * rng.normal(size=FEATURES), np.asarray(0.1)
    x = rng.normal(size=(EXAMPLES, FEATURES))
    y = rng.integers(2, size=EXAMPLES)
    return tuple(a.astype(np.float32) for a in (w, b, x, y))


def contestants() -> Contestants:
    arrays = _arrays()

    def loss(space: Any) -> Any:
        """mean of softplus(z) − y·z, the negative log-likelihood."""
        return lambda w, b, x, y: space.mean(_softplus(space, z := x @ w + b) - y * z)

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def f(*args: Array) -> Any:
            value, grads = cr.value_and_grad(
                lambda w, b, x, y: cr.mean(cr.softplus(z := x @ w + b) - y * z), argnums=(0, 1)
            )(*args)
            return value, *grads

        return with_chainrule.function(f, arrays, NAMES)

    def torch_loss(w: Array, b: Array, x: Array, y: Array) -> Array:
        import torch.nn.functional as F  # noqa: N812

        return F.binary_cross_entropy_with_logits(x @ w + b, y)

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.function(with_torch.value_and_grad(torch_loss, 2), arrays, NAMES)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        f = with_torch.value_and_grad_functional(torch_loss, 2)
        return with_torch.function_compiled(f, arrays, NAMES)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        objective = library.value_and_grad(loss(with_jax.space), argnums=(0, 1))

        def f(*args: Array) -> Any:
            value, grads = objective(*args)
            return value, *grads

        return with_jax.function(f, arrays, NAMES)

    def autograd() -> Runner:
        from bench.native import with_autograd

        f = with_autograd.value_and_grad(loss(with_autograd.space), 2)
        return with_autograd.function(f, arrays, NAMES)

    def sklearn() -> Runner:
        """What scikit-learn's own solvers call; the loss is not part of its public functions.

        With BLAS on two threads it would take ten times longer: they wait for those of OpenMP.
        """
        from sklearn._loss import HalfBinomialLoss
        from sklearn.linear_model._linear_loss import LinearModelLoss
        from threadpoolctl import threadpool_limits

        from bench.native import THREADS

        w, b, x, y = arrays
        objective = LinearModelLoss(HalfBinomialLoss(), fit_intercept=True)
        coefficients = np.append(w, b)
        result: Any = None

        def call() -> None:
            nonlocal result
            result = objective.loss_gradient(coefficients, x, y, n_threads=THREADS)

        return Runner(
            call,
            lambda: dict(
                zip(NAMES, (np.asarray(result[0]), result[1][:-1], result[1][-1]), strict=True)
            ),
            context=lambda: threadpool_limits(1, "blas"),
        )

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
        "scikit-learn": sklearn,
    }


def _softplus(space: Any, x: Array) -> Array:
    return space.maximum(x, 0) + space.log1p(space.exp(-space.abs(x)))


WORKLOADS = (
    Steady(
        "logistic",
        "logistic regression 10000x100, value and gradient",
        4,
        contestants=contestants,
        work=Work(EXAMPLES * (4 * FEATURES + 3 * ELEMENTARY), 4 * (EXAMPLES * (FEATURES + 1))),
    ),
)
