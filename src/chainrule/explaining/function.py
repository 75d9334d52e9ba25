"""What is to be explained, as a graph: a formula, or a Python function."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError, GradientError, TraceError
from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, input_node, variable
from chainrule.core.types import array_type
from chainrule.explaining.reading import is_scalar
from chainrule.lift import FLOAT, as_node, floating
from chainrule.notation import Formula, canonical, parse_many
from chainrule.notation.functions import CONSTANTS, lookup
from chainrule.tensor import Tensor
from chainrule.tracing import positional, trace

__all__ = ["Function", "point_of", "read_function"]

SCALAR = array_type((), FLOAT)


@dataclass(frozen=True)
class Function:
    """Functions of the same scalar variables, each with a scalar result; most often one.

    Attributes:
        names: the variables, in order.
        holes: an input node for each.
        outputs: the results.
        point: the values at which it shall be evaluated, in the order of ``names``; may be empty.
        notes: what has to be said about it.
    """

    names: tuple[str, ...]
    holes: tuple[Node, ...]
    outputs: tuple[Node, ...]
    point: Mapping[str, float]
    notes: tuple[str, ...] = ()

    @property
    def output(self) -> Node:
        """The result of a single function.

        Raises:
            GradientError: if there are several.
        """
        if len(self.outputs) != 1:
            raise GradientError(
                f"this is explained for one scalar result; the function has {len(self.outputs)}; "
                "explain one at a time"
            )
        return self.outputs[0]

    @property
    def hole(self) -> Mapping[str, Node]:
        """The input node of each variable."""
        return dict(zip(self.names, self.holes, strict=True))

    @property
    def inputs(self) -> Mapping[Node, str]:
        """The name of each input node."""
        return dict(zip(self.holes, self.names, strict=True))


def read_function(f: Any, args: Sequence[Any], at: Any) -> Function:
    """The graph of ``f``, and the point.

    ``f`` is a formula or several, as text with commas between them or as a list; or a function of
    scalars that returns a scalar, or a tuple or list of scalars.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if ``f``, ``args`` or ``at`` do not fit together.
        GradientError: if it is no function of scalars with scalar results.
    """
    if args and at is not None:
        raise ArgumentError("give the point once: as arguments after the function, or as at=")
    if isinstance(f, Formula):
        return _from_formulas([f], args, at)
    if isinstance(f, str):
        return _from_formulas(parse_many(f), args, at)
    if isinstance(f, (tuple, list)) and f and all(isinstance(one, (str, Formula)) for one in f):
        read = [[one] if isinstance(one, Formula) else parse_many(one) for one in f]
        return _from_formulas([formula for each in read for formula in each], args, at)
    if callable(f):
        return _from_python(f, args, at)
    raise ArgumentError(
        f"explain takes a formula as text or a function, not {type(f).__name__}; for example "
        "cr.explain('x^2 sin x')"
    )


def _from_formulas(formulas: Sequence[Formula], args: Sequence[Any], at: Any) -> Function:
    found = dict.fromkeys(name for formula in formulas for name in formula.names)
    names = tuple(found) or ("x",)  # a constant is a constant function of x
    holes = {name: input_node(SCALAR) for name in names}
    outputs = [formula.node(holes) for formula in formulas]
    for formula, output in zip(formulas, outputs, strict=True):
        if not output.type.is_float:
            raise GradientError(
                f"{formula.text!r} is a condition, true or false, and has no derivative; one "
                "equation is differentiated with kind='implicit'"
            )
    point = point_of(names, args, at)
    return Function(names, tuple(holes.values()), tuple(outputs), point)


def _from_python(f: Callable[..., Any], args: Sequence[Any], at: Any) -> Function:
    names = _parameters(f, len(args) or None)
    point = point_of(names, args, at)
    notes: tuple[str, ...] = ()
    try:
        graph = trace(f, *[point.get(name, 1.0) for name in names]).graph
        holes, outputs = graph.inputs, graph.outputs
    except TraceError as error:
        if not point:
            raise ArgumentError(
                "the function asks for the value of a variable (an if, or float()), so it can only "
                "be explained at a point: give its arguments, as in cr.explain(f, 2.0); it asks "
                f"in {error.location}"
            ) from error
        holes, outputs = _branch_taken(f, point)
        beside = _same_nearby(f, holes, outputs, point, error)
        place = ", ".join(f"{name} = {value:g}" for name, value in point.items())
        notes = (
            f"the function decides by values (an if in Python): explained is the branch taken at "
            f"{place}; elsewhere another may hold",
            *beside,
        )
    if not outputs or not all(map(is_scalar, outputs)):
        returned = ", ".join(repr(output.type) for output in outputs) or "nothing"
        raise GradientError(
            "explained are functions with a scalar result, or a tuple of scalars; this one returns "
            + returned
        )
    return Function(names, holes, tuple(map(floating, outputs)), point, notes)


def _branch_taken(
    f: Callable[..., Any], point: Mapping[str, float]
) -> tuple[tuple[Node, ...], tuple[Node, ...]]:
    """The graph of ``f`` as it runs at the point."""
    leaves = [variable(np.float64(value)) for value in point.values()]
    holes = tuple(input_node(SCALAR) for _ in leaves)
    result = f(*map(Tensor, leaves))
    several = result if isinstance(result, (tuple, list)) else [result]
    results = [as_node(one) for one in several]
    return holes, replace(results, dict(zip(leaves, holes, strict=True)))


def _same_nearby(
    f: Callable[..., Any],
    holes: Sequence[Node],
    outputs: Sequence[Node],
    point: Mapping[str, float],
    asked: TraceError,
) -> list[str]:
    """On which side of the point another branch holds; refused are functions like ``math.sin``.

    What these return is a constant of the graph, whose derivative would be 0. On one side of the
    point at least the branch that was taken has the values of the function; a graph with a constant
    in the place of ``math.sin(x)`` has them on neither.

    Raises:
        GradientError: if the function has other values than its graph on both sides of the point.
    """
    graph = Graph(list(holes), list(outputs))
    notes = []
    for name, value in point.items():
        apart: dict[str, bool] = {}
        for side, step in (("left", -1e-6), ("right", 1e-6)):
            beside = {**point, name: value + step * max(1.0, abs(value))}
            with np.errstate(all="ignore"):
                found = graph.evaluate([np.float64(one) for one in beside.values()])
                try:
                    returned = f(*(Tensor(variable(np.float64(one))) for one in beside.values()))
                except (ArithmeticError, ValueError):
                    continue  # outside of the domain
            several = returned if isinstance(returned, (tuple, list)) else [returned]
            actual = [float(one) for one in several]
            apart[side] = not np.allclose(np.ravel(found), actual, rtol=1e-11, atol=1e-11)
        if apart and all(apart.values()):
            raise GradientError(
                f"near {name} = {value:g} the function is not the one that the engine recorded: "
                "it takes out a value, by float() or a function of the math module, and what comes "
                "of it counts as a constant (use cr.sin for math.sin), or it decides otherwise on "
                f"both sides of the point; it asks in {asked.location}"
            )
        notes += [
            f"on the {side} of {name} = {value:g} another branch holds: the derivative shown is "
            f"that from the {'left' if side == 'right' else 'right'}"
            for side, other in apart.items()
            if other
        ]
    return notes


def _parameters(f: Callable[..., Any], count: int | None) -> tuple[str, ...]:
    """The names of the arguments: as many as are given, or all that have no default."""
    found = positional(f)
    known = [p.name for p in found]
    needed = [p.name for p in found if p.default is p.empty]
    names = needed if count is None else known[:count]
    names += [f"x_{index}" for index in range(len(names) + 1, (count or 0) + 1)]
    if not names:
        raise ArgumentError(
            "the function has no arguments to differentiate with respect to; what is given by name "
            "only can be passed on, as in lambda x: f(x=x)"
        )
    return tuple(_readable(name) for name in names)


def _readable(name: str) -> str:
    """The name of a parameter as formulas write it."""
    name = canonical(name)
    if name in CONSTANTS or lookup(name) is not None or not name.isascii():
        raise ArgumentError(
            f"a parameter called {name!r} would be read as something else in a formula; give it "
            "another name, such as x"
        )
    return name


def point_of(names: Sequence[str], args: Sequence[Any], at: Any) -> dict[str, float]:
    """The value of each variable; empty if there is no point."""
    if at is None and not args:
        return {}
    if isinstance(at, Mapping):
        given = {name if name in names else canonical(str(name)): v for name, v in at.items()}
    else:
        values = args or (at if isinstance(at, (tuple, list)) else (at,))
        if len(values) != len(names):
            raise ArgumentError(
                f"the function takes {len(names)} values ({', '.join(names) or 'none'}), not "
                f"{len(values)}"
            )
        given = dict(zip(names, values, strict=True))
    unknown = [name for name in given if name not in names]
    missing = [name for name in names if name not in given]
    if unknown or missing:
        what = f"no variable {unknown[0]!r}" if unknown else f"no value for {missing[0]}"
        raise ArgumentError(f"at: {what}; the variables are {', '.join(names) or 'none'}")
    return {name: _number(name, given[name]) for name in names}


def _number(name: str, value: Any) -> float:
    try:
        found = float(value)
    except (TypeError, ValueError):
        raise GradientError(
            f"at: {name} is given as {type(value).__name__}; here a number is needed (arrays are "
            "given after the function: cr.explain(f, X, W))"
        ) from None
    if not np.isfinite(found):
        raise ArgumentError(f"at: {name} is {found}; it must be finite")
    return found
