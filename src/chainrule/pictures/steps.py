"""The error of differences against the step size: a V, down by Taylor's theorem, up by rounding."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.explaining.methods.differences import StepSizes, sweep
from chainrule.explaining.methods.problem import read_problem
from chainrule.pictures.figure import BLUE, VERMILION, Picture, bare, finished, new_figure

__all__ = ["draw_steps", "step_sizes"]


def step_sizes(f: Any, at: Any) -> Picture:
    """The error of forward and central differences against the step size: the V-shaped curve.

    Args:
        f: a function, as for `compare_methods`.
        at: the point.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if the point does not fit.
        GradientError: if the result is no floating-point number.
        NonFiniteError: if there is no value at the point.
        MissingExtraError: without matplotlib.

    >>> import chainrule as cr
    >>> picture = cr.pictures.step_sizes("sin(x^2)", 1.0)
    >>> picture.data["steps"].central.best < 1e-4
    True
    """
    problem = read_problem(f, (), at)
    return draw_steps(sweep(problem, problem.in_float64()), problem.label, problem.place)


def draw_steps(steps: StepSizes, function: str, place: str, axes: Any = None) -> Picture:
    """The curve of what was measured, with what theory expects; into ``axes`` if they are given."""
    given = axes is not None
    if not given:
        axes = new_figure(7.6, 5.0).subplots()
    h = steps.steps
    floor = 1e-3 * steps.epsilon * max(steps.size, 1e-3)  # errors of 0 have no logarithm
    for scheme, color, dashes, marker, sign in (
        (steps.forward, BLUE, "-", "o", "√ε"),
        (steps.central, VERMILION, "--", "s", "∛ε"),
    ):
        theory = scheme.theory(h)
        if theory is not None and np.any(theory > 0):
            axes.plot(h, theory, color=color, linestyle=":", linewidth=1.3, alpha=0.9)
        axes.plot(
            h,
            np.maximum(scheme.errors, floor),
            color=color,
            linestyle=dashes,
            marker=marker,
            markersize=4.5,
            linewidth=1.5,
            label=f"{scheme.name}\nbest step {scheme.best:.1e}, {sign} = {scheme.rule:.1e}",
        )
        axes.plot(
            scheme.best,
            max(scheme.error, floor),
            "*",
            color=color,
            markeredgecolor="black",
            markersize=15,
            zorder=5,
        )
        axes.axvline(scheme.rule, color=color, linestyle=dashes, linewidth=0.9, alpha=0.6)
    axes.plot([], [], color="0.4", linestyle=":", label="theory: truncation + rounding")
    axes.plot([], [], "*", color="white", markeredgecolor="black", markersize=12, label="best step")
    axes.set_xscale("log")
    axes.set_yscale("log")
    shown = function if len(function) <= 50 else function.partition(" = ")[0]
    top = 10 * float(np.nanmax([steps.forward.errors, steps.central.errors]))
    axes.set_ylim(top=min(axes.get_ylim()[1], max(top, floor)))
    gap = "\n" if len(shown) + len(place) > 45 else " "
    bare(axes, "step size h", "absolute error", f"Error of differences: {shown}{gap}at {place}")
    axes.legend(frameon=False, fontsize=9, loc="best")
    title = f"Error of differences of {shown} at {place}"
    make = Picture if given else finished
    return make(axes.figure, title, _alt(steps, shown, place), {"steps": steps})


def _alt(steps: StepSizes, shown: str, place: str) -> str:
    words = [
        f"The error of differences for the derivative of {shown} at {place} against the step h, "
        f"from {steps.steps[0]:.0e} down to {steps.steps[-1]:.0e}, both axes logarithmic."
    ]
    for scheme, sign in ((steps.forward, "√ε"), (steps.central, "∛ε")):
        first, last = scheme.errors[0], scheme.errors[-1]
        least = f"{scheme.error:.1e} at h = {scheme.best:.1e}"
        if scheme.best == steps.steps[0]:
            course = f"is least with the longest step, {least}"
        else:
            course = f"goes from {first:.1e} to its least, {least} ({sign} is {scheme.rule:.1e})"
        words.append(
            f"{scheme.name.capitalize()}: the error {course}, and then by rounding up to "
            f"{last:.1e}."
        )
    return " ".join(words)
