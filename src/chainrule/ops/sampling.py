"""Admissible applications of a primitive: where its laws are examined."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np

from chainrule.ops.record import Case, Elementwise, Interval, Primitive

SHAPES = ((), (5,), (2, 3))
WINDOW = (-2.5, 2.5)
MARGIN = 0.15


def cases_of(primitive: Primitive, rng: np.random.Generator) -> Iterator[Case]:
    """Cases of the record itself, or, for elementwise ones, drawn from the domain it declares."""
    if primitive.cases is not None:
        found = list(primitive.cases(rng))
        assert found, f"the sampler of {primitive.name} gives no case, so no law examines it"
        yield from found
    elif isinstance(primitive, Elementwise):
        arity = len(primitive.domain)
        for argument in primitive.examples:
            for shape in SHAPES:
                draws = (_draw(primitive, d, shape, rng) for d in primitive.domain)
                yield Case(tuple(draws), argument)
        if arity > 1:  # broadcasting, in both directions and in the middle
            shapes = ((4, 1), (3,), (1, 3))
            yield Case(
                tuple(
                    _draw(primitive, d, shapes[i % 3], rng) for i, d in enumerate(primitive.domain)
                )
            )
    else:
        raise AssertionError(f"{primitive.name} has no sampler")


def draw_inside(interval: Interval, shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Numbers inside an interval and a margin away from its ends; infinite ends are cut off."""
    lo, hi = interval
    low = max(lo + MARGIN, WINDOW[0]) if np.isfinite(lo) else min(WINDOW[0], hi - 5)
    high = min(hi - MARGIN, low + 5) if np.isfinite(hi) else max(WINDOW[1], lo + 5)
    return np.asarray(rng.uniform(low, high, shape))


def _draw(
    primitive: Elementwise, interval: Interval, shape: tuple[int, ...], rng: np.random.Generator
) -> np.ndarray:
    if "f" not in primitive.dtypes:
        return np.asarray(rng.integers(0, 2, shape)).astype(bool)
    x = draw_inside(interval, shape, rng)
    for kink in primitive.kinks:
        x = np.where(np.abs(x - kink) < MARGIN, kink + MARGIN * 2, x)
    return np.asarray(x)


def between(*intervals: Interval) -> Callable[[np.random.Generator], Iterator[Case]]:
    """A sampler: uniform numbers, for each source from its interval, in the usual shapes."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for shape in SHAPES:
            yield Case(tuple(np.asarray(rng.uniform(lo, hi, shape)) for lo, hi in intervals))

    return cases
