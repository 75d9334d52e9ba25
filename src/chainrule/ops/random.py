"""Counter-based random bits: Threefry-2x32 with 20 rounds.

A key and a counter determine every bit, so random programs are functions like any other: they can
be traced, batched and repeated. (Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as
1, 2, 3, SC 2011, sections 3.2 and 4.2.)
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.types import DTYPES, ArrayType, array_type
from chainrule.ops.record import Case, Discrete
from chainrule.ops.shape import materialize, product

UINT32 = DTYPES["uint32"]
ROTATIONS = (13, 15, 26, 6, 17, 29, 16, 24)
PARITY = np.uint32(0x1BD11BDA)

DRAW, SPLIT, FOLD = 0, 1, 2
"""Streams: the high byte of the counter keeps drawn bits, split keys and folded ones apart."""


def threefry(k0: Any, k1: Any, x0: Any, x1: Any) -> tuple[Any, Any]:
    """The block function: a key and a counter, two words each, to two random words."""
    keys = (k0, k1, k0 ^ k1 ^ PARITY)
    with np.errstate(over="ignore"):  # arithmetic modulo 2³² is meant
        x0, x1 = x0 + k0, x1 + k1
        for block in range(5):
            for rotation in ROTATIONS[4 * (block % 2) : 4 * (block % 2) + 4]:
                x0 = x0 + x1
                x1 = (x1 << np.uint32(rotation)) | (x1 >> np.uint32(32 - rotation))
                x1 = x1 ^ x0
            x0 = x0 + keys[(block + 1) % 3]
            x1 = x1 + keys[(block + 2) % 3] + np.uint32(block + 1)
    return x0, x1


def _check_key(name: str, key: ArrayType) -> None:
    if key.dtype is not UINT32 or key.shape[-1:] != (2,):
        raise DTypeError(
            f"{name}: a key is two uint32 words, this is {key}; make one with random.key(seed)"
        )


def _bits(key: Any, shape: tuple[int, ...], stream: int) -> Any:
    """Word i of the stream is half of block i // 2, so fewer bits are a prefix of more."""
    size = product(shape)
    blocks = np.arange((size + 1) // 2, dtype=np.uint64)
    low = blocks.astype(np.uint32)
    high = (blocks >> np.uint64(32)).astype(np.uint32) | np.uint32(stream << 24)
    lead = key.shape[:-1]
    k0, k1 = key[..., 0, None], key[..., 1, None]
    x0, x1 = threefry(k0, k1, np.broadcast_to(high, lead + high.shape), low)
    words = np.stack([x0, x1], axis=-1).reshape((*lead, 2 * blocks.size))[..., :size]
    return words.reshape((*lead, *shape))


def _bits_type(key: ArrayType, shape: tuple[int, ...], stream: int) -> ArrayType:
    _check_key("random bits", key)
    return array_type(key.shape[:-1] + shape, UINT32)


def _keys(*shapes: tuple[int, ...]) -> Any:
    def draw(rng: np.random.Generator) -> list[np.ndarray]:
        return [rng.integers(0, 2**32, s, dtype=np.uint32) for s in shapes]

    return draw


def _bits_cases(rng: np.random.Generator) -> Iterator[Case]:
    for shape in ((), (3,), (2, 5), (0,)):
        (key,) = _keys((2,))(rng)
        yield Case((key,), (shape, DRAW))


random_bits: Discrete = Discrete(
    name="random_bits",
    parameters=("shape", "stream"),
    evaluate=_bits,
    infer=_bits_type,
    batch=lambda size, batched, sources, shape, stream: random_bits(
        sources[0], shape=shape, stream=stream
    ),
    cases=_bits_cases,
    rule="a constant of the derivative",
)


def _fold(key: Any, data: Any) -> Any:
    """The block of ``data`` under a key of its own, so that all 64 bits of it count.

    The own key is block 0 of the stream `FOLD`, of the next stream for negative data, since -1 and
    2⁶⁴ - 1 are the same word.
    """
    data = np.asarray(data)
    stream = (FOLD + (data < 0)).astype(np.uint32) << np.uint32(24)
    own = threefry(key[..., 0], key[..., 1], stream, np.zeros_like(stream))
    words = data.astype(np.uint64)
    low = words.astype(np.uint32)
    high = (words >> np.uint64(32)).astype(np.uint32)
    return np.stack(threefry(*own, high, low), axis=-1)


def _fold_type(key: ArrayType, data: ArrayType) -> ArrayType:
    _check_key("fold_in", key)
    if data.dtype.kind not in "iu":
        raise DTypeError(f"fold_in: the data must be integers, not {data.dtype.name}")
    if data.shape != key.shape[:-1]:
        raise ShapeError(f"fold_in: keys of shape {key.shape} with data of shape {data.shape}")
    return key


def _fold_batch(size: int, batched: tuple[bool, ...], sources: tuple[Node, ...]) -> Node:
    key, data = (
        node if many else materialize(node, size)
        for node, many in zip(sources, batched, strict=True)
    )
    return fold_in(key, data)


def _fold_cases(rng: np.random.Generator) -> Iterator[Case]:
    (key,) = _keys((2,))(rng)
    yield Case((key, np.asarray(rng.integers(0, 1000))))
    (keys,) = _keys((3, 2))(rng)
    yield Case((keys, np.arange(3)))


fold_in: Discrete = Discrete(
    name="fold_in",
    evaluate=_fold,
    infer=_fold_type,
    batch=_fold_batch,
    cases=_fold_cases,
    rule="a constant of the derivative",
)
