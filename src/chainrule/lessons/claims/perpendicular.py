"""A gradient stands at a right angle on the level curve through its point.

The curve is found without any derivative. On a tiny circle around a point, f takes the value of the
centre at two places, which bisection finds; the chord between them runs along the level curve. The
gradient comes from the engine. Between the two lies an angle that can be measured.
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
    at_least,
    measured,
    premise,
)

RADIUS = 1e-4
POINTS = 1000


def f(x, y):
    return x**2 + 2 * y**2 + 3 * cr.sin(x * y)


def along_the_curve(points, g):
    """Chords, in diameters, between the two places on a circle where f is as in its centre."""

    def excess(turn):
        moved = f(cr.tensor(x + RADIUS * np.cos(turn)), cr.tensor(y + RADIUS * np.sin(turn)))
        return moved.numpy() - level

    x, y = points.T
    level = f(cr.tensor(x), cr.tensor(y)).numpy()
    uphill = np.arctan2(g[:, 1], g[:, 0])
    ends = []
    for side in (np.pi, -np.pi):  # from uphill, where f is larger, around to where it is smaller
        low, high = uphill.copy(), uphill + side
        for _ in range(60):
            middle = (low + high) / 2
            larger = excess(middle) > 0
            low, high = np.where(larger, middle, low), np.where(larger, high, middle)
        ends.append(np.stack([np.cos(low), np.sin(low)], axis=1))
    chord = ends[0] - ends[1]
    return chord / 2


def experiment(rng: Rng) -> Findings:
    points = rng.uniform(-2, 2, (POINTS, 2))
    gradient = cr.vmap(cr.grad(f, argnums=(0, 1)))
    g = np.stack([part.numpy() for part in gradient(*map(cr.tensor, points.T))], axis=1)
    steep = np.linalg.norm(g, axis=1) > 0.5  # near a stationary point there is no single curve
    points, g = points[steep], g[steep]
    yield premise("points with a gradient above ½", len(points), at_least(POINTS // 2))

    tangents = along_the_curve(points, g)
    lengths = np.linalg.norm(tangents, axis=1)
    yield premise("shortest chord", lengths.min(), above(0.9), "diameters")
    cosines = (tangents * g).sum(axis=1) / lengths / np.linalg.norm(g, axis=1)
    angles = np.degrees(np.arccos(np.clip(cosines, -1, 1)))
    yield measured("smallest angle with the curve", angles.min(), about(90, within=0.05), "°")
    yield measured("largest angle with the curve", angles.max(), about(90, within=0.05), "°")

    def draw(axes):
        grid = np.linspace(-2, 2, 200)
        axes.contour(grid, grid, f(*map(cr.tensor, np.meshgrid(grid, grid))).numpy(), 18)
        some = slice(0, 25)
        axes.quiver(*points[some].T, *g[some].T, angles="xy", width=0.004)
        axes.set_aspect("equal")

    yield Picture(
        draw, "Level curves of f, and gradients at 25 points: each crosses its curve at 90°."
    )


claim = Claim(
    title="Gradient and level curve",
    statement="The gradient of a function is perpendicular to its level curves.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
)
