"""Where in a sequence something stands: learned, sinusoidal and rotary positions."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn import initialisers
from chainrule.nn._checks import as_input, check_axis, check_counts
from chainrule.nn.initialisers import Initialiser
from chainrule.nn.module import Module, parameter
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["LearnedPositions", "RotaryPositions", "SinusoidalPositions"]

Offset = int | Tensor
"""The position of the first element; traced where a cache says it."""


SMALL = partial(initialisers.truncated_normal, std=0.02)
"""The initial table of embeddings in Transformers; Devlin et al. 2019 (BERT)."""


def _places(x: Tensor, offset: Offset) -> Tensor:
    """The positions of the elements along the axis before the last."""
    return tensor(np.arange(x.shape[-2])) + offset


def _check_sequence(layer: str, x: Tensor) -> None:
    if x.ndim < 2:
        raise ShapeError(
            f"{layer} takes a sequence (…, T, features), the input has shape {x.shape}"
        )


class LearnedPositions(Module):
    """x + P, where row t of the table P belongs to position t; (…, T, embed_dim) stays.

    Gehring et al. 2017 (Convolutional sequence to sequence learning), section 3.1; used by BERT
    and GPT-2.

    Args:
        max_length: rows of the table: no sequence may be longer.
        embed_dim: extent of the last axis.
        key: random key of the initial table.
        initialiser: of the table, a function of (key, shape); by default truncated normal, 0.02.

    Called with x and optionally ``offset``, the position of its first element.

    Raises:
        DomainError: if an extent is below 1.
        ShapeError: when called, if the last axis does not fit or the sequence is too long.
        IndexingError: when a program runs with a traced offset that is too large.

    >>> import chainrule as cr
    >>> positions = cr.nn.LearnedPositions(10, 4, key=cr.random.key(0))
    >>> positions(cr.zeros((2, 3, 4))).shape
    (2, 3, 4)
    """

    def __init__(
        self,
        max_length: int,
        embed_dim: int,
        *,
        key: Tensor,
        initialiser: Initialiser = SMALL,
        dtype: Any = "float32",
    ) -> None:
        check_counts("LearnedPositions", max_length=max_length, embed_dim=embed_dim)
        self.weight = parameter(initialiser(key, (max_length, embed_dim), dtype=dtype), dtype)

    def __call__(self, x: ArrayLike, offset: Offset = 0) -> Tensor:
        length, extent = self.weight.shape
        name = f"LearnedPositions({length}, {extent})"
        x = as_input(x, self.weight.dtype)
        check_axis(name, x, -1, extent)
        _check_sequence(name, x)
        if isinstance(offset, int):
            last = offset + x.shape[-2]
            if offset < 0 or last > length:
                raise ShapeError(
                    f"{name} knows positions 0 to {length - 1}, the sequence of shape {x.shape} "
                    f"goes from {offset} to {last - 1}"
                )
            return x + self.weight[offset:last]
        return x + functions.take(self.weight, _places(x, offset), axis=0)

    def extra_repr(self) -> str:
        length, extent = self.weight.shape
        return f"{length}, {extent}"


class SinusoidalPositions(Module):
    """x + P with P[t, 2i] = sin(t / base^(2i/d)), P[t, 2i+1] = cos(t / base^(2i/d)); d is even.

    Vaswani et al. 2017 (Attention is all you need), section 3.5: for each shift there is a matrix
    that takes the row of every position to that of the shifted one. There is nothing to be learned
    and no longest sequence. (…, T, d) stays as it is.

    Args:
        base: the wavelengths go from 2π to 2π · base.

    Called with x and optionally ``offset``, the position of its first element.

    Raises:
        DomainError: if ``base`` is not above 1.
        ShapeError: when called, if the last axis is odd.

    >>> import chainrule as cr
    >>> cr.nn.SinusoidalPositions()(cr.zeros((2, 4))).numpy().round(3)
    array([[0.   , 1.   , 0.   , 1.   ],
           [0.841, 0.54 , 0.01 , 1.   ]])
    """

    base: float = 10000.0

    def __call__(self, x: ArrayLike, offset: Offset = 0) -> Tensor:
        x = as_input(x, None)
        angles = _angles(self, x, offset)
        both = functions.stack([functions.sin(angles), functions.cos(angles)], axis=-1)
        return x + functions.astype(both.reshape((*angles.shape[:-1], x.shape[-1])), x.dtype)


class RotaryPositions(Module):
    """Turns pairs of features by angles that grow with the position; (…, T, d) stays, d is even.

    (x_i, x_{i+d/2}) at position t is turned by t · base^(−2i/d), so that the product of a query and
    a key depends on the distance of their positions only. Su et al. 2021 (RoFormer), equation 34,
    with the halves of the features as pairs, as in GPT-NeoX and LLaMA; the paper pairs neighbours,
    which is the same up to the order of features.

    Args:
        base: the slowest pair turns by one radian in about ``base`` positions.

    Called with queries or keys and optionally ``offset``, the position of the first one.

    Raises:
        DomainError: if ``base`` is not above 1.
        ShapeError: when called, if the last axis is odd.

    >>> import chainrule as cr
    >>> rotary = cr.nn.RotaryPositions()
    >>> rotary(cr.ones((3, 2))).numpy().round(3)
    array([[ 1.   ,  1.   ],
           [-0.301,  1.382],
           [-1.325,  0.493]])
    """

    base: float = 10000.0

    def __call__(self, x: ArrayLike, offset: Offset = 0) -> Tensor:
        x = as_input(x, None)
        angles = _angles(self, x, offset)
        cos, sin = (functions.astype(f(angles), x.dtype) for f in (functions.cos, functions.sin))
        half = x.shape[-1] // 2
        first, second = x[..., :half], x[..., half:]
        return functions.concat([first * cos - second * sin, second * cos + first * sin], axis=-1)


def _angles(layer: SinusoidalPositions | RotaryPositions, x: Tensor, offset: Offset) -> Tensor:
    """t · base^(−2i/d) for all t and i < d/2, in float64, since t may be large; (T, d/2)."""
    name = type(layer).__name__
    if layer.base <= 1:
        raise DomainError(f"{name}: base is above 1, not {layer.base!r}")
    _check_sequence(name, x)
    extent = x.shape[-1]
    if extent % 2:
        raise ShapeError(f"{name} takes an even number of features, the input has shape {x.shape}")
    places = functions.astype(_places(x, offset), "float64")
    rates = layer.base ** (-np.arange(0, extent, 2) / extent)
    return functions.expand_dims(places, axis=-1) * rates
