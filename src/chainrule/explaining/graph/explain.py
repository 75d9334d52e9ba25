"""`explain` with ``kind="graph"``: the chain rule on the computational graph of one run."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from numbers import Integral
from typing import Any

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ArgumentError, DomainError, GradientError, TraceError
from chainrule.explaining.explanation import Explanation, Result
from chainrule.explaining.expression import ZERO
from chainrule.explaining.graph.folding import Fold
from chainrule.explaining.graph.formulas import Program
from chainrule.explaining.graph.matrices import board_of
from chainrule.explaining.graph.network import is_plain
from chainrule.explaining.graph.paths import INPUTS, along_paths, written_gradient
from chainrule.explaining.graph.recording import Recording, Vertex, record
from chainrule.explaining.graph.table import Board, named
from chainrule.explaining.graph.values import entries, shown
from chainrule.explaining.reading import constant
from chainrule.explaining.steps import Named
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.lift import to_numpy
from chainrule.notation import Formula, canonical
from chainrule.tracing import positional, trace

__all__ = ["branch_taken", "called", "explain_graph", "explained", "with_floats"]

_WRITTEN = 60  # the longest function that is written out at the head
_NAMED = 8  # the most arguments that are listed there


def explain_graph(f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any) -> Explanation:
    """The nodes of one run with values and derivatives, and the products along paths.

    Args:
        f: a Python function with one scalar result, or formulas as text.
        args: its arguments: numbers, arrays, modules. Integers count as floats, but if ``wrt`` is
            given only those named there.
        wrt: names of inputs; by default all that are floats.
        order: 1.
        at: the point, instead of ``args``.

    Raises:
        ArgumentError: if arguments are missing, or ``order`` is not 1.
        GradientError: if the result is no scalar, or depends on no input.
        DomainError: if the result is not finite.
    """
    if order != 1:
        raise ArgumentError(
            f"kind='graph' explains first derivatives, not order={order}; leave order= out"
        )
    function, values = called(f, args, at)
    chosen = wrt.replace(",", " ").split() if isinstance(wrt, str) else wrt
    values = with_floats(function, values, chosen)
    with np.errstate(all="ignore"):  # what is not finite is said below
        found = record(function, *values, wrt=chosen)
        notes = branch_taken(function, values)
    return explained(replace(found, notes=notes))


def called(f: Any, args: Sequence[Any], at: Any) -> tuple[Callable[..., Any], list[Any]]:
    """The function, and a value for each argument."""
    if args and at is not None:
        raise ArgumentError("give the point once: as arguments after the function, or as at=")
    if isinstance(f, (tuple, list)) and f and all(isinstance(one, (str, Formula)) for one in f):
        f = ", ".join(map(str, f))
    if isinstance(f, (str, Formula)):
        f = Program(str(f))
    elif not callable(f):
        raise ArgumentError(
            f"a graph is that of formulas as text or a function, not {type(f).__name__}; for "
            "example '(w x - y)^2' with at={'w': 1, 'x': 2, 'y': 3}"
        )
    if isinstance(at, Mapping):
        return f, _at(f, at)
    names: Sequence[str] = [p.name for p in positional(f) if p.default is p.empty]
    if isinstance(f, Program):
        names = f.names
    values = list(args) if at is None else list(at) if isinstance(at, (tuple, list)) else [at]
    if not values or (isinstance(f, Program) and len(values) != len(names)):
        raise ArgumentError(
            f"a graph is explained at a point: {len(names)} values are needed "
            f"({', '.join(names) or 'none'}), {len(values)} are given; for example "
            f"at={{{', '.join(f'{name!r}: 1.0' for name in list(names)[:3])}}}"
        )
    return f, values


def _at(f: Callable[..., Any], at: Mapping[Any, Any]) -> list[Any]:
    """The arguments by their names; parameters with a default may be left out."""
    parameters = positional(f)
    names = f.names if isinstance(f, Program) else [p.name for p in parameters]
    known = dict(zip(map(canonical, names), parameters, strict=True))
    given = {canonical(str(name)): value for name, value in at.items()}
    unknown = [name for name in given if name not in known]
    missing = [n for n, p in known.items() if n not in given and p.default is p.empty]
    if unknown or missing:
        what = f"no variable {unknown[0]!r}" if unknown else f"no value for {missing[0]}"
        if unknown and unknown[0] in map(canonical, _signature(f)):
            what = f"{unknown[0]} is given by name only; pass it on, as in lambda x: f(x=x)"
        raise ArgumentError(f"at: {what}; the variables are {', '.join(known) or 'none'}")
    last = max((index for index, name in enumerate(known, 1) if name in given), default=0)
    return [given.get(name, p.default) for name, p in list(known.items())[:last]]


def with_floats(f: Callable[..., Any], values: Sequence[Any], wrt: Any) -> list[Any]:
    """Integers as floats: all of them, or those named in ``wrt``."""
    names = _signature(f)
    every = wrt is None or isinstance(f, Program)
    wanted = None if every else {canonical(str(name)) for name in wrt}
    found = []
    for index, value in enumerate(values):
        name = canonical(names[index]) if index < len(names) else f"x{index}"
        whole = isinstance(value, Integral) and not isinstance(value, bool)
        found.append(float(value) if whole and (wanted is None or name in wanted) else value)
    return found


def _signature(f: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return []


def branch_taken(f: Callable[..., Any], values: Sequence[Any]) -> tuple[str, ...]:
    """What has to be said if the function decides by values."""
    leaves, structure = tree.flatten(tuple(values))
    floats = [k for k, leaf in enumerate(leaves) if to_numpy(leaf).dtype.kind == "f"]

    def of_floats(*given: Any) -> Any:
        filled = list(leaves)
        for index, value in zip(floats, given, strict=True):
            filled[index] = value
        return f(*structure.build(filled))

    try:
        trace(of_floats, *[leaves[index] for index in floats])
    except TraceError as error:
        where = f", in {error.location}" if error.location is not None else ""
        return (
            f"the function decides by values (an if in Python{where}): shown is what ran at this "
            "point; elsewhere another branch may be taken, and what came of a value taken out by "
            "float(), as math.sin does, counts as a constant",
        )
    return ()


# -- the explanation -------------------------------------------------------------------------------


def explained(found: Recording, opened: Collection[str] = ()) -> Explanation:
    """The explanation of a recording, with these parts of a large graph in full.

    Raises:
        GradientError: if the result is no scalar.
        DomainError: if the result is not finite.
    """
    output = found.output
    if not is_plain(output.node):
        raise GradientError(
            f"the graph of a scalar result is explained; {output.name} has shape "
            f"{output.node.type.shape}; sum it, take its mean, or explain one entry"
        )
    value = float(output.node.value)
    if not math.isfinite(value):
        what = "not a number" if math.isnan(value) else "infinite"
        raise DomainError(f"the function has no finite value at this point: it is {what}")
    board = board_of(found, opened)
    sections = [
        board.forward(),
        board.local(),
        board.backward(),
        along_paths(board, found.wrt),
        board.derivations(),
    ]
    return Explanation(
        name=_called(found),
        function=board.written_out(_WRITTEN),
        variables=tuple(vertex.name for vertex in found.inputs),
        wrt=tuple(vertex.name for vertex in found.wrt),
        order=1,
        sections=tuple(section for section in sections if section is not None and section.steps),
        results=tuple(_result(board, vertex) for vertex in found.wrt[:INPUTS]),
        point=tuple((v.name, float(_value(v))) for v in found.inputs if is_plain(v.node)),
        notes=tuple(_notes(board)),
        kind="graph",
        recording=found,
    )


def _value(vertex: Vertex) -> Any:
    return vertex.node.value


def _result(board: Board, vertex: Vertex) -> Result:
    """The derivative with respect to an input: a formula where that is short, and its value."""
    node = vertex.node
    name = named(board.derivative(node))
    found = board.recording
    if node not in found.cotangents:
        return Result(name, ZERO, name, 0.0)
    if not is_plain(board.output.node) or not is_plain(node):
        return Result(name, board.closed(node), None, entries(found.cotangents[node].value))
    e = written_gradient(board, vertex)
    value = board.cotangent(node)
    if not math.isfinite(value):
        return Result(name, shown(value) if e is None else e)
    if e is None:
        return Result(name, constant(float(f"{value:.12g}")), None, value)
    return Result(name, e, name, value)


def _notes(board: Board) -> Iterator[str]:
    found = board.recording
    yield from found.notes
    if found.unused:
        verb = "is" if len(found.unused) == 1 else "are"
        listed = ", ".join(map(TEXT.symbol, found.unused))
        result = TEXT.symbol(found.output.name)
        yield f"{listed} {verb} computed, but {result} does not depend on it"
    folds = [row for row in board.rows if isinstance(row, Fold)]
    if folds:
        count = sum(len(fold.members) for fold in folds)
        yield (
            f"{count:,} of {len(board.network.stations):,} nodes are folded; a part is opened by "
            f"its name: .opened({folds[0].part!r})"
        )
    for vertex in found.wrt:
        ct = found.cotangents.get(vertex.node)
        if ct is not None and not np.all(np.isfinite(np.asarray(ct.value))):
            what = named(board.derivative(vertex.node)).text
            yield f"{what} is not finite here: on the way an infinite value or 0/0 is met"
    yield "values are shown with six digits"


def _called(found: Recording) -> Named:
    """L(w, x), or L alone where there are many arguments."""
    text, latex = (style.symbol(found.output.name) for style in (TEXT, LATEX))
    if len(found.inputs) > _NAMED:
        return Named(text, latex)
    inner = [", ".join(style.symbol(v.name) for v in found.inputs) for style in (TEXT, LATEX)]
    return Named(f"{text}({inner[0]})", f"{latex}({inner[1]})")
