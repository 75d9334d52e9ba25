"""The derivative of a composition is a product, however long the chain.

(3x + 1)⁴ is differentiated by the engine and by hand. Then fifty functions with random parameters
are put into each other; each is differentiated by itself, at the value that reaches it, and the
fifty slopes are multiplied. For functions of vectors the factors are Jacobians; multiplied in the
opposite order they give something else.
"""

from functools import reduce

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Rng, above, at_most, caveat, measured

LENGTH, SIZE = 50, 3


def composed(links):
    return lambda x: reduce(lambda value, link: link(value), links, x)


def factors(links, differentiate, x) -> list[np.ndarray]:
    """The derivative of each link, at the value that reaches it."""
    found = []
    for link in links:
        found.append(differentiate(link)(x).numpy())
        x = link(x)
    return found


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.uniform(-1, 1))
    slope = cr.grad(lambda x: (3 * x + 1) ** 4)(x)
    yield measured(
        "(3x + 1)⁴: |derivative − 12(3x + 1)³|", abs(slope - 12 * (3 * x + 1) ** 3), at_most(1e-11)
    )

    shapes = LENGTH // 2 * [cr.sin, cr.tanh]
    links = [
        lambda x, a=a, f=f: x + a * f(x)
        for a, f in zip(rng.uniform(0.4, 0.8, LENGTH), shapes, strict=True)
    ]
    slope = cr.grad(composed(links))(x).item()
    product = np.prod(factors(links, cr.grad, x))
    yield measured(
        "fifty functions: derivative / product − 1", abs(slope / product - 1), at_most(1e-12)
    )
    at_x = np.prod([cr.grad(link)(x).item() for link in links])
    yield measured(
        "all slopes taken at x instead: derivative / product − 1", abs(slope / at_x - 1), above(0.1)
    )

    layers = [lambda x, W=W: cr.tanh(W @ x) for W in rng.normal(size=(4, SIZE, SIZE))]
    at = cr.tensor(rng.normal(size=SIZE))
    J = cr.jacobian(composed(layers))(at).numpy()
    parts = factors(layers, cr.jacobian, at)
    yield measured(
        "four layers: J − J₄J₃J₂J₁",
        abs(J - reduce(lambda p, Q: Q @ p, parts)).max(),
        at_most(1e-12),
    )
    turned = abs(J - reduce(np.matmul, parts)).max() / abs(J).max()
    yield caveat("J₁J₂J₃J₄ instead, relative to J", turned, says=at_most(1e-12), rather=above(1e-3))


claim = Claim(
    title="Chains of any length",
    statement="The derivative of a composition is the product of the derivatives of its parts, "
    "whether there are two or fifty.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    caveat="Each is taken at the value that reaches it. With several variables they are "
    "Jacobians, whose order matters: the outermost stands first.",
)
