"""Which way is right for the shape at hand, and why: from n, m and what was measured."""

from __future__ import annotations

from collections.abc import Mapping

from chainrule.explaining.methods.differences import StepSizes
from chainrule.explaining.methods.problem import Problem
from chainrule.explaining.methods.units import as_bytes, as_error, as_seconds
from chainrule.explaining.methods.ways import Method

__all__ = ["judged"]

_READABLE = 60  # letters of a formula that one reads
_MISSED = 0.1  # of the derivative: an error that says nothing about it
_NOTABLE = 0.9  # a ratio of times below which one is faster


def judged(
    problem: Problem, methods: Mapping[str, Method], steps: StepSizes
) -> tuple[str, tuple[str, ...]]:
    """The name of the recommended way, and the reasons."""
    forward, reverse = methods["forward mode"], methods["reverse mode"]
    n, m = problem.n, problem.m
    if n == m:
        first = reverse if _time(reverse) < _NOTABLE * _time(forward) else forward
    else:
        first = forward if n < m else reverse
    other = reverse if first is forward else forward
    inputs = "one input" if n == 1 else f"{n:,} inputs"
    results = "one result" if m == 1 else f"{m:,} results"
    words = [f"{inputs}, {results}: {first.name}. {_why(first, other, n, m)}"]
    words.append(_times(first, other))
    words.append(_differences(methods, steps, n))
    words.append(_formula(methods["symbolic"]))
    return first.name, tuple(words)


def _why(first: Method, other: Method, n: int, m: int) -> str:
    keeps = (
        "It keeps the values on the way for the pass back"
        if first.family == "reverse"
        else "It keeps nothing for later"
    )
    if n == m:
        each = "one pass" if n == 1 else f"{n:,} passes"
        why = "this one was measured faster" if first.family == "reverse" else keeps.lower()
        return f"Both modes take {each}; {why}."
    passes = {"forward": n, "reverse": m}
    mine, theirs = passes[first.family], passes[other.family]
    return f"It takes {mine:,} pass{'' if mine == 1 else 'es'}, {other.name} {theirs:,}. {keeps}."


def _times(first: Method, other: Method) -> str:
    ratio = _time(other) / _time(first)
    both = f"{as_seconds(_time(first))} against {as_seconds(_time(other))} for {other.name}"
    held = f"{as_bytes(first.memory or 0)} against {as_bytes(other.memory or 0)} at the peak"
    if ratio * _NOTABLE >= 1:
        times = f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.1f}"
        return f"Measured: {both}, {times} times as fast; {held}."
    if ratio > _NOTABLE:
        return f"Measured: {both}, no difference to speak of; {held}."
    return (
        f"Measured: {both}; {held}. At this size the passes are so small that what Python does for "
        "each operation decides; the advantage grows with the size."
    )


def _differences(methods: Mapping[str, Method], steps: StepSizes, n: int) -> str:
    central = methods["central differences"]
    error = "not finite" if central.error is None else f"off by {as_error(central.error)}"
    best = f"{as_error(steps.central.error)} at h = {steps.central.best:.1e}"
    along = "at best" if n == 1 else "along one direction at best"
    tail = "a smaller step only adds rounding"
    if not steps.central.error < _MISSED * max(steps.size, 1.0):
        tail = "no step comes near, since the function changes too fast for its values to tell"
    nearer = central.error is None or not central.error < steps.central.error
    than = f", {along} {best}" if nearer else ""  # the steps tried may all be worse than the usual
    return (
        f"Differences need nothing but values, and check the others: central ones are {error}"
        f"{than}; {tail}."
    )


def _formula(method: Method) -> str:
    if not method.available:
        return "There is no formula to read here."
    if len(method.formula or "") <= _READABLE:
        return "The formula is short enough to read: it says how the derivative depends on x."
    return "The formula is long; the graph holds each part once."


def _time(method: Method) -> float:
    return method.seconds or float("inf")
