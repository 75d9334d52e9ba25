"""Finite differences lose digits: too long a step is inexact, too short a one is rounding.

The slope of eˣ sin x is approximated by differences with steps from 0.1 down to 10⁻¹⁵, at 50
places, and compared with the closed form eˣ(sin x + cos x). Long steps see the curve bend; for
short ones f(x + h) and f(x) agree in nearly all their digits, and the difference keeps the
rounding. On doubly logarithmic paper the error is a V, and its tip lies far above the rounding of
the derivative that the engine computes.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Picture,
    Rng,
    above,
    at_most,
    between,
    measured,
)

STEPS = 10.0 ** np.arange(-1, -15.5, -0.5)


def f(x):
    return cr.exp(x) * cr.sin(x)


def experiment(rng: Rng) -> Findings:
    x = rng.uniform(0.5, 2, 50)
    exact = np.exp(x) * (np.sin(x) + np.cos(x))

    def value(at: np.ndarray) -> np.ndarray:
        return f(cr.tensor(at)).numpy()

    def error(slope: np.ndarray) -> float:
        return np.median(np.abs(slope - exact) / np.abs(exact))

    one_sided = np.array([error((value(x + h) - value(x)) / h) for h in STEPS])
    central = np.array([error((value(x + h) - value(x - h)) / (2 * h)) for h in STEPS])
    engine = error(cr.vmap(cr.grad(f))(cr.tensor(x)).numpy())

    best = one_sided.argmin()
    yield measured("best step, one-sided", STEPS[best], between(1e-9, 1e-6, "√ε is 1.5e-8"))
    yield measured("error at 0.1 / smallest error", one_sided[0] / one_sided[best], above(1e4))
    yield measured("error at 1e-15 / smallest", one_sided[-1] / one_sided[best], above(1e4))
    yield measured("smallest error, one-sided", one_sided[best], between(1e-11, 1e-7))
    yield measured("best step, central", STEPS[central.argmin()], between(1e-7, 1e-4, "∛ε is 6e-6"))
    yield measured("smallest error, central", central.min(), above(1e-13))
    yield measured("error of the engine", engine, at_most(1e-15))

    def draw(axes):
        axes.loglog(STEPS, one_sided, "o-", label="one-sided")
        axes.loglog(STEPS, central, "s--", label="central")
        axes.axhline(max(engine, 1e-17), linestyle=":", color="black", label="the engine")
        axes.set_xlabel("step h")
        axes.set_ylabel("relative error")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The error of differences over the step, both logarithmic: it falls and rises again, a V. "
        "The tip of central differences is lower; the engine's error lies below both.",
    )


claim = Claim(
    title="Finite differences lose digits",
    statement="Finite differences lose digits: their error falls with the step only down to a "
    "point, and then grows.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
