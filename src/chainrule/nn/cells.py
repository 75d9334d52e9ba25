"""One time step of a recurrent network: RNNCell, LSTMCell and GRUCell.

The weights have the layout of PyTorch's cells, the rows of all gates one below the other, and
start as there, uniform in ±1/√hidden_size.
"""

from __future__ import annotations

import math
from typing import Any, ClassVar, Literal

from chainrule import functions, random
from chainrule.core.errors import DomainError, ShapeError
from chainrule.nn._checks import as_input, check_axis, check_counts
from chainrule.nn.module import Module, parameter
from chainrule.tensor import ArrayLike, Tensor

__all__ = ["Cell", "GRUCell", "LSTMCell", "RNNCell"]

State = tuple[Tensor, ...]
"""What is carried from step to step, the hidden state h first; each of shape (…, hidden_size)."""


class Cell(Module):
    """What the cells share: the weights, the product with the input, and the checks.

    Attributes:
        weight_ih: (gates · hidden_size, input_size), applied to the input.
        weight_hh: (gates · hidden_size, hidden_size), applied to the hidden state.
        bias_ih, bias_hh: (gates · hidden_size,) each, or None.
    """

    gates: ClassVar[int] = 1
    """How many blocks of ``hidden_size`` rows the weights have."""
    parts: ClassVar[str] = "h"
    """A letter for each tensor of the state."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None

    def __init__(
        self, input_size: int, hidden_size: int, bias: bool, *, key: Tensor, dtype: Any
    ) -> None:
        check_counts(type(self).__name__, input_size=input_size, hidden_size=hidden_size)
        rows = self.gates * hidden_size
        bound = 1 / math.sqrt(hidden_size)
        keys = random.split(key, 4)

        def drawn(number: int, *shape: int) -> Tensor:
            values = random.uniform(keys[number], shape, low=-bound, high=bound, dtype=dtype)
            return parameter(values, dtype)

        self.weight_ih = drawn(0, rows, input_size)
        self.weight_hh = drawn(1, rows, hidden_size)
        self.bias_ih = drawn(2, rows) if bias else None
        self.bias_hh = drawn(3, rows) if bias else None

    @property
    def input_size(self) -> int:
        return self.weight_ih.shape[1]

    @property
    def hidden_size(self) -> int:
        return self.weight_hh.shape[1]

    def __call__(self, x: ArrayLike, state: Any = None) -> Any:
        inputs = self.inputs(x)
        projected = self.project(inputs)
        shape = (*inputs.shape[:-1], self.hidden_size)
        after = self.advance(projected, self.initial(state, shape, projected.dtype, self._name()))
        return after if len(self.parts) > 1 else after[0]

    def inputs(self, x: ArrayLike) -> Tensor:
        """``x`` as a tensor whose last axis fits.

        Raises:
            ShapeError: if it does not.
        """
        found = as_input(x, self.weight_ih.dtype)
        check_axis(self._name(), found, -1, self.input_size)
        return found

    def project(self, x: Tensor) -> Tensor:
        """The part of all gates that does not depend on the state, for one step or for many.

        Shape (…, input_size) becomes (…, gates · hidden_size).
        """
        projected = x @ self.weight_ih.T
        if self.bias_ih is None or self.bias_hh is None:
            return projected
        return projected + (self.bias_ih + self.bias_hh)

    def advance(self, projected: Tensor, state: State) -> State:
        """The state after a step, from the projected input and the state before."""
        raise NotImplementedError

    def initial(self, given: Any, shape: tuple[int, ...], dtype: Any, name: str) -> State:
        """The state ``given``, checked and in ``dtype``; zeros for None. ``name`` is the asker's.

        Raises:
            ShapeError: if it has other parts, or one of another shape.
        """
        if given is None:
            return tuple(functions.zeros(shape, dtype=dtype) for _ in self.parts)
        several = isinstance(given, (tuple, list))
        found = list(given) if several else [given]
        if several != (len(self.parts) > 1) or len(found) != len(self.parts):
            expected = f"({', '.join(self.parts)})" if len(self.parts) > 1 else "one tensor h"
            got = f"a {type(given).__name__} of {len(found)}" if several else "one tensor"
            raise ShapeError(f"{name}: the state is {expected}, not {got}")
        tensors = [functions.astype(as_input(part, dtype), dtype) for part in found]
        for letter, part in zip(self.parts, tensors, strict=True):
            if part.shape != shape:
                raise ShapeError(
                    f"{name}: the state {letter} has shape {part.shape}, expected {shape}"
                )
        return tuple(tensors)

    def extra_repr(self) -> str:
        bias = "" if self.bias_ih is not None else ", bias=False"
        return f"{self.input_size}, {self.hidden_size}{bias}"

    def _name(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"

    def _blocks(self, z: Tensor) -> list[Tensor]:
        """The parts of the last axis that belong to the single gates."""
        size = self.hidden_size
        return [z[..., gate * size : (gate + 1) * size] for gate in range(self.gates)]


class RNNCell(Cell):
    """h′ = φ(W_ih x + b_ih + W_hh h + b_hh), φ = tanh or relu; Elman 1990, Finding structure in
    time.

    Args:
        input_size, hidden_size: extents of the last axis of input and state.
        bias: whether there are b_ih and b_hh.
        nonlinearity: φ, "tanh" or "relu".
        key: random key of the initial parameters.

    Called with x (…, input_size) and optionally h (…, hidden_size), by default zeros, it gives h′.

    Raises:
        DomainError: for an extent below 1 or another nonlinearity.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> cell = cr.nn.RNNCell(2, 3, key=cr.random.key(0))
    >>> h = cell(cr.tensor([[1.0, 2.0]]))
    >>> cell(cr.tensor([[0.5, 1.0]]), h).shape
    (1, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise DomainError(f'RNNCell: nonlinearity is "tanh" or "relu", not {nonlinearity!r}')
        super().__init__(input_size, hidden_size, bias, key=key, dtype=dtype)
        self.nonlinearity = nonlinearity

    def advance(self, projected: Tensor, state: State) -> State:
        z = projected + state[0] @ self.weight_hh.T
        return (functions.tanh(z) if self.nonlinearity == "tanh" else functions.relu(z),)

    def extra_repr(self) -> str:
        other = "" if self.nonlinearity == "tanh" else f", nonlinearity={self.nonlinearity!r}"
        return super().extra_repr() + other


class LSTMCell(Cell):
    """Long short-term memory: a cell c that gates write to, let decay and read from.

    i, f, g, o = W_ih x + b_ih + W_hh h + b_hh, blocks in this order;
    c′ = σ(f)·c + σ(i)·tanh(g);  h′ = σ(o)·tanh(c′).

    Hochreiter and Schmidhuber 1997, with the forget gate of Gers, Schmidhuber and Cummins 2000.

    Args:
        input_size, hidden_size: extents of the last axis of input and state.
        bias: whether there are b_ih and b_hh.
        key: random key of the initial parameters.

    Called with x (…, input_size) and optionally (h, c), each (…, hidden_size) and by default
    zeros, it gives (h′, c′).

    Raises:
        DomainError: for an extent below 1.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> cell = cr.nn.LSTMCell(2, 3, key=cr.random.key(0))
    >>> h, c = cell(cr.tensor([[1.0, 2.0]]))
    >>> h.shape, c.shape
    ((1, 3), (1, 3))
    """

    gates = 4
    parts = "hc"

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, key=key, dtype=dtype)

    def advance(self, projected: Tensor, state: State) -> State:
        h, c = state
        i, f, g, o = self._blocks(projected + h @ self.weight_hh.T)
        c = functions.sigmoid(f) * c + functions.sigmoid(i) * functions.tanh(g)
        return functions.sigmoid(o) * functions.tanh(c), c


class GRUCell(Cell):
    """Gated recurrent unit; the reset gate r applies after the product with the state.

    r, z, n = W_ih x + b_ih and r_h, z_h, n_h = W_hh h + b_hh, blocks in this order;
    r = σ(r + r_h);  z = σ(z + z_h);  n = tanh(n + r·n_h);  h′ = (1 − z)·n + z·h.

    This is the form of cuDNN and PyTorch, of the first version of Cho et al. 2014 (Learning phrase
    representations using RNN encoder–decoder); later versions have W_hh (r·h) in place of r·n_h.

    Args:
        input_size, hidden_size: extents of the last axis of input and state.
        bias: whether there are b_ih and b_hh.
        key: random key of the initial parameters.

    Called with x (…, input_size) and optionally h (…, hidden_size), by default zeros, it gives h′.

    Raises:
        DomainError: for an extent below 1.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> cell = cr.nn.GRUCell(2, 3, key=cr.random.key(0))
    >>> cell(cr.tensor([[1.0, 2.0]])).shape
    (1, 3)
    """

    gates = 3

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        super().__init__(input_size, hidden_size, bias, key=key, dtype=dtype)

    def project(self, x: Tensor) -> Tensor:
        projected = x @ self.weight_ih.T
        return projected if self.bias_ih is None else projected + self.bias_ih

    def advance(self, projected: Tensor, state: State) -> State:
        (h,) = state
        product = h @ self.weight_hh.T
        if self.bias_hh is not None:
            product = product + self.bias_hh
        r, z, n = self._blocks(projected)
        r_h, z_h, n_h = self._blocks(product)
        z = functions.sigmoid(z + z_h)
        n = functions.tanh(n + functions.sigmoid(r + r_h) * n_h)
        return (n + z * (h - n),)
