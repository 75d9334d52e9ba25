"""How far a native result may be from the reference: Monte Carlo arithmetic.

The graph is evaluated several times, each time with every rounded intermediate result moved by a
few units in the last place (D. S. Parker, Monte Carlo Arithmetic, UCLA 1997). The spread of these
runs is the condition of the computation, element by element. The criterion:

* Where all runs agree on an integer, a boolean, NaN, or an infinity, the native result is that.
* Where they disagree on such a thing, it hangs on rounding, and anything goes.
* Elsewhere it is within `FACTOR` times the largest deviation of a run from the reference, plus
  `FLOOR` units in the last place.

What only moves or chooses values is exact in the native program as well, and is not moved; the bits
of such results are compared exactly.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.graph import Graph
from chainrule.core.node import Node
from chainrule.ops.record import Call, Elementwise

Array = np.ndarray[Any, Any]

RUNS = 5
MORE = 60
"""Runs where the first ones do not explain a difference."""
FACTOR = 8.0
FLOOR = 2.0


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


_EXACT = _names(
    "equal greater logical_not sign abs where maximum minimum less logical_and logical_or neg relu "
    "stop_gradient floor ceil round trunc not_equal less_equal greater_equal logical_xor isfinite "
    "isnan isinf alias reshape permute broadcast_to slice flip concatenate pad sliding_windows "
    "gather diagonal from_diagonal triangle item max min sort"
)
_SUMS = _names("sum cumsum contract conv scatter_add overlap_add")
_MATRIX = _names(
    "solve triangular_solve inv cholesky log_abs_det sign_det eigvalsh eigvecsh qr_q "
    "singular_values singular_vectors prod cumprod linear_recurrence logsumexp"
)
_CLOSE = _names("add sub mul div sqrt cast")


class _Noise:
    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.cancels = seed % 3 == 1
        self.wild = seed % 4
        self.least = 0.5 * (seed % 2)
        self.most = 0.25 if seed % 4 == 2 else 1.0

    def moved(self, value: Any, ulps: float, size: Any = None) -> Any:
        """``value`` with each element moved by up to ``ulps`` units in the last place of ``size``
        (of itself); in half of the runs by at least half as much, in some by a quarter at most."""
        value = np.asarray(value)
        if value.dtype.kind != "f" or value.size == 0:
            return value
        info = np.finfo(value.dtype)
        base = np.abs(value if size is None else np.asarray(size)).astype(np.float64)
        with np.errstate(all="ignore"):
            unit = np.maximum(base * float(info.eps), float(info.smallest_subnormal))
            how = self.rng.uniform(self.least, 1.0, value.shape)
            how *= self.rng.choice([-1, 1], value.shape)
            found = (value.astype(np.float64) + ulps * self.most * how * unit).astype(value.dtype)
        return np.where(np.isfinite(value) & (base != 0), found, value)

    def any_of(self, values: Sequence[float], where: Array, otherwise: Any) -> Any:
        """One of the values, or what it is, where the order of operations decides."""
        if not where.any():
            return otherwise
        some = self.rng.choice(np.array([*values, 0.5]), where.shape)
        return np.where(where & (some != 0.5), some.astype(otherwise.dtype), otherwise)

    def cancelled(self, value: Any, a: Any, b: Any) -> Any:
        """A difference of equal numbers, one of which was rounded, may also be 0; in some runs it
        is so everywhere, for the mean of equal numbers is exact or it is not."""
        value = np.asarray(value)
        if not self.cancels:
            return value
        noise = 8 * float(np.finfo(value.dtype).eps) * np.maximum(np.abs(a), np.abs(b))
        return np.where(np.abs(value) <= noise, np.zeros_like(value), value)

    def signed(self, value: Any) -> Any:
        """Zeros with any sign."""
        value = np.asarray(value)
        zero = np.copysign(value, self.rng.choice([-1.0, 1.0], value.shape).astype(value.dtype))
        return np.where(value == 0, zero, value)

    def __call__(self, node: Node, sources: list[Any]) -> Any:
        name = node.primitive.name
        if name == "cast":
            return self._cast(node, sources[0])
        rounded = node.type.is_float and name not in _EXACT
        if name in _MATRIX:
            sources = [self.moved(x, 4.0) for x in sources]
        value = node.primitive.evaluate(*sources, *node.argument)
        if not rounded:
            return value
        if name in _SUMS:
            sizes = [_finite_size(x) for x in sources]
            bound = np.asarray(node.primitive.evaluate(*sizes, *node.argument))
            terms = max(np.asarray(x).size for x in sources) / max(1, np.asarray(value).size)
            value = self.moved(value, 1.0 + np.sqrt(terms) / 4, bound)
            # what overflows in another order, and Σ a·x = a·Σ x for infinite a
            overflows = ~(bound < float(np.finfo(value.dtype).max) / 8) | ~np.isfinite(value)
            return self.any_of((-np.inf, np.inf, np.nan), overflows, self.signed(value))
        if name == "prod":
            value = self.any_of(
                (-np.inf, np.inf, np.nan, 0.0), _wild_product(node, *sources), value
            )
        if name in _MATRIX:
            size = np.abs(value)
            if name not in ("prod", "cumprod") and size.size:
                size = size + np.max(size, where=np.isfinite(size), initial=0.0)
            return self.moved(value, 8.0, size)
        if isinstance(node.primitive, Elementwise):
            if name in ("add", "sub"):
                value = self.signed(self.cancelled(value, *sources))
            if name in ("lgamma", "polygamma"):  # near their zeros accurate to parts of 1
                x = np.asarray(sources[0])
                denormal = np.abs(x) < np.finfo(x.dtype).smallest_normal  # reference: 1/x = inf
                value = self.any_of((-np.inf, np.inf), denormal, value)
                return self.moved(value, 5.0, np.maximum(np.abs(value), 1.0))
            return self.moved(value, 2.0 if name in _CLOSE else 5.0)
        return self.moved(value, 5.0)

    def _cast(self, node: Node, x: Any) -> Any:
        (dtype,) = node.argument
        x = np.asarray(x)
        value = x.astype(dtype)
        if x.dtype.kind == "f" and dtype.kind in "iu":
            limits = np.iinfo(dtype)
            wild = ~((x > float(limits.min) - 1) & (x < float(limits.max)))
            anything = self.rng.integers(limits.min, limits.max, x.shape, dtype, endpoint=True)
            if self.wild:  # processors give the same number for all of them
                anything = np.full_like(anything, {1: 0, 2: limits.min, 3: limits.max}[self.wild])
            return np.where(wild, anything, value)
        if dtype.kind == "f" and x.dtype.itemsize > dtype.itemsize:
            return self.moved(value, 1.0)
        return value


def _finite_size(x: Any) -> Any:
    x = np.asarray(x)
    return np.where(np.isfinite(x), np.abs(x), 0) if x.dtype.kind == "f" else x


def _wild_product(node: Node, x: Any) -> Array:
    """Where a product over- or underflows in some order of its factors."""
    size = _finite_size(x).astype(np.float64)
    exponents = np.abs(np.log2(size, where=size > 0, out=np.zeros(size.shape)))
    axes, keepdims = node.argument
    total = np.sum(exponents, axis=axes, keepdims=keepdims)
    return np.asarray(total > 0.9 * np.finfo(np.asarray(x).dtype).maxexp)


def noisy(graph: Graph, values: Sequence[Any], noise: _Noise) -> list[Any]:
    """The outputs, with noise at every rounded node."""
    found: dict[Node, Any] = dict(zip(graph.inputs, values, strict=True))
    for node in graph.nodes:
        if node in found:
            continue
        if not node.sources:
            found[node] = node.value
            continue
        sources = [found[source] for source in node.sources]
        if isinstance(node.primitive, Call):
            found[node] = _call(node, sources, noise)
        else:
            found[node] = noise(node, sources)
    return [found[output] for output in graph.outputs]


def _call(node: Node, values: list[Any], noise: _Noise) -> tuple[Any, ...]:
    name, argument = node.primitive.name, node.argument
    if name in ("checkpoint", "custom_gradient"):
        return tuple(noisy(argument[0], values, noise))
    if name == "cond":
        return tuple(noisy(argument[0] if values[0] else argument[1], values[1:], noise))
    if name == "while":
        test, step, tests, steps = argument
        a, b, state = values[:tests], values[tests : tests + steps], values[tests + steps :]
        while noisy(test, [*a, *state], noise)[0]:
            state = noisy(step, [*b, *state], noise)
        return tuple(state)
    assert name == "scan", name
    body, length, consts, carries, reverse = argument
    constants, carry = values[:consts], values[consts : consts + carries]
    slices = values[consts + carries :]
    rows = [np.empty((length, *out.shape), out.dtype) for out in body.outputs[carries:]]
    for turn in reversed(range(length)) if reverse else range(length):
        results = noisy(body, [*constants, *carry, *(x[turn] for x in slices)], noise)
        carry = results[:carries]
        for row, value in zip(rows, results[carries:], strict=True):
            row[turn] = value
    return (*carry, *rows)


class Judge:
    """The reference values of a graph, and what is as good as they are."""

    def __init__(self, graph: Graph, values: Sequence[Any]) -> None:
        self.graph, self.values = graph, values
        with np.errstate(all="ignore"):
            self.reference = [np.asarray(x) for x in graph.evaluate(values)]
        self.runs: list[list[Array]] = []

    def _run(self, count: int) -> None:
        with np.errstate(all="ignore"):
            while len(self.runs) < count:
                noise = _Noise(len(self.runs))
                self.runs.append([np.asarray(x) for x in noisy(self.graph, self.values, noise)])

    def complaint(self, found: Sequence[Any]) -> str | None:
        """What is wrong with these outputs; None if nothing is."""
        for place, (value, wanted) in enumerate(zip(found, self.reference, strict=True)):
            value = np.asarray(value)
            if value.shape != wanted.shape or value.dtype != wanted.dtype:
                return (
                    f"output {place} is a {value.dtype}{value.shape}, "
                    f"not a {wanted.dtype}{wanted.shape}"
                )
            wrong = self._wrong(place, value, wanted)
            if wrong is not None:
                return wrong
        return None

    def _wrong(self, place: int, value: Array, wanted: Array) -> str | None:
        if np.array_equal(value, wanted, equal_nan=value.dtype.kind == "f"):
            return None
        for count in (RUNS, MORE):
            self._run(count)
            runs = [run[place] for run in self.runs]
            bad = _different(value, wanted, runs)
            if not bad.any():
                return None
        first = tuple(int(i[0]) for i in np.nonzero(bad)) if bad.ndim else ()
        samples = [run[place][first].item() for run in self.runs[:4]]
        return (
            f"output {place}: {int(bad.sum())} of {bad.size} elements; the first, at {first}, is "
            f"{value[first].item()!r} instead of {wanted[first].item()!r} (with noise: {samples})"
        )


def _different(value: Array, wanted: Array, runs: Sequence[Array]) -> Array:
    """Where ``value`` is none of what rounding may have made of ``wanted``."""
    if value.dtype.kind != "f":
        agreed = np.logical_and.reduce([run == wanted for run in runs])
        return np.asarray(agreed & (value != wanted))
    kinds = [_kind(run) for run in (wanted, *runs)]
    agreed = np.logical_and.reduce([kind == kinds[0] for kind in kinds])
    finite = kinds[0] == 0
    info = np.finfo(value.dtype)
    with np.errstate(all="ignore"):
        exact = wanted.astype(np.float64)
        spread = np.max([np.abs(run.astype(np.float64) - exact) for run in runs], axis=0)
        unit = np.maximum(np.abs(exact) * float(info.eps), float(info.smallest_subnormal))
        far = ~(np.abs(value.astype(np.float64) - exact) <= FACTOR * spread + FLOOR * unit)
    return np.asarray(agreed & np.where(finite, far, _kind(value) != kinds[0]))


def _kind(x: Array) -> Array:
    """0 for finite numbers, 1 and 2 for the infinities, 3 for NaN."""
    return np.where(np.isnan(x), 3, np.where(np.isposinf(x), 1, np.where(np.isneginf(x), 2, 0)))
