"""The partial derivative: one variable moves, the others stay."""

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

F = "3x^2 + 2x y + y^3"
LOSS = "(y - (w x + b))^2"


def example() -> Example:
    yield "f(x, y) = 3x² + 2xy + y³ at (1, 2). The other variable is treated as a number:"
    yield derivation(F, at=(1, 2))
    yield "The squared error of a linear model has two parameters, and a derivative for each:"
    yield derivation(LOSS, wrt="w, b")
    w, b = (cr.tensor(value, requires_grad=True) for value in (0.5, 0.1))
    loss = cr.parse(LOSS)(y=2.0, w=w, x=3.0, b=b)
    loss.backward()
    yield "For w = 0.5, b = 0.1 and the example x = 3, y = 2:"
    yield Value("∂L/∂w, by the engine", w.grad)
    yield Value("∂L/∂b, by the engine", b.grad)
    yield Value("−2x(y − ŷ)", -2 * 3.0 * (2.0 - (0.5 * 3.0 + 0.1)))


def draw(axes):
    f = cr.parse(F)
    t = cr.linspace(-1, 1, 100)
    axes.plot(t, f(1.0 + t, 2.0), label="x moves, y = 2 stays")
    axes.plot(t, f(1.0, 2.0 + t), label="y moves, x = 1 stays")
    for slope in cr.grad(f, argnums=(0, 1))(1.0, 2.0):
        axes.plot(t, f(1.0, 2.0) + slope * t, "--", linewidth=0.8, color="black")
    axes.set_xlabel("change of the variable")
    axes.legend(frameon=False)


topic = Topic(
    title="Partial derivative",
    chapter=Chapter.SEVERAL,
    place=1,
    motivation="""
        A loss depends on all weights at once, and each of them needs to know its own share. The
        partial derivative asks for one weight alone: what would the loss do if only this one
        moved?
    """,
    mental_picture="""
        A mixing desk with many sliders. Touch one and leave the rest: how much louder it gets
        for each millimetre is the partial derivative of this slider, at the present position of
        all of them.
    """,
    definition="""
        ∂f/∂xᵢ is the derivative of f as a function of xᵢ alone, while all other variables are
        held at their values. It depends on where they are held. The rules are those of one
        variable; the others count as constants.
    """,
    formulas=(
        Formula(
            "partial derivative",
            r"\frac{\partial f}{\partial x_i} = \lim_{h \to 0} "
            r"\frac{f(\ldots, x_i + h, \ldots) - f(\ldots, x_i, \ldots)}{h}",
        ),
        Formula(
            "total derivative",
            r"\frac{df}{dt} = \frac{\partial f}{\partial x} \frac{dx}{dt} + "
            r"\frac{\partial f}{\partial y} \frac{dy}{dt}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is a partial derivative, and how does training use it?",
            """
                It is the derivative by one variable while all others are held fixed. Training
                computes one for every weight, in a single backward pass, and moves each weight
                against the sign of its own.
            """,
        ),
        Question(
            "Why do we need partial derivatives at all?",
            """
                The loss has millions of inputs, and an update has to say something about each.
                One number for each weight is what it takes; together they are the gradient.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Partial derivative and derivative are two words for the same.",
            why="""
                If y depends on x, moving x moves y as well. The partial derivative leaves that out,
                the total derivative counts it.
            """,
            right="""
                ∂f/∂x holds the other variables fixed. df/dx follows everything that changes
                along; the two agree only if nothing else does.
            """,
            claim="partial-derivative",
        ),
    ),
    claims=("partial-derivative", "mse-gradient"),
    related=("derivative", "gradient", "chain-rule", "mean-squared-error"),
    pictures=(
        Picture(
            draw,
            """
                Two cuts through the surface 3x² + 2xy + y³ at (1, 2), one along x and one along
                y, with their tangents: the same point, two different slopes.
            """,
        ),
    ),
)
