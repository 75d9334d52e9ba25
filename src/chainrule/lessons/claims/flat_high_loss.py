"""A loss can be high where its gradient is nearly zero.

A sigmoid unit that is sure of the wrong class has a squared error near the worst there is; but σ is
flat there, and the gradient nearly zero. Cross-entropy has no such plateau: its gradient is σ(z) −
y, large where the unit is wrong.
"""

import chainrule as cr
from chainrule.lessons.kit import Chapter, Claim, Findings, Picture, Rng, above, below, measured


def squared(z):
    return (cr.sigmoid(z) - 1) ** 2


def cross_entropy(z):
    return cr.softplus(-z)  # −ln σ(z), for the class 1


def experiment(rng: Rng) -> Findings:
    z = -rng.uniform(10, 15)
    yield measured("squared error of a confident mistake", squared(z), above(0.99))
    yield measured("gradient of the squared error", abs(cr.grad(squared)(z)), below(1e-3))
    yield measured("cross-entropy of the same mistake", cross_entropy(z), above(9))
    yield measured("gradient of cross-entropy", abs(cr.grad(cross_entropy)(z)), above(0.99))

    def draw(axes):
        grid = cr.linspace(-12, 6, 200)
        for name, f in (("squared error", squared), ("cross-entropy", cross_entropy)):
            axes.plot(grid, abs(cr.vmap(cr.grad(f))(grid)), label=name)
        axes.set_xlabel("z, for the class 1")
        axes.set_ylabel("size of the gradient")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        "The gradient of the squared error is a hump around 0 and vanishes for confident mistakes; "
        "that of cross-entropy rises to 1 there.",
    )


claim = Claim(
    title="High loss, small gradient",
    statement="The loss can be high where the gradient is near zero.",
    experiment=experiment,
    chapter=Chapter.LANDSCAPES,
)
