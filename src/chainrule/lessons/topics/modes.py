"""Forward and reverse mode: two orders of multiplying the same factors."""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Question,
    Topic,
    Trap,
    Value,
    operations,
)


def f(p):
    """Two numbers in, three out."""
    x, y = p
    return cr.stack([x * y, cr.sin(x), x + y**2])


def example() -> Example:
    at = cr.tensor([0.5, 2.0])
    yield "f(x, y) = (xy, sin x, x + y²) at (0.5, 2). A forward pass along (1, 0): column one."
    yield Value("∂f/∂x", cr.jvp(f, (at,), ([1.0, 0.0],))[1])
    yield "A backward pass from (1, 0, 0): row one, the gradient of the first result."
    yield Value("∇f₁", cr.vjp(f, at)[1]([1.0, 0.0, 0.0])[0])
    jacobian = cr.jacobian(f)
    yield "Two columns or three rows make up the whole; the engine takes the fewer:"
    yield Value("J", jacobian(at))
    yield Value("mode chosen", jacobian.chosen)
    yield "For a loss the difference is large. A scalar function of 200 numbers:"

    def loss(w):
        return cr.sum(cr.sin(w) * w)

    w = cr.linspace(0, 1, 200)
    for mode in ("forward", "reverse"):
        cost = operations(cr.jacobian(loss, mode=mode), w) / operations(loss, w)
        yield Value(f"{mode} mode, in evaluations of the loss", cost)


topic = Topic(
    title="Forward and reverse mode",
    chapter=Chapter.DIFFERENTIATION,
    place=7,
    motivation="""
        The chain rule says what to multiply, not where to begin. For a network with a million
        inputs and one result, the order makes the difference between one pass and a million.
    """,
    mental_picture="""
        A family tree. Forward mode starts at one ancestor and follows all descendants: what came
        of this one? Reverse mode starts at one descendant and follows all ancestors: where did
        this one come from?
    """,
    definition="""
        Forward mode carries a direction along with the values: one pass gives J v, the effect of
        one input on all outputs. Reverse mode carries weights of the outputs back: one pass gives
        Jᵀu, the effect of all inputs on one output. For n inputs and m outputs the whole Jacobian
        takes n passes of the one or m of the other. Reverse mode has to keep the values of the
        forward pass, forward mode does not.
    """,
    formulas=(
        Formula("forward", r"J \, v = J_k (\cdots (J_2 (J_1 v)))"),
        Formula("reverse", r"J^\top u = J_1^\top (J_2^\top (\cdots (J_k^\top u)))"),
    ),
    example=example,
    questions=(
        Question(
            "When is forward mode the better choice, and when reverse mode?",
            """
                Forward mode costs a pass for each input and is better for few of them; reverse
                mode costs one for each output. A loss is one output of very many inputs, which is
                why training uses reverse mode.
            """,
        ),
        Question(
            "What is the price of reverse mode?",
            """
                Memory. The values of the forward pass are needed in the opposite order, so they
                are kept until they have been used, or computed again.
            """,
        ),
        Question(
            "How is a Hessian-vector product computed?",
            """
                With one mode over the other: the gradient by a reverse pass, and its derivative in
                the direction v by a forward pass through that.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Reverse mode is always the faster one.",
            why="With few inputs and many outputs it needs a pass for each output.",
            right="Count inputs and outputs: the smaller number decides.",
            claim="modes",
        ),
        Trap(
            wrong="Forward mode gives the gradient in one pass as well.",
            why="One forward pass gives a single number for a loss: the slope in one direction.",
            right="It takes as many forward passes as there are parameters for a whole gradient.",
            claim="million-gradients",
        ),
    ),
    claims=("modes", "million-gradients", "two-forward", "activation-memory"),
    related=("automatic-differentiation", "backpropagation", "jacobian", "checkpointing"),
)
