"""What a Taylor polynomial of order k misses falls like hᵏ⁺¹.

Polynomials of order 1 to 4 of a function with random parameters, and of orders 1 and 2 of a
function of five variables, are compared with the function at steps of 0.1 and 0.01. From the two
errors follows the power with which they fall.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Picture, Rng, about, measured

LONG, SHORT = 0.1, 0.01


def experiment(rng: Rng) -> Findings:
    a, b = rng.uniform(0.5, 1, 2)
    x = rng.uniform(-0.5, 0.5)

    def f(x):
        return cr.exp(2 * a * x) + cr.log(2 + b + x)

    def power(f, at, direction, order: int) -> float:
        p = cr.taylor(f, at, order)
        long, short = (abs(f(at + h * direction) - p(at + h * direction)) for h in (LONG, SHORT))
        return np.log(long.item() / short.item()) / np.log(LONG / SHORT)

    for order in range(1, 5):
        yield measured(
            f"order {order}: what it misses falls with h to the power of",
            power(f, cr.tensor(x), 1.0, order),
            about(order + 1, within=0.2),
        )

    weights = rng.uniform(0.5, 1, 5)

    def several(p):
        return cr.exp(cr.sum(weights * p)) + cr.sum(weights * p**3)

    at = cr.tensor(rng.uniform(0, 0.5, 5))
    direction = rng.uniform(0.5, 1, 5)
    direction /= np.linalg.norm(direction)
    for order, name in ((1, "gradient"), (2, "gradient and Hessian")):
        yield measured(
            f"five variables, {name}: the power",
            power(several, at, direction, order),
            about(order + 1, within=0.2),
        )

    def draw(axes):
        h = np.geomspace(1e-2, 0.5, 40)
        for order in range(1, 5):
            p = cr.taylor(f, cr.tensor(x), order)
            axes.loglog(h, abs(f(cr.tensor(x + h)) - p(cr.tensor(x + h))), label=f"order {order}")
        axes.set_xlabel("step h")
        axes.set_ylabel("what is missed")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "What each order misses, over the step: lines with slopes from 2 to 5 on logarithmic axes.",
    )


claim = Claim(
    title="Taylor expansion",
    statement="A Taylor polynomial of order k misses the function by something that falls like "
    "hᵏ⁺¹.",
    experiment=experiment,
    chapter=Chapter.DERIVATIVES,
)
