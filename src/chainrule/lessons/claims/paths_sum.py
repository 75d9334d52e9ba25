"""Along a path derivatives are multiplied, over several paths they are added.

A chain of five functions with random parameters has one path: its derivative is compared with the
product of the five slopes, each differentiated by itself. Then x reaches the result through three
functions at once.
"""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, measured


def experiment(rng: Rng) -> Findings:
    a, b, c = rng.uniform(0.5, 1.5, 3)
    links = [
        lambda x: cr.sin(a * x),
        lambda x: cr.exp(b * x),
        lambda x: x**2 + c * x,
        cr.tanh,
        lambda x: cr.log(2 + x),
    ]
    at = rng.uniform(-0.5, 0.5)

    def chain(x):
        for link in links:
            x = link(x)
        return x

    product, x = 1.0, at
    for link in links:
        product *= cr.grad(link)(x).item()
        x = link(x).item()
    slope = cr.grad(chain)(at).item()
    yield measured("one path: derivative / product − 1", abs(slope / product - 1), at_most(1e-12))

    def joined(x):
        return links[0](x) * links[1](x) + links[2](x)

    u, v = links[0](at).item(), links[1](at).item()
    du, dv, dw = (cr.grad(link)(at).item() for link in links[:3])
    total = v * du + u * dv + dw  # ∂y/∂u · du/dx + ∂y/∂v · dv/dx + ∂y/∂w · dw/dx
    slope = cr.grad(joined)(at).item()
    yield measured("three paths: derivative − sum", abs(slope - total), at_most(1e-12))
    missing = np.min(np.abs([v * du, u * dv, dw]))
    yield measured("what the smallest path contributes", missing, above(1e-3))


claim = Claim(
    title="Products along paths, sums over paths",
    statement="The gradient along a path is a product, and over several paths a sum.",
    experiment=experiment,
    chapter=Chapter.DIFFERENTIATION,
)
