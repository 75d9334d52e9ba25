"""Softmax and cross-entropy over many classes, with the gradient."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import ELEMENTARY, OWN, Array, Contestants, Runner, Steady, Work

ROWS, CLASSES = 512, 10_000
NAMES = ("loss", "gradient")


def _loss(space: Any, logits: Array, labels: Array) -> Array:
    log_p = space.log_softmax(logits, axis=-1)
    return -space.mean(space.take_along_axis(log_p, labels[:, None], axis=-1))


def contestants() -> Contestants:
    rng = np.random.default_rng(0)
    logits = (3 * rng.normal(size=(ROWS, CLASSES))).astype(np.float32)
    data = [logits, rng.integers(CLASSES, size=ROWS).astype(np.int32)]

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        return with_chainrule.function(cr.value_and_grad(cr.nn.cross_entropy), data, NAMES)

    def torch_loss(logits: Array, labels: Array) -> Array:
        import torch.nn.functional as F  # noqa: N812

        return F.cross_entropy(logits, labels)

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.function(with_torch.value_and_grad(torch_loss, 1), data, NAMES)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        f = with_torch.value_and_grad_functional(torch_loss, 1)
        return with_torch.function_compiled(f, data, NAMES)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        f = library.value_and_grad(lambda *args: _loss(with_jax.space, *args))
        return with_jax.function(f, data, NAMES)

    def autograd() -> Runner:
        from bench.native import with_autograd

        f = with_autograd.value_and_grad(lambda *args: _loss(with_autograd.space, *args), 1)
        return with_autograd.function(f, data, NAMES)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
    }


WORKLOADS = (
    Steady(
        "softmax",
        "softmax, cross-entropy and gradient, 512x10000",
        1.5,
        contestants=contestants,
        work=Work(ROWS * CLASSES * (ELEMENTARY + 4), 8 * ROWS * CLASSES),
    ),
)
