"""Momentum: steps that remember the steps before."""

from itertools import islice

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
    steps_of,
)

CONDITION = 100.0
START = (10.0, 1.0)


def valley(w):
    return (w[0] ** 2 + CONDITION * w[1] ** 2) / 2


def tuned() -> dict[str, cr.optim.Optimizer]:
    """Descent without and with momentum, with the best numbers for curvatures of 1 and κ."""
    root = np.sqrt(CONDITION)
    decay = ((root - 1) / (root + 1)) ** 2
    return {
        "plain": cr.optim.sgd(2 / (1 + CONDITION)),
        "with momentum": cr.optim.sgd(4 / (1 + root) ** 2, momentum=decay),
    }


def example() -> Example:
    yield "A gradient of 1 that does not change, μ = 0.9 and η = 1. The steps are"
    steps = list(islice(steps_of(lambda w: w, cr.tensor(0.0), cr.optim.sgd(1.0, 0.9)), 101))
    sizes = -np.diff([w.item() for w in steps])
    for step in (1, 2, 3, 10, 100):
        yield Value(f"step {step}", sizes[step - 1])
    yield "They add up 1 + μ + μ² + … to"
    yield Value("1/(1 − μ)", 1 / (1 - 0.9))
    yield "A gradient that changes its sign each time, on the other hand, is damped to"
    state = (optimizer := cr.optim.sgd(1.0, 0.9)).init(w := cr.tensor(0.0))
    for step in range(100):
        update, state = optimizer.update(cr.tensor(float((-1) ** step)), state, w)
    yield Value("size of a step after 100", abs(update))
    yield Value("1/(1 + μ)", 1 / (1 + 0.9))
    yield (
        "Hence the use in a long valley: along it gradients add up, across it they cancel. Steps "
        "until f(x, y) = (x² + 100y²)/2 has fallen to a millionth, from (10, 1), with the best "
        "numbers for each:"
    )
    start = cr.tensor(np.array(START))
    for name, optimizer in tuned().items():
        path = steps_of(valley, start, optimizer)
        goal = 1e-6 * valley(start).item()
        yield Value(name, next(n for n, w in enumerate(path) if valley(w).item() < goal))


def draw(axes):
    x, y = np.meshgrid(np.linspace(-2, 11, 120), np.linspace(-1.2, 1.2, 120))
    heights = valley(cr.tensor(np.stack([x, y]))).numpy()
    axes.contour(x, y, heights, np.geomspace(0.3, 120, 10), cmap="cividis", linewidths=0.6)
    start = cr.tensor(np.array(START))
    for name, optimizer, style in (
        ("plain", cr.optim.sgd(0.019), "o-"),
        ("with momentum", cr.optim.sgd(0.005, momentum=0.9), "s-"),
    ):
        path = np.array([w.numpy() for w in islice(steps_of(valley, start, optimizer), 51)])
        axes.plot(*path.T, style, markersize=2.5, linewidth=0.8, label=f"{name}, 50 steps")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(frameon=False, loc="lower right")


topic = Topic(
    title="Momentum",
    chapter=Chapter.OPTIMIZERS,
    place=1,
    motivation="""
        In a long valley the gradient points across it, from wall to wall, and hardly along it.
        Momentum adds up the little that all gradients agree on, and so makes plain descent
        usable where curvatures differ.
    """,
    mental_picture="""
        A heavy ball instead of a walker. It gathers speed where the slope keeps its direction,
        shakes off what pushes it left and right in turn, and rolls on over level ground and past
        a saddle. It also overshoots.
    """,
    definition="""
        The velocity m is a decaying sum of the gradients, m ← μm + g, and a step goes along −ηm.
        Where the gradient stays the same, m tends to g/(1 − μ); μ = 0.9 makes the steps ten times
        as long. Nesterov's form takes the gradient where the velocity is about to lead.
    """,
    formulas=(
        Formula("momentum", r"m \leftarrow \mu m + g, \quad \theta \leftarrow \theta - \eta m"),
        Formula("velocity for a steady gradient", r"m \to \frac{g}{1 - \mu}"),
        Formula(
            "Nesterov, as libraries write it",
            r"\theta \leftarrow \theta - \eta (g + \mu m)",
        ),
        Formula(
            "best rate on a quadratic",
            r"\eta = \frac{4}{(\sqrt{\lambda_{\max}} + \sqrt{\lambda_{\min}})^2}",
        ),
        Formula(
            "best decay on a quadratic",
            r"\mu = \left(\frac{\sqrt{\kappa} - 1}{\sqrt{\kappa} + 1}\right)^2",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What does momentum do, and why does it help?",
            """
                It steps along a decaying sum of past gradients: what they agree on adds up, what
                alternates cancels. In valleys with the condition number κ it needs about √κ steps
                where plain descent needs κ, and it leaves plateaus and saddles sooner.
            """,
        ),
        Question(
            "You raise μ from 0.9 to 0.99. What about the learning rate?",
            """
                In steady directions the steps become ten times as long, since 1/(1 − μ) goes from
                10 to 100. So the rate is to be about a tenth.
            """,
        ),
        Question(
            "How does Nesterov's momentum differ?",
            """
                It uses the gradient at the place to which the velocity will lead, and so brakes
                before overshooting. On smooth convex losses its rate is the best that gradients
                alone allow, up to a constant; with mini-batches the difference is small.
            """,
        ),
        Question(
            "How does momentum help at a saddle?",
            """
                Along the way out the gradient is tiny but always of one sign, so the velocity
                adds it up. Exactly on the line into the saddle there is nothing to add.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Momentum steps along the running average of the gradients.",
            why="""
                In the usual form the new gradient is added with weight 1, not 1 − μ. The weights
                of all gradients then have the sum 1/(1 − μ).
            """,
            right="""
                It is a decaying sum. An average, as in Adam, takes a factor of 1 − μ, or a
                learning rate larger by as much.
            """,
            claim="momentum-average",
        ),
        Trap(
            wrong="Momentum gets off every saddle.",
            why="On the line that leads into the saddle no gradient has a part across it.",
            right="It needs a first push, from noise or the start, which it then amplifies.",
            claim="saddle",
        ),
        Trap(
            wrong="Momentum speeds up descent by a fixed factor.",
            why="What it gains depends on how different the curvatures are.",
            right="It needs √κ steps instead of κ: much for κ = 10,000, hardly anything for κ = 2.",
            claim="momentum-faster",
        ),
    ),
    claims=("momentum-faster", "momentum-average", "saddle"),
    related=("gradient-descent", "learning-rate", "saddles", "adam", "level-curves"),
    pictures=(
        Picture(
            draw,
            """
                Contours of a long valley with two paths of 50 steps from its upper end: plain
                descent jumps from wall to wall and is still on its way; with momentum
                it comes down in waves and has arrived.
            """,
        ),
    ),
)
