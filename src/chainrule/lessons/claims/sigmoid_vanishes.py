"""Sigmoids in a row let hardly any gradient through.

The slope of σ is largest at 0, where it is ¼. In a chain σ(σ(…σ(x))) the slopes are multiplied, and
ten of them leave less than a millionth. But the weights between the layers are factors as well:
where w·¼ is above one, and the activations stay near the middle, nothing vanishes.
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

DEPTH = 10
WEIGHT = 5.0


def chain(x, depth=DEPTH):
    for _ in range(depth):
        x = cr.sigmoid(x)
    return x


def weighted(x):
    for _ in range(DEPTH):
        x = cr.sigmoid(WEIGHT * (x - 0.5))  # at ½ each of them stays in the middle
    return x


def experiment(rng: Rng) -> Findings:
    x = cr.tensor(rng.normal(0, 4, 100_000))
    slope = cr.vmap(cr.grad(cr.sigmoid))
    yield measured("largest of 100,000 slopes of σ", slope(x).max(), at_most(0.25))
    yield measured("slope of σ at 0", cr.grad(cr.sigmoid)(0.0), about(0.25, within=1e-15))

    limit = 0.25**DEPTH
    through = cr.vmap(cr.grad(chain))(x)
    yield measured("largest slope of ten sigmoids", through.max(), at_most(limit, "¼¹⁰"))
    yield caveat(
        "slope of ten sigmoids with weights of 5",
        cr.grad(weighted)(0.5),
        says=at_most(limit),
        rather=about((WEIGHT / 4) ** DEPTH, relative=1e-9, why="(5/4)¹⁰"),
    )

    def draw(axes):
        grid = np.linspace(-8, 8, 300)
        for depth in (1, 2, 3, 10):
            own = cr.vmap(cr.grad(lambda v, depth=depth: chain(v, depth)))
            axes.semilogy(grid, own(cr.tensor(grid)), label=f"{depth} in a row")
        axes.axhline(0.25, linestyle=":", color="0.5")
        axes.set_xlabel("x")
        axes.set_ylabel("slope")
        axes.legend(frameon=False)

    yield Picture(
        draw,
        """
            The slope of one sigmoid is a bell of height ¼ around 0. Those of two, three and ten
            in a row lie below it, each by a factor of four or more; the axis is logarithmic.
        """,
    )


claim = Claim(
    title="Vanishing gradients of sigmoids",
    statement="A sigmoid's slope is at most ¼, so the gradient through ten of them vanishes.",
    experiment=experiment,
    chapter=Chapter.DEPTH,
    caveat="The weights are factors too: only where |w|·σ′ is below one does the product vanish.",
)
