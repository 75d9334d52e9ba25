"""What is to be differentiated: a map of flat arrays, whose calls and passes are counted."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from numbers import Integral
from typing import Any

import numpy as np

from chainrule.calculus import jvp, vjp
from chainrule.core.errors import (
    ArgumentError,
    DTypeError,
    GradientError,
    NonFiniteError,
    ShapeError,
)
from chainrule.core.tree import Tree, flatten, paths
from chainrule.explaining.function import read_function
from chainrule.explaining.styles import TEXT
from chainrule.lift import as_node
from chainrule.notation import Formula, parse_many
from chainrule.tensor import Tensor, no_grad, tensor

__all__ = ["Problem", "Values", "read_problem"]

Values = np.ndarray[Any, np.dtype[np.float64]]


@dataclass(frozen=True)
class _Given:
    """A function, its arguments, and what they are called."""

    label: str
    f: Callable[..., Any]
    args: tuple[Any, ...]
    parameters: tuple[str, ...]
    formulas: tuple[Formula, ...] = ()


class Problem:
    """A function f: ℝⁿ → ℝᵐ at a point x, of flat float64 arrays whatever it takes itself.

    Attributes:
        label: the function as it was given, such as ``f(x, y) = x y``.
        formulas: if it was given as text.
        x: the point, of shape (n,).
        names: of the entries of ``x``.
        y: f(x), of shape (m,).
        shapes: of the Jacobian without the axes of what is a single scalar.
        dtype: the coarsest floating-point type among arguments and results.
        calls: how often f was run so far.
        passes: how many forward or reverse passes were made so far.
        scalars: the arguments, if each of them is a number; else None.
    """

    def __init__(self, given: _Given, dtype: Any = None) -> None:
        self.label = given.label
        self.formulas = given.formulas
        self.calls = 0
        self.passes = 0
        self._given = given
        self._leaves, self._structure = flatten(given.args)
        found = [_array(leaf) for leaf in self._leaves]
        self._floats = [i for i, value in enumerate(found) if value.dtype.kind == "f"]
        if not self._floats:
            raise DTypeError(
                "compare_methods: no argument is floating-point; cast arrays of integers with "
                ".astype('float64')"
            )
        point = [found[i] if dtype is None else found[i].astype(dtype) for i in self._floats]
        self._like = [(value.shape, value.dtype) for value in point]
        self.x: Values = np.concatenate([value.ravel() for value in point]).astype(np.float64)
        if not self.x.size:
            raise ShapeError("compare_methods: the arguments are empty, there is nothing to move")
        self.names = self._entries()
        _finite(self.x, self.names)
        self.scalars = None
        alone = all(flatten(arg)[1].kind is None for arg in given.args)
        if alone and all(value.dtype.kind == "f" and value.shape == () for value in found):
            self.scalars = tuple(float(value) for value in self.x)
        results, self._result = self._run(self.x)
        self._check(results)
        self.y = _flat(results)
        self.dtype = min(
            (dtype for _, dtype in [*self._like, *((None, r.dtype) for r in results)]),
            key=lambda dtype: dtype.itemsize,
        )
        self.shape = (*_axis(results), *_axis(point))

    # -- the function ------------------------------------------------------------------------------

    @property
    def n(self) -> int:
        """The number of inputs."""
        return len(self.x)

    @property
    def m(self) -> int:
        """The number of results."""
        return len(self.y)

    def value(self, x: Values) -> Values:
        """f(x)."""
        return _flat(self._run(x)[0])

    def pushed(self, x: Values, direction: Values) -> Values:
        """J·direction, by one forward pass."""
        self.passes += 1
        with np.errstate(all="ignore"):
            _, moved = jvp(self.called, tuple(self._split(x)), tuple(self._split(direction)))
        return _flat(_arrays(moved))

    def pulled(self, x: Values) -> Iterator[Values]:
        """The rows of J, each by one reverse pass; f itself runs once."""
        with np.errstate(all="ignore"):
            result, pullback = vjp(self.called, *self._split(x))
        shapes = [(array.shape, array.dtype) for array in _arrays(result)]
        for row in range(self.m):
            self.passes += 1
            unit = np.zeros(self.m)
            unit[row] = 1.0
            with np.errstate(all="ignore"):
                found = pullback(self._result.build(_parts(unit, shapes)))
            yield _flat(_arrays(found))

    def called(self, *values: Any) -> Any:
        """f as a function of its floating-point leaves; counted."""
        self.calls += 1
        full = list(self._leaves)
        for i, value in zip(self._floats, values, strict=True):
            full[i] = value
        return self._given.f(*self._structure.build(full))

    def leaves(self, x: Values) -> tuple[Tensor, ...]:
        """The arguments of `called` for a flat x."""
        return tuple(self._split(x))

    def component(self, row: int) -> Any:
        """The result of this number, as something that `explain` takes."""
        if self.formulas:
            return self.formulas[row]
        f, alone = self._given.f, self._result.kind is None
        if alone:
            return f

        @functools.wraps(f)
        def component(*args: Any) -> Any:
            return flatten(f(*args))[0][row]

        return component

    @property
    def scalar_results(self) -> bool:
        """Whether each result is a number by itself, not an entry of an array."""
        return len(_arrays(self._run(self.x)[0])) == self.m

    def in_float64(self) -> Problem:
        """The same problem, with all arguments in float64."""
        return Problem(self._given, np.dtype(np.float64))

    # -- flat and not ------------------------------------------------------------------------------

    def _run(self, x: Values) -> tuple[list[np.ndarray], Tree]:
        with no_grad(), np.errstate(all="ignore"):
            results, structure = flatten(self.called(*self._split(x)))
        return [np.asarray(Tensor(as_node(leaf))) for leaf in results], structure

    def _split(self, x: Values) -> list[Tensor]:
        return [tensor(part) for part in _parts(x, self._like)]

    def _check(self, results: Sequence[np.ndarray]) -> None:
        for result in results:
            if result.dtype.kind != "f":
                raise GradientError(
                    f"compare_methods: the function returns {result.dtype.name}, whose values jump "
                    "and have no slope; return a floating-point result, for example a probability "
                    "instead of a label"
                )
        if not results or not sum(result.size for result in results):
            raise ShapeError("compare_methods: the function returns nothing to differentiate")
        y = _flat(results)
        if not np.all(np.isfinite(y)):
            bad = y[~np.isfinite(y)][0]
            what = "not a number" if np.isnan(bad) else "infinite"
            raise NonFiniteError(
                f"compare_methods: the function has no finite value at {self.place}, it is {what}; "
                "choose a point inside of its domain"
            )

    @property
    def place(self) -> str:
        """x = 1, y = 2; of a long point only how long it is."""
        if self.n > 6:
            return f"a point of {self.n:,} numbers"
        pairs = zip(self.names, self.x, strict=True)
        return ", ".join(f"{name} = {value:g}" for name, value in pairs)

    def _entries(self) -> tuple[str, ...]:
        labels = []
        for name, arg in zip(self._given.parameters, self._given.args, strict=True):
            labels += [name + (f".{path}" if path else "") for path, _ in paths(arg)]
        names: list[str] = []
        for i, (shape, _) in zip(self._floats, self._like, strict=True):
            inside = (", ".join(map(str, place)) for place in np.ndindex(shape))
            names += [labels[i] + (f"[{place}]" if place else "") for place in inside]
        return tuple(names)


def _array(leaf: Any) -> np.ndarray:
    return np.array(Tensor(as_node(_number(leaf))).numpy())


def _number(value: Any) -> Any:
    """An integer as a float; all else as it is."""
    whole = isinstance(value, Integral) and not isinstance(value, bool)
    return float(value) if whole else value


def _arrays(tree: Any) -> list[np.ndarray]:
    return [np.asarray(Tensor(as_node(leaf))) for leaf in flatten(tree)[0]]


def _flat(arrays: Sequence[np.ndarray]) -> Values:
    return np.concatenate([array.ravel() for array in arrays]).astype(np.float64)


def _parts(x: Values, like: Sequence[tuple[tuple[int, ...], Any]]) -> list[np.ndarray]:
    sizes = [int(np.prod(shape)) for shape, _ in like]
    pieces = np.split(x, np.cumsum(sizes)[:-1])
    return [
        piece.astype(dtype).reshape(shape)
        for piece, (shape, dtype) in zip(pieces, like, strict=True)
    ]


def _axis(arrays: Sequence[np.ndarray]) -> tuple[int, ...]:
    """The axes of the Jacobian for these results or inputs: none for a single number."""
    size = sum(array.size for array in arrays)
    return () if size == 1 and arrays[0].shape == () else (size,)


def _finite(x: Values, names: Sequence[str]) -> None:
    for name, value in zip(names, x, strict=True):
        if not np.isfinite(value):
            raise NonFiniteError(f"compare_methods: {name} is {value}; it must be finite")


# -- reading ---------------------------------------------------------------------------------------


def read_problem(f: Any, args: Sequence[Any], at: Any) -> Problem:
    """The problem of ``f`` at the point.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if there is no point, or it does not fit the function.
        DTypeError: if no argument is floating-point.
        GradientError: if a result is not.
        NonFiniteError: if the point, or the value there, is not finite.
    """
    if args and at is not None:
        raise ArgumentError("give the point once: as arguments after the function, or as at=")
    if isinstance(f, (str, Formula)):
        return Problem(_formulas(f, args, at))
    if not callable(f):
        raise ArgumentError(
            f"compare_methods takes a formula as text or a function, not {type(f).__name__}; for "
            "example cr.compare_methods('x^2 sin x', 1.0)"
        )
    return Problem(_python(f, args, at))


def _formulas(f: str | Formula, args: Sequence[Any], at: Any) -> _Given:
    formulas = parse_many(f) if isinstance(f, str) else [f]
    if not formulas[0].names:
        formulas = parse_many(str(f), names=("x",))  # a constant is a constant function of x
    for formula in formulas:
        function = read_function(formula, args, at)
    names, point = function.names, function.point
    if not point:
        example = ", ".join(f"{name!r}: 1.0" for name in names)
        raise ArgumentError(
            f"compare_methods needs a point: a value for {', '.join(names)}, for example "
            f"at={{{example}}}"
        )
    several = len(formulas) > 1
    written = ", ".join(map(str, formulas))
    read = tuple(map(TEXT.symbol, names))
    label = f"f({', '.join(read)}) = " + (f"({written})" if several else written)
    called = _together(formulas) if several else formulas[0]
    return _Given(label, called, tuple(point.values()), read, tuple(formulas))


def _together(formulas: Sequence[Formula]) -> Callable[..., Any]:
    return lambda *values: tuple(formula(*values) for formula in formulas)


def _python(f: Callable[..., Any], args: Sequence[Any], at: Any) -> _Given:
    try:
        signature = inspect.signature(f)
    except (TypeError, ValueError):
        signature = None
    if isinstance(at, Mapping) and signature is not None:
        try:
            args = signature.bind(**at).args
        except TypeError as error:
            raise ArgumentError(f"compare_methods: at does not fit the function: {error}") from None
    elif at is not None:
        args = at if isinstance(at, tuple) else (at,)
    if not args:
        raise ArgumentError(
            "compare_methods needs a point: give the arguments of the function after it, as in "
            "cr.compare_methods(f, 2.0); what is given by name only can be passed on, as in "
            "lambda x: f(x=x)"
        )
    known = [] if signature is None else list(signature.parameters)
    names = tuple(
        known[index] if index < len(known) else f"x_{index + 1}" for index in range(len(args))
    )
    label = f"{_called(f)}({', '.join(names)})"
    return _Given(label, f, tuple(map(_number, args)), names)


def _called(f: Callable[..., Any]) -> str:
    name = getattr(f, "__name__", type(f).__name__)
    return "f" if name == "<lambda>" else name
