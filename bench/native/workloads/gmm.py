"""The log-likelihood of a Gaussian mixture and its gradient, as ADBench defines it.

Šrajer, Kukelova and Fitzgibbon 2018, A benchmark of selected algorithmic differentiation tools,
with the Wishart prior γ = 1, m = 0.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from bench.native.workload import ELEMENTARY, OWN, Array, Contestants, Runner, Steady, Work

D, K, N = 10, 25, 1000
GAMMA, M = 1.0, 0
NAMES = ("value", "gradient of alphas", "gradient of means", "gradient of icf")


def _arrays() -> tuple[np.ndarray, ...]:
    """alphas (k,), means (k, d), inverse covariance factors (k, d(d+1)/2), points (n, d)."""
    rng = np.random.default_rng(0)
    return (
        rng.normal(size=K),
        rng.uniform(size=(K, D)),
        0.5 * rng.normal(size=(K, D * (D + 1) // 2)),
        rng.normal(size=(N, D)),
    )


def _lower() -> np.ndarray:
    """Where each element of L is in (0, below the diagonal column by column)."""
    index = np.zeros((D, D), np.int64)
    index.T[np.triu_indices(D, 1)] = 1 + np.arange(D * (D - 1) // 2)
    return index


LOWER = _lower()


def _log_gamma(a: float, p: int) -> float:
    """Logarithm of the multivariate gamma function."""
    return p * (p - 1) / 4 * math.log(math.pi) + sum(math.lgamma(a - j / 2) for j in range(p))


def _objective(
    space: Any, zeros: Any, index: Any, alphas: Array, means: Array, icf: Array, x: Array
) -> Array:
    """Q = diag(exp q) + L; Σᵢ lse_k(α_k + Σq_k − ½‖Q_k(xᵢ − μ_k)‖²) − n·lse(α) + prior."""
    diagonal, sum_q = space.exp(icf[:, :D]), space.sum(icf[:, :D], 1)
    lower = space.concatenate([zeros, icf[:, D:]], 1)[:, index]
    centred = x[:, None, :] - means
    moved = diagonal * centred + space.einsum("kij,nkj->nki", lower, centred)
    inner = alphas + sum_q - 0.5 * space.sum(moved**2, 2)
    likelihood = space.sum(space.logsumexp(inner, 1)) - N * space.logsumexp(alphas, 0)
    freedom = D + M + 1
    prior = space.sum(
        0.5 * GAMMA**2 * (space.sum(diagonal**2, 1) + space.sum(icf[:, D:] ** 2, 1)) - M * sum_q
    )
    constant = freedom * D * math.log(GAMMA / math.sqrt(2)) - _log_gamma(0.5 * freedom, D)
    return -N * D * 0.5 * math.log(2 * math.pi) + likelihood + prior - K * constant


def work() -> Work:
    """For each point and component: L·(x − μ), its transpose and its outer product with the
    cotangent over a triangle, and two elementary functions."""
    flops = N * K * (3 * D * (D + 1) + 6 * D + 2 * ELEMENTARY)
    count = K * (1 + D + D * (D + 1) // 2)
    return Work(flops, 8 * (N * D + 2 * count), double=True)


def contestants() -> Contestants:
    arrays = _arrays()
    zeros = np.zeros((K, 1))

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def f(*args: Array) -> Any:
            value, grads = cr.value_and_grad(
                lambda *args: _objective(cr, zeros, LOWER, *args), argnums=(0, 1, 2)
            )(*args)
            return value, *grads

        return with_chainrule.function(f, arrays, NAMES)

    def torch_objective() -> Callable[..., Array]:
        import torch as library

        zero, index = library.from_numpy(zeros), library.from_numpy(LOWER)
        return lambda *args: _objective(library, zero, index, *args)

    def torch() -> Runner:
        from bench.native import with_torch

        f = with_torch.value_and_grad(torch_objective(), 3)
        return with_torch.function(f, arrays, NAMES)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        f = with_torch.value_and_grad_functional(torch_objective(), 3)
        return with_torch.function_compiled(f, arrays, NAMES)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        space = with_jax.space
        objective = library.value_and_grad(
            lambda *args: _objective(space, zeros, LOWER, *args), argnums=(0, 1, 2)
        )

        def f(*args: Array) -> Any:
            value, grads = objective(*args)
            return value, *grads

        return with_jax.function(f, arrays, NAMES, double=True)

    def autograd() -> Runner:
        from bench.native import with_autograd

        space = with_autograd.space
        f = with_autograd.value_and_grad(lambda *args: _objective(space, zeros, LOWER, *args), 3)
        return with_autograd.function(f, arrays, NAMES)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
    }


WORKLOADS = (
    Steady(
        "gmm",
        "GMM log-likelihood gradient (ADBench), d=10 k=25 n=1000, float64",
        5,
        contestants=contestants,
        work=work(),
        tolerance=1e-10,
    ),
)
