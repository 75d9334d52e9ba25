"""A small causal Transformer on bytes: one step of Adam."""

from __future__ import annotations

from typing import Any

import numpy as np

from bench.native.peers import trained
from bench.native.workload import ELEMENTARY, OWN, Array, Contestants, Numbers, Runner, Steady, Work

LAYERS, WIDTH, HEADS, LENGTH, BATCH, WORDS, RATE = 2, 64, 4, 64, 8, 256, 1e-3
EPSILON = 1e-5


def arrays() -> tuple[Numbers, list[np.ndarray]]:
    """Parameters, and tokens with those that follow them, both of shape (batch, length).

    Queries, keys and values have no bias: softmax does not depend on that of the keys, whose
    gradient would be rounding errors alone, which Adam blows up to the size of all others.
    """
    rng = np.random.default_rng(0)

    def weight(outputs: int, inputs: int) -> np.ndarray:
        return np.asarray(rng.normal(size=(outputs, inputs)) / np.sqrt(inputs))

    params: Numbers = {
        "words": rng.normal(size=(WORDS, WIDTH)),
        "places": 0.1 * rng.normal(size=(LENGTH, WIDTH)),
        "scale": np.ones(WIDTH),
        "shift": np.zeros(WIDTH),
        "head": weight(WORDS, WIDTH),
        "head bias": np.zeros(WORDS),
    }
    for layer in range(LAYERS):
        params |= {
            f"scale1 {layer}": np.ones(WIDTH),
            f"shift1 {layer}": np.zeros(WIDTH),
            f"qkv {layer}": weight(3 * WIDTH, WIDTH),
            f"out {layer}": weight(WIDTH, WIDTH),
            f"out bias {layer}": np.zeros(WIDTH),
            f"scale2 {layer}": np.ones(WIDTH),
            f"shift2 {layer}": np.zeros(WIDTH),
            f"up {layer}": weight(4 * WIDTH, WIDTH),
            f"up bias {layer}": np.zeros(4 * WIDTH),
            f"down {layer}": weight(WIDTH, 4 * WIDTH),
            f"down bias {layer}": np.zeros(WIDTH),
        }
    text = rng.integers(WORDS, size=(BATCH, LENGTH + 1)).astype(np.int32)
    return {name: p.astype(np.float32) for name, p in params.items()}, [text[:, :-1], text[:, 1:]]


def work() -> Work:
    """Three products for each weight, attention over the lower triangle, exp and erf."""
    tokens = BATCH * LENGTH
    weights = LAYERS * 12 * WIDTH**2 + WORDS * WIDTH
    attention = LAYERS * 6 * BATCH * HEADS * (LENGTH * (LENGTH + 1) // 2) * 2 * (WIDTH // HEADS)
    gelu = LAYERS * tokens * 4 * WIDTH * (2 * ELEMENTARY + 8)
    softmax = (LAYERS * HEADS * (LENGTH + 1) // 2 + WORDS) * tokens * (ELEMENTARY + 6)
    count = sum(p.size for p in arrays()[0].values())
    flops = 6 * tokens * weights + attention + gelu + softmax + 12 * count
    return Work(flops, 4 * (6 * count + 2 * tokens))


def _loss(space: Any, params: Any, tokens: Array, following: Array) -> Array:
    """Pre-norm blocks over a NumPy-like namespace."""
    x = params["words"][tokens] + params["places"]
    for layer in range(LAYERS):
        p = {name.rsplit(" ", 1)[0]: params[name] for name in params if name.endswith(str(layer))}
        normal = _normalised(space, x, p["scale1"], p["shift1"])
        x = x + _attention(space, normal, p["qkv"]) @ p["out"].T + p["out bias"]
        normal = _normalised(space, x, p["scale2"], p["shift2"])
        x = x + space.gelu(normal @ p["up"].T + p["up bias"]) @ p["down"].T + p["down bias"]
    x = _normalised(space, x, params["scale"], params["shift"])
    log_p = space.log_softmax(x @ params["head"].T + params["head bias"], axis=-1)
    return -space.mean(space.take_along_axis(log_p, following[..., None], axis=-1))


def _normalised(space: Any, x: Array, scale: Array, shift: Array) -> Array:
    centred = x - space.mean(x, axis=-1, keepdims=True)
    variance = space.mean(centred * centred, axis=-1, keepdims=True)
    return centred / space.sqrt(variance + EPSILON) * scale + shift


def _attention(space: Any, x: Array, qkv: Array) -> Array:
    split = space.reshape(x @ qkv.T, (BATCH, LENGTH, 3, HEADS, WIDTH // HEADS))
    q, k, v = (space.transpose(split[:, :, i], (0, 2, 1, 3)) for i in range(3))
    scores = q @ space.swapaxes(k, -1, -2) * np.float32((WIDTH // HEADS) ** -0.5)
    past = np.tril(np.ones((LENGTH, LENGTH), bool))
    weights = space.softmax(space.where(past, scores, np.float32(-1e9)), axis=-1)
    return space.reshape(space.transpose(weights @ v, (0, 2, 1, 3)), (BATCH, LENGTH, WIDTH))


def torch_loss(params: Any, tokens: Array, following: Array) -> Array:
    import torch.nn.functional as F  # noqa: N812

    x = F.embedding(tokens, params["words"]) + params["places"]
    for layer in range(LAYERS):
        p = {name.rsplit(" ", 1)[0]: params[name] for name in params if name.endswith(str(layer))}
        normal = F.layer_norm(x, (WIDTH,), p["scale1"], p["shift1"], EPSILON)
        split = F.linear(normal, p["qkv"]).view(BATCH, LENGTH, 3, HEADS, WIDTH // HEADS)
        q, k, v = split.permute(2, 0, 3, 1, 4).unbind(0)
        mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        mixed = mixed.transpose(1, 2).reshape(BATCH, LENGTH, WIDTH)
        x = x + F.linear(mixed, p["out"], p["out bias"])
        normal = F.layer_norm(x, (WIDTH,), p["scale2"], p["shift2"], EPSILON)
        x = x + F.linear(F.gelu(F.linear(normal, p["up"], p["up bias"])), p["down"], p["down bias"])
    x = F.layer_norm(x, (WIDTH,), params["scale"], params["shift"], EPSILON)
    logits = F.linear(x, params["head"], params["head bias"])
    return F.cross_entropy(logits.view(-1, WORDS), following.reshape(-1))


def contestants() -> Contestants:
    params, data = arrays()

    def chainrule() -> Runner:
        import chainrule as cr
        from bench.native import with_chainrule

        return with_chainrule.train(
            lambda: with_chainrule.tensors(params),
            lambda *args: _loss(cr, *args),
            data,
            RATE,
        )

    return {OWN: chainrule, **trained(params, _loss, torch_loss, data, RATE)}


WORKLOADS = (
    Steady(
        "transformer",
        "Transformer, 2 layers, width 64, 4 heads, length 64, batch 8; Adam",
        2,
        contestants=contestants,
        work=work(),
        calls=3,
    ),
)
