"""Pictures of functions of one variable: secants and tangent, Taylor polynomials."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.pictures.figure import (
    BLACK,
    BLUE,
    STROKES,
    VERMILION,
    Picture,
    bare,
    finished,
    listed,
    new_figure,
)
from chainrule.pictures.ranges import chosen_width, span, visible
from chainrule.pictures.subject import Subject, Values

__all__ = ["tangent", "taylor"]

_SECANTS = ((BLUE, "--", "s"), *STROKES[2:5])
_STEPS = (0.75, 0.5, 0.25, 0.05)  # of the half width
_SAMPLES = 801
_CLOSE = 0.05  # of the span of a function: what the eye takes for the same


def tangent(f: Any, at: Any, *, width: float | None = None) -> Picture:
    """The graph of a function with secants that close in on its tangent at a point.

    A secant through x₀ and x₀ + h has the slope (f(x₀ + h) − f(x₀)) / h; its limit for h → 0 is
    f′(x₀), the slope of the tangent.

    Args:
        f: a function of one variable, as text or in Python.
        at: x₀.
        width: half the width of the picture; by default as the function suggests.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if f has another number of variables, or the point does not fit.
        DomainError: if there is no value at x₀.
        GradientError: if there is no derivative at x₀; it says what holds on each side.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.tangent("x^2", 1.0)
    >>> [round(slope, 6) for slope in picture.data["secants"]]
    [3.5, 3.0, 2.5, 2.1]
    >>> print(picture.alt)  # doctest: +ELLIPSIS
    f(x) = x^2 near x = 1 with its tangent there, of slope 2. Secants through x = 1 and ...
    """
    subject = Subject("tangent", f, at, 1)
    (slope,) = subject.gradient()
    half = chosen_width(subject, width)
    (x0,), y0 = subject.point, subject.here
    steps = _secant_steps(subject, half)
    secants = [float((subject.values(x0 + h) - y0) / h) for h in steps]

    figure = new_figure(8.4, 4.8)
    axes = figure.subplots()
    x = x0 + np.linspace(-half, half, _SAMPLES)
    y = subject.values(x)
    name = subject.names[0]
    axes.plot(x, y, color=BLACK, linewidth=2.8, label=subject.label, zorder=3)
    for h, k, (color, dashes, marker) in zip(steps, secants, _SECANTS, strict=False):
        label = f"secant, h = {h:.4g}: slope {k:.5g}"
        line = y0 + k * (x - x0)
        axes.plot(x, line, color=color, linestyle=dashes, linewidth=1.4, label=label, zorder=2)
        axes.plot(x0 + h, y0 + k * h, marker, color=color, markersize=7, zorder=4)
    line = y0 + slope * (x - x0)
    axes.plot(
        x, line, color=VERMILION, linewidth=1.9, label=f"tangent: slope {slope:.5g}", zorder=3
    )
    axes.plot(x0, y0, "o", color=VERMILION, markeredgecolor="white", markersize=10, zorder=5)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*visible(y))
    bare(axes, name, f"f({name})", f"Secants close in on the tangent at {subject.place}")
    figure.legend(loc="outside right upper", frameon=False)

    pairs = listed([f"{k:.5g} (h = {h:.4g})" for h, k in zip(steps, secants, strict=True)])
    told = f" Secants through {name} = {x0:g} and {name} = {x0:g} + h have the slopes {pairs}"
    alt = f"{subject.label} near {subject.place} with its tangent there, of slope {slope:.5g}." + (
        f"{told}: as h shrinks they close in on that of the tangent." if steps else ""
    )
    data = {"slope": float(slope), "value": y0, "steps": steps, "secants": secants}
    return finished(figure, f"Tangent of {subject.label} at {subject.place}", alt, data)


def _secant_steps(subject: Subject, half: float) -> list[float]:
    """To the right if the function has values there, else to the left."""
    for sign in (1, -1):
        steps = [sign * part * half for part in _STEPS]
        if np.all(np.isfinite(subject.values(subject.point[0] + np.array(steps)))):
            return steps
    both = [sign * part * half for part in _STEPS for sign in (1, -1)]
    return [h for h in both if np.isfinite(subject.values(subject.point[0] + h))][: len(_STEPS)]


def taylor(
    f: Any, at: Any, orders: int | Sequence[int] = 5, *, width: float | None = None
) -> Picture:
    """The graph of a function with its Taylor polynomials around a point, fanning out.

    The polynomial of order n is Σ_k f⁽ᵏ⁾(x₀)/k! (x − x₀)ᵏ up to k = n. Those that are equal to one
    of lower order, because a coefficient is 0, are drawn once.

    Args:
        f: a function of one variable, as text or in Python.
        at: x₀.
        orders: the highest order, or those wanted; at most seven can be told apart.
        width: half the width of the picture; by default as the function suggests.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if f has another number of variables, or the point or the orders do not fit.
        DomainError: if there is no value at x₀.
        GradientError: if a derivative is not finite at x₀.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.taylor("sin x", 0.0, 6)
    >>> picture.data["orders"]
    [1, 3, 5]
    """
    wanted = _orders(orders)
    subject = Subject("taylor", f, at, 1)
    subject.gradient()
    coefficients = subject.coefficients(wanted[-1])
    half = chosen_width(subject, width, wide=True)
    drawn = _distinct(wanted, coefficients, half)
    if len(drawn) > len(STROKES):
        raise ArgumentError(
            f"taylor: {len(drawn)} polynomials cannot be told apart; give at most {len(STROKES)} "
            "orders, such as orders=(1, 3, 9)"
        )
    (x0,) = subject.point
    x = x0 + np.linspace(-half, half, _SAMPLES)
    y = subject.values(x)
    name = subject.names[0]

    figure = new_figure(8.4, 4.8)
    axes = figure.subplots()
    axes.plot(x, y, color=BLACK, linewidth=3, alpha=0.8, label=subject.label, zorder=2)
    strokes = [stroke for stroke in STROKES if stroke[0] != BLACK] + [STROKES[-1]]
    reach = []
    for index, (order, (color, dashes, marker)) in enumerate(zip(drawn, strokes, strict=False)):
        p = np.polynomial.polynomial.polyval(x - x0, coefficients[: order + 1])
        reach.append(_reach(x, y, p))
        axes.plot(
            x,
            p,
            color=color,
            linestyle=dashes,
            linewidth=1.6,
            marker=marker,
            markersize=5,
            markevery=(11 * index, 80),
            label=f"order {order}",
            zorder=3,
        )
    axes.plot(x0, subject.here, "o", color=BLACK, markeredgecolor="white", markersize=9, zorder=5)
    axes.set_xlim(x[0], x[-1])
    axes.set_ylim(*visible(y, room=2.0))
    bare(axes, name, f"f({name})", f"Taylor polynomials around {subject.place}")
    figure.legend(loc="outside right upper", frameon=False)

    near = [
        f"order {order} from {name} = {low:.3g} to {high:.3g}"
        for order, (low, high) in zip(drawn, reach, strict=True)
    ]
    plural = "s" if len(drawn) > 1 else ""
    alt = (
        f"{subject.label} with its Taylor polynomial{plural} of order{plural} "
        f"{listed([str(order) for order in drawn])} around {subject.place}. Within "
        f"{_CLOSE:.0%} of the height of the curve they follow it: {listed(near)}."
    )
    data = {"coefficients": coefficients, "orders": drawn, "reach": reach}
    return finished(figure, f"Taylor polynomials of {subject.label}", alt, data)


def _orders(orders: int | Sequence[int]) -> list[int]:
    given = list(range(1, orders + 1)) if isinstance(orders, int) else list(orders)
    if not given or not all(isinstance(n, int) and 1 <= n <= 60 for n in given):
        raise ArgumentError(
            f"taylor: orders is the highest order, or several such as (1, 3, 5), from 1 to 60, not "
            f"{orders!r}"
        )
    return sorted(set(given))


def _distinct(orders: Sequence[int], coefficients: Values, half: float) -> list[int]:
    """The orders whose polynomial differs from that of the order before."""
    terms = np.abs(coefficients) * half ** np.arange(len(coefficients))
    found: list[int] = []
    previous = 0
    for order in orders:
        if not found or np.any(terms[previous + 1 : order + 1] > 1e-12 * np.max(terms)):
            found.append(order)
        previous = order
    return found


def _reach(x: Values, y: Values, p: Values) -> tuple[float, float]:
    """Between which places around the middle the polynomial is close to the function."""
    far = ~(np.abs(p - y) <= _CLOSE * (span(y) or 1.0))
    middle = len(x) // 2
    left, right = np.flatnonzero(far[:middle]), np.flatnonzero(far[middle + 1 :])
    low = x[left[-1] + 1] if left.size else x[0]
    high = x[middle + right[0]] if right.size else x[-1]
    return float(low), float(high)
