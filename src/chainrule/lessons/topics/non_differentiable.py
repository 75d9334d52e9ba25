"""Operations without a derivative: subgradients, smooth stand-ins, and what else there is."""

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


def step(x):
    return cr.where(x > 0, 1.0, 0.0)


@cr.custom_gradient
def straight_through(x):
    """A step forwards; backwards the slope of a sigmoid."""
    return step(x), lambda cotangent: cotangent * cr.sigmoid(x) * (1 - cr.sigmoid(x))


def example() -> Example:
    yield "A corner: |x| at 0. The engine names both slopes, and the one it takes."
    yield derivation("|x|", at=0)
    yield "The corner rounded off, with a derivative everywhere:"
    yield derivation("sqrt(x^2 + ε^2)", wrt="x")
    yield "A jump: a threshold is flat on both sides. Slopes at 0.3:"
    yield Value("step", cr.grad(step)(0.3))
    for temperature in (1.0, 0.1, 0.01):
        slope = cr.grad(lambda x, t=temperature: cr.sigmoid(x / t))(0.3)
        yield Value(f"σ(x / {temperature:g})", slope)
    yield Value("step, straight-through", cr.grad(straight_through)(0.3))
    yield "A choice: the value of the best of three, and a softmax that tends to it."
    scores, values = cr.tensor([1.0, 3.0, 2.5]), cr.tensor([10.0, 20.0, 30.0])
    yield Value("chosen by argmax", values[cr.argmax(scores)])
    for temperature in (1.0, 0.1, 0.01):

        def soft(s, t=temperature):
            return cr.softmax(s / t) @ values

        yield Value(f"softmax, T = {temperature:g}", soft(scores))
        yield Value(f"its gradient, T = {temperature:g}", cr.grad(soft)(scores))


def draw(axes):
    x = cr.linspace(-3, 3, 601)
    axes.plot(x, step(x), color="black", label="step")
    for temperature in (1.0, 0.3, 0.1):
        axes.plot(x, cr.sigmoid(x / temperature), label=f"σ(x / {temperature:g})")
    axes.set_xlabel("x")
    axes.legend(frameon=False)


topic = Topic(
    title="Non-differentiable operations",
    chapter=Chapter.LOSSES,
    place=4,
    motivation="""
        Descent needs a slope, and thresholds, choices and counts have none to offer. Corners are
        harmless; for jumps one puts something smooth in their place, or estimates the slope of an
        expectation.
    """,
    mental_picture="""
        A flight of stairs in the fog. Every step is level, so your feet tell you nothing, though
        the way down is plain from afar. Lay a ramp over the stairs and you can feel it again.
    """,
    definition="""
        For a convex f, s is a subgradient at x if f lies nowhere below the line (or plane) through
        f(x) with slope s; at a corner there are many. Descent along one of them works with steps
        that shrink. A function that jumps between constants has a derivative of 0 wherever it has
        one. A smooth approximation has a temperature: small T is near the original, with slopes
        that are nearly zero away from the jump and huge at it.
    """,
    formulas=(
        Formula("subgradient s at x", r"f(y) \ge f(x) + s \cdot (y - x) \quad \text{for all } y"),
        Formula(
            "slopes at the corner of |x|",
            r"s \in [-1, 1] \text{ at } x = 0, \quad s = \pm 1 \text{ elsewhere}",
        ),
        Derived("smooth absolute value", "sqrt(x^2 + ε^2)", "x"),
        Derived("smooth step", "σ(x / T)", "x"),
        Formula("smooth argmax", r"p_i = \frac{e^{z_i / T}}{\sum_j \, e^{z_j / T}}"),
    ),
    example=example,
    questions=(
        Question(
            "How can a network be trained through an operation that has no derivative?",
            """
                At corners such as that of ReLU any subgradient will do, since they are hardly ever
                hit. Jumps and choices are replaced by smooth stand-ins such as a softmax, are given
                the slope of one on the way back, or are sampled, so that the gradient of the
                expectation can be estimated.
            """,
        ),
        Question(
            "Why can one train with ReLU although it has a corner?",
            """
                It has a derivative everywhere but at 0, a single point. There libraries take a
                subgradient, by convention 0.
            """,
        ),
        Question(
            "Why not differentiate argmax?",
            """
                Its result does not change for small changes of the scores, so its derivative is 0
                wherever it exists. Nothing is learned from it.
            """,
        ),
        Question(
            "What is a straight-through estimator?",
            """
                A hard choice forwards, and backwards the slope of something smooth. It is not the
                gradient of any loss, but often points the right way.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="argmax has no gradient, so automatic differentiation raises an error there.",
            why="""
                As a choice of another value it has one: zero. Training runs without complaint, and
                what lies before the choice learns nothing.
            """,
            right="Look for parameters whose gradient is exactly zero, and use a softmax.",
            claim="argmax",
        ),
        Trap(
            wrong="The lower the temperature, the better the softmax stands in for argmax.",
            why="Its value comes nearer, while its gradient vanishes like that of the argmax.",
            right="Temperature trades closeness for a slope. Often it is lowered during training.",
            claim="argmax",
        ),
        Trap(
            wrong="ReLU is differentiable, because the library returns a slope at 0.",
            why="The slopes from left and right differ. The library returns a convention.",
            right="At 0 it has subgradients, all numbers from 0 to 1.",
            claim="relu-subgradient",
        ),
    ),
    claims=("argmax", "relu-subgradient", "policy-gradient"),
    related=("activations", "policy-gradient", "derivative-table", "loss-functions"),
    pictures=(
        Picture(
            draw,
            """
                A step from 0 to 1, and three sigmoids that come nearer to it as the temperature
                falls: flatter on both sides and steeper in the middle.
            """,
        ),
    ),
)
