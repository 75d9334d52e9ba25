"""Gradient descent, in its three forms: with all examples, with one, and with some."""

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

LOSS = "(y - w x)^2"


def example() -> Example:
    yield "The line ŷ = wx is to fit four points (x, y). The loss of one of them has the derivative"
    yield derivation(LOSS, wrt="w")
    x, y = cr.tensor([1.0, 2.0, 3.0, 4.0]), cr.tensor([2.0, 3.0, 7.0, 8.0])
    slope = cr.vmap(cr.grad(cr.parse(LOSS), argnums=1), in_axes=(0, None, 0))
    yield "The points, and this derivative for each of them at w = 0:"
    each = slope(y, 0.0, x)
    yield Value("x", x)
    yield Value("y", y)
    yield Value("∂L/∂w", each)
    yield "The forms of descent take the mean of all of them, of some, or one of them alone:"
    yield Value("full batch: all four", cr.mean(each))
    yield Value("mini-batch: the first two", cr.mean(each[:2]))
    yield Value("stochastic: the third alone", each[2])
    yield "Descent with the full batch and η = 0.05 heads for the minimum, Σxy / Σx²:"
    w = cr.tensor(0.0)
    for step in range(1, 5):
        w = w - 0.05 * cr.mean(slope(y, w, x))
        yield Value(f"w after {step} step{'s' if step > 1 else ''}", w)
    yield Value("Σxy / Σx²", cr.sum(x * y) / cr.sum(x**2))


def draw(axes):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(64, 2)) * [1.0, 0.5]
    y = x @ [1.5, 1.0] + 0.5 * rng.normal(size=64)

    def loss(w, x, y):
        return cr.mean((y - x @ w) ** 2)

    a, b = np.meshgrid(np.linspace(-0.5, 2.2, 60), np.linspace(-0.5, 2.2, 60))
    grid = cr.tensor(np.stack([a.ravel(), b.ravel()], axis=1))
    heights = cr.vmap(loss, in_axes=(0, None, None))(grid, cr.tensor(x), cr.tensor(y))
    axes.contour(a, b, heights.numpy().reshape(a.shape), 14, cmap="cividis", linewidths=0.6)
    for size, name in ((1, "stochastic"), (8, "mini-batch of 8"), (64, "full batch")):
        w = cr.zeros(2)
        path = [w.numpy()]
        for _ in range(60):
            rows = rng.choice(64, size, replace=False)
            w = w - 0.1 * cr.grad(loss)(w, x[rows], y[rows])
            path.append(w.numpy())
        axes.plot(*np.transpose(path), "o-", markersize=2, linewidth=0.8, label=name)
    axes.set_xlabel("w₁")
    axes.set_ylabel("w₂")
    axes.legend(frameon=False)


topic = Topic(
    title="Gradient descent",
    chapter=Chapter.DESCENT,
    place=1,
    motivation="""
        No formula gives the best weights of a network, but for any weights the gradient tells
        how to make them a little better. Descent does that over and over, and every optimizer of
        deep learning is a variant of it.
    """,
    mental_picture="""
        Water on a hillside: at each place it takes the steepest way down, and knows nothing of
        the valley that it will end in. Descent does so in leaps. With a few examples in place of
        all of them each leap goes a little astray, and comes much sooner.
    """,
    definition="""
        A step subtracts from the parameters η times the gradient of the loss there; η is the
        learning rate. Full-batch descent takes the mean gradient of all N examples, stochastic
        descent that of one drawn at random, mini-batch descent that of B of them. The gradient
        of a random batch has the whole gradient as its mean, so that the steps are right on
        average.
    """,
    formulas=(
        Formula("gradient descent", r"\theta \leftarrow \theta - \eta \nabla L(\theta)"),
        Formula("full batch", r"\nabla L = \frac{1}{N} \, \sum_{i=1}^N \nabla \ell_i"),
        Formula(
            "mini-batch",
            r"g_B = \frac{1}{B} \, \sum_{i \in B} \nabla \ell_i, \quad "
            r"\mathbb{E} \, g_B = \nabla L",
        ),
        Formula(
            "what a small step gains",
            r"L(\theta - \eta \nabla L) \approx L(\theta) - \eta \lVert \nabla L \rVert^2",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is gradient descent, and in which forms is it used?",
            """
                It lowers a loss by repeated steps against its gradient, θ ← θ − η∇L. The
                gradient is that of all examples (full batch), of a single random one
                (stochastic), or, nearly always, of a small random batch (mini-batch).
            """,
        ),
        Question(
            "What are the advantages of each form?",
            """
                A full batch has no noise, but one step costs a pass over all data. One example
                makes the cheapest step, the noisiest, and leaves parallel hardware idle. A
                mini-batch uses the hardware and takes many steps in a pass.
            """,
        ),
        Question(
            "What happens in one step of training?",
            """
                A forward pass computes the loss of a batch, a backward pass the gradient of all
                parameters by the chain rule, and the optimizer moves every parameter against its
                part of it. Then comes the next batch.
            """,
        ),
        Question(
            "Does descent find the global minimum?",
            """
                Of a convex loss, with a suitable learning rate, yes. Otherwise it is only sure to
                approach a stationary point, as it knows the loss around one place at a time.
                Losses of large networks are usually kind enough all the same.
            """,
        ),
        Question(
            "Why not try random weights and keep the best?",
            """
                The share of the space that is any good shrinks exponentially with the number of
                parameters. A gradient has one number for each parameter and tells all of them at
                once which way to go.
            """,
        ),
        Question(
            "Why is the direction opposite to the gradient the best one?",
            """
                The slope along a unit vector v is ∇L · v, which is least for v = −∇L / ‖∇L‖. That
                holds for short steps; over longer ones curvature counts, and a direction that
                takes it into account may be better.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A step against the gradient lowers the loss.",
            why="""
                The gradient describes the loss nearby. A long step may cross the valley and land
                higher up on the other side.
            """,
            right="""
                A small enough step does, by about η‖∇L‖². How small is a matter of the
                curvature.
            """,
            claim="descent-decreases",
        ),
        Trap(
            wrong="SGD means that each step uses one example.",
            why="""
                That is where the name comes from. In libraries SGD is the rule of the update, and
                the batch is whatever the gradient was computed from.
            """,
            right="""
                SGD usually means descent with mini-batches. Its gradient is right on average for
                every batch size.
            """,
            claim="three-forms",
        ),
        Trap(
            wrong="Descent ends in the same place wherever it starts.",
            why="Each valley catches what starts on its slopes.",
            right="It ends in the same place if the loss is strictly convex. Networks are not.",
            claim="nonconvex-network",
        ),
    ),
    claims=("descent-decreases", "three-forms", "stationary", "random-search"),
    related=("gradient", "batches", "learning-rate", "momentum", "stationary-points", "convexity"),
    pictures=(
        Picture(
            draw,
            """
                Contours of a loss of two weights with three paths to its minimum: that of the full
                batch is smooth, that of batches of 8 trembles, that of single examples staggers
                and keeps wandering about the minimum.
            """,
        ),
    ),
)
