"""Recurrent networks over sequences: RNN, LSTM and GRU, which scan a cell over the time steps.

Sequences are batch-first, (N, T, features), as PyTorch's with ``batch_first=True``. All inputs are
multiplied by their weights in one product before the scan, so that a step multiplies only the
state. Compiled, the scan and its reverse pass are native loops.

The parameter ``weight_ih_l1_reverse`` of PyTorch is ``cells.1.1.weight_ih`` here: layer 1,
direction 1 (backward in time). Shapes and the order of gates agree.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

from chainrule import functions, random
from chainrule.control import scan
from chainrule.core.errors import ShapeError
from chainrule.nn._checks import check_counts, check_share
from chainrule.nn.cells import Cell, GRUCell, LSTMCell, RNNCell, State
from chainrule.nn.dropout import Dropout
from chainrule.nn.module import Module
from chainrule.tensor import ArrayLike, Tensor

__all__ = ["GRU", "LSTM", "RNN"]


class Recurrent(Module):
    """What RNN, LSTM and GRU share: cells in layers and directions, and the scans over them.

    Attributes:
        cells: for each layer a tuple with the forward cell, and the backward one if there is one.
        dropouts: what is done to the outputs of each layer but the last, if anything.
    """

    cells: tuple[tuple[Cell, ...], ...]
    dropouts: tuple[Dropout, ...]

    def __init__(
        self,
        make: Callable[..., Cell],
        input_size: int,
        num_layers: int,
        dropout: float,
        bidirectional: bool,
        key: Tensor,
    ) -> None:
        check_counts(type(self).__name__, num_layers=num_layers)
        check_share(type(self).__name__, "dropout", dropout)
        key, drop_key = random.split(key)
        directions = 2 if bidirectional else 1
        cells: list[tuple[Cell, ...]] = []
        for layer in range(num_layers):
            keys = random.split(random.fold_in(key, layer), directions)
            cells.append(tuple(make(input_size, key=keys[way]) for way in range(directions)))
            input_size = directions * cells[-1][0].hidden_size
        self.cells = tuple(cells)
        between = num_layers - 1 if dropout else 0
        keys = random.split(drop_key, max(between, 1))
        self.dropouts = tuple(Dropout(dropout, key=keys[place]) for place in range(between))

    def __call__(self, x: ArrayLike, state: Any = None) -> tuple[Tensor, Any]:
        first = self.cells[0][0]
        inputs = first.inputs(x)
        if inputs.ndim < 2:
            raise ShapeError(
                f"{self._name()} takes a sequence (…, T, {first.input_size}), the input has shape "
                f"{inputs.shape}"
            )
        sequence = functions.moveaxis(inputs, -2, 0)
        states = self._initial(state, sequence)
        finals: list[State] = []
        for layer, cells in enumerate(self.cells):
            if layer and self.dropouts:
                sequence = self.dropouts[layer - 1](sequence)
            ways: list[Tensor] = []
            for cell in cells:
                final, outputs = _run(cell, sequence, states[len(finals)], backward=bool(ways))
                finals.append(final)
                ways.append(outputs)
            sequence = ways[0] if len(ways) == 1 else functions.concat(ways, axis=-1)
        last = tuple(functions.stack(part) for part in zip(*finals, strict=True))
        return functions.moveaxis(sequence, 0, -2), last if len(last) > 1 else last[0]

    def start(self, batch_size: int) -> Any:
        """The state of zeros that a sequence starts from."""
        first = self.cells[0][0]
        shape = (len(self.cells) * len(self.cells[0]), batch_size, first.hidden_size)
        parts = first.initial(None, shape, first.weight_ih.dtype, self._name())
        return parts if len(parts) > 1 else parts[0]

    def _initial(self, given: Any, sequence: Tensor) -> list[State]:
        """The initial state of each cell, forward before backward, layer by layer."""
        cell = self.cells[0][0]
        count = len(self.cells) * len(self.cells[0])
        shape = (count, *sequence.shape[1:-1], cell.hidden_size)
        dtype = functions.result_type(sequence, cell.weight_ih)
        parts = cell.initial(given, shape, dtype, self._name())
        return [tuple(part[index] for part in parts) for index in range(count)]

    def extra_repr(self) -> str:
        first = self.cells[0][0]
        layers = f", num_layers={len(self.cells)}" if len(self.cells) > 1 else ""
        return (
            first.extra_repr() + layers + (", bidirectional=True" if len(self.cells[0]) > 1 else "")
        )

    def _name(self) -> str:
        return f"{type(self).__name__}({self.extra_repr()})"


def _run(cell: Cell, sequence: Tensor, state: State, backward: bool) -> tuple[State, Tensor]:
    """The last state, and the hidden states of all steps; time is axis 0."""

    def step(carry: State, projected: Tensor) -> tuple[State, Tensor]:
        after = cell.advance(projected, carry)
        return after, after[0]

    final, outputs = scan(step, state, cell.project(sequence), reverse=backward)
    return final, outputs


class RNN(Recurrent):
    """h_t = φ(W_ih x_t + b_ih + W_hh h_{t−1} + b_hh) through time; see `RNNCell`.

    Called with x (N, T, input_size), or (T, input_size) for one sequence, and optionally an initial
    state h, by default zeros, it gives the outputs of the last layer, (N, T, hidden_size), and the
    last h, (num_layers, N, hidden_size). With two directions the outputs of both stand one after
    the other, (N, T, 2·hidden_size), and states are (2·num_layers, N, hidden_size), layer by layer,
    forward before backward.

    Args:
        input_size, hidden_size: features of the inputs, and of the state in each direction.
        num_layers: how many layers; each takes the outputs of the one before.
        nonlinearity: φ, "tanh" or "relu".
        bias: whether there are b_ih and b_hh.
        dropout: rate of the dropout between layers in training.
        bidirectional: whether a second cell in each layer goes from the last step to the first.
        key: random key of the initial parameters, and of dropout.

    Raises:
        DomainError: for an extent below 1, another nonlinearity or dropout.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> model = cr.nn.RNN(2, 3, num_layers=2, key=cr.random.key(0))
    >>> outputs, h = model(cr.zeros((4, 10, 2)))
    >>> outputs.shape, h.shape
    ((4, 10, 3), (2, 4, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: Literal["tanh", "relu"] = "tanh",
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        make = partial(
            RNNCell, hidden_size=hidden_size, bias=bias, nonlinearity=nonlinearity, dtype=dtype
        )
        super().__init__(make, input_size, num_layers, dropout, bidirectional, key)


class LSTM(Recurrent):
    """Long short-term memory through time; see `LSTMCell`.

    Inputs, outputs and arguments are as of `RNN`; the state is a pair (h, c), each part of shape
    (num_layers, N, hidden_size), or (2·num_layers, N, hidden_size) with two directions.

    Raises:
        DomainError: for an extent below 1.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> model = cr.nn.LSTM(2, 3, bidirectional=True, key=cr.random.key(0))
    >>> outputs, (h, c) = model(cr.zeros((4, 10, 2)))
    >>> outputs.shape, h.shape, c.shape
    ((4, 10, 6), (2, 4, 3), (2, 4, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        make = partial(LSTMCell, hidden_size=hidden_size, bias=bias, dtype=dtype)
        super().__init__(make, input_size, num_layers, dropout, bidirectional, key)


class GRU(Recurrent):
    """Gated recurrent units through time; see `GRUCell`.

    Inputs, outputs, state and arguments are as of `RNN`.

    Raises:
        DomainError: for an extent below 1.
        ShapeError: when called, if the shapes do not fit.

    >>> import chainrule as cr
    >>> model = cr.nn.GRU(2, 3, key=cr.random.key(0))
    >>> outputs, h = model(cr.zeros((4, 10, 2)))
    >>> outputs, h = model(cr.ones((4, 5, 2)), h)  # the sequence goes on
    >>> outputs.shape, h.shape
    ((4, 5, 3), (1, 4, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        dropout: float = 0.0,
        bidirectional: bool = False,
        *,
        key: Tensor,
        dtype: Any = "float32",
    ) -> None:
        make = partial(GRUCell, hidden_size=hidden_size, bias=bias, dtype=dtype)
        super().__init__(make, input_size, num_layers, dropout, bidirectional, key)
