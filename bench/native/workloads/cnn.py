"""A small convolutional network on 28x28 images: one step of Adam."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from bench.native.workload import OWN, Array, Contestants, Numbers, Runner, Steady, Work

BATCH, RATE = 64, 1e-3
CHANNELS = (1, 16, 32)


def arrays() -> tuple[Numbers, list[np.ndarray]]:
    """Kernels of shape (features, channels, 3, 3); images of shape (batch, 1, 28, 28)."""
    rng = np.random.default_rng(1)  # no two values in a window of pooling nearly equal
    params: Numbers = {}
    for layer, (before, after) in enumerate(pairwise(CHANNELS)):
        scale = np.sqrt(2 / (9 * before))
        params[f"conv{layer}"] = scale * rng.normal(size=(after, before, 3, 3))
        params[f"bias{layer}"] = 0.1 * rng.normal(size=after)
    params["weight"] = rng.normal(size=(10, 32 * 7 * 7)) / np.sqrt(32 * 7 * 7)
    params["bias"] = 0.1 * rng.normal(size=10)
    images = rng.normal(size=(BATCH, 1, 28, 28)).astype(np.float32)
    labels = rng.integers(10, size=BATCH).astype(np.int32)
    return {name: p.astype(np.float32) for name, p in params.items()}, [images, labels]


def work() -> Work:
    """Two convolutions and a product, with gradients; none for the images."""
    first = 2 * BATCH * 28 * 28 * 9 * 1 * 16
    second = 2 * BATCH * 14 * 14 * 9 * 16 * 32
    last = 2 * BATCH * 32 * 7 * 7 * 10
    count = sum(p.size for p in arrays()[0].values())
    flops = 2 * first + 3 * second + 3 * last + 12 * count
    return Work(flops, 4 * (6 * count + BATCH * 28 * 28))


def with_numpy_names(space: Any, conv: Any, params: Any, x: Array, y: Array) -> Array:
    """Over channels-first arrays; ``conv(x, w)`` keeps the extent."""
    for layer in range(2):
        x = conv(x, params[f"conv{layer}"]) + params[f"bias{layer}"][:, None, None]
        x = space.maximum(x, 0)
        n, c, h, w = x.shape
        x = space.max(space.reshape(x, (n, c, h // 2, 2, w // 2, 2)), axis=(3, 5))
    logits = space.reshape(x, (BATCH, -1)) @ params["weight"].T + params["bias"]
    return _cross_entropy(space, logits, y)


def _cross_entropy(space: Any, logits: Array, y: Array) -> Array:
    picked = space.take_along_axis(space.log_softmax(logits, axis=-1), y[:, None], axis=-1)
    return -space.mean(picked)


def jax_loss(params: Any, x: Array, y: Array) -> Array:
    """Channels last, which XLA prefers on CPUs."""
    import jax

    from bench.native.with_jax import space

    x = space.transpose(x, (0, 2, 3, 1))
    for layer in range(2):
        x = jax.lax.conv_general_dilated(
            x, params[f"conv{layer}"], (1, 1), "SAME", dimension_numbers=("NHWC", "OIHW", "NHWC")
        )
        x = space.maximum(x + params[f"bias{layer}"], 0)
        n, h, w, c = x.shape
        x = space.max(space.reshape(x, (n, h // 2, 2, w // 2, 2, c)), axis=(2, 4))
    weight = space.reshape(params["weight"], (10, 32, 7, 7))
    logits = space.einsum("nhwc,ochw->no", x, weight) + params["bias"]
    return _cross_entropy(space, logits, y)


def torch_loss(params: Any, x: Array, y: Array) -> Array:
    import torch.nn.functional as F  # noqa: N812

    for layer in range(2):
        x = F.conv2d(x, params[f"conv{layer}"], params[f"bias{layer}"], padding=1)
        x = F.max_pool2d(x.relu(), 2)
    return F.cross_entropy(F.linear(x.flatten(1), params["weight"], params["bias"]), y)


def contestants() -> Contestants:
    params, data = arrays()

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        def loss(params: Any, x: Array, y: Array) -> Array:
            return with_numpy_names(cr, lambda x, w: cr.conv(x, w, padding="same"), params, x, y)

        return with_chainrule.train(lambda: with_chainrule.tensors(params), loss, data, RATE)

    def torch_data(channels_last: bool) -> list[Any]:
        import torch

        from bench.native import with_torch

        images, labels = with_torch.tensors(data)
        if channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        return [images, labels]

    def torch() -> Runner:
        from bench.native import with_torch

        return with_torch.train(params, torch_loss, torch_data(False), RATE)

    def torch_channels_last() -> Runner:
        from bench.native import with_torch

        return with_torch.train(params, torch_loss, torch_data(True), RATE)

    def torch_compiled() -> Runner:
        from bench.native import with_torch

        return with_torch.train_compiled(params, torch_loss, torch_data(False), RATE)

    def jax() -> Runner:
        from bench.native import with_jax

        return with_jax.train(params, jax_loss, data, RATE)

    return {
        OWN: chainrule,
        "PyTorch": torch,
        "PyTorch, channels last": torch_channels_last,
        "torch.compile": torch_compiled,
        "JAX": jax,
    }


WORKLOADS = (
    Steady(
        "cnn",
        "CNN: twice 3x3 convolution (16, 32), relu, max-pool; linear 10; 28x28, batch 64; Adam",
        3,
        contestants=contestants,
        work=work(),
        calls=3,
    ),
)
