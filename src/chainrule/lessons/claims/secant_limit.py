"""Slopes of secants tend to the derivative, central ones faster.

A function with random parameters has a known derivative. Secants over steps of 0.1, 0.05, 0.025, …
are compared with it at 100 places. Each halving of the step should halve the error of a secant
through x and x + h, and quarter that of one through x − h and x + h. That a limit of secants is not
always a derivative shows at a corner: there the two sides have limits of their own.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    about,
    at_most,
    caveat,
    measured,
)

STEPS = 0.1 / 2.0 ** np.arange(10)


def experiment(rng: Rng) -> Findings:
    a, b, c = rng.uniform(0.5, 1.5, 3)
    x = rng.uniform(-1, 1, 100)

    def f(x):
        return a * cr.sin(2 * x) + cr.exp(b * x) + c * x**2

    def value(at: np.ndarray) -> np.ndarray:
        return f(cr.tensor(at)).numpy()

    derivative = cr.vmap(cr.grad(f))(cr.tensor(x)).numpy()
    one_sided = [abs((value(x + h) - value(x)) / h - derivative).max() for h in STEPS]
    central = [abs((value(x + h) - value(x - h)) / (2 * h) - derivative).max() for h in STEPS]
    for name, errors, order in (("one-sided", one_sided, 1), ("central", central, 2)):
        yield measured(f"{name}: error at h = 0.0002", errors[-1], at_most(2e-3))
        yield measured(
            f"{name}: halving h divides the error by",
            (errors[3] / errors[-1]) ** (1 / 6),
            about(2**order, relative=0.03),
        )

    h = 1e-6
    corner = cr.abs(cr.tensor([-h, 0.0, h])).numpy()
    left, right = (corner[1] - corner[0]) / h, (corner[2] - corner[1]) / h
    yield caveat(
        "|x| at 0: slope to the right − slope to the left",
        right - left,
        says=about(0, within=1e-3),
        rather=about(2, within=1e-9),
    )

    def draw(axes):
        axes.loglog(STEPS, one_sided, "o-", label="one-sided")
        axes.loglog(STEPS, central, "s--", label="central")
        axes.set_xlabel("step h")
        axes.set_ylabel("largest error")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The error over the step, with logarithmic axes: two lines, the one for central secants "
        "twice as steep.",
    )


claim = Claim(
    title="Derivative as a limit",
    statement="The slopes of secants tend to the derivative, as their ends come together.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
    caveat="Where there is one. At a corner the secants to the left and to the right have "
    "different limits, and no derivative is tended to.",
)
