"""At a stationary point descent does not move.

x³ − 3x + y² has a minimum at (1, 0) and a saddle at (−1, 0). Descent in several forms is started at
both, exactly. A rounding off a saddle, though, is not the saddle: there a descent of some hundred
steps has left it.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    at_most,
    caveat,
    descend,
    equal,
    measured,
    premise,
)

STEPS = 200


def f(p):
    x, y = p
    return (x - 1) ** 2 * (x + 2) + y**2  # x³ − 3x + 2 + y², which is exact at ±1


def experiment(rng: Rng) -> Findings:
    rate = rng.uniform(0.05, 0.1)
    forms = {
        "plain": cr.optim.sgd(rate),
        "momentum": cr.optim.sgd(rate, momentum=0.9),
        "Adam": cr.optim.adam(rate),
    }
    for place, name in ((1.0, "minimum"), (-1.0, "saddle")):
        start = cr.tensor([place, 0.0])
        yield premise(f"‖∇f‖ at the {name}", cr.linalg.norm(cr.grad(f)(start)), equal(0))
        for form, optimizer in forms.items():
            moved = cr.linalg.norm(descend(f, start, optimizer, STEPS) - start)
            yield measured(f"way from the {name} in 200 steps, {form}", moved, equal(0))
    off = cr.tensor([-1.0 + 1e-12, 0.0])
    moved = cr.linalg.norm(descend(f, off, forms["plain"], STEPS) - off)
    yield caveat("way from 1e-12 beside the saddle", moved, says=at_most(1e-6), rather=above(1))


claim = Claim(
    title="Descent at a stationary point",
    statement="At a stationary point gradient descent does not move.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
    caveat="A saddle holds it only if it is met exactly: from a rounding beside it, descent moves "
    "away, slowly at first and then faster.",
)
