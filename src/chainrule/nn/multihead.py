"""Multi-head attention as a layer, and the cache of keys and values that generation needs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule import functions, random
from chainrule.core.errors import DomainError, IndexingError, ShapeError
from chainrule.nn import initialisers
from chainrule.nn._checks import as_input, check_axis, check_counts
from chainrule.nn.attention import scaled_dot_product_attention
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module, parameter
from chainrule.nn.positions import RotaryPositions
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["KVCache", "MultiheadAttention"]


@dataclass(frozen=True)
class KVCache:
    """Keys and values of what has been read, in arrays of a fixed capacity; a pytree.

    Since its shape stays, one compiled step serves for all positions.

    Attributes:
        keys, values: (N, key heads, capacity, head size); zeros where nothing was written yet.
        length: how many positions are in use, a scalar integer.
    """

    keys: Tensor
    values: Tensor
    length: Tensor

    @property
    def capacity(self) -> int:
        return self.keys.shape[-2]

    def append(self, keys: Tensor, values: Tensor) -> KVCache:
        """The cache with those of T more positions, (N, key heads, T, head size).

        Raises:
            IndexingError: if the capacity does not suffice; compiled, when the program runs.
        """
        more = keys.shape[-2]
        if more > self.capacity or (
            not self.length.is_traced and self.length.item() + more > self.capacity
        ):
            raise IndexingError(
                f"the cache has room for {self.capacity} positions; "
                f"{'some' if self.length.is_traced else self.length.item()} are in use, and {more} "
                "more were to be written. Start with a larger capacity."
            )
        # looked up, so that a program that has no values yet refuses a last place behind the end
        last = functions.take(np.arange(self.capacity), self.length + (more - 1))
        place = tensor(np.arange(self.capacity)) - (last - (more - 1))
        new = functions.logical_and(place >= 0, place < more)[:, None]
        place = functions.clip(place, 0, more - 1)

        def written(old: Tensor, part: Tensor) -> Tensor:
            part = functions.astype(part, old.dtype)
            found: Tensor = functions.where(new, functions.take(part, place, axis=-2), old)
            return found

        return KVCache(written(self.keys, keys), written(self.values, values), self.length + more)


class MultiheadAttention(Module):
    """Concat(head_1, …, head_h) W_o, where head_i attends with projections of its own.

    Vaswani et al. 2017 (Attention is all you need), section 3.2.2; with fewer key heads than
    heads, Ainslie et al. 2023 (GQA). Sequences are (N, T, embed_dim). Parameters have the names and
    the layout of PyTorch's layer, so that its weights load as they are.

    Args:
        embed_dim: features of the inputs and of the output.
        num_heads: how many heads; divides embed_dim.
        num_kv_heads: how many heads the keys and values have; divides num_heads, by default equal.
        bias: whether the projections have biases; they start at zero.
        dropout: share of the attention weights that is dropped in training.
        rotary: turns queries and keys of self-attention by their positions.
        key: random key of the initial weights (Xavier uniform) and of dropout.

    Args of the call:
        query: (N, T, embed_dim), or without N.
        key: (N, S, embed_dim) of another sequence to attend to; by default the query itself.
        value: (N, S, embed_dim); by default the key.
        mask: broadcasts to (N, num_heads, T, S), True where a query may attend to a key, or numbers
            that are added to the scores. (In PyTorch's layer True forbids.) For padded sequences
            with ``real`` (N, S): ``real[:, None, None, :]``.
        is_causal: whether position t attends to positions 0 to t only.

    Raises:
        DomainError: if the extents do not divide, or are below 1.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> layer = cr.nn.MultiheadAttention(8, 2, key=cr.random.key(0))
    >>> x = cr.ones((3, 5, 8), dtype="float32")
    >>> layer(x, is_causal=True).shape, layer(x, cr.ones((3, 7, 8), dtype="float32")).shape
    ((3, 5, 8), (3, 5, 8))
    """

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        num_kv_heads: int | None = None,
        bias: bool = True,
        dropout: float = 0.0,
        rotary: RotaryPositions | None = None,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        kv_heads = num_heads if num_kv_heads is None else num_kv_heads
        check_counts(
            "MultiheadAttention", embed_dim=embed_dim, num_heads=num_heads, num_kv_heads=kv_heads
        )
        if embed_dim % num_heads:
            raise DomainError(
                f"MultiheadAttention: embed_dim is a multiple of num_heads, {embed_dim} is none of "
                f"{num_heads}"
            )
        if num_heads % kv_heads:
            raise DomainError(
                f"MultiheadAttention: num_heads is a multiple of num_kv_heads, {num_heads} is none "
                f"of {kv_heads}"
            )
        self.num_heads = num_heads
        self.num_kv_heads = kv_heads
        keys = random.split(key, 5)
        narrow = embed_dim // num_heads * kv_heads
        drawn = [
            initialisers.xavier_uniform(keys[part], (rows, embed_dim), dtype=dtype)
            for part, rows in enumerate((embed_dim, narrow, narrow))
        ]
        self.in_proj_weight = parameter(functions.concat(drawn), dtype)
        rows = self.in_proj_weight.shape[0]
        self.in_proj_bias = parameter(np.zeros(rows), dtype) if bias else None
        self.out_proj = Linear(embed_dim, embed_dim, bias=bias, key=keys[3], dtype=dtype)
        self.rotary = rotary
        self.dropout = Dropout(dropout, key=keys[4] if dropout else None)

    @property
    def embed_dim(self) -> int:
        return self.in_proj_weight.shape[1]

    @property
    def head_dim(self) -> int:
        return self.embed_dim // self.num_heads

    def __call__(
        self,
        query: ArrayLike,
        key: ArrayLike | None = None,
        value: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        x = self._input(query, "query")
        if key is None:
            if value is not None:
                raise ShapeError("MultiheadAttention: a value needs a key")
            q, k, v = self._of_itself(x, 0)
        else:
            source = self._input(key, "key")
            other = source if value is None else self._input(value, "value")
            q = self._heads(self._projected(x, 0, 1))
            k, v = self._keys_and_values(source, other)
        return self._attended(q, k, v, mask, is_causal)

    # -- generation --------------------------------------------------------------------------------

    def start(self, batch_size: int, capacity: int) -> KVCache:
        """An empty cache for sequences of at most ``capacity`` positions."""
        shape = (batch_size, self.num_kv_heads, capacity, self.head_dim)
        zeros = [functions.zeros(shape, dtype=self.in_proj_weight.dtype) for _ in range(2)]
        return KVCache(zeros[0], zeros[1], tensor(0))

    def extend(self, x: ArrayLike, cache: KVCache) -> tuple[Tensor, KVCache]:
        """Causal self-attention of T more positions, and the cache with them.

        ``extend`` for piece after piece of a sequence gives what a call with ``is_causal`` gives
        for the whole.

        Args:
            x: (N, T, embed_dim), what follows on the positions in the cache.
            cache: of the positions before, from `start` or `extend`.

        Raises:
            IndexingError: if the capacity does not suffice; compiled, when the program runs.
            ShapeError: if the cache is one of another batch or layer.

        >>> import chainrule as cr
        >>> layer = cr.nn.MultiheadAttention(8, 2, key=cr.random.key(0))
        >>> x = cr.random.normal(cr.random.key(1), (1, 5, 8), dtype="float32")
        >>> first, cache = layer.extend(x[:, :3], layer.start(1, capacity=16))
        >>> second, cache = layer.extend(x[:, 3:], cache)
        >>> whole = layer(x, is_causal=True)
        >>> bool(cr.allclose(cr.concat([first, second], axis=1), whole, atol=1e-6))
        True
        """
        x = self._input(x, "input")
        expected = (*x.shape[:-2], self.num_kv_heads, cache.capacity, self.head_dim)
        if cache.keys.shape != expected:
            raise ShapeError(
                f"MultiheadAttention: the cache has keys of shape {cache.keys.shape}, for an input "
                f"of shape {x.shape} it needs {expected}"
            )
        q, k, v = self._of_itself(x, cache.length)
        last = cache.length + np.arange(x.shape[-2])[:, None]
        cache = cache.append(k, v)
        past = functions.less_equal(np.arange(cache.capacity), last)
        return self._attended(q, cache.keys, cache.values, past, False), cache

    def memory(self, key: ArrayLike) -> KVCache:
        """Keys and values of another sequence (N, S, embed_dim), for `recall`."""
        source = self._input(key, "key")
        return KVCache(*self._keys_and_values(source, source), tensor(source.shape[-2]))

    def recall(self, query: ArrayLike, memory: KVCache, mask: ArrayLike | None = None) -> Tensor:
        """Attention of (N, T, embed_dim) to another sequence whose keys and values are known."""
        q = self._heads(self._projected(self._input(query, "query"), 0, 1))
        return self._attended(q, memory.keys, memory.values, mask, False)

    # -- parts -------------------------------------------------------------------------------------

    def _input(self, x: ArrayLike, what: str) -> Tensor:
        name = f"MultiheadAttention({self.extra_repr()}): the {what}"
        found = as_input(x, self.in_proj_weight.dtype)
        check_axis(name, found, -1, self.embed_dim)
        if found.ndim < 2:
            raise ShapeError(f"{name} is a sequence (N, T, {self.embed_dim}), not {found.shape}")
        return found

    def _projected(self, x: Tensor, first: int, last: int) -> Tensor:
        """Queries (part 0), keys (1) and values (2) of ``x``, those from ``first`` to ``last``."""
        narrow = self.num_kv_heads * self.head_dim
        bounds = [0, self.embed_dim, self.embed_dim + narrow, self.embed_dim + 2 * narrow]
        rows = slice(bounds[first], bounds[last])
        y = x @ self.in_proj_weight[rows].T
        return y if self.in_proj_bias is None else y + self.in_proj_bias[rows]

    def _heads(self, x: Tensor) -> Tensor:
        """(…, T, heads · head_dim) to (…, heads, T, head_dim)."""
        split = x.reshape((*x.shape[:-1], x.shape[-1] // self.head_dim, self.head_dim))
        return functions.moveaxis(split, -2, -3)

    def _of_itself(self, x: Tensor, offset: int | Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Queries, keys and values of a sequence that starts at position ``offset``."""
        packed = self._projected(x, 0, 3)
        narrow = self.num_kv_heads * self.head_dim
        q, k, v = (
            self._heads(part)
            for part in functions.split(packed, [self.embed_dim, self.embed_dim + narrow], axis=-1)
        )
        if self.rotary is not None:
            q, k = self.rotary(q, offset), self.rotary(k, offset)
        return q, k, v

    def _keys_and_values(self, source: Tensor, other: Tensor) -> tuple[Tensor, Tensor]:
        if other is source:
            k, v = functions.split(self._projected(source, 1, 3), 2, axis=-1)
        else:
            k, v = self._projected(source, 1, 2), self._projected(other, 2, 3)
        return self._heads(k), self._heads(v)

    def _attended(
        self, q: Tensor, k: Tensor, v: Tensor, mask: ArrayLike | None, is_causal: bool
    ) -> Tensor:
        rate = self.dropout.rate if self.training else 0.0
        heads = scaled_dot_product_attention(
            q,
            k,
            v,
            mask,
            is_causal=is_causal,
            dropout=rate,
            dropout_key=self.dropout.next_key() if rate else None,
        )
        joined = functions.moveaxis(heads, -3, -2)
        return self.out_proj(joined.reshape((*joined.shape[:-2], self.embed_dim)))

    def extra_repr(self) -> str:
        kv_heads = "" if self.num_kv_heads == self.num_heads else f", {self.num_kv_heads}"
        bias = "" if self.in_proj_bias is not None else ", bias=False"
        return f"{self.embed_dim}, {self.num_heads}{kv_heads}{bias}"
