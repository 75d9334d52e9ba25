"""For each input the product along its path; where there are several, their sum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from chainrule.core.node import Node
from chainrule.explaining.collect import collected
from chainrule.explaining.explanation import Section
from chainrule.explaining.expression import (
    ZERO,
    Chain,
    Expression,
    Product,
    Sum,
    size,
    symbols,
)
from chainrule.explaining.graph.network import amount
from chainrule.explaining.graph.recording import Vertex
from chainrule.explaining.graph.table import Board, named, summed, title
from chainrule.explaining.graph.values import ROUNDING, claim, claim_numbers, product_of, shown
from chainrule.explaining.simplify import simplified
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["along_paths", "is_listed", "written_gradient"]

MOST = 12
"""How many paths to one input are listed."""

LONGEST = 12
"""How many factors of a path are written out."""

INPUTS = 12
"""Of how many inputs the paths are shown."""

_WRITTEN = 200  # the longest formula of a derivative that is simplified as a whole


def is_listed(board: Board, node: Node) -> bool:
    """Whether the paths to an input are few, and short enough to be written out."""
    network = board.network
    if not 1 <= network.paths.get(node, 0) <= MOST:
        return False
    paths = list(network.listed(node))
    return all(len(path) <= LONGEST + 1 and _is_numeric(board, path) for path in paths)


def _is_numeric(board: Board, path: Sequence[Node]) -> bool:
    """Whether every edge of a path has a number as its local derivative."""
    return all(node in board.locals(user) for user, node in itertools.pairwise(path))


def along_paths(board: Board, inputs: Sequence[Vertex]) -> Section:
    """The derivative with respect to each input, as a sum of products along paths."""
    steps = [_input(board, vertex) for vertex in inputs[:INPUTS]]
    more = len(inputs) - len(steps)
    notes = (f"of {len(inputs):,} inputs the first {len(steps)}",) if more else ()
    return Section(
        title("along the paths: what is multiplied for each input"), tuple(steps), notes=notes
    )


def _input(board: Board, vertex: Vertex) -> Step:
    node = vertex.node
    name = named(board.derivative(node))
    count = board.network.paths.get(node, 0)
    if node not in board.recording.cotangents:
        line = Line(ZERO, "no path leads to it")
        words = (
            f"{board.output.name} does not depend on {vertex.name}, or only through steps that are "
            "flat, such as a comparison or floor",
        )
        return Step("constant rule", name, (line,), notes=words)
    if not is_listed(board, node):
        return _many(board, vertex, name, count)
    value = board.cotangent(node)
    paths = list(board.network.listed(node))
    if len(paths) == 1:
        lines = _product(board, paths[0], value)
        notes = _flat(board, paths, value)
        return Step("product along the path", name, lines, law=_route(board, paths[0]), notes=notes)
    products = [_values(board, path) for path in paths]
    children = []
    for number, (path, factors) in enumerate(zip(paths, products, strict=True), 1):
        part = _times(factors)
        lines = _product(board, path, part)
        children.append(Step(f"path {number}", _route(board, path), lines))
    numbers = Sum(tuple(shown(_times(factors)) for factors in products))
    claim_numbers(numbers, value)
    lines = (Line(numbers, "the paths together"), Line(shown(value), "their sum"))
    notes = _flat(board, paths, value)
    return Step(f"sum over {len(paths)} paths", name, lines, children=tuple(children), notes=notes)


def _route(board: Board, path: Sequence[Node]) -> Named:
    """w → z → L."""
    names = [board.network.name(node) for node in reversed(path)]
    return Named(" → ".join(map(TEXT.symbol, names)), r" \to ".join(map(LATEX.symbol, names)))


def _values(board: Board, path: Sequence[Node]) -> list[float]:
    return [board.locals(user)[node].value for user, node in itertools.pairwise(path)]


def _times(factors: Sequence[float]) -> float:
    value = 1.0
    for factor in factors:
        value *= factor
    return value


def _product(board: Board, path: Sequence[Node], value: float) -> tuple[Line, ...]:
    """The product along one path: its symbols, their formulas, the values, the result."""
    pairs = list(itertools.pairwise(path))
    result = Line(shown(value), "multiplied")
    if not pairs:
        return (Line(result.expression, "the result itself"),)
    partials = {board.local_name(u, n): board.locals(u)[n].value for u, n in pairs}
    inside = [n for user in path for n in (user, *board.network.operands[user])]
    names = board.among(list(dict.fromkeys(inside)))
    formulas = [board.locals(user)[node].expression for user, node in pairs]
    numbers = product_of(list(partials.values()))
    lines = []
    if len(pairs) > 1:
        lines.append(Line(Chain(tuple(partials)), "chain rule"))
    lines.append(
        Line(Chain(tuple(formulas)) if len(pairs) > 1 else formulas[0], "local derivatives")
    )
    if numbers not in (result.expression, lines[-1].expression):
        lines.append(Line(numbers, "their values"))
    for line in lines[:-1]:
        claim(line.expression, value, names, partials, _error(board, path))
    claim_numbers(numbers, value)
    return (*lines, result)


def _flat(board: Board, paths: Sequence[Sequence[Node]], value: float) -> tuple[str, ...]:
    """Why a derivative is zero."""
    if value != 0:
        return ()
    if any(_times(_values(board, path)) for path in paths):
        return ("it is zero here: the paths cancel",)
    zeros: dict[str, None] = {}
    for path in paths:
        for user, node in itertools.pairwise(path):
            if board.locals(user)[node].value == 0:
                zeros[named(board.local_name(user, node)).text] = None
    if not zeros:
        return ("it is zero here by rounding: the product is below the smallest number",)
    *others, last = zeros
    listed = f"{', '.join(others)} and {last}" if others else last
    return (f"it is zero here, because of the factor{'s' * bool(others)} {listed}",)


def _many(board: Board, vertex: Vertex, name: Named, count: int) -> Step:
    """The derivative as the reverse pass has it, without a list of paths."""
    lines, notes = board.arriving(vertex.node)
    if vertex in board.shown:
        lines, notes = (Line(board.slope(vertex.node), "what arrives, as above"),), ()
    edges = board.network.edges
    if count > MOST:
        why = (
            f"{amount(count)} paths lead from {board.output.name} to {vertex.name}; the reverse "
            f"pass does not list them: it sums at every node what arrives, so it costs {edges:,} "
            "edges, not paths"
        )
        return Step(f"{amount(count)} paths", name, lines, notes=(why, *notes))
    paths = list(board.network.listed(vertex.node))
    longest = max(map(len, paths)) - 1
    if longest > LONGEST:
        rule = f"gathered node by node: a product of {longest} factors"
        return Step(rule, name, lines, notes=notes)
    if any(len(path) == 2 for path in paths):  # ∂L/∂x by its name would say nothing
        return Step("chain rule", name, board.arriving(vertex.node)[0])
    products = []
    for path in paths:
        factors = [board.local_name(u, n) for u, n in itertools.pairwise(path)]
        products.append(Chain(tuple(factors)) if len(factors) > 1 else factors[0])
    lines = (Line(summed(products), "chain rule"), Line(board.slope(vertex.node), "its value"))
    if len(paths) > 1:
        return Step(f"sum over {len(paths)} paths", name, lines)
    return Step("product along the path", name, lines, law=_route(board, paths[0]))


def written_gradient(board: Board, vertex: Vertex) -> Expression | None:
    """The derivative as a formula in the names of the stations; None where it is too long."""
    node = vertex.node
    if not is_listed(board, node):
        return None
    terms = []
    for path in board.network.listed(node):
        pairs = itertools.pairwise(path)
        terms.append(Product(tuple(board.locals(u)[n].expression for u, n in pairs)))
    e: Expression = Sum(tuple(terms))
    if size(e) > _WRITTEN:
        return None
    e = collected(e)
    lines = simplified(e)
    e = lines[-1][0] if lines else e
    names = {name: board.values[name] for name in symbols(e)}
    error = sum(_error(board, path) for path in board.network.listed(node))
    claim(e, board.cotangent(node), names, error=error)
    return e


def _error(board: Board, path: Sequence[Node]) -> float:
    """A bound on the rounding error of the product along a path."""
    factors = [board.locals(user)[node] for user, node in itertools.pairwise(path)]
    size = math.prod(abs(factor.value) for factor in factors)
    moved = math.prod(abs(factor.value) * (1 + ROUNDING) + factor.error for factor in factors)
    return moved - size + ROUNDING * size
