"""Saddles: stationary points that are no minima, and how descent leaves them."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)

F = "x^2/2 - y^2/2 + y^4/4"


def example() -> Example:
    yield "A function with a saddle at the origin and minima at y = ±1:"
    yield derivation(F, order=2, at=(0, 0))
    yield "Descent from a point beside the line that leads into it, (1, 10⁻⁶), with a rate of 0.1:"
    f = cr.parse(F)
    gradient = cr.grad(f, argnums=(0, 1))
    x, y = 1.0, 1e-6
    for step in range(1, 201):
        dx, dy = gradient(x, y)
        x, y = x - 0.1 * dx.item(), y - 0.1 * dy.item()
        if step in (50, 100, 150, 200):
            yield Value(f"(x, y) after {step} steps", [x, y])


def draw(axes):
    grid = np.linspace(-1.5, 1.5, 160)
    f = cr.parse(F)
    axes.contour(grid, grid, f(*np.meshgrid(grid, grid)).numpy(), 24, cmap="cividis")
    gradient = cr.grad(f, argnums=(0, 1))
    for start in (1e-6, -1e-2):
        path = [np.array([1.3, start])]
        for _ in range(200):
            path.append(path[-1] - 0.1 * np.array([g.item() for g in gradient(*path[-1])]))
        axes.plot(*np.transpose(path), "o-", markersize=2, label=f"from y = {start:g}")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(frameon=False)


topic = Topic(
    title="Saddles",
    chapter=Chapter.LANDSCAPES,
    place=4,
    motivation="In the losses of networks most stationary points are saddles. Near one the "
    "gradient is small, so that training looks finished when it is not.",
    mental_picture="A mountain pass: along the ridge it is the lowest point, across it the "
    "highest. A ball that comes down along the ridge stops there; a breath from the side and it "
    "rolls on.",
    definition="A saddle is a stationary point whose Hessian has eigenvalues of both signs. Along "
    "the eigenvectors of negative ones the function falls. Near it a step of descent multiplies "
    "the distance along such a direction by 1 + η|λ|, so that a tiny deviation grows "
    "exponentially.",
    formulas=(
        Formula("saddle", r"\nabla f = 0, \quad \lambda_{\min} < 0 < \lambda_{\max}"),
        Formula("leaving it", r"y_{t+1} = (1 + \eta |\lambda|) y_t"),
    ),
    example=example,
    questions=(
        Question(
            "What is a saddle point, and why does it slow down training?",
            "A stationary point that is a minimum in some directions and a maximum in others. The "
            "gradient is nearly zero around it, so plain descent takes many steps until it has "
            "moved off.",
        ),
        Question(
            "What helps to leave a saddle?",
            "Momentum, which adds up the small pushes; the noise of mini-batches, which has a "
            "part in every direction; and a start that is random.",
        ),
    ),
    traps=(
        Trap(
            wrong="When the gradient is nearly zero, training is done.",
            why="That is so at saddles and on plateaus too, however high the loss is there.",
            right="Look at the loss and at the validation score; curvature tells a saddle from a "
            "minimum.",
            claim="flat-high-loss",
        ),
        Trap(
            wrong="Newton's method gets away from saddles faster.",
            why="It goes to the stationary point of the local quadratic, whatever its kind.",
            right="It is drawn to saddles. Variants take the absolute values of the eigenvalues.",
            claim="newton-saddle",
        ),
    ),
    claims=("saddle", "saddle-noise", "critical-saddles", "newton-saddle", "zero-gradient"),
    related=("stationary-points", "hessian", "momentum"),
    pictures=(
        Picture(
            draw,
            "Contours with two paths of descent that run towards the saddle in the middle and "
            "turn off to the minima above and below, the nearer one to the ridge later.",
        ),
    ),
)
