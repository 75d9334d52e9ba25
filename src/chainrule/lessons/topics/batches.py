"""Batches: how many examples a gradient is the mean of, and what that decides."""

from itertools import combinations

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
)


def gradients() -> np.ndarray:
    """The derivative of (y − wx)² by w at w = 1, for each of eight examples."""
    x = cr.tensor([1.0, 2.0, 1.0, 3.0, 2.0, 1.0, 3.0, 2.0])
    y = cr.tensor([2.0, 1.0, 3.0, 5.0, 4.0, 0.0, 4.0, 3.0])
    loss = cr.parse("(y - w x)^2")
    slope = cr.vmap(cr.grad(loss, argnums=1), in_axes=(0, None, 0))
    return slope(y, 1.0, x).numpy()


def all_batches(each: np.ndarray, size: int) -> np.ndarray:
    """The mean gradient of every batch of so many different examples."""
    return np.array([each[list(rows)].mean() for rows in combinations(range(len(each)), size)])


def example() -> Example:
    each = gradients()
    yield "Eight examples have these derivatives of (y − wx)² by w, at w = 1:"
    yield Value("∂L/∂w", each)
    yield Value("their mean", each.mean())
    yield Value("their standard deviation σ", each.std())
    yield "So few are they that one can go through all batches of B. Over these the gradient has"
    for size in (1, 2, 4):
        found = all_batches(each, size)
        yield Value(f"B = {size}, {len(found)} batches: mean", found.mean())
        yield Value("standard deviation", found.std())
    yield (
        "The mean is that of all examples, whatever B is. The standard deviation falls faster than "
        "σ/√B, since no example is drawn twice. With a factor for that the law is exact:"
    )
    n = len(each)
    for size in (2, 4):
        shrunk = each.std() / np.sqrt(size) * np.sqrt((n - size) / (n - 1))
        yield Value(f"B = {size}: σ/√B · √((N − B)/(N − 1))", shrunk)


def draw(axes):
    each = gradients()
    rng = np.random.default_rng(0)
    for size in (1, 2, 4, 8):
        found = all_batches(each, size)
        height = size + rng.uniform(-0.15, 0.15, len(found)) * size
        axes.semilogy(found, height, "o", markersize=4, alpha=0.6)
    axes.axvline(each.mean(), color="black", linewidth=0.8)
    axes.set_yticks((1, 2, 4, 8), ("1", "2", "4", "8"))
    axes.minorticks_off()
    axes.set_xlabel("gradient of a batch")
    axes.set_ylabel("batch size")


topic = Topic(
    title="Batches",
    chapter=Chapter.DESCENT,
    place=2,
    motivation="""
        How many examples a step looks at decides what it costs, how much memory it takes and how
        far its gradient is off. It is the first number to set after the learning rate, and the
        two belong together.
    """,
    mental_picture="""
        A poll. Ask a few people and the result is quick and rough; to halve the error, four times
        as many have to be asked. Nobody asks the whole country before each small decision.
    """,
    definition="""
        A batch of size B is a random set of examples whose mean gradient makes one step; a pass
        over all N examples is an epoch, with N/B steps. If the gradients of single examples have
        the standard deviation σ, that of the batch has σ/√B around the whole gradient, for
        independent draws; drawn without replacement it is smaller still.
    """,
    formulas=(
        Formula("noise of a batch", r"\sigma_B = \frac{\sigma}{\sqrt{B}}"),
        Formula(
            "without replacement",
            r"\sigma_B = \frac{\sigma}{\sqrt{B}} \cdot \sqrt{\frac{N - B}{N - 1}}",
        ),
        Formula("steps in an epoch", r"N / B"),
    ),
    example=example,
    questions=(
        Question(
            "How does the batch size affect training?",
            """
                Small batches give many cheap and noisy steps in an epoch, large ones few, exact
                and well suited to parallel hardware. The noise falls only as 1/√B while the cost
                of a step grows as B, so beyond some size larger batches save little.
            """,
        ),
        Question(
            "What are a step, a batch and an epoch?",
            """
                A step is one update of the parameters, a batch the examples whose gradient it
                uses, an epoch a pass over all examples: N/B steps.
            """,
        ),
        Question(
            "Can the noise of small batches be of use?",
            """
                Yes: it pushes off saddles and out of narrow valleys. Small batches often end in
                flatter minima, which have been seen to generalise better; with the learning rate
                and the training time adapted, large ones can do as well.
            """,
        ),
        Question(
            "The batch that you want does not fit in memory. What do you do?",
            """
                Add up the gradients of several smaller ones before the step: the mean over all of
                them is the same, unless a layer such as batch normalisation looks at the whole
                batch. Checkpointing saves memory too.
            """,
        ),
        Question(
            "The batch becomes k times as large. What about the learning rate?",
            """
                With k times fewer steps in an epoch it has to grow. Multiplying it by k keeps the
                way of an epoch for plain descent, by √k the ratio of noise to step; both are
                starting points for tuning, and end where the curvature forbids larger steps.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Twice the batch, half the noise.",
            why="""
                Variances of independent gradients add up. The variance of the mean is halved, the
                noise is its root.
            """,
            right="Four times the batch halves the noise: it falls as 1/√B.",
            claim="batch-noise",
        ),
        Trap(
            wrong="The largest batch that fits is the fastest.",
            why="""
                An epoch then has few steps, and each is hardly better than one of a smaller
                batch.
            """,
            right="""
                After one pass over the data smaller batches are further. What counts is the
                progress for the same time or the same number of examples.
            """,
            claim="three-forms",
        ),
        Trap(
            wrong="The noise of batches only does harm.",
            why="At a saddle the exact gradient has no part that leads away.",
            right="Noise has one, and leaves the saddle. It harms near the end: the rate decays.",
            claim="saddle-noise",
        ),
        Trap(
            wrong="Calling backward() again replaces the old gradients.",
            why="""
                They are added to those that are there, so that losses and batches can be summed.
            """,
            right="""
                Clear them before each step, except where gradients of several batches are meant
                to add up.
            """,
            claim="accumulate",
        ),
    ),
    claims=("batch-noise", "three-forms", "saddle-noise", "accumulate"),
    related=("gradient-descent", "learning-rate", "schedules", "checkpointing", "normalisation"),
    pictures=(
        Picture(
            draw,
            """
                The gradients of all batches of 1, 2, 4 and 8 out of eight examples, one row for
                each size: the larger the batch, the closer they lie to the line of their common
                mean.
            """,
        ),
    ),
)
