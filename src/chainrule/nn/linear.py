"""Layers that are linear in each of their inputs: affine and bilinear maps, tables of vectors."""

from __future__ import annotations

import operator
from typing import Any

import numpy as np

from chainrule import functions, random
from chainrule.control import stop_gradient
from chainrule.core.errors import DTypeError, IndexingError
from chainrule.nn import initialisers
from chainrule.nn._checks import as_input, check_axis, check_counts
from chainrule.nn.initialisers import Initialiser
from chainrule.nn.module import Module, parameter
from chainrule.tensor import ArrayLike, Tensor, tensor

__all__ = ["Bilinear", "Embedding", "Linear"]


class Linear(Module):
    """y = x Wᵀ + b along the last axis: shape (…, in_features) becomes (…, out_features).

    The weight has shape (out_features, in_features). That is W of the textbook's z = W x + b, whose
    row i belongs to output i, and the layout of PyTorch, so that its weights load as they are.

    Args:
        in_features, out_features: extents of the last axis before and after.
        key: random key of the initial weight.
        bias: whether there is a b; it starts at zero.
        initialiser: of the weight, a function of (key, shape); by default Xavier uniform.
        dtype: of the parameters, and of an input that is a list.

    Raises:
        DomainError: if an extent is below 1.
        ShapeError: when called, if the last axis of x is not ``in_features`` long.

    >>> import chainrule as cr
    >>> layer = cr.nn.Linear(3, 2, key=cr.random.key(0))
    >>> layer
    Linear(3, 2)
    >>> layer(cr.tensor([[1.0, 2.0, 3.0]], dtype="float32")).shape
    (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        key: Tensor,
        bias: bool = True,
        initialiser: Initialiser = initialisers.xavier_uniform,
        dtype: Any = "float32",
    ) -> None:
        check_counts("Linear", in_features=in_features, out_features=out_features)
        self.weight = parameter(initialiser(key, (out_features, in_features), dtype=dtype), dtype)
        self.bias = parameter(np.zeros(out_features), dtype) if bias else None

    def __call__(self, x: ArrayLike) -> Tensor:
        outputs, inputs = self.weight.shape
        x = as_input(x, self.weight.dtype)
        check_axis(f"Linear({inputs}, {outputs})", x, -1, inputs)
        y = x @ self.weight.T
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        outputs, inputs = self.weight.shape
        return f"{inputs}, {outputs}" + ("" if self.bias is not None else ", bias=False")


class Bilinear(Module):
    """y_k = x1ᵀ A_k x2 + b_k: shapes (…, in1_features) and (…, in2_features) to (…, out_features).

    The weight A has shape (out_features, in1_features, in2_features), as in PyTorch.

    Args:
        in1_features, in2_features, out_features: extents of the last axes.
        key: random key of the initial weight.
        bias: whether there is a b; it starts at zero.
        initialiser: of the weight, a function of (key, shape); by default Xavier uniform over the
            in1_features · in2_features products that each output adds up.
        dtype: of the parameters, and of inputs that are lists.

    Raises:
        DomainError: if an extent is below 1.
        ShapeError: when called, if a last axis does not fit, or the axes before do not broadcast.

    >>> import chainrule as cr
    >>> layer = cr.nn.Bilinear(3, 4, 2, key=cr.random.key(0))
    >>> layer(cr.ones((5, 3)), cr.ones((5, 4))).shape
    (5, 2)
    """

    def __init__(
        self,
        in1_features: int,
        in2_features: int,
        out_features: int,
        *,
        key: Tensor,
        bias: bool = True,
        initialiser: Initialiser = initialisers.xavier_uniform,
        dtype: Any = "float32",
    ) -> None:
        extents = (out_features, in1_features, in2_features)
        check_counts(
            "Bilinear",
            in1_features=in1_features,
            in2_features=in2_features,
            out_features=out_features,
        )
        flat = initialiser(key, (out_features, in1_features * in2_features), dtype=dtype)
        self.weight = parameter(flat.reshape(extents), dtype)
        self.bias = parameter(np.zeros(out_features), dtype) if bias else None

    def __call__(self, x1: ArrayLike, x2: ArrayLike) -> Tensor:
        _, first, second = self.weight.shape
        x1, x2 = (as_input(x, self.weight.dtype) for x in (x1, x2))
        check_axis(f"Bilinear({self.extra_repr()}): its first input", x1, -1, first)
        check_axis(f"Bilinear({self.extra_repr()}): its second input", x2, -1, second)
        y = functions.einsum("...i,kij,...j->...k", x1, self.weight, x2)
        return y if self.bias is None else y + self.bias

    def extra_repr(self) -> str:
        outputs, first, second = self.weight.shape
        return f"{first}, {second}, {outputs}" + ("" if self.bias is not None else ", bias=False")


class Embedding(Module):
    """Row ``weight[i]`` for every index i: shape (…) becomes (…, embedding_dim).

    Args:
        num_embeddings: how many rows the table has; indices go from 0 to num_embeddings − 1.
        embedding_dim: extent of each row.
        key: random key of the initial table.
        padding_idx: an index that stands for nothing: its row starts at zero and gets no gradient,
            so that it stays zero.
        initialiser: of the table, a function of (key, shape); by default standard normal.
        dtype: of the table.

    Raises:
        DomainError: if an extent is below 1.
        IndexingError: when called with an index out of range; for traced indices, of which the
            values are not known then, when the program runs. Negative indices are out of range.
        DTypeError: when called with indices that are no integers.

    >>> import chainrule as cr
    >>> table = cr.nn.Embedding(10, 4, key=cr.random.key(0), padding_idx=0)
    >>> table([[1, 2, 0], [3, 0, 0]]).shape
    (2, 3, 4)
    >>> table(0).tolist()
    [0.0, 0.0, 0.0, 0.0]
    """

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        *,
        key: Tensor,
        padding_idx: int | None = None,
        initialiser: Initialiser = random.normal,
        dtype: Any = "float32",
    ) -> None:
        check_counts("Embedding", num_embeddings=num_embeddings, embedding_dim=embedding_dim)
        table = initialiser(key, (num_embeddings, embedding_dim), dtype=dtype)
        if padding_idx is not None:
            padding_idx = operator.index(padding_idx)
            if not -num_embeddings <= padding_idx < num_embeddings:
                raise IndexingError(
                    f"Embedding: padding_idx {padding_idx} is none of the {num_embeddings} rows"
                )
            padding_idx %= num_embeddings
            table = table.at[padding_idx].set(0.0)
        self.weight = parameter(table, dtype)
        self.padding_idx = padding_idx

    def __call__(self, indices: ArrayLike) -> Tensor:
        places = self._checked(indices if isinstance(indices, Tensor) else tensor(indices))
        rows = functions.take(self.weight, places, axis=0)
        if self.padding_idx is None:
            return rows
        nothing = functions.expand_dims(functions.equal(places, self.padding_idx), axis=-1)
        found: Tensor = functions.where(nothing, stop_gradient(rows), rows)
        return found

    def _checked(self, indices: Tensor) -> Tensor:
        rows = self.weight.shape[0]
        if indices.dtype.kind not in "iu":
            raise DTypeError(f"Embedding: indices are integers, not {indices.dtype.name}")
        if indices.is_traced:
            if indices.dtype.kind == "u":
                return indices
            # behind the last row, where a lookup refuses it; -1 would be taken for the last row
            signed = functions.astype(indices, "int64")
            refused: Tensor = functions.where(functions.less(signed, 0), rows, signed)
            return refused
        values = indices.numpy()
        outside = (values < 0) | (values >= rows)
        if outside.any():
            raise IndexingError(
                f"Embedding({self.extra_repr()}): index {values[outside].flat[0]} is out of range; "
                f"the table has the rows 0 to {rows - 1}"
            )
        return indices

    def extra_repr(self) -> str:
        rows, extent = self.weight.shape
        padding = "" if self.padding_idx is None else f", padding_idx={self.padding_idx}"
        return f"{rows}, {extent}{padding}"
