"""The Jacobian: all partial derivatives of a function with several results."""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Example,
    Formula,
    Question,
    Topic,
    Trap,
    Value,
    derivation,
)


def f(p):
    x, y = p
    return cr.stack([x**2 * y, x + cr.sin(y)])


def example() -> Example:
    yield "Two functions of two variables, x²y and x + sin y, at (2, 0): two rows, two columns."
    yield derivation("x^2 y, x + sin y", at=(2, 0))
    at = cr.tensor([2.0, 0.0])
    yield Value("the matrix, by the engine", cr.jacobian(f)(at))
    yield "A network never needs all of it. Times a vector from the right, in one forward pass:"
    yield Value("J v for v = (1, 2)", cr.jvp(f, (at,), ([1.0, 2.0],))[1])
    yield "From the left, in one backward pass:"
    yield Value("Jᵀu for u = (1, 2)", cr.vjp(f, at)[1]([1.0, 2.0])[0])


topic = Topic(
    title="Jacobian",
    chapter=Chapter.SEVERAL,
    place=6,
    motivation="""
        A layer has many inputs and many outputs, and each output reacts to each input. The
        Jacobian is the table of all these sensitivities, and the chain rule for layers is a
        product of such tables.
    """,
    mental_picture="""
        A switchboard with n sliders and m lamps. The entry in row i and column j says how much
        lamp i brightens for each millimetre of slider j. A column is one slider and everything it
        does; a row is one lamp and everything it depends on.
    """,
    definition="""
        For f from n to m numbers, J is the m × n matrix with the entries ∂fᵢ/∂xⱼ. It is the
        linear map that fits f best near x. For m = 1 it is one row: the gradient, transposed.
        J v, a Jacobian-vector product, takes one forward pass; Jᵀu, a vector-Jacobian product,
        one backward pass. Neither builds J.
    """,
    formulas=(
        Formula("Jacobian", r"J_{ij} = \frac{\partial f_i}{\partial x_j}"),
        Formula("linear approximation", r"f(x + h) \approx f(x) + J \, h"),
        Formula("gradient", r"m = 1: \quad J = (\nabla f)^\top"),
        Formula("forward, JVP", r"v \mapsto J \, v"),
        Formula("backward, VJP", r"u \mapsto J^\top u"),
    ),
    example=example,
    questions=(
        Question(
            "What is the Jacobian, and when is it needed?",
            """
                It is the matrix of the derivatives of all outputs by all inputs, m × n for m
                outputs and n inputs. Backpropagation multiplies by the transposed Jacobian of each
                layer, one after the other, but forms none of them.
            """,
        ),
        Question(
            "How do derivative, gradient and Jacobian relate?",
            """
                The Jacobian is the general case. With one output it has one row, the transposed
                gradient; with one input and one output it is one number, the derivative.
            """,
        ),
        Question(
            "Why does nobody store the Jacobian of a layer?",
            """
                For an elementwise activation of a million values it has 10¹² entries, nearly all
                of them zero. Its product with a vector is a million multiplications.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Gradient and Jacobian are the same.",
            why="A function with several results has no gradient, but it has a Jacobian.",
            right="""
                The gradient belongs to scalar functions and has the shape of x. It is the only
                row of their Jacobian, transposed.
            """,
            claim="jacobian-row",
        ),
        Trap(
            wrong="Backpropagation computes the Jacobians of the layers and multiplies them.",
            why="They would be huge, and a product of matrices costs more than one with a vector.",
            right="It multiplies a vector by each transposed Jacobian in turn; none is built.",
            claim="vjp",
        ),
    ),
    claims=("jacobian-row", "vjp", "modes"),
    related=("gradient", "chain-rule", "backpropagation", "modes", "hessian"),
)
