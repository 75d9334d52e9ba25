"""A ReLU that is negative for every input never learns again.

A unit gets a bias so low that it is off for all 200 inputs. Its gradient is zero, to the bit, and
so descent does not change it, while a leaky ReLU at the same place comes back. Inside of a network
its inputs may change, though, when a layer before it learns on another way past the unit.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    above,
    caveat,
    descend,
    equal,
    measured,
    premise,
)

EXAMPLES = 200


def leaky(z):
    return cr.where(z > 0, z, 0.1 * z)


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(size=EXAMPLES))
    y = abs(x)
    start = cr.tensor([1.0, -20.0])

    def loss(activation):
        return lambda p: cr.mean((activation(p[0] * x + p[1]) - y) ** 2)

    active = (start[0] * x + start[1] > 0).numpy().mean()
    yield measured("share of inputs for which the unit is on", active, equal(0))
    gradient = cr.linalg.norm(cr.grad(loss(cr.relu))(start))
    yield measured("gradient of the dead unit", gradient, equal(0))
    moved = cr.linalg.norm(descend(loss(cr.relu), start, cr.optim.adam(0.1), 500) - start)
    yield measured("how far 500 steps of Adam move it", moved, equal(0))
    after = descend(loss(leaky), start, cr.optim.adam(0.1), 500)
    share = (after[0] * x + after[1] > 0).numpy().mean()
    yield measured("leaky ReLU: share of inputs after 500 steps", share, above(0.3))

    def bypassed(p):
        """The unit reads h = p₀x, which also goes past it."""
        h = p[0] * x
        return cr.mean((cr.relu(p[1] * h + p[2]) + p[3] * h - 20 * x) ** 2)

    p = cr.tensor([1.0, 1.0, -5.0, 1.0])
    active = (p[1] * p[0] * x + p[2] > 0).numpy().mean()
    yield premise("in a network, share of inputs for which the unit is on", active, equal(0))
    moved = cr.linalg.norm((descend(bypassed, p, cr.optim.adam(0.1), 500) - p)[1:3])
    yield caveat(
        "how far its weights move, as the layer before it learns",
        moved,
        says=equal(0),
        rather=above(0.1),
    )


claim = Claim(
    title="Dead units",
    statement="A ReLU unit that is off for every input has no gradient and never comes back.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="As long as its inputs stay as they are. If layers before it learn by ways past the "
    "unit, they may switch it on again.",
)
