"""RMSProp: each gradient divided by its own running size."""

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
    angle,
    descend,
    steps_of,
)


def loss(w):
    return (w[0] ** 2 + 100 * w[1] ** 2) / 2


def example() -> Example:
    yield (
        "Two parameters have gradients of 100 and 0.01 that stay the same. With η = 0.01 and "
        "α = 0.99 the steps are"
    )
    optimizer = cr.optim.rmsprop(0.01, alpha=0.99)
    gradient, w = cr.tensor([100.0, 0.01]), cr.zeros(2)
    state = optimizer.init(w)
    for step in range(1, 1001):
        update, state = optimizer.update(gradient, state, w)
        if step in (1, 10, 100, 1000):
            yield Value(f"step {step}", update)
    yield (
        "Both go equally far. The running mean v begins at 0, so that the first step is η/√(1 − α) "
        "long; then the steps tend to η."
    )
    yield Value("η/√(1 − α)", 0.01 / np.sqrt(1 - 0.99))
    yield "The way is not that of the gradient any more. For f(x, y) = (x² + 100y²)/2 at (1, 1):"
    start = cr.ones(2)
    gradient = cr.grad(loss)(start)
    update, _ = optimizer.update(gradient, optimizer.init(start), start)
    yield Value("∇f", gradient)
    yield Value("step", update)
    yield Value("angle of the step and −∇f, in degrees", angle(update, -gradient))
    yield (
        "Near the minimum the steps keep their size, once v has forgotten the larger gradients. "
        "Distance from it after 500 steps from (1, 1), now with α = 0.9 to forget soon:"
    )
    for name, rate in (
        ("η = 0.01", cr.optim.constant(0.01)),
        ("η = 0.001", cr.optim.constant(0.001)),
        ("η from 0.01 to 0, cosine", cr.optim.cosine_decay(0.01, 500)),
    ):
        end = descend(loss, start, cr.optim.rmsprop(rate, alpha=0.9), 500)
        yield Value(name, cr.linalg.norm(end))


def draw(axes):
    x, y = np.meshgrid(np.linspace(-0.2, 1.15, 100), np.linspace(-0.75, 1.15, 100))
    heights = loss(cr.tensor(np.stack([x, y]))).numpy()
    axes.contour(x, y, heights, np.geomspace(0.1, 70, 10), cmap="cividis", linewidths=0.6)
    for name, optimizer, style in (
        ("plain", cr.optim.sgd(0.017), "o-"),
        ("RMSProp", cr.optim.rmsprop(0.02, alpha=0.9), "s-"),
    ):
        path = np.array([w.numpy() for w in islice(steps_of(loss, cr.ones(2), optimizer), 51)])
        axes.plot(*path.T, style, markersize=2.5, linewidth=0.8, label=f"{name}, 50 steps")
    axes.set_xlabel("x")
    axes.set_ylabel("y")
    axes.legend(frameon=False, loc="upper left")


topic = Topic(
    title="RMSProp",
    chapter=Chapter.OPTIMIZERS,
    place=2,
    motivation="""
        In a network the gradients of some weights are thousands of times those of others, and
        one learning rate cannot suit both. RMSProp measures how large the gradients of each
        weight have been of late, and divides by that.
    """,
    mental_picture="""
        Walkers in a steep and in a flat valley, all told to take steps of the same length. The
        slope says which way to go and no longer how far.
    """,
    definition="""
        For each parameter v is a running mean of its squared gradients, v ← αv + (1 − α)g². A
        step goes −ηg/(√v + ε). So the scale of a gradient cancels, and steps are about η long as
        long as gradients are of one size; ε keeps parameters without gradient from being divided
        by 0.
    """,
    formulas=(
        Formula("running mean of squares", r"v \leftarrow \alpha v + (1 - \alpha) g^2"),
        Formula(
            "RMSProp",
            r"\theta \leftarrow \theta - \eta \, \frac{g}{\sqrt{v} + \epsilon}",
        ),
        Formula(
            "Adagrad, for comparison",
            r"s \leftarrow s + g^2, \quad "
            r"\theta \leftarrow \theta - \eta \, \frac{g}{\sqrt{s} + \epsilon}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What does RMSProp do?",
            """
                It divides the gradient of each parameter by the root of a running mean of its
                squares. So steps are of about the same length, the learning rate, in steep and in
                flat directions.
            """,
        ),
        Question(
            "How does it differ from Adagrad?",
            """
                Adagrad sums all squares since the start, so that its steps shrink as 1/√t, which
                suits convex losses and rare features. RMSProp forgets old ones, and its steps do
                not shrink.
            """,
        ),
        Question(
            "What is ε for?",
            """
                It keeps the division finite where there were no gradients. Below it RMSProp
                becomes plain descent with the rate η/ε, so a large ε turns the scaling off.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="With RMSProp a constant learning rate leads to the minimum.",
            why="""
                Dividing by the size of the gradient keeps steps long where gradients become
                small.
            """,
            right="It gets near and jumps about there. The rate has to decay.",
            claim="rmsprop",
        ),
        Trap(
            wrong="RMSProp steps along the negative gradient, with an adapted length.",
            why="Each coordinate is divided by another number, which turns the direction.",
            right="""
                Each coordinate has the sign of −g. The direction is another one, and depends on
                the axes: rotated parameters take another path.
            """,
            claim="rmsprop",
        ),
        Trap(
            wrong="Its steps are never longer than the learning rate.",
            why="The running mean starts at 0 and holds little of the first squares.",
            right="""
                The first step is 1/√(1 − α) times the rate: ten times for α = 0.99. Adam corrects
                that.
            """,
            claim="bias-correction",
        ),
    ),
    claims=("rmsprop", "bias-correction", "adam-scale"),
    related=("adam", "momentum", "learning-rate", "schedules"),
    pictures=(
        Picture(
            draw,
            """
                Contours of a long valley with two paths: plain descent jumps from wall to wall,
                RMSProp goes diagonally, equally far in x and in y.
            """,
        ),
    ),
)
