"""Early stopping: end where the error on other data is least, not where the gradient is."""

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

TRAIN, TRUE = "((a - 1.1)^2 + 0.01(b - 3)^2)/2", "((a - 1)^2 + 0.01 b^2)/2"
RATE = 0.5


def trained(steps: int) -> np.ndarray:
    """Training loss, true loss and norm of the gradient, after 0, 1, … steps."""
    train, true = cr.parse(TRAIN), cr.parse(TRUE)

    def loss(w):
        return train(w[0], w[1])

    rows = []
    for w in islice(steps_of(loss, cr.zeros(2), cr.optim.sgd(RATE)), steps + 1):
        norm = cr.linalg.norm(cr.grad(loss)(w))
        rows.append([loss(w).item(), true(w[0], w[1]).item(), norm.item()])
    return np.array(rows)


def example() -> Example:
    yield (
        "Two weights, of which the data determine a well and b badly: the curvature along b is a "
        "hundredth. In truth a = 1 and b = 0; the noise of the data makes the training loss"
    )
    yield Formula("training", r"L(a, b) = \frac{(a - 1.1)^2 + 0.01 (b - 3)^2}{2}")
    yield "whereas for other data the loss is, up to a constant,"
    yield Formula("truth", r"V(a, b) = \frac{(a - 1)^2 + 0.01 b^2}{2}")
    yield "Descent on L from (0, 0) with η = 0.5:"
    rows = trained(1000)
    for step in (0, 2, 4, 10, 100, 1000):
        loss, true, norm = rows[step]
        yield Value(f"{step} steps: L, V, ‖∇L‖", np.array([loss, true, norm]))
    yield Value("V is least after so many steps", rows[:, 1].argmin())
    yield (
        "L and its gradient fall all the way. V falls while a is learnt, and rises while b slowly "
        "follows the noise."
    )


def draw(axes):
    loss, true, norm = trained(1000).T
    steps = np.arange(1, len(loss) + 1)
    axes.loglog(steps, loss, label="training loss L")
    axes.loglog(steps, true, "--", label="loss on other data V")
    axes.loglog(steps, norm, ":", label="‖∇L‖")
    axes.axvline(steps[true.argmin()], color="black", linewidth=0.8)
    axes.set_xlabel("steps + 1")
    axes.legend(frameon=False)


topic = Topic(
    title="Early stopping",
    chapter=Chapter.DESCENT,
    place=5,
    motivation="""
        Training makes the loss on its own examples small, but what counts is the loss on others.
        From some point on the first still falls while the second rises, and that is the point to
        stop.
    """,
    mental_picture="""
        Learning for an exam from old papers. At first one learns the subject; after the tenth
        time through the same papers one learns their misprints. A paper that was put aside
        shows when that begins.
    """,
    definition="""
        The error on a validation set, which is never trained on, is measured regularly. When it
        has not improved for a number of measurements, the patience, training ends, and the
        weights of the best one are restored. On a quadratic, t steps from 0 fit the share
        1 − (1 − ηλ)ᵗ of the direction with curvature λ: few steps leave out the directions that
        the data hardly determine, much as a penalty λ′‖w‖²/2 with λ′ near 1/(ηt) does.
    """,
    formulas=(
        Formula("share of a direction fitted after t steps", r"1 - (1 - \eta \lambda)^t"),
        Formula(
            "share fitted with a penalty λ′",
            r"\frac{\lambda}{\lambda + \lambda'}, \quad \lambda' \approx \frac{1}{\eta t}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is early stopping, and why does it look at validation data?",
            """
                Training ends when the error on data held back has not improved for a while, and
                the best weights are kept. The training loss and its gradient go on falling while
                the model learns noise, so they cannot tell when to stop.
            """,
        ),
        Question(
            "The norm of the gradient is nearly zero. Is training done?",
            """
                It has become slow, no more. That happens at saddles and on plateaus with a high
                loss, and long after the best validation error. Look at the losses.
            """,
        ),
        Question(
            "Why does it act like a penalty on the weights?",
            """
                Starting near 0, the weights grow first along directions of large curvature, which
                the data determine well. Stopping leaves the others near 0, as weight decay does.
            """,
        ),
        Question(
            "What is the patience for?",
            """
                Validation errors are noisy, and may rise for a while before they fall further.
                Waiting for several measurements without a new best one avoids ending too soon.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="When the gradient is near zero, training is done and the model is best.",
            why="""
                The gradient is that of the training loss. It goes on shrinking while the model
                fits noise.
            """,
            right="Stop where the validation error is least, which often is much earlier.",
            claim="early-stopping",
        ),
        Trap(
            wrong="A gradient near zero means a low loss.",
            why="Saturated units and plateaus have hardly any gradient, with any loss.",
            right="Watch the loss itself beside the norm of its gradient.",
            claim="flat-high-loss",
        ),
        Trap(
            wrong="The best validation error is what to expect on new data.",
            why="""
                It was picked as the least of many: part of it is luck. That part is the larger,
                the smaller the set.
            """,
            right="Choose with the validation set, report from a third one, the test set.",
            claim="early-stopping",
        ),
    ),
    claims=("early-stopping", "flat-high-loss", "zero-gradient"),
    related=("stationary-points", "gradient-descent", "schedules", "convex-models", "adamw"),
    pictures=(
        Picture(
            draw,
            """
                The example: training loss and norm of the gradient fall all the way; the loss on
                other data is least after a few steps, marked by a line, and rises from there.
            """,
        ),
    ),
)
