"""The function of a picture: its values and slopes at many points, with gaps outside its domain."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.calculus import grad
from chainrule.calculus import taylor as taylor_polynomial
from chainrule.core.errors import ArgumentError, DomainError, GradientError
from chainrule.core.graph import Graph
from chainrule.core.node import Node, array, literal
from chainrule.explaining.function import read_function
from chainrule.explaining.sides import not_smooth, one_sided
from chainrule.explaining.styles import TEXT
from chainrule.functions import stack
from chainrule.notation import Formula, parse
from chainrule.rules.batch import batch
from chainrule.rules.vjp import pull
from chainrule.tensor import Tensor, no_grad
from chainrule.tracing import positional

__all__ = ["Subject", "Values"]

Values = np.ndarray[Any, np.dtype[np.float64]]

_LONGEST = 48  # letters of a formula in a title


class Subject:
    """A function of one or two variables, to be drawn around a point.

    Args:
        picture: the name of the picture, for messages.
        f: a formula as text, or a Python function of numbers or of one array.
        at: the point.
        variables: how many variables the picture is for.

    Attributes:
        label: the function with its formula, such as ``f(x) = x^2``; without one ``f(x)``.
        names: of its variables, as they are read: α for ``alpha``, x₁ for ``x_1``.
        point: where the picture has its middle.
        here: the value there.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if it has another number of variables, or the point does not fit.
        GradientError: if it does not return one number.
        DomainError: if it has no finite value at the point.
    """

    def __init__(self, picture: str, f: Any, at: Any, variables: int) -> None:
        self.picture = picture
        at = _as_point(picture, at)
        if isinstance(f, str):
            f = parse(f)
        if isinstance(f, Formula):
            self._require(f.names or ("x",), variables)
        elif not callable(f):
            raise ArgumentError(
                f"{picture} takes a formula as text or a function, not {type(f).__name__}"
            )
        elif _takes_array(f, at):
            f = _of_numbers(f, at)
        if at is None:
            example = "1.0" if variables == 1 else "(1.0, 2.0)"
            raise ArgumentError(f"{picture} needs a point to look at, such as at={example}")
        given = read_function(f, (), at)
        self._require(given.names, variables)
        if len(given.outputs) != 1:
            raise GradientError(
                f"{picture} draws a function with one result, this one has {len(given.outputs)}; "
                "draw one at a time"
            )
        self.names = tuple(map(TEXT.symbol, given.names))
        self.point: Values = np.array([given.point[name] for name in given.names])
        self._graph = Graph(given.holes, [given.output])
        self._gradient = self._differentiated()
        self._by_values = None if not given.notes else f
        text = str(f) if isinstance(f, Formula) else ""
        called = f"f({', '.join(self.names)})"
        self.label = f"{called} = {text}" if 0 < len(text) <= _LONGEST else called
        self.here = float(self.values(*self.point))
        if not np.isfinite(self.here):
            raise DomainError(
                f"{picture}: the function has no finite value at {self.place}; choose a point "
                "inside of its domain"
            )

    def _require(self, names: Sequence[str], variables: int) -> None:
        if len(names) == variables:
            return
        few = ("tangent or taylor", "contour, tangent_plane or directions")[len(names) != 1]
        has = "one variable" if len(names) == 1 else f"{len(names)} variables"
        wanted = "one variable" if variables == 1 else f"{variables} variables"
        instead = f"; take {few}" if len(names) in (1, 2) else "; put in numbers for the others"
        raise ArgumentError(
            f"{self.picture} draws a function of {wanted}, this one has {has} "
            f"({', '.join(names)}){instead}"
        )

    @property
    def place(self) -> str:
        """x = 1, y = 2."""
        return ", ".join(f"{n} = {v:g}" for n, v in zip(self.names, self.point, strict=True))

    # -- values and slopes -------------------------------------------------------------------------

    def values(self, *coordinates: Any) -> Values:
        """f at many points; NaN where it has no value."""
        f = self._by_values
        if f is None:
            (found,) = _everywhere(self._graph, coordinates)
        else:
            with no_grad():
                (found,) = _one_by_one(lambda *x: [f(*x)], coordinates, 1)
        return np.where(np.isfinite(found), found, np.nan)

    def slopes(self, *coordinates: Any) -> tuple[Values, ...]:
        """The partial derivatives at many points; NaN where they or the value are not finite."""
        count = len(self.names)
        if self._by_values is None:
            found = _everywhere(self._gradient, coordinates)
        else:
            found = _one_by_one(grad(self._by_values, tuple(range(count))), coordinates, count)
        there = np.isfinite(self.values(*coordinates))
        return tuple(np.where(there & np.isfinite(slope), slope + 0.0, np.nan) for slope in found)

    def gradient(self) -> Values:
        """The gradient at the point.

        Raises:
            GradientError: if there is none; it says what holds on each side.
        """
        found = np.array([float(slope) for slope in self.slopes(*self.point)])
        for k, name in enumerate(self.names):
            unit = np.eye(len(self.names))[k]

            def value(step: float, unit: Values = unit) -> float:
                return float(self.values(*self.point + step * unit))

            def slope(step: float, unit: Values = unit, k: int = k) -> float:
                return float(self.slopes(*self.point + step * unit)[k])

            words = one_sided(value, slope, max(1.0, abs(float(self.point[k]))))
            if words or not np.isfinite(found[k]):
                along = f" in {name}" if len(self.names) > 1 else ""
                sides = "; ".join(words) or "its slope is not finite"
                raise GradientError(
                    f"{self.picture}: the function {not_smooth(words)}{along} at {self.place}: "
                    f"{sides}. Choose another point."
                )
        return found

    def coefficients(self, order: int) -> Values:
        """f(x₀), f′(x₀), f″(x₀)/2!, …, of a function of one variable.

        Raises:
            GradientError: if one of them is not finite.
        """
        with np.errstate(all="ignore"):
            polynomial = taylor_polynomial(
                lambda x: Tensor(self._graph(x.node)[0]), float(self.point[0]), order
            )
            found = np.array([float(c) for c in polynomial.coefficients])
        if not np.all(np.isfinite(found)):
            k = int(np.argmin(np.isfinite(found)))
            raise GradientError(
                f"{self.picture}: the derivative of order {k} is not finite at {self.place}; "
                "choose another point, or a lower order"
            )
        return found

    def _differentiated(self) -> Graph:
        (output,) = self._graph.outputs
        one = literal(1.0, output.dtype)
        found = pull([output], [one], self._graph.inputs, record=True)
        zero: Node = literal(0.0, output.dtype)
        return Graph(self._graph.inputs, [zero if node is None else node for node in found])


def _everywhere(graph: Graph, coordinates: Sequence[Any]) -> list[Values]:
    """The outputs of a graph of numbers at many points, as one batch."""
    spread = np.broadcast_arrays(*(np.asarray(c, np.float64) for c in coordinates))
    shape, size = spread[0].shape, spread[0].size
    many = {hole: array(part.ravel()) for hole, part in zip(graph.inputs, spread, strict=True)}
    with np.errstate(all="ignore"):
        found = batch(graph.outputs, many, size)
    return [
        np.broadcast_to(np.asarray(node.value, np.float64), (size,)).reshape(shape)
        if not batched
        else np.asarray(node.value, np.float64).reshape(shape)
        for node, batched in found
    ]


def _one_by_one(f: Callable[..., Any], coordinates: Sequence[Any], count: int) -> list[Values]:
    """The results of a Python function that decides by values, at many points."""
    spread = np.broadcast_arrays(*(np.asarray(c, np.float64) for c in coordinates))
    points = zip(*(part.ravel() for part in spread), strict=True)
    with np.errstate(all="ignore"):
        rows = [[float(value) for value in f(*map(float, point))] for point in points]
    return list(np.array(rows).T.reshape(count, *spread[0].shape))


# -- reading ---------------------------------------------------------------------------------------


def _as_point(picture: str, at: Any) -> Any:
    """A tuple of numbers; a mapping and None as they are."""
    if at is None or isinstance(at, Mapping):
        return at
    try:
        return tuple(float(value) for value in np.ravel(np.asarray(at)))
    except (TypeError, ValueError):
        raise ArgumentError(
            f"{picture}: the point is a number, a tuple of numbers or a mapping from names, not "
            f"{at!r}"
        ) from None


def _takes_array(f: Callable[..., Any], at: Any) -> bool:
    """Whether a Python function takes all coordinates as one array."""
    if not isinstance(at, tuple) or len(at) < 2:
        return False
    needed = [p for p in positional(f) if p.default is p.empty]
    if len(needed) != 1:
        return False
    parameters = inspect.signature(f).parameters.values()
    return all(p.kind is not inspect.Parameter.VAR_POSITIONAL for p in parameters)


def _of_numbers(f: Callable[..., Any], at: tuple[float, ...]) -> Callable[..., Any]:
    """A function of an array as one of numbers, called x_1, x_2, …"""

    def of_numbers(*numbers: Any) -> Any:
        return f(stack(numbers))

    kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
    names = [f"x_{index}" for index in range(1, len(at) + 1)]
    of_numbers.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [inspect.Parameter(name, kind) for name in names]
    )
    return of_numbers
