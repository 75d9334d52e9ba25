"""Gradient clipping: steps along gradients that are too long are made shorter."""

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
)


def clipped(clip, gradients):
    return clip.update(gradients, clip.init(None), None)[0]


def example() -> Example:
    g = cr.tensor([3.0, 0.4])
    yield "The gradient (3, 0.4), clipped to a length of 1 and, below, each entry to at most 1:"
    by_norm = clipped(cr.optim.clip_by_global_norm(1.0), g)
    by_value = clipped(cr.optim.clip_by_value(1.0), g)
    yield Value("its length", cr.linalg.norm(g))
    yield Value("by norm", by_norm)
    yield Value("by norm: length", cr.linalg.norm(by_norm))
    yield Value("by norm: turned by, in degrees", round(angle(g, by_norm), 9))
    yield Value("by value", by_value)
    yield Value("by value: turned by, in degrees", angle(g, by_value))
    yield "A shorter gradient is left alone:"
    yield Value("(0.3, 0.4), by norm", clipped(cr.optim.clip_by_global_norm(1.0), g * [0.1, 1.0]))
    yield "What that is good for: descent on (w⁵⁰ − 1)² from w = 1.2, first without it."

    def loss(w):
        return (w**50 - 1) ** 2

    start = cr.tensor(1.2)
    yield Value("slope at the start", cr.grad(loss)(start))
    yield Value("w after a plain step of 0.01", start - 0.01 * cr.grad(loss)(start))
    clip = cr.optim.clip_by_global_norm(1.0)
    w = start
    for _ in range(30):
        w = w - 0.01 * clipped(clip, cr.grad(loss)(w))
    yield Value("w after 30 clipped steps", w)
    yield Value("loss there", loss(w))


def draw(axes):
    g = cr.tensor([3.0, 0.8])
    ways = {
        "gradient": (g, "#999999"),
        "clipped by value": (clipped(cr.optim.clip_by_value(1.0), g), "#D55E00"),
        "clipped by norm": (clipped(cr.optim.clip_by_global_norm(1.0), g), "#0072B2"),
    }
    for name, (v, colour) in ways.items():
        x, y = v.numpy()
        axes.quiver(0, 0, x, y, angles="xy", scale_units="xy", scale=1, color=colour, label=name)
    turn = np.linspace(0, np.pi / 2, 60)
    axes.plot(np.cos(turn), np.sin(turn), linewidth=0.8, color="gray")
    axes.plot([1, 1, 0], [0, 1, 1], ":", linewidth=0.8, color="gray")
    axes.set_xlim(-0.1, 3.2)
    axes.set_ylim(-0.1, 1.4)
    axes.set_aspect("equal")
    axes.legend(frameon=False, fontsize=8)


topic = Topic(
    title="Gradient clipping",
    chapter=Chapter.DEPTH,
    place=7,
    motivation="""
        Now and then a gradient is a thousand times longer than usual, and the one step along it
        ruins the weights. Clipping limits the length of that step and changes no other.
    """,
    mental_picture="""
        A leash. The compass may pull as hard as it likes: you go where it points, but never more
        than a stride at a time.
    """,
    definition="""
        Clipping by norm scales the gradient of all parameters together by min(1, c/‖g‖): longer
        than c, it gets the length c and keeps its direction. Clipping by value limits each entry
        to the interval from −c to c, which changes the direction. Either comes between the backward
        pass and the optimizer.
    """,
    formulas=(
        Formula("by norm", r"g \leftarrow g \, \min\left(1, \frac{c}{\lVert g \rVert}\right)"),
        Formula("by value", r"g_i \leftarrow \max(-c, \min(c, g_i))"),
    ),
    example=example,
    questions=(
        Question(
            "What is gradient clipping, and when do you need it?",
            """
                If the norm of the gradient exceeds a limit, the gradient is scaled down to it, so
                that the direction stays and the step is bounded. It is needed where gradients
                explode now and then, as in recurrent networks and large language models.
            """,
        ),
        Question(
            "Norm or value?",
            """
                By norm, as a rule: it keeps the direction of descent. By value is simpler and works
                entry by entry, but the clipped gradient points elsewhere, if still downhill.
            """,
        ),
        Question(
            "How do you choose the limit?",
            """
                Log the norm for a while without clipping and take a value somewhat above what is
                usual. A limit that acts at every step is a learning rate in disguise.
            """,
        ),
        Question(
            "Does clipping help against vanishing gradients?",
            "No. It only shortens; what has vanished stays vanished.",
        ),
    ),
    traps=(
        Trap(
            wrong="Clipping keeps the direction of the gradient.",
            why="""
                Only if one factor scales all entries. By value each entry is limited by itself; and
                tensors that are each clipped by their own norm change their proportions.
            """,
            right="Clipping by the norm of all parameters together keeps it.",
            claim="clipping-direction",
        ),
        Trap(
            wrong="Clipping repairs the cause of exploding gradients.",
            why="""
                The gradient is as long as before; only the step is short. Infinite or NaN it
                cannot be scaled to anything.
            """,
            right="""
                It bounds the damage of a step. Gates, initialisation and normalisation work on the
                factors themselves.
            """,
            claim="lstm-needs-less",
        ),
    ),
    claims=("clipping-direction", "clipping-saves", "lstm-needs-less"),
    related=("exploding-gradients", "recurrent-networks", "learning-rate"),
    pictures=(
        Picture(
            draw,
            """
                A long flat arrow, the gradient. Clipped by norm it ends on the circle of radius 1
                and points the same way; clipped by value it ends on the square and is steeper.
            """,
        ),
    ),
)
