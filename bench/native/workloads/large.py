"""Where peers are strongest: one large matrix product, one big convolution."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.workload import OWN, Array, Contestants, Runner, Steady, Work

SIZE = 2048
BATCH, CHANNELS, EXTENT = 32, 64, 56
CONV_NAMES = ("value", "gradient of x", "gradient of w")


def matmul() -> Contestants:
    rng = np.random.default_rng(0)
    data = [rng.standard_normal((SIZE, SIZE), np.float32) for _ in range(2)]
    names = ("product",)

    def product(a: Array, b: Array) -> Any:
        return (a @ b,)

    def chainrule() -> Runner:
        from bench.native import with_chainrule

        return with_chainrule.function(product, data, names)

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.function(product, data, names)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        return with_torch.function_compiled(product, data, names)

    def jax() -> Runner:
        from bench.native import with_jax

        return with_jax.function(product, data, names)

    def numpy() -> Runner:
        from bench.native import with_autograd

        return with_autograd.function(product, data, names)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "torch.compile": torch_compiled,
        "JAX": jax,
        "NumPy": numpy,
    }


def conv() -> Contestants:
    rng = np.random.default_rng(0)
    image = (BATCH, CHANNELS, EXTENT, EXTENT)
    x, ct = (rng.standard_normal(image, np.float32) for _ in range(2))
    w = rng.standard_normal((CHANNELS, CHANNELS, 3, 3), np.float32) / np.float32(24)

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def f(x: Array, w: Array, ct: Array) -> Any:
            value, pullback = cr.vjp(lambda x, w: cr.conv(x, w, padding="same"), x, w)
            return value, *pullback(ct)

        return with_chainrule.function(f, [x, w, ct], CONV_NAMES)

    def torch_conv(x: Array, w: Array) -> Array:
        import torch.nn.functional as F  # noqa: N812

        return F.conv2d(x, w, padding=1)

    def torch(channels_last: bool) -> Runner:
        import torch as library

        from bench.native import with_torch

        layout = library.channels_last if channels_last else library.contiguous_format
        inputs = [t.contiguous(memory_format=layout) for t in with_torch.tensors([x, w, ct])]
        results: Any = None

        def call() -> None:
            nonlocal results
            variables = [t.detach().requires_grad_() for t in inputs[:2]]
            value = torch_conv(*variables)
            results = (value, *library.autograd.grad(value, variables, inputs[2]))

        return Runner(
            call,
            lambda: {n: r.detach().numpy() for n, r in zip(CONV_NAMES, results, strict=True)},
        )

    def torch_compiled() -> Runner:
        import torch as library

        from bench.native import with_torch

        def f(x: Array, w: Array, ct: Array) -> Any:
            value, pullback = library.func.vjp(torch_conv, x, w)[:2]
            return value, *pullback(ct)

        return with_torch.function_compiled(f, [x, w, ct], CONV_NAMES)

    def jax() -> Runner:
        """Channels last, which XLA prefers on CPUs; inputs are laid out so beforehand."""
        import jax as library

        from bench.native import with_jax

        def convolved(x: Array, w: Array) -> Array:
            return library.lax.conv_general_dilated(
                x, w, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC")
            )

        def f(x: Array, w: Array, ct: Array) -> Any:
            value, pullback = library.vjp(convolved, x, w)
            return value, *pullback(ct)

        last = [np.ascontiguousarray(np.moveaxis(a, 1, 3)) for a in (x, ct)]
        kernel = np.ascontiguousarray(w.transpose(2, 3, 1, 0))
        runner = with_jax.function(f, [last[0], kernel, last[1]], CONV_NAMES)

        def numbers() -> dict[str, np.ndarray]:
            value, of_x, of_w = runner.numbers().values()
            back = (np.moveaxis(value, 3, 1), np.moveaxis(of_x, 3, 1), of_w.transpose(3, 2, 0, 1))
            return dict(zip(CONV_NAMES, back, strict=True))

        return Runner(runner.call, numbers)

    return {
        OWN: chainrule,
        "PyTorch": lambda: torch(False),
        "PyTorch, channels last": lambda: torch(True),
        "torch.compile": torch_compiled,
        "JAX": jax,
    }


WORKLOADS = (
    Steady(
        "matmul",
        "matrix product 2048x2048x2048",
        contestants=matmul,
        work=Work(2 * SIZE**3, 12 * SIZE**2),
    ),
    Steady(
        "conv",
        "3x3 convolution 64→64 on 56x56, batch 32, value and both gradients",
        contestants=conv,
        work=Work(
            3 * 2 * BATCH * EXTENT**2 * CHANNELS**2 * 9,
            4 * (4 * BATCH * CHANNELS * EXTENT**2 + 2 * 9 * CHANNELS**2),
        ),
    ),
)
