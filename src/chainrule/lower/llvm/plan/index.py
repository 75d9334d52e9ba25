"""Index arithmetic: where in its source a node finds an element, as a function of loop variables.

An index is one `Affine` for each axis: a constant and integer multiples of loop variables. Views
(reshape, permute, slice, broadcast, …) change the index and copy nothing. What is not affine, such
as the row that an index array names, is a variable of its own whose value is computed on the spot.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from typing import Any

__all__ = [
    "Affine",
    "Dynamic",
    "NotAffineError",
    "Quotient",
    "Repeated",
    "SplitError",
    "Var",
    "flat",
    "strides_of",
]

_serial = count()


class Var:
    """A loop variable with values 0 … extent - 1."""

    __slots__ = ("extent", "serial")

    def __init__(self, extent: int) -> None:
        self.extent = extent
        self.serial = next(_serial)

    def __repr__(self) -> str:
        return f"v{self.serial}<{self.extent}"

    @property
    def inner(self) -> tuple[Var, ...]:
        """The loop variables that its value depends on."""
        return (self,)


class Dynamic(Var):
    """The element of an integer array: the place that an index array names.

    Negative values count from the end of an axis of ``extent`` elements. ``checked`` says that
    values outside the axis set the status word of the program.
    """

    __slots__ = ("index", "node")

    def __init__(self, node: Any, index: Index, extent: int) -> None:
        super().__init__(extent)
        self.node = node
        self.index = index

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Dynamic)
            and self.node is other.node
            and self.index == other.index
            and self.extent == other.extent
        )

    def __hash__(self) -> int:
        return hash((id(self.node), self.index, self.extent))

    @property
    def inner(self) -> tuple[Var, ...]:
        return tuple(v for part in self.index for v in part.inner)


class Quotient(Var):
    """⌊affine / divisor⌋, where it is used only if the division leaves no remainder."""

    __slots__ = ("divisor", "of")

    def __init__(self, of: Affine, divisor: int, extent: int) -> None:
        super().__init__(extent)
        self.of = of
        self.divisor = divisor

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Quotient) and self.of == other.of and self.divisor == other.divisor

    def __hash__(self) -> int:
        return hash((self.of, self.divisor))

    @property
    def inner(self) -> tuple[Var, ...]:
        return self.of.inner


class Repeated(Var):
    """⌊var / times⌋: each place of an array is read ``times`` times in a row."""

    __slots__ = ("times", "var")

    def __init__(self, var: Var, times: int) -> None:
        super().__init__(var.extent // times)
        self.var = var
        self.times = times

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Repeated) and self.var is other.var and self.times == other.times

    def __hash__(self) -> int:
        return hash((self.var, self.times))

    @property
    def inner(self) -> tuple[Var, ...]:
        return (self.var,)


class SplitError(Exception):
    """A loop variable has to be split into two, the last of ``low`` values."""

    def __init__(self, var: Var, low: int) -> None:
        super().__init__(var, low)
        self.var = var
        self.low = low


class NotAffineError(Exception):
    """An index that this arithmetic cannot express: the source has to be stored first."""


class Affine:
    """``constant + Σ coefficient · variable``."""

    __slots__ = ("_hash", "constant", "terms")

    def __init__(self, constant: int, terms: tuple[tuple[Var, int], ...] = ()) -> None:
        self.constant = constant
        self.terms = terms
        self._hash = hash((constant, terms))

    @staticmethod
    def of(var: Var) -> Affine:
        return Affine(0, ((var, 1),)) if var.extent != 1 or type(var) is not Var else Affine(0)

    @staticmethod
    def sum(parts: Iterable[tuple[Affine, int]], constant: int = 0) -> Affine:
        """Σ factor · affine + constant."""
        found: dict[Var, int] = {}
        for affine, factor in parts:
            constant += affine.constant * factor
            for var, coefficient in affine.terms:
                found[var] = found.get(var, 0) + coefficient * factor
        terms = sorted(((var, c) for var, c in found.items() if c), key=lambda term: term[0].serial)
        return Affine(constant, tuple(terms))

    def scaled(self, factor: int, constant: int = 0) -> Affine:
        """factor · self + constant."""
        if factor == 1:
            return self if not constant else Affine(self.constant + constant, self.terms)
        if factor == 0:
            return Affine(constant)
        return Affine(
            self.constant * factor + constant, tuple((v, c * factor) for v, c in self.terms)
        )

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Affine)
            and self.constant == other.constant
            and self.terms == other.terms
        )

    def __hash__(self) -> int:
        return self._hash

    def __repr__(self) -> str:
        return " + ".join([str(self.constant), *(f"{c}*{v!r}" for v, c in self.terms)])

    @property
    def inner(self) -> tuple[Var, ...]:
        """The loop variables in it, also those inside of dynamic parts."""
        return tuple(v for var, _ in self.terms for v in var.inner)

    def bounds(self, known: Mapping[Var, tuple[int, int]] | None = None) -> tuple[int, int]:
        """The least and the largest value; ``known`` are tighter bounds of some variables."""
        low = high = self.constant
        for var, coefficient in self.terms:
            first, last = (0, var.extent - 1) if not known else known.get(var, (0, var.extent - 1))
            ends = coefficient * first, coefficient * last
            low += min(ends)
            high += max(ends)
        return low, high

    def divided(self, divisor: int) -> tuple[Affine, Affine]:
        """Quotient and remainder (0 ≤ remainder < divisor), both affine.

        Raises:
            SplitError: if that works once a variable was split.
            NotAffineError: otherwise.
        """
        if divisor == 1:
            return self, Affine(0)
        high = tuple((v, c // divisor) for v, c in self.terms if c % divisor == 0)
        low = tuple((v, c) for v, c in self.terms if c % divisor)
        rest = Affine(self.constant % divisor, low)
        bounds = rest.bounds()
        if bounds[0] >= 0 and bounds[1] < divisor:
            return Affine(self.constant // divisor, high), rest
        if len(low) == 1 and self.constant % divisor == 0:
            var, coefficient = low[0]
            if coefficient > 0 and divisor % coefficient == 0 and type(var) is Var:
                inner = divisor // coefficient
                if var.extent % inner == 0:
                    raise SplitError(var, inner)
        raise NotAffineError


Index = tuple[Affine, ...]


def strides_of(shape: Sequence[int]) -> tuple[int, ...]:
    """Strides of a contiguous array, in elements.

    >>> strides_of((2, 3, 4))
    (12, 4, 1)
    """
    strides = []
    step = 1
    for extent in reversed(shape):
        strides.append(step)
        step *= extent
    return tuple(reversed(strides))


def flat(index: Index, shape: Sequence[int]) -> Affine:
    """The position in a contiguous array of this shape."""
    return Affine.sum(zip(index, strides_of(shape), strict=True))


def unflat(position: Affine, shape: Sequence[int]) -> Index:
    """The index in an array of this shape of a position in its elements.

    Raises:
        SplitError, NotAffineError: see `Affine.divided`.
    """
    found: list[Affine] = []
    for extent in reversed(shape[1:]):
        if extent == 1:
            found.append(Affine(0))
            continue
        position, rest = position.divided(extent)
        found.append(rest)
    if shape:
        found.append(Affine(0) if shape[0] == 1 else position)
    return tuple(reversed(found))
