"""σ′ = σ(1 − σ), but not in the digits of a computer.

The formula is compared with the derivative of the engine and with the form e⁻ˣ/(1 + e⁻ˣ)², which
subtracts nothing. Near 0 all agree. Far to the right σ is rounded to nearly or exactly 1, and 1 − σ
keeps few of its digits or none.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    about,
    above,
    at_most,
    caveat,
    equal,
    measured,
)


def without_subtracting(x: np.ndarray) -> np.ndarray:
    """e⁻ˣ / (1 + e⁻ˣ)², which is even in x."""
    e = np.exp(-abs(x))
    return e / (1 + e) ** 2


def as_written(x: np.ndarray) -> np.ndarray:
    s = cr.sigmoid(cr.tensor(x)).numpy()
    return s * (1 - s)


def experiment(rng: Rng) -> Findings:
    slope = cr.vmap(cr.grad(cr.sigmoid))
    x = rng.uniform(-3, 3, 1000)
    off = abs(as_written(x) / without_subtracting(x) - 1).max()
    yield measured("|x| ≤ 3: relative error of σ(1 − σ)", off, at_most(1e-14))
    yield measured(
        "slope at 0, where it is largest", cr.grad(cr.sigmoid)(0.0), about(0.25, within=1e-15)
    )

    x = rng.uniform(28, 36, 1000)
    engine = slope(cr.tensor(x)).numpy()
    off = abs(engine / without_subtracting(x) - 1).max()
    yield measured("x from 28 to 36: relative error of the engine", off, at_most(1e-14))
    off = abs(as_written(x) / without_subtracting(x) - 1).max()
    yield caveat("of σ(1 − σ) as written", off, says=at_most(1e-10), rather=above(1e-2))
    yield caveat(
        "σ(1 − σ) as written, at 40", as_written(np.array(40.0)), says=above(0), rather=equal(0)
    )
    yield measured("slope of the engine at 40", cr.grad(cr.sigmoid)(40.0), above(0))


claim = Claim(
    title="The derivative of the sigmoid",
    statement="The derivative of the sigmoid is σ(1 − σ).",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
    caveat="As an identity. Computed as written it loses its digits for large x, where σ is "
    "rounded to 1; σ(x) σ(−x) is the same and keeps them.",
)
