"""A partial derivative holds the other variables fixed; a derivative does not.

f(x, y) = x² y + sin y is differentiated by x, at a random point. Once y is a variable of its own;
once it is a function of x, so that moving x moves it as well. Differences of values say what each
of them should be.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    counterexample,
    measured,
    premise,
)

H = 1e-6


def f(x, y):
    return x**2 * y + cr.sin(y)


def experiment(rng: Rng) -> Findings:
    x, slope = rng.uniform(0.5, 1.5, 2)

    def y_of(x):
        return slope * x

    def along(x):
        return f(x, y_of(x))

    y = y_of(x)
    partial = cr.grad(f)(x, y).item()
    total = cr.grad(along)(x).item()
    held = (f(x + H, y) - f(x - H, y)).item() / (2 * H)
    moving = (along(x + H) - along(x - H)).item() / (2 * H)
    yield measured("∂f/∂x − difference with y held", abs(partial - held), at_most(1e-8))
    yield premise("df/dx − difference with y following x", abs(total - moving), at_most(1e-8))
    by_y = cr.grad(f, argnums=1)(x, y).item()
    yield premise(
        "df/dx − (∂f/∂x + ∂f/∂y dy/dx)", abs(total - partial - by_y * slope), at_most(1e-12)
    )
    yield counterexample(
        "df/dx − ∂f/∂x", abs(total - partial), says=at_most(1e-8), rather=above(0.1)
    )


claim = Claim(
    title="Partial and total derivative",
    statement="Partial derivative and derivative are the same.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    right="The partial derivative holds all other variables fixed. The total derivative follows "
    "those that depend on x: df/dx = ∂f/∂x + ∂f/∂y · dy/dx.",
)
