"""Transformers: layers of attention and a feed-forward network, for encoders and decoders.

A. Vaswani et al., Attention is all you need, NeurIPS 2017, section 3. Parameters have the names of
PyTorch's layers, so that their weights load as they are. Sequences are (N, T, d_model).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from chainrule import functions, random
from chainrule.core.errors import ArgumentError, DomainError
from chainrule.nn._checks import as_input, check_counts
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Linear
from chainrule.nn.module import Module
from chainrule.nn.multihead import KVCache, MultiheadAttention
from chainrule.nn.normalisation import LayerNorm
from chainrule.nn.positions import RotaryPositions
from chainrule.tensor import ArrayLike, Tensor

__all__ = [
    "DecoderCache",
    "TransformerDecoder",
    "TransformerDecoderLayer",
    "TransformerEncoder",
    "TransformerEncoderLayer",
]

Activation = Literal["relu", "gelu", "silu"] | Callable[[Tensor], Tensor]

_ACTIVATIONS = {"relu": functions.relu, "gelu": functions.gelu, "silu": functions.silu}


class _Layer(Module):
    """Self-attention and the feed-forward network linear2(φ(linear1(x))), with what joins them."""

    norm2: LayerNorm | None

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None,
        dropout: float,
        activation: Activation,
        norm_first: bool,
        num_kv_heads: int | None,
        rotary: RotaryPositions | None,
        key: Tensor,
        dtype: Any,
    ) -> None:
        width = 4 * d_model if dim_feedforward is None else dim_feedforward
        check_counts(type(self).__name__, d_model=d_model, dim_feedforward=width)
        if isinstance(activation, str) and activation not in _ACTIVATIONS:
            raise DomainError(
                f"{type(self).__name__}: unknown activation {activation!r}; known are "
                f"{', '.join(_ACTIVATIONS)}, or give a function such as cr.softplus"
            )
        keys = random.split(key, 6)
        self.self_attn = MultiheadAttention(
            d_model, nhead, num_kv_heads, True, dropout, rotary, key=keys[0], dtype=dtype
        )
        self.linear1 = Linear(d_model, width, key=keys[1], dtype=dtype)
        self.dropout = _dropout(dropout, keys[2])
        self.linear2 = Linear(width, d_model, key=keys[3], dtype=dtype)
        self.norm1 = LayerNorm(d_model, dtype=dtype)
        self.dropout1 = _dropout(dropout, keys[4])
        self.dropout2 = _dropout(dropout, keys[5])
        self.activation = _ACTIVATIONS[activation] if isinstance(activation, str) else activation
        self.norm_first = norm_first

    def _feed_forward(self, x: Tensor) -> Tensor:
        return self.linear2(self.dropout(self.activation(self.linear1(x))))

    def _residual(
        self, x: Tensor, norm: LayerNorm, branch: Callable[[Tensor], Tensor], dropout: Dropout
    ) -> Tensor:
        """x + branch(norm(x)), or with the norm at the end norm(x + branch(x))."""
        if self.norm_first:
            return x + dropout(branch(norm(x)))
        return norm(x + dropout(branch(x)))

    def extra_repr(self) -> str:
        name = getattr(self.activation, "__name__", repr(self.activation))
        return f"activation={name}, norm_first={self.norm_first}"


class TransformerEncoderLayer(_Layer):
    """y = x + attention(x), then y + feed_forward(y), with layer normalisation; (N, T, d_model).

    Vaswani et al. 2017, section 3.1. With ``norm_first`` each branch normalises its input, x +
    f(norm(x)), and gradients are well-behaved from the start (Xiong et al. 2020, On layer
    normalization in the Transformer architecture); otherwise norm(x + f(x)), as in the paper.

    Args:
        d_model: features of the sequence.
        nhead: heads of the attention.
        dim_feedforward: width of the feed-forward network; by default 4·d_model.
        dropout: rate in training: of attention weights, in the feed-forward network and at the end
            of both branches.
        activation: φ, "relu", "gelu", "silu", or a function.
        norm_first: where the normalisation is.
        num_kv_heads: heads of keys and values; by default ``nhead``.
        rotary: turns queries and keys by their positions.
        key: random key of the initial parameters and of dropout.

    Args of the call:
        x: (N, T, d_model).
        mask, is_causal: what may be attended to; see `MultiheadAttention`.

    Raises:
        DomainError: if an extent is below 1 or does not divide, or for an unknown activation.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> layer = cr.nn.TransformerEncoderLayer(8, 2, norm_first=True, key=cr.random.key(0))
    >>> layer(cr.ones((3, 5, 8), dtype="float32")).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None = None,
        dropout: float = 0.0,
        activation: Activation = "relu",
        norm_first: bool = False,
        num_kv_heads: int | None = None,
        rotary: RotaryPositions | None = None,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            norm_first,
            num_kv_heads,
            rotary,
            key,
            dtype,
        )
        self.norm2 = LayerNorm(d_model, dtype=dtype)

    def __call__(
        self, x: ArrayLike, mask: ArrayLike | None = None, is_causal: bool = False
    ) -> Tensor:
        attend = lambda y: self.self_attn(y, mask=mask, is_causal=is_causal)  # noqa: E731
        assert self.norm2 is not None
        x = as_input(x, self.linear1.weight.dtype)
        x = self._residual(x, self.norm1, attend, self.dropout1)
        return self._residual(x, self.norm2, self._feed_forward, self.dropout2)


@dataclass(frozen=True)
class DecoderCache:
    """What a decoder layer keeps between the pieces of a sequence; a pytree.

    Attributes:
        own: keys and values of the sequence itself.
        memory: those of the encoder's outputs, if there are any.
    """

    own: KVCache
    memory: KVCache | None


class TransformerDecoderLayer(_Layer):
    """Causal self-attention, attention to an encoder's outputs, and a feed-forward network.

    Vaswani et al. 2017, section 3.1. Without ``cross_attention`` it is the layer of models that
    only decode, such as GPT. Position t never sees what comes after it.

    Args:
        d_model, nhead, dim_feedforward, dropout, activation, norm_first, num_kv_heads, rotary, key:
            as of `TransformerEncoderLayer`.
        cross_attention: whether there is an attention to the encoder's outputs.

    Args of the call:
        x: (N, T, d_model).
        memory: the outputs of an encoder, (N, S, d_model).
        mask: beside causality, what may be attended to in self-attention.
        memory_mask: what of the memory may be attended to.

    Raises:
        DomainError: if an extent is below 1 or does not divide, or for an unknown activation.
        ArgumentError: when called with a memory that the layer has no attention for, or without
            one that it has.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> layer = cr.nn.TransformerDecoderLayer(8, 2, key=cr.random.key(0))
    >>> x, memory = cr.ones((3, 5, 8), dtype="float32"), cr.ones((3, 7, 8), dtype="float32")
    >>> layer(x, memory).shape
    (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int | None = None,
        dropout: float = 0.0,
        activation: Activation = "relu",
        norm_first: bool = False,
        num_kv_heads: int | None = None,
        rotary: RotaryPositions | None = None,
        cross_attention: bool = True,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        own, other, drop = random.split(key, 3)
        super().__init__(
            d_model,
            nhead,
            dim_feedforward,
            dropout,
            activation,
            norm_first,
            num_kv_heads,
            rotary,
            own,
            dtype,
        )
        self.multihead_attn = (
            MultiheadAttention(d_model, nhead, num_kv_heads, True, dropout, key=other, dtype=dtype)
            if cross_attention
            else None
        )
        self.norm2 = LayerNorm(d_model, dtype=dtype) if cross_attention else None
        self.norm3 = LayerNorm(d_model, dtype=dtype)
        self.dropout3 = _dropout(dropout, drop)

    def __call__(
        self,
        x: ArrayLike,
        memory: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        memory_mask: ArrayLike | None = None,
    ) -> Tensor:
        self._check_memory(memory is not None)
        return self._computed(
            x,
            lambda y: self.self_attn(y, mask=mask, is_causal=True),
            lambda y, other: other(y, memory, mask=memory_mask),
        )

    def start(
        self, batch_size: int, capacity: int, memory: ArrayLike | None = None
    ) -> DecoderCache:
        """A cache for sequences of at most ``capacity`` positions beside this memory.

        Call it within `cr.no_grad`, unless derivatives are to flow through it.
        """
        self._check_memory(memory is not None)
        own = self.self_attn.start(batch_size, capacity)
        if memory is None or self.multihead_attn is None:
            return DecoderCache(own, None)
        return DecoderCache(own, self.multihead_attn.memory(memory))

    def extend(self, x: ArrayLike, cache: DecoderCache) -> tuple[Tensor, DecoderCache]:
        """The outputs for T more positions, and the cache with them; see `MultiheadAttention`."""
        kept: list[KVCache] = []

        def attend(y: Tensor) -> Tensor:
            found, own = self.self_attn.extend(y, cache.own)
            kept.append(own)
            return found

        memory = cache.memory
        recall = lambda y, other: other.recall(y, memory)  # noqa: E731
        x = self._computed(x, attend, recall)
        return x, DecoderCache(kept[0], memory)

    def _computed(
        self,
        x: ArrayLike,
        attend: Callable[[Tensor], Tensor],
        recall: Callable[[Tensor, MultiheadAttention], Tensor],
    ) -> Tensor:
        x = as_input(x, self.linear1.weight.dtype)
        x = self._residual(x, self.norm1, attend, self.dropout1)
        other = self.multihead_attn
        if other is not None and self.norm2 is not None:
            x = self._residual(x, self.norm2, lambda y: recall(y, other), self.dropout2)
        return self._residual(x, self.norm3, self._feed_forward, self.dropout3)

    def _check_memory(self, given: bool) -> None:
        if given != (self.multihead_attn is not None):
            raise ArgumentError(
                "TransformerDecoderLayer: a memory was given, but the layer was made with "
                "cross_attention=False"
                if given
                else "TransformerDecoderLayer attends to the outputs of an encoder: give them as "
                "memory, or make the layer with cross_attention=False"
            )


class TransformerEncoder(Module):
    """Layers `TransformerEncoderLayer` in a row; a norm at the end if they start with one.

    Args:
        d_model, nhead: as of the layers.
        num_layers: how many layers.
        key: random key of all initial parameters and of dropout.
        options: further arguments of every layer.

    >>> import chainrule as cr
    >>> model = cr.nn.TransformerEncoder(8, 2, num_layers=2, key=cr.random.key(0))
    >>> model(cr.ones((3, 5, 8), dtype="float32")).shape
    (3, 5, 8)
    """

    def __init__(
        self, d_model: int, nhead: int, num_layers: int, *, key: Tensor, **options: Any
    ) -> None:
        check_counts("TransformerEncoder", num_layers=num_layers)
        keys = random.split(key, num_layers)
        self.layers = tuple(
            TransformerEncoderLayer(d_model, nhead, key=keys[layer], **options)
            for layer in range(num_layers)
        )
        self.norm = _last_norm(self.layers[0], d_model)

    def __call__(self, x: Tensor, mask: ArrayLike | None = None, is_causal: bool = False) -> Tensor:
        for layer in self.layers:
            x = layer(x, mask, is_causal)
        return x if self.norm is None else self.norm(x)


class TransformerDecoder(Module):
    """Layers `TransformerDecoderLayer` in a row; a norm at the end if they start with one.

    Args:
        d_model, nhead: as of the layers.
        num_layers: how many layers.
        key: random key of all initial parameters and of dropout.
        options: further arguments of every layer.

    >>> import chainrule as cr
    >>> options = {"num_layers": 2, "cross_attention": False, "norm_first": True}
    >>> model = cr.nn.TransformerDecoder(8, 2, key=cr.random.key(0), **options)
    >>> x = cr.random.normal(cr.random.key(1), (1, 5, 8), dtype="float32")
    >>> cache = model.start(1, capacity=16)
    >>> first, cache = model.extend(x[:, :3], cache)
    >>> second, cache = model.extend(x[:, 3:], cache)
    >>> bool(cr.allclose(cr.concat([first, second], axis=1), model(x), atol=1e-5))
    True
    """

    def __init__(
        self, d_model: int, nhead: int, num_layers: int, *, key: Tensor, **options: Any
    ) -> None:
        check_counts("TransformerDecoder", num_layers=num_layers)
        keys = random.split(key, num_layers)
        self.layers = tuple(
            TransformerDecoderLayer(d_model, nhead, key=keys[layer], **options)
            for layer in range(num_layers)
        )
        self.norm = _last_norm(self.layers[0], d_model)

    def __call__(
        self,
        x: Tensor,
        memory: ArrayLike | None = None,
        mask: ArrayLike | None = None,
        memory_mask: ArrayLike | None = None,
    ) -> Tensor:
        for layer in self.layers:
            x = layer(x, memory, mask, memory_mask)
        return x if self.norm is None else self.norm(x)

    def start(
        self, batch_size: int, capacity: int, memory: ArrayLike | None = None
    ) -> tuple[DecoderCache, ...]:
        """A cache for each layer, for sequences of at most ``capacity`` positions.

        Call it within `cr.no_grad`, unless derivatives are to flow through it.
        """
        return tuple(layer.start(batch_size, capacity, memory) for layer in self.layers)

    def extend(
        self, x: Tensor, caches: tuple[DecoderCache, ...]
    ) -> tuple[Tensor, tuple[DecoderCache, ...]]:
        """The outputs for T more positions (N, T, d_model), and the caches with them."""
        after = []
        for layer, cache in zip(self.layers, caches, strict=True):
            x, kept = layer.extend(x, cache)
            after.append(kept)
        return x if self.norm is None else self.norm(x), tuple(after)


def _last_norm(layer: _Layer, d_model: int) -> LayerNorm | None:
    """Layers that end in a sum need a norm behind the last one."""
    dtype = layer.linear1.weight.dtype
    return LayerNorm(d_model, dtype=dtype) if layer.norm_first else None


def _dropout(rate: float, key: Tensor) -> Dropout:
    return Dropout(rate, key=key if rate else None)
