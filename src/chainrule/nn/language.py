"""Models of the next token: a Transformer that only decodes, and a recurrent network."""

from __future__ import annotations

from typing import Any, Literal

from chainrule import random
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn._checks import check_counts
from chainrule.nn.dropout import Dropout
from chainrule.nn.linear import Embedding, Linear
from chainrule.nn.module import Module
from chainrule.nn.positions import (
    SMALL,
    LearnedPositions,
    RotaryPositions,
    SinusoidalPositions,
)
from chainrule.nn.recurrent import Recurrent
from chainrule.nn.transformer import DecoderCache, TransformerDecoder
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["RecurrentLM", "TransformerLM"]

Positions = Literal["learned", "sinusoidal", "rotary"]


class TransformerLM(Module):
    """Tokens to logits of the next token: embedding, positions, decoder layers, and a linear map.

    Radford et al. 2019 (GPT-2): layers that normalise first, and a norm at the end; (N, T) integers
    become (N, T, vocab_size), where those at t depend on the tokens up to t.

    Args:
        vocab_size: how many tokens there are.
        d_model, nhead, num_layers: width, heads and layers of the decoder.
        max_length: the longest sequence.
        positions: "learned", "sinusoidal", or "rotary" ones, in the layers.
        tie_weights: whether the embedding serves as the last linear map too (Press and Wolf 2017,
            Using the output embedding to improve language models).
        dropout: rate in training, of the embeddings and in the layers.
        key: random key of all initial parameters and of dropout.
        options: further arguments of every `TransformerDecoderLayer`, such as ``activation``, by
            default "gelu", ``dim_feedforward`` or ``num_kv_heads``.

    Raises:
        DomainError: if an extent is below 1 or does not divide, or for unknown positions.
        ShapeError: when called with a sequence that is too long.
        IndexingError: when called with a token out of range.

    >>> import chainrule as cr
    >>> model = cr.nn.TransformerLM(50, 16, 2, num_layers=2, max_length=8, key=cr.random.key(0))
    >>> model([[1, 2, 3]]).shape
    (1, 3, 50)
    """

    def __init__(
        self,
        vocab_size: int,
        d_model: int,
        nhead: int,
        num_layers: int,
        max_length: int,
        positions: Positions = "learned",
        tie_weights: bool = True,
        dropout: float = 0.0,
        *,
        key: Tensor,
        dtype: Any = "float32",
        **options: Any,
    ) -> None:
        check_counts("TransformerLM", max_length=max_length)
        keys = random.split(key, 5)
        self.max_length = max_length
        self.embedding = Embedding(vocab_size, d_model, key=keys[0], initialiser=SMALL, dtype=dtype)
        self.positions: LearnedPositions | SinusoidalPositions | None = None
        if positions == "learned":
            self.positions = LearnedPositions(max_length, d_model, key=keys[1], dtype=dtype)
        elif positions == "sinusoidal":
            self.positions = SinusoidalPositions()
        elif positions != "rotary":
            raise DomainError(
                f'TransformerLM: positions are "learned", "sinusoidal" or "rotary", not '
                f"{positions!r}"
            )
        self.dropout = Dropout(dropout, key=keys[2] if dropout else None)
        self.decoder = TransformerDecoder(
            d_model,
            nhead,
            num_layers,
            key=keys[3],
            **{
                "activation": "gelu",
                "norm_first": True,
                "cross_attention": False,
                "rotary": RotaryPositions() if positions == "rotary" else None,
                "dropout": dropout,
                "dtype": dtype,
            }
            | options,
        )
        self.head = (
            None
            if tie_weights
            else Linear(d_model, vocab_size, bias=False, key=keys[4], dtype=dtype)
        )

    def __call__(self, tokens: ArrayLike) -> Tensor:
        tokens = _tokens("TransformerLM", tokens)
        if tokens.shape[-1] > self.max_length:
            raise ShapeError(
                f"TransformerLM: sequences have at most max_length={self.max_length} tokens, these "
                f"of shape {tokens.shape} have {tokens.shape[-1]}"
            )
        return self._logits(self.decoder(self._embedded(tokens, 0)))

    def start(self, batch_size: int, length: int) -> tuple[DecoderCache, ...]:
        """Empty caches for sequences of at most ``length`` tokens.

        Raises:
            ShapeError: if the model is made for shorter ones.
        """
        if length > self.max_length:
            raise ShapeError(
                f"TransformerLM: a sequence of {length} tokens does not fit, max_length is "
                f"{self.max_length}"
            )
        # few different capacities, since a program is made for each
        capacity = min(self.max_length, max(16, 1 << (length - 1).bit_length()))
        return self.decoder.start(batch_size, capacity)

    def extend(
        self, tokens: ArrayLike, state: tuple[DecoderCache, ...]
    ) -> tuple[Tensor, tuple[DecoderCache, ...]]:
        """The logits for T more tokens (N, T), and the caches with them.

        Raises:
            IndexingError: if the caches have no room for them; compiled, when the program runs.
        """
        tokens = _tokens("TransformerLM", tokens)
        x, state = self.decoder.extend(self._embedded(tokens, state[0].own.length), state)
        return self._logits(x), state

    def _embedded(self, tokens: Tensor, offset: int | Tensor) -> Tensor:
        x = self.embedding(tokens)
        if self.positions is not None:
            x = self.positions(x, offset)
        return self.dropout(x)

    def _logits(self, x: Tensor) -> Tensor:
        return x @ self.embedding.weight.T if self.head is None else self.head(x)


class RecurrentLM(Module):
    """Tokens to logits of the next token: embedding, a recurrent network, and a linear map.

    Mikolov et al. 2010 (Recurrent neural network based language model). (N, T) integers become
    (N, T, vocab_size), where those at t depend on the tokens up to t.

    Args:
        vocab_size: how many tokens there are.
        recurrent: an `RNN`, `LSTM` or `GRU` in one direction; the embedding has its input_size.
        key: random key of the initial embedding and of the last map.

    Raises:
        DomainError: if ``recurrent`` reads backward too: it would know the next token.
        IndexingError: when called with a token out of range.

    >>> import chainrule as cr
    >>> first, second = cr.random.split(cr.random.key(0))
    >>> model = cr.nn.RecurrentLM(50, cr.nn.LSTM(8, 16, key=first), key=second)
    >>> model([[1, 2, 3]]).shape
    (1, 3, 50)
    """

    def __init__(self, vocab_size: int, recurrent: Recurrent, *, key: Tensor) -> None:
        cells = recurrent.cells[0]
        if len(cells) > 1:
            raise DomainError(
                "RecurrentLM: the network reads backward too, so that it would know the next token;"
                " make it with bidirectional=False"
            )
        first, last = random.split(key)
        dtype = cells[0].weight_ih.dtype
        self.embedding = Embedding(vocab_size, cells[0].input_size, key=first, dtype=dtype)
        self.recurrent = recurrent
        self.head = Linear(cells[0].hidden_size, vocab_size, key=last, dtype=dtype)

    def __call__(self, tokens: ArrayLike) -> Tensor:
        return self.extend(tokens, None)[0]

    def start(self, batch_size: int, length: int) -> Any:
        """The state before the first token; sequences may be of any ``length``."""
        return self.recurrent.start(batch_size)

    def extend(self, tokens: ArrayLike, state: Any) -> tuple[Tensor, Any]:
        """The logits for T more tokens (N, T), and the state after them."""
        x = self.embedding(_tokens("RecurrentLM", tokens))
        outputs, state = self.recurrent(x, state)
        return self.head(outputs), state


def _tokens(name: str, tokens: ArrayLike) -> Tensor:
    found = tokens if isinstance(tokens, Tensor) else tensor(tokens)
    if not found.ndim or not found.shape[-1]:
        raise ShapeError(f"{name} takes at least one token, (N, T); got shape {found.shape}")
    return found
