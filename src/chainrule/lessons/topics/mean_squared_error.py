"""The mean squared error and its gradient: error times input."""

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
    steps_of,
)

LOSS = "(y - (w x + b))^2"
X = cr.tensor([[1.0, 0.5], [1.0, -1.0], [1.0, 2.0], [1.0, 1.0]])
Y = cr.tensor([2.0, -0.5, 4.0, 3.0])


def loss(w):
    return ((X @ w - Y) ** 2).mean()


def example() -> Example:
    yield "One example and the line ŷ = w x + b. By the chain rule:"
    yield derivation(LOSS, wrt=("w", "b"), at={"w": 0.5, "b": 0.0, "x": 2.0, "y": 3.0})
    yield "ŷ is too small, so both slopes are negative, and descent raises w and b."
    yield "Four examples at once, with a column of ones for b, in matrices:"
    w = cr.tensor([0.0, 0.5])
    yield derivation(lambda w, X, y: ((X @ w - y) ** 2).mean(), w, X, Y, wrt="w")
    yield "Where that is zero, Xᵀ(Xw − y) = 0: the normal equations. Solved, and by descent:"
    yield Value("(XᵀX)⁻¹ Xᵀy", cr.linalg.solve(X.T @ X, X.T @ Y))
    path = steps_of(loss, w, cr.optim.sgd(0.2))
    yield Value("after 100 steps of 0.2", [next(path) for _ in range(101)][-1])


def draw(axes):
    b, w = np.meshgrid(np.linspace(-1, 3, 100), np.linspace(-0.5, 3, 100))
    grid = cr.tensor(np.stack([b.ravel(), w.ravel()], axis=1))
    axes.contour(b, w, cr.vmap(loss)(grid).numpy().reshape(b.shape), 15, linewidths=0.8)
    path = steps_of(loss, cr.tensor([-0.5, 0.0]), cr.optim.sgd(0.1))
    axes.plot(*np.array([next(path).numpy() for _ in range(30)]).T, "o-", markersize=3)
    axes.set_xlabel("b")
    axes.set_ylabel("w")


topic = Topic(
    title="Mean squared error",
    chapter=Chapter.LOSSES,
    place=2,
    motivation="""
        For predictions that are real numbers it is the first loss to try: smooth, convex for
        linear models, and solvable by hand. Its gradient has the form that all of training has,
        the error times what the weight was multiplied by.
    """,
    mental_picture="""
        Springs between the line and the points. Each pulls in proportion to its length, and the
        pull on the slope is stronger the further out a point lies. Where all pulls balance, the
        line rests.
    """,
    definition="""
        The mean over the examples of the squared difference of prediction and target. Its
        derivative by the prediction is twice the difference; by a weight, that times the input of
        the weight. With the ½ that some authors put in front the 2 disappears.
    """,
    formulas=(
        Formula("mean squared error", r"L = \frac{1}{n} \, \sum_i \, (\hat{y}_i - y_i)^2"),
        Derived("by the weight", LOSS, "w", as_written="-2x (y - (w x + b))"),
        Derived("by the bias", LOSS, "b", as_written="-2(y - (w x + b))"),
        Formula("in matrices", r"\nabla L(w) = \frac{2}{n} \, X^\top (X w - y)"),
    ),
    example=example,
    questions=(
        Question(
            "What are the derivatives of the squared error of a linear model?",
            """
                For one example they are −2x(y − ŷ) by the weight and −2(y − ŷ) by the bias. So
                each is the error times what the parameter was multiplied by, and descent moves
                the prediction towards the target.
            """,
        ),
        Question(
            "Why are errors squared?",
            """
                The square is smooth, counts both signs alike, and is the negative log-likelihood of
                normal noise. Its minimum is the mean.
            """,
        ),
        Question(
            "What does an outlier do to it?",
            """
                Its pull grows with its distance, so that a single wrong target can turn the line.
                Huber's loss bounds the pull.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="With L = (y − ŷ)² the derivative by w is 2x(y − ŷ).",
            why="""
                The inner derivative, that of y − ŷ by w, is −x. Without its sign descent
                becomes ascent.
            """,
            right="−2x(y − ŷ), or 2x(ŷ − y): prediction minus target, times input.",
            claim="mse-gradient",
        ),
        Trap(
            wrong="The squared error is a good loss for a sigmoid's probability.",
            why="""
                Its slope has the factor σ(1 − σ), which vanishes just where the unit is sure and
                wrong.
            """,
            right="Cross-entropy cancels that factor: its slope is σ − y.",
            claim="cross-entropy-learns",
        ),
    ),
    claims=("mse-gradient", "convex-same-optimum", "cross-entropy-learns"),
    related=("loss-functions", "cross-entropy", "partial-derivative", "convex-models"),
    pictures=(
        Picture(
            draw,
            """
                Contour lines of the loss of a line over its two parameters: ellipses around one
                minimum, and the steps of descent that curve into it.
            """,
        ),
    ),
)
