"""The contestants that train with one loss, written over a NumPy-like namespace."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from bench.native.workload import Contestants, Numbers, Runner

__all__ = ["trained"]


def trained(
    params: Numbers,
    loss: Callable[..., Any],
    torch_loss: Callable[..., Any],
    data: Sequence[Any],
    rate: float,
) -> Contestants:
    """A step of Adam in each library but our own.

    Args:
        params: what is trained, by name.
        loss: of the namespace, the parameters and the data.
        torch_loss: the same with PyTorch's own functions, of the parameters and the data.
        data: one batch.
        rate: the learning rate.
    """

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.train(params, torch_loss, data, rate)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        return with_torch.train_compiled(params, torch_loss, data, rate)

    def jax() -> Runner:
        from bench.native import with_jax

        return with_jax.train(params, lambda *args: loss(with_jax.space, *args), data, rate)

    def autograd() -> Runner:
        from bench.native import with_autograd

        space = with_autograd.space
        return with_autograd.train(params, lambda *args: loss(space, *args), data, rate)

    return {
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "autograd": autograd,
    }
