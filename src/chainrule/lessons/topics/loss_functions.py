"""Loss functions: one number that says how wrong a prediction is."""

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

LOSSES = {"squared": cr.nn.mse, "absolute": cr.nn.mae, "Huber": cr.nn.huber}


def example() -> Example:
    yield "Five measurements, the last of them a slip. One number c is to predict them all."
    y = cr.tensor([1.0, 2.0, 3.0, 4.0, 100.0])
    yield Value("mean", y.mean())
    yield Value("median", cr.median(y))
    yield "A loss is smallest where its slope by c is zero:"
    for at in (3.0, 22.0):
        for name, loss in LOSSES.items():
            slope = cr.grad(lambda c, loss=loss: loss(cr.zeros(5) + c, y))(at)
            yield Value(f"{name} loss, slope at c = {at:g}", round(slope.item(), 9))
    yield "The squared error is at rest at the mean, the absolute one at the median."
    yield "A penalty adds a slope of its own, which pulls weights to zero:"
    yield derivation("(y - w x)^2 + λ w^2", wrt="w")


def draw(axes):
    error = cr.linspace(-3, 3, 301)
    for name, loss in LOSSES.items():
        axes.plot(error, cr.vmap(lambda e, loss=loss: loss(e, 0 * e))(error), label=name)
    axes.set_ylim(-0.2, 5)
    axes.set_xlabel("prediction − target")
    axes.set_ylabel("loss")
    axes.legend(frameon=False)


topic = Topic(
    title="Loss functions",
    chapter=Chapter.LOSSES,
    place=1,
    motivation="""
        Training makes a number smaller, and the loss is that number: it has to say what counts as
        an error, and how much. Its slope is where every backward pass begins, so the choice of
        the loss decides which mistakes are corrected hardest.
    """,
    mental_picture="""
        A teacher's way of marking. One who squares mistakes is relentless about the worst of
        them; one who counts them all alike lets a single blunder pass; one who marks confidence
        punishes whoever was sure and wrong.
    """,
    definition="""
        A loss maps prediction and target to a number, smallest where they agree; the loss of a
        data set is its mean over the examples. For targets with noise of a known kind it is the
        negative logarithm of their likelihood: normal noise gives the squared error, a class
        drawn with probability p the cross-entropy. A penalty on the weights may be added.
    """,
    formulas=(
        Formula(
            "loss of a data set", r"L(\theta) = \frac{1}{n} \, \sum_i \, \ell(f_\theta(x_i), y_i)"
        ),
        Formula(
            "maximum likelihood",
            r"\ell(f_\theta(x), y) = -\ln p_\theta(y \, | \, x)",
        ),
        Derived("absolute error", "|p - y|", "p"),
        Derived("hinge", "max(0, 1 - y z)", "z"),
        Formula(
            "Huber, by the error e",
            r"\ell(e) = \begin{cases} e^2 / 2 & \text{if } |e| \le 1 \\ "
            r"|e| - 1/2 & \text{else} \end{cases}",
        ),
        Derived("weight penalty", "λ w^2", "w"),
    ),
    example=example,
    questions=(
        Question(
            "How do you choose a loss function?",
            """
                By what the targets are and how they are noisy: squared error for real numbers with
                normal noise, absolute or Huber for outliers, cross-entropy for classes. It also
                has to have a useful slope wherever the model may be wrong.
            """,
        ),
        Question(
            "What do losses have to do with probability?",
            """
                The usual ones are negative log-likelihoods: to minimise the loss is to make the
                data as probable as the model can. A penalty on the weights is the negative
                logarithm of a prior for them.
            """,
        ),
        Question(
            "Why not train on the accuracy itself?",
            """
                It counts, so it is constant almost everywhere: its slope is zero and says nothing.
                The loss is a smooth stand-in.
            """,
        ),
        Question(
            "Why is the absolute error less sensitive to outliers?",
            """
                Its slope is ±1 however large the error is, while that of the squared error grows
                with it.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="A loss that falls means a model that gets better at its task.",
            why="""
                The loss is a stand-in, measured on the training data. It may fall while the error
                on new data rises, and it may fall without a single prediction changing.
            """,
            right="Judge by the metric of the task, on data held back.",
            claim="early-stopping",
        ),
        Trap(
            wrong="Any loss that is lowest at the right answer will do.",
            why="""
                What drives training is its slope. Squared error of a saturated sigmoid is nearly
                flat where the answer is most wrong.
            """,
            right="Take a loss whose slope is large where the mistake is large.",
            claim="cross-entropy-learns",
        ),
    ),
    claims=("mse-gradient", "logistic-gradient", "cross-entropy-learns", "convex-same-optimum"),
    related=("mean-squared-error", "cross-entropy", "convex-models", "non-differentiable"),
    pictures=(
        Picture(
            draw,
            """
                Three losses against the error: a parabola, a sharp V, and Huber's, which is a
                parabola near zero and continues in straight lines.
            """,
        ),
    ),
)
