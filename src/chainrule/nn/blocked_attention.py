"""Attention of long sequences, block by block: the scores of all keys never exist at once.

A scan over blocks of keys carries for each query the largest score m so far, l = Σ exp(s − m) and
a = Σ exp(s − m)·v; where m grows, l and a shrink by exp(m − m′) (Milakov and Gimelshein 2018). The
output is a/l. The way back needs of the way forth only the output o and L = m + log l: with
p = exp(s − L), the cotangent ō and δ = Σ ō·o it is v̄ = pᵀ ō, s̄ = p·(ō vᵀ − δ), and from s̄ follow
those of queries and keys, again by a scan over the blocks (Dao et al. 2022, algorithm 4).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import functions, random
from chainrule.control import custom_gradient, scan
from chainrule.nn.dropout import dropped
from chainrule.tensor import Tensor, tensor

__all__ = ["blocked_attention"]

BLOCK = 128
"""Keys in a block: its scores stay in the cache, and its products are large enough."""


def blocked_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    allowed: Tensor | None,
    bias: Tensor | None,
    is_causal: bool,
    dropout: float,
    dropout_key: Tensor | None,
) -> Tensor:
    """softmax(q kᵀ + bias) v over the keys that are allowed; (…, T, D), (…, S, D), (…, S, Dᵥ).

    Rows that attend to no key are zero. Derivatives of any order are those of these formulas.
    """
    rule = _Blocks(q.shape[-2], k.shape[-2], is_causal, dropout, dropout_key)
    mask = None if allowed is None else rule.cut(allowed, -1, fill=False)

    @custom_gradient
    def attend(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Any:
        cut = _Cut(rule.cut(k, -2), rule.cut(v, -2), None if bias is None else rule.cut(bias, -1))
        given = (cut, mask, tensor(np.arange(rule.count)))
        out, total = rule.forward(q, v.shape[-1], given)

        def pullback(ct: Tensor) -> Any:
            for_q, cts = rule.backward(q, ct, out, total, given)
            for_bias = () if bias is None else (rule.join(cts.bias, -1, bias.shape),)
            return (
                for_q,
                rule.join(cts.k, -2, k.shape),
                rule.join(cts.v, -2, v.shape),
                *for_bias,
            )

        return out, pullback

    found: Tensor = attend(q, k, v, bias)
    return found


@dataclass(frozen=True)
class _Cut:
    """Keys, values and biases in blocks; or their cotangents."""

    k: Tensor
    v: Tensor
    bias: Tensor | None


Given = tuple[_Cut, Tensor | None, Tensor]
"""The blocks, which keys are allowed, and the numbers of the blocks; or one block of all."""


@dataclass(frozen=True)
class _Blocks:
    """How ``keys`` are cut into blocks, and what is done with one."""

    queries: int
    keys: int
    is_causal: bool
    dropout: float
    dropout_key: Tensor | None

    @property
    def count(self) -> int:
        return -(-self.keys // BLOCK)

    # -- cutting and joining -----------------------------------------------------------------------

    def cut(self, x: Tensor, axis: int, fill: Any = 0) -> Tensor:
        """Blocks along ``axis`` (negative), as a new first axis; filled up behind the last key."""
        extent = x.shape[axis]
        if extent != self.keys:  # the same for all keys
            x = functions.broadcast_to(x, _with(x.shape, axis, self.keys))
        width = [(0, 0)] * x.ndim
        width[axis] = (0, self.count * BLOCK - self.keys)
        if width[axis][1]:
            x = functions.pad(x, width, constant_values=fill)
        at = x.ndim + axis
        x = x.reshape((*x.shape[:at], self.count, BLOCK, *x.shape[at + 1 :]))
        return functions.moveaxis(x, at, 0)

    def join(self, x: Tensor | None, axis: int, shape: tuple[int, ...]) -> Tensor:
        """The cotangent of what `cut` cut into the blocks of which ``x`` is the cotangent."""
        assert x is not None
        at = x.ndim - 1 + axis
        x = functions.moveaxis(x, 0, at)
        x = x.reshape((*x.shape[:at], self.count * BLOCK, *x.shape[at + 2 :]))
        x = x[(slice(None),) * at + (slice(0, self.keys),)]
        return x if x.shape == shape else functions.sum(x, axis=axis, keepdims=True)

    # -- one block ---------------------------------------------------------------------------------

    def scores(self, q: Tensor, block: Given) -> tuple[Tensor, Tensor | None]:
        """The scores (…, T, BLOCK), and which of them count; None if all do."""
        part, allowed, number = block
        scores = q @ part.k.mT
        if part.bias is not None:
            scores = scores + part.bias
        places = number * BLOCK + np.arange(BLOCK)
        if self.is_causal:
            past = functions.greater_equal(tensor(np.arange(self.queries)[:, None]), places)
            allowed = past if allowed is None else functions.logical_and(allowed, past)
        elif allowed is None and self.keys % BLOCK:
            allowed = functions.less(places, self.keys)
        return scores, allowed

    def kept(self, x: Tensor, number: Tensor) -> Tensor:
        """``x`` after dropout; in block ``number`` always the same elements are dropped."""
        if not self.dropout or self.dropout_key is None:
            return x
        return dropped(x, self.dropout, random.fold_in(self.dropout_key, number), x.shape)

    # -- all blocks --------------------------------------------------------------------------------

    def forward(self, q: Tensor, extent: int, given: Given) -> tuple[Tensor, Tensor]:
        """The output (…, T, Dᵥ), and L = log Σ exp(scores), (…, T, 1)."""
        low = float(np.finfo(q.dtype).min / 2)  # −inf less −inf would be NaN
        column = (*q.shape[:-1], 1)

        def step(carry: Any, block: Given) -> Any:
            mean, most, total = carry
            scores, allowed = self.scores(q, block)
            if allowed is not None:
                scores = functions.where(allowed, scores, low)
            more = functions.maximum(most, functions.max(scores, axis=-1, keepdims=True))
            weights = functions.exp(scores - more)
            if allowed is not None:
                weights = functions.where(allowed, weights, 0.0)
            shrink = functions.exp(most - more)
            total = total * shrink + functions.sum(weights, axis=-1, keepdims=True)
            part, _, number = block
            mean = mean * shrink + self.kept(weights, number) @ part.v
            return (mean, more, total), None

        start = (
            functions.zeros((*q.shape[:-1], extent), dtype=q.dtype),
            functions.full(column, low, dtype=q.dtype),
            functions.zeros(column, dtype=q.dtype),
        )
        (mean, most, total), _ = scan(step, start, given)
        total = functions.where(functions.greater(total, 0), total, 1.0)
        return mean / total, most + functions.log(total)

    def backward(
        self, q: Tensor, ct: Tensor, out: Tensor, total: Tensor, given: Given
    ) -> tuple[Tensor, _Cut]:
        """The cotangents of the query, and of keys, values and biases in blocks."""
        delta = functions.sum(ct * out, axis=-1, keepdims=True)

        def step(for_q: Tensor, block: Given) -> Any:
            part, _, number = block
            scores, allowed = self.scores(q, block)
            weights = functions.exp(scores - total)
            if allowed is not None:
                weights = functions.where(allowed, weights, 0.0)
            for_v = self.kept(weights, number).mT @ ct
            for_scores = weights * (self.kept(ct @ part.v.mT, number) - delta)
            for_bias = None if part.bias is None else _summed(for_scores, part.bias.shape)
            return for_q + for_scores @ part.k, _Cut(for_scores.mT @ q, for_v, for_bias)

        return scan(step, functions.zeros(q.shape, dtype=q.dtype), given)


def _summed(x: Tensor, shape: tuple[int, ...]) -> Tensor:
    """``x`` summed over the axes along which an array of ``shape`` was broadcast."""
    front = x.ndim - len(shape)
    x = functions.sum(x, axis=tuple(range(front)))
    axes = tuple(a for a, n in enumerate(shape) if n == 1 and x.shape[a] != 1)
    return functions.sum(x, axis=axes, keepdims=True)


def _with(shape: tuple[int, ...], axis: int, extent: int) -> tuple[int, ...]:
    changed = list(shape)
    changed[axis] = extent
    return tuple(changed)
