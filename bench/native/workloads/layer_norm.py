"""Layer normalisation and its pullback to input, scale and shift."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import OWN, Array, Contestants, Runner, Steady, Work

ROWS, WIDTH, EPSILON = 4096, 512, 1e-5
NAMES = ("value", "gradient of x", "gradient of scale", "gradient of shift")


def _normalised(space: Any, x: Array, scale: Array, shift: Array) -> Array:
    centred = x - space.mean(x, axis=-1, keepdims=True)
    variance = space.mean(centred * centred, axis=-1, keepdims=True)
    return centred / space.sqrt(variance + EPSILON) * scale + shift


def contestants() -> Contestants:
    rng = np.random.default_rng(0)
    shapes = ((ROWS, WIDTH), (WIDTH,), (WIDTH,), (ROWS, WIDTH))
    data = [rng.normal(size=shape).astype(np.float32) for shape in shapes]
    """Input, scale, shift, and the cotangent of the result."""

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def f(x: Array, scale: Array, shift: Array, ct: Array) -> Any:
            value, pullback = cr.vjp(lambda *args: _normalised(cr, *args), x, scale, shift)
            return value, *pullback(ct)

        return with_chainrule.function(f, data, NAMES)

    def torch_norm(x: Array, scale: Array, shift: Array) -> Array:
        import torch.nn.functional as F  # noqa: N812

        return F.layer_norm(x, (WIDTH,), scale, shift, EPSILON)

    def torch() -> Runner:
        import torch as library

        from bench.native import with_torch

        def f(*args: Array) -> Any:
            variables = [a.detach().requires_grad_() for a in args[:3]]
            value = torch_norm(*variables)
            return value, *library.autograd.grad(value, variables, args[3])

        return with_torch.function(f, data, NAMES)

    def torch_compiled() -> Runner:
        import torch as library

        from bench.native import with_torch

        def f(x: Array, scale: Array, shift: Array, ct: Array) -> Any:
            value, pullback = library.func.vjp(torch_norm, x, scale, shift)[:2]
            return value, *pullback(ct)

        return with_torch.function_compiled(f, data, NAMES)

    def jax() -> Runner:
        import jax as library

        from bench.native import with_jax

        def f(x: Array, scale: Array, shift: Array, ct: Array) -> Any:
            value, pullback = library.vjp(
                lambda *args: _normalised(with_jax.space, *args), x, scale, shift
            )
            return value, *pullback(ct)

        return with_jax.function(f, data, NAMES)

    def autograd() -> Runner:
        import autograd as library

        from bench.native import with_autograd

        def f(x: Array, scale: Array, shift: Array, ct: Array) -> Any:
            pull, value = library.make_vjp(lambda args: _normalised(with_autograd.space, *args))(
                (x, scale, shift)
            )
            return value, *pull(ct)

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
        "layer_norm",
        "layer norm and gradient, 4096x512",
        1.5,
        contestants=contestants,
        work=Work(20 * ROWS * WIDTH, 16 * ROWS * WIDTH),
    ),
)
