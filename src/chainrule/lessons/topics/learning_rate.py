"""The learning rate: how far a step goes, and how far it may go."""

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
    descend,
)

F = "2w^2"
SADDLE = "x^2 - y^2/2"


def example() -> Example:
    yield "The curvature decides. For f(w) = 2w², with its minimum at 0, it is"
    yield derivation(F, order=2)
    f = cr.parse(F)
    curvature = cr.derivative(f, 2)(1.0)
    yield "A step multiplies w by 1 − ηλ, with λ that curvature. So η has to be below"
    yield Value("2/λ", 2 / curvature)
    yield "Twenty steps from w = 1:"
    for rate in (0.002, 0.1, 0.25, 0.45, 0.5, 0.55):
        name = f"η = {rate:g}: factor {1 - rate * curvature.item():.4g}, w"
        yield Value(name, descend(f, cr.tensor(1.0), cr.optim.sgd(rate), 20))
    yield (
        "At a saddle a smaller rate is no help. Beside that of x² − y²/2, where λ = −1 along y, "
        "the factor is 1 + η. From y = 10⁻⁶, after 200 steps:"
    )
    g = cr.parse(SADDLE)
    for rate in (0.1, 0.05):
        end = descend(lambda p: g(p[0], p[1]), cr.tensor([1.0, 1e-6]), cr.optim.sgd(rate), 200)
        yield Value(f"η = {rate:g}: y", end[1])


def draw(axes):
    f = cr.parse(F)
    w = np.linspace(-1.3, 1.3, 100)
    axes.plot(w, f(w), color="black", linewidth=0.8)
    for rate, start in ((0.02, -1.2), (0.46, 1.0), (0.53, 0.45)):
        path = [cr.tensor(start)]
        for _ in range(8):
            path.append(path[-1] - rate * cr.derivative(f)(path[-1]))
        at = np.array([p.item() for p in path])
        axes.plot(at, f(at), "o--", markersize=3, linewidth=0.8, label=f"η = {rate:g}")
    axes.set_xlabel("w")
    axes.set_ylabel("f(w) = 2w²")
    axes.legend(frameon=False)


topic = Topic(
    title="Learning rate",
    chapter=Chapter.DESCENT,
    place=3,
    motivation="""
        The gradient gives a direction and a slope, but not how far to go. That is left to the
        learning rate, and no other number decides so often whether a training works.
    """,
    mental_picture="""
        The length of a stride. With tiny ones the valley is never reached; somewhat longer ones
        arrive quickly, then they begin to step across the bottom and back, and still longer ones
        climb higher on the other side each time.
    """,
    definition="""
        The learning rate η is the factor of the gradient in a step. Near a minimum the loss is a
        quadratic, and along each eigenvector of the Hessian a step multiplies the distance by
        1 − ηλ, with λ its eigenvalue. Descent converges for η < 2/λmax; how fast is decided by
        the direction whose factor is furthest from 0.
    """,
    formulas=(
        Formula(
            "factor of a step",
            r"w_{t+1} - w^* = (1 - \eta \lambda) (w_t - w^*)",
        ),
        Formula("stable rates", r"0 < \eta < \frac{2}{\lambda_{\max}}"),
        Formula(
            "best constant rate",
            r"\eta = \frac{2}{\lambda_{\min} + \lambda_{\max}}",
        ),
        Formula(
            "its factor, with κ the ratio of curvatures",
            r"\frac{\kappa - 1}{\kappa + 1}, \quad \kappa = \frac{\lambda_{\max}}{\lambda_{\min}}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is the learning rate, and what if it is too large or too small?",
            """
                It is the factor of the gradient in each step. Above 2/λmax, with λmax the largest
                curvature, steps overshoot further and further and the loss oscillates or
                diverges; far below it training crawls.
            """,
        ),
        Question(
            "How do you find a good one?",
            """
                Try powers of about 3 over several orders of magnitude for a short while, and take
                the largest that trains steadily, or somewhat less. A schedule then lowers it
                towards the end.
            """,
        ),
        Question(
            "The loss turns into NaN. What do you look at?",
            """
                First at the rate: lower it tenfold, or clip gradients and warm up. Then at
                gradients that explode with depth, and at operations such as the logarithm of 0.
            """,
        ),
        Question(
            "Why can one rate be wrong for all parameters?",
            """
                It is limited by the direction of the largest curvature, and crawls in that of the
                least. Momentum, normalisation and optimizers with a scale for each parameter, such
                as Adam, reduce that conflict.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A smaller learning rate is always the safe choice.",
            why="""
                The factor of every direction comes close to 1: training stops on its way, and it
                looks like convergence.
            """,
            right="""
                Take the largest rate that is stable, and decay it. A rate far below 2/λmax crawls.
            """,
            claim="learning-rate",
        ),
        Trap(
            wrong="If the loss does not diverge, the rate is not too large.",
            why="""
                Where the curvature falls away from the minimum, steps that are too large are
                caught and jump from side to side.
            """,
            right="""
                A loss that stays level and noisy may come from a rate that is too large. Lower
                it: if the loss drops at once, it was.
            """,
            claim="learning-rate",
        ),
        Trap(
            wrong="Stuck at a saddle, one should lower the learning rate.",
            why="""
                Along the way out a step multiplies the distance by 1 + η|λ|. A smaller η makes
                that slower.
            """,
            right="Momentum and noise help, and a larger rate rather than a smaller one.",
            claim="saddle",
        ),
        Trap(
            wrong="A rate that suits one network suits it in other units too.",
            why="Rescaling a parameter rescales its gradient and its curvature.",
            right="""
                Plain descent depends on the scale of each parameter; Adam not on that of the
                gradient.
            """,
            claim="adam-scale",
        ),
    ),
    claims=("learning-rate", "descent-decreases", "saddle", "adam-scale"),
    related=("gradient-descent", "schedules", "hessian", "second-derivative", "adam", "clipping"),
    pictures=(
        Picture(
            draw,
            """
                Steps on a parabola: tiny ones that have hardly moved, long ones that cross the
                minimum each time and come nearer, and longer ones that end up higher at every
                step.
            """,
        ),
    ),
)
