"""Convexity: one valley, and what follows from it."""

import numpy as np

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Derived,
    Example,
    Formula,
    Picture,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)


def example() -> Example:
    yield "The loss of logistic regression for one example of the class 1 is softplus(−z):"
    yield derivation("softplus(-z)", wrt="z", order=2)
    yield "σ lies between 0 and 1, so the second derivative is positive everywhere: it is convex."
    yield "In two variables the Hessian decides: that of softplus(x − 2y) + y² at (1, −1) has the"
    f = cr.parse("softplus(x - 2y) + y^2")
    H = cr.hessian(lambda p: f(p[0], p[1]))(cr.tensor([1.0, -1.0]))
    yield Value("eigenvalues", np.linalg.eigvalsh(H.numpy()))
    yield "That of x² − y², a saddle, has the"
    H = cr.hessian(lambda p: p[0] ** 2 - p[1] ** 2)(cr.tensor([1.0, -1.0]))
    yield Value("eigenvalues", np.linalg.eigvalsh(H.numpy()))


def draw(axes):
    x = np.linspace(-2, 2, 200)
    for name, f in (
        ("convex: x²", lambda x: x**2),
        ("not convex: cos 3x", lambda x: np.cos(3 * x)),
    ):
        (line,) = axes.plot(x, f(x), label=name)
        ends = np.array([-1.6, 1.1])
        axes.plot(ends, f(ends), "o--", color=line.get_color(), linewidth=0.8)
    axes.legend(frameon=False)


topic = Topic(
    title="Convexity",
    chapter=Chapter.LANDSCAPES,
    place=1,
    motivation="Whether descent can be caught in the wrong valley depends on the shape of the "
    "loss. For a convex loss there is no wrong valley: every stationary point is a global minimum.",
    mental_picture="A bowl. Stretch a string between any two points of its surface: it never "
    "passes below the surface. In a range of mountains it often does.",
    definition="f is convex if f at any point between x and y is at most the value, at the same "
    "share, of the chord from f(x) to f(y). For a function with second derivatives that is the "
    "same as a Hessian without negative eigenvalues everywhere. Strictly convex, with chords "
    "strictly above, means at most one minimiser.",
    formulas=(
        Formula(
            "convex",
            r"f(\lambda x + (1 - \lambda) y) \le \lambda f(x) + (1 - \lambda) f(y)",
        ),
        Formula("convex, by curvature", r"\nabla^2 f(x) \succeq 0"),
        Derived("curvature of the logistic loss", "softplus(-z)", "z", 2, "σ(z) (1 - σ(z))"),
    ),
    example=example,
    questions=(
        Question(
            "What is a convex function, and why does it matter for training?",
            "One whose chords never dip below its curve, or whose Hessian has no negative "
            "eigenvalue. Descent with a suitable step then ends in a global minimum from any "
            "start.",
        ),
        Question(
            "Is the sum of convex functions convex? Their composition?",
            "A sum is, also with positive weights. A composition need not be: (x² − 1)² is a "
            "square of a convex function and has two minima.",
        ),
    ),
    traps=(
        Trap(
            wrong="A convex function has exactly one minimum.",
            why="A flat bottom is allowed, and some convex functions, such as eˣ, have no minimum "
            "at all. A least-squares loss with dependent features has a whole line of minimisers.",
            right="All minima of a convex function have the same value. There is at most one "
            "minimiser if it is strictly convex.",
            claim="convex-same-optimum",
        ),
    ),
    claims=("convex-chord", "convex-same-optimum"),
    related=("hessian", "convex-models", "non-convex-models"),
    pictures=(
        Picture(
            draw,
            "A parabola with a chord above it; a cosine with a chord that passes below its crests "
            "and above its troughs.",
        ),
    ),
)
