"""Attention: weighted means of values, with weights from the similarity of queries and keys.

- A. Vaswani et al., Attention is all you need, NeurIPS 2017, equation 1.
- M. Milakov, N. Gimelshein, Online normalizer calculation for softmax, 2018, algorithm 3.
- T. Dao et al., FlashAttention, NeurIPS 2022, algorithms 1 and 4 (blocks, and the way back).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import ArgumentError, DTypeError, ShapeError
from chainrule.nn._checks import check_share
from chainrule.nn.blocked_attention import blocked_attention
from chainrule.nn.dropout import dropped
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["LONG", "scaled_dot_product_attention"]

LONG = 512**2
"""Attention with more scores than this for each head goes block by block.

Up to here both ways take about the same time and memory; behind it blocks are no slower, and need a
seventh of the memory at 1024², a fifteenth at 2048² (`bench/attention.py`).
"""


def scaled_dot_product_attention(
    query: ArrayLike,
    key: ArrayLike,
    value: ArrayLike,
    mask: ArrayLike | None = None,
    *,
    is_causal: bool = False,
    scale: float | None = None,
    dropout: float = 0.0,
    dropout_key: Tensor | None = None,
) -> Tensor:
    """softmax(scale · Q Kᵀ + mask) V, for each head.

    Up to 512² scores for each head it is computed as it is written. Longer sequences go through
    the keys in blocks with a running maximum and sum, and the way back computes the scores of each
    block again, so that compiled code never holds the T × S scores: its memory grows with T + S.
    The values agree to rounding, and so do derivatives of any order.

    Args:
        query: (…, heads, T, D).
        key: (…, key heads, S, D). There may be fewer key heads than heads, if their number divides
            it: each then serves a group of neighbouring heads (Ainslie et al. 2023, GQA).
        value: (…, key heads, S, Dᵥ).
        mask: broadcasts to (…, heads, T, S). Booleans say which keys a query may attend to (True:
            it may); numbers are added to the scores, −inf for keys not to be attended to. A query
            that may attend to none gets zeros (PyTorch: NaN).
        is_causal: whether query t attends to keys 0 to t only.
        scale: by default 1/√D.
        dropout: share of the weights that is dropped, the others are scaled up.
        dropout_key: random key of what is dropped; needed if ``dropout`` is not 0.

    Returns:
        Shape (…, heads, T, Dᵥ).

    Raises:
        ShapeError: if the shapes do not fit together.
        DTypeError: for a mask of integers, which could mean either.
        ArgumentError: for dropout without a key.

    >>> import chainrule as cr
    >>> q, k = cr.tensor([[[1.0], [0.0]]]), cr.tensor([[[50.0], [-50.0]]])
    >>> v = cr.tensor([[[1.0], [3.0]]])
    >>> cr.nn.scaled_dot_product_attention(q, k, v).numpy().round(6).ravel()
    array([1., 2.])
    >>> cr.nn.scaled_dot_product_attention(q, k, v, [[True, False], [False, False]]).numpy().ravel()
    array([1., 0.])
    """
    check_share("scaled_dot_product_attention", "dropout", dropout)
    if dropout and dropout_key is None:
        raise ArgumentError(
            "scaled_dot_product_attention: dropout needs a random key, such as "
            "dropout_key=cr.random.key(0)"
        )
    q, k, v = _same_float(query, key, value)
    _check_shapes(q, k, v)
    k, v = _for_each_head(k, q.shape[-3]), _for_each_head(v, q.shape[-3])
    q = q * (q.shape[-1] ** -0.5 if scale is None else float(scale))
    allowed, bias = _mask_parts(mask, (*q.shape[:-1], k.shape[-2]), q.dtype)
    if q.shape[-2] * k.shape[-2] > LONG:
        return blocked_attention(q, k, v, allowed, bias, is_causal, dropout, dropout_key)
    weights = _weights(q, k, allowed, bias, is_causal)
    if dropout and dropout_key is not None:
        weights = dropped(weights, dropout, dropout_key, weights.shape)
    return weights @ v


def _weights(
    q: Tensor, k: Tensor, allowed: Tensor | None, bias: Tensor | None, is_causal: bool
) -> Tensor:
    """softmax over the keys, with zeros in rows that attend to none; (…, T, S)."""
    scores = q @ k.mT
    if bias is not None:
        scores = scores + bias
    low = np.finfo(scores.dtype).min / 2  # −inf less −inf would be NaN
    if is_causal:
        length, keys = scores.shape[-2:]
        past = tensor(np.arange(length)[:, None] >= np.arange(keys))
        scores = functions.where(past, scores, low)
    if allowed is None:
        return functions.softmax(scores, axis=-1)
    weights = functions.softmax(functions.where(allowed, scores, low), axis=-1)
    some = allowed if not is_causal else functions.logical_and(allowed, past)
    found: Tensor = functions.where(some, weights, 0.0)
    return found


def _same_float(*arrays: ArrayLike) -> list[Tensor]:
    tensors = [x if isinstance(x, Tensor) else tensor(x) for x in arrays]
    dtype = functions.result_type(*tensors)
    if dtype.kind != "f":
        raise DTypeError(f"attention needs floating-point arrays, not {dtype.name}")
    return [functions.astype(x, dtype) for x in tensors]


def _check_shapes(q: Tensor, k: Tensor, v: Tensor) -> None:
    fits = (
        min(q.ndim, k.ndim, v.ndim) >= 3
        and q.shape[-1] == k.shape[-1]
        and k.shape[:-1] == v.shape[:-1]
        and q.shape[:-3] == k.shape[:-3]
    )
    if not fits:
        raise ShapeError(
            "attention takes a query (…, heads, T, D), a key (…, key heads, S, D) and a value "
            f"(…, key heads, S, Dᵥ); got {q.shape}, {k.shape} and {v.shape}"
        )
    if not k.shape[-3] or q.shape[-3] % k.shape[-3]:
        raise ShapeError(
            f"attention: {k.shape[-3]} key heads cannot be shared out among {q.shape[-3]} heads"
        )


def _for_each_head(x: Tensor, heads: int) -> Tensor:
    """(…, key heads, S, D) with every key head as often as it serves heads."""
    *front, given, length, extent = x.shape
    if given == heads:
        return x
    group = heads // given
    many = functions.broadcast_to(
        functions.expand_dims(x, axis=-3), (*front, given, group, length, extent)
    )
    return many.reshape((*front, heads, length, extent))


def _mask_parts(
    mask: ArrayLike | None, shape: tuple[int, ...], dtype: Any
) -> tuple[Tensor | None, Tensor | None]:
    """Which keys may be attended to, and what is added to the scores."""
    if mask is None:
        return None, None
    given = mask if isinstance(mask, Tensor) else tensor(mask)
    try:
        fits = functions.broadcast_shapes(given.shape, shape) == shape
    except ShapeError:
        fits = False
    if not fits:
        raise ShapeError(
            f"attention: a mask of shape {given.shape} does not broadcast to the scores, which "
            f"have shape {shape}"
        )
    if given.dtype.kind == "b":
        return given, None
    if given.dtype.kind != "f":
        raise DTypeError(
            f"attention: a mask is boolean (True: may attend) or is added to the scores; "
            f"{given.dtype.name} could mean either. Use mask.astype('bool') or .astype('float32')"
        )
    allowed = functions.greater(given, -np.inf)
    bias: Tensor = functions.where(allowed, functions.astype(given, dtype), 0.0)
    return allowed, bias
