"""Memory of the backward pass, and checkpointing: computing again instead of keeping."""

import tracemalloc
from functools import partial

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
    operations,
)

SIZE = 20_000
"""Numbers of an activation: large beside everything else that takes memory."""


def layers(x, number: int):
    for _ in range(number):
        x = cr.tanh(x)
    return x


def stored(x, depth: int):
    return layers(x, depth).sum()


def checkpointed(x, depth: int):
    piece = round(depth**0.5)
    for start in range(0, depth, piece):
        x = cr.checkpoint(partial(layers, number=min(piece, depth - start)))(x)
    return x.sum()


def peak(f, depth: int) -> float:
    """The most memory that the gradient takes at one time, in activations."""
    x = cr.tensor(np.full(SIZE, 0.5))
    tracing = tracemalloc.is_tracing()
    if not tracing:
        tracemalloc.start()
    tracemalloc.reset_peak()
    before = tracemalloc.get_traced_memory()[0]
    cr.grad(f)(x, depth)
    most = tracemalloc.get_traced_memory()[1] - before
    if not tracing:
        tracemalloc.stop()
    return most / x.numpy().nbytes


def example() -> Example:
    yield "The gradient of layers of tanh: the most memory it takes, in activations of one layer."
    for depth in (16, 36, 64):
        yield Value(f"{depth} layers, all kept", round(peak(stored, depth), 1))
        yield Value(f"{depth} layers, pieces of √{depth}", round(peak(checkpointed, depth), 1))
    yield "The price is a second forward pass through the pieces. Operations for each number:"
    x = cr.tensor(np.full(SIZE, 0.5))
    for name, f in (("all kept", stored), ("pieces", checkpointed)):
        count = operations(cr.grad(lambda x, f=f: f(x, 64)), x) / SIZE
        yield Value(f"64 layers, {name}", round(count, 1))
    first, second = (cr.grad(f)(x, 64) for f in (stored, checkpointed))
    yield Value("the gradients are equal to the last bit", cr.all(first == second).numpy())


def draw(axes):
    depths = [4, 9, 16, 25, 36, 49, 64, 81, 100]
    axes.plot(depths, [peak(stored, d) for d in depths], "o-", label="all kept")
    axes.plot(depths, [peak(checkpointed, d) for d in depths], "o-", label="pieces of √n layers")
    axes.set_xlabel("layers n")
    axes.set_ylabel("peak of memory, in activations")
    axes.legend(frameon=False)


topic = Topic(
    title="Memory and checkpointing",
    chapter=Chapter.DEPTH,
    place=8,
    motivation="""
        The backward pass needs what the forward pass computed, so training keeps the activations
        of every layer until they have been used. For large models and long sequences these, and
        not the weights, fill the memory; checkpointing trades part of it for time.
    """,
    mental_picture="""
        Finding the way back from a long walk. You can write down every turn, or only note where
        you were each hour and walk an hour's stretch again when you need its turns.
    """,
    definition="""
        A plain backward pass keeps one activation or more for each layer: memory grows in
        proportion to depth, batch and length. With checkpoints only the inputs of pieces of the
        network are kept; when the backward pass reaches a piece, its forward pass runs again. With
        √n pieces of √n layers, about 2√n activations are alive at a time.
    """,
    formulas=(
        Formula("all kept", r"\text{memory} \propto n, \quad \text{forward passes} = 1"),
        Formula(
            "pieces of k layers",
            r"\text{memory} \propto \frac{n}{k} + k \ge 2 \sqrt{n}, \quad "
            r"\text{forward passes} \le 2",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is gradient checkpointing, and what does it trade?",
            """
                Only some activations of the forward pass are kept, and the others are computed
                again when the backward pass needs them. Memory falls from n to about 2√n
                activations for one more forward pass, and the gradient is the same.
            """,
        ),
        Question(
            "Why does memory in training grow with depth, and in prediction not?",
            """
                In prediction an activation can be dropped as soon as the next layer has read it. In
                training it is a local derivative of the backward pass, which comes to the first
                layer last.
            """,
        ),
        Question(
            "What else reduces the memory of activations?",
            """
                Smaller batches whose gradients are accumulated, shorter sequences, lower precision,
                and operations that are fused so that what lies between them is never stored.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="The backward pass is free: the framework does it by itself.",
            why="""
                Local derivatives depend on activations, so those of all layers stay in memory,
                and it costs about two more forward passes of computing.
            """,
            right="Training takes about three forward passes of work, and memory for every layer.",
            claim="activation-memory",
        ),
        Trap(
            wrong="Checkpointing approximates the gradient.",
            why="The activations are computed again by the same operations from the same inputs.",
            right="The gradient is the same, to the last bit. What changes is time and memory.",
            claim="checkpointing",
        ),
    ),
    claims=("activation-memory", "checkpointing", "two-forward", "training-cost"),
    related=("backpropagation", "batches", "modes"),
    pictures=(
        Picture(
            draw,
            """
                Peak memory against the number of layers: a straight line when everything is kept,
                and a curve that bends like a square root with checkpoints.
            """,
        ),
    ),
)
