"""Numerical differentiation: slopes from values alone."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)

F = "e^x sin x"


def slopes(f, x: float, h: float) -> tuple[float, float]:
    """The one-sided and the central difference."""
    return (
        ((f(x + h) - f(x)) / h).item(),
        ((f(x + h) - f(x - h)) / (2 * h)).item(),
    )


def example() -> Example:
    yield "The slope of eˣ sin x at 1. By the rules:"
    yield derivation(F, at=1)
    f = cr.parse(F)
    exact = cr.grad(f)(1.0).item()
    yield "By differences, for shorter and shorter steps; shown is what they miss:"
    for h in (1e-1, 1e-3, 1e-5, 1e-8, 1e-12):
        for kind, slope in zip(("one-sided", "central"), slopes(f, 1.0, h), strict=True):
            yield Value(f"h = {h:g}, {kind}", abs(slope - exact))
    yield "Good enough to check a gradient. The engine does so with steps that it adapts:"
    report = cr.check_gradient(f, 1.0)
    yield Value("the gradient agrees with differences", report.ok)


def draw(axes):
    f = cr.parse(F)
    exact = cr.grad(f)(1.0).item()
    h = 10.0 ** np.arange(-1, -15.2, -0.25)
    errors = np.abs(np.array([slopes(f, 1.0, one) for one in h]) - exact)
    axes.loglog(h, errors[:, 0], "o-", markersize=3, label="one-sided")
    axes.loglog(h, errors[:, 1], "s--", markersize=3, label="central")
    axes.set_xlabel("step h")
    axes.set_ylabel("error")
    axes.legend(frameon=False)


topic = Topic(
    title="Numerical differentiation",
    chapter=Chapter.DIFFERENTIATION,
    place=2,
    motivation="""
        Where only values can be had, differences of values are the way to a slope. They need no
        rule and no graph, which makes them the independent witness that a gradient is checked
        against.
    """,
    mental_picture="""
        Measuring the slope of a road with a spirit level on a plank. A long plank bridges the
        bends; a short one lies well, but the bubble moves by less than one can read.
    """,
    definition="""
        f′(x) is approximated by the slope of a secant over a small step h: one-sided, with an
        error that falls like h, or central, with one that falls like h². Rounding adds an error
        that grows like ε/h. For a gradient each parameter needs evaluations of its own.
    """,
    formulas=(
        Formula("one-sided", r"f'(x) \approx \frac{f(x + h) - f(x)}{h}"),
        Formula("central", r"f'(x) \approx \frac{f(x + h) - f(x - h)}{2h}"),
        Formula("best steps", r"h \sim \sqrt{\epsilon}, \quad h \sim \epsilon^{1/3}"),
    ),
    example=example,
    questions=(
        Question(
            "Why is numerical differentiation not used for training?",
            """
                It takes at least one forward pass for every parameter, a million of them for a
                million parameters, where a backward pass gives all derivatives at once. Besides,
                subtracting nearly equal numbers loses a third to a half of the digits at best.
            """,
        ),
        Question(
            "What are finite differences good for, then?",
            """
                For checking: a gradient by rules and one by differences have no mistake in common.
                A few random parameters in double precision are enough.
            """,
        ),
        Question(
            "Which step is best?",
            """
                In double precision about 10⁻⁸, that is √ε, for one-sided differences and about
                10⁻⁵, the cube root of ε, for central ones, times the scale on which f changes.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Choose h as small as possible.",
            why="The rounding of the values is divided by h, and so grows as h shrinks.",
            right="There is a best h, where both errors are alike; smaller ones are worse.",
            claim="finite-differences",
        ),
        Trap(
            wrong="Differences are slow, but for training they would do.",
            why="One step would take as many forward passes as there are parameters.",
            right="A backward pass costs about two forward ones, however many parameters.",
            claim="million-gradients",
        ),
    ),
    claims=("finite-differences", "secant-limit", "million-gradients", "exact"),
    related=("derivative", "automatic-differentiation", "symbolic-differentiation"),
    pictures=(
        Picture(
            draw,
            """
                The error of both differences over the step, with logarithmic axes: it falls with
                the step, twice as steeply for central ones, and rises again, ragged, when rounding
                takes over.
            """,
        ),
    ),
)
