"""No direction is steeper than the gradient's.

At a random point in space the slope of f is measured along 10,000 random directions, from values
of f alone. If one of them were steeper than the gradient, it would show. The best of them should
point nearly where the gradient does, and climb nearly as fast, but not faster.
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
    above,
    angle,
    at_most,
    below,
    chance,
    measured,
    premise,
)

DIRECTIONS = 10_000
H = 1e-5


def f(p):
    x, y, z = p
    return cr.exp(-((x - 1) ** 2)) + x * y + cr.sin(y * z) + z**2 / 2


def experiment(rng: Rng) -> Findings:
    point = rng.uniform(-1, 1, 3)
    g = cr.grad(f)(cr.tensor(point)).numpy()
    steepness = np.linalg.norm(g)
    yield premise("‖∇f‖", steepness, above(0))

    value = cr.vmap(f)
    v = rng.normal(size=(DIRECTIONS, 3))
    v /= np.linalg.norm(v, axis=1, keepdims=True)
    v = np.vstack([v, g / steepness])  # the last one is the gradient's own direction
    slopes = (value(cr.tensor(point + H * v)) - value(cr.tensor(point - H * v))).numpy() / (2 * H)
    slopes, along_gradient = slopes[:-1], slopes[-1]
    best = v[slopes.argmax()]

    yield measured("slope along the gradient / ‖∇f‖", along_gradient / steepness, about(1, 1e-6))
    yield measured("steepest random slope / ‖∇f‖", slopes.max() / steepness, at_most(1))
    yield measured("steepest descent / ‖∇f‖", -slopes.min() / steepness, at_most(1))
    yield measured("angle from the best random one to ∇f", angle(best, g), below(5), "°")
    share = (1 - np.cos(np.radians(5))) / 2  # of the sphere, within 5° of a direction
    yield chance((1 - share) ** DIRECTIONS, "that no random direction comes within 5° of ∇f")

    def draw(axes):
        angles = [angle(one, g) for one in v[:1000]]
        axes.plot(angles, slopes[:1000] / steepness, ".", markersize=3)
        turn = np.linspace(0, 180, 181)
        axes.plot(turn, np.cos(np.radians(turn)), linewidth=0.8)
        axes.set_xlabel("angle to the gradient (degrees)")
        axes.set_ylabel("slope / ‖∇f‖")

    yield Picture(
        draw,
        """
            Slopes along 1,000 random directions over their angle to the gradient: all lie on
            the cosine, which is largest, 1, at the gradient itself.
        """,
    )


claim = Claim(
    title="The steepest direction",
    statement="The gradient points in the direction of steepest ascent.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
)
