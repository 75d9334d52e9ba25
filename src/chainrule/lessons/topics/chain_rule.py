"""The chain rule: derivatives of functions of functions."""

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


def example() -> Example:
    yield "A power of a line: the outer derivative, times the inner one."
    yield derivation("(3x + 1)^4", at=1)
    yield "Three functions inside each other give three factors:"
    yield derivation("sin(e^(x^2))")
    yield "Here y reaches the result along two paths, through u = xy and through v = x + y:"
    x, y = (cr.tensor(value, requires_grad=True) for value in (2.0, 3.0))
    u, v = x * y, x + y
    (u * v).backward()
    yield Value("∂f/∂u · ∂u/∂y", v.item() * x.item())
    yield Value("∂f/∂v · ∂v/∂y", u.item() * 1.0)
    yield Value("∂f/∂y by the engine: their sum", y.grad)


topic = Topic(
    title="Chain rule",
    chapter=Chapter.SEVERAL,
    place=5,
    motivation="""
        A network is a function of a function of a function, one for each layer. The chain rule
        takes its derivative apart into derivatives of single layers, which are easy.
    """,
    mental_picture="""
        Cogwheels. If the first turns the second three times as fast and the second turns the
        third twice as fast, then the third turns six times as fast as the first. Rates along a
        train of wheels multiply; where two trains drive the same wheel, they add.
    """,
    definition="""
        If y depends on u and u on x, then dy/dx is dy/du, taken at u(x), times du/dx. A longer
        chain has one factor for each function in it. If x acts along several paths, there is one
        such product for each, and they are added. With vectors the factors are Jacobians, and
        their order matters.
    """,
    formulas=(
        Formula("chain rule", r"\frac{dy}{dx} = \frac{dy}{du} \cdot \frac{du}{dx}"),
        Formula(
            "longer chains",
            r"\frac{\partial L}{\partial w} = \frac{\partial L}{\partial y_N} \cdot "
            r"\frac{\partial y_N}{\partial y_{N-1}} \cdots \frac{\partial y_1}{\partial w}",
        ),
        Formula("three functions", r"(f(g(h(x))))' = f'(g(h(x))) \cdot g'(h(x)) \cdot h'(x)"),
        Formula(
            "several paths",
            r"\frac{\partial L}{\partial w} = \sum_k \frac{\partial L}{\partial u_k} \cdot "
            r"\frac{\partial u_k}{\partial w}",
        ),
        Formula("vectors", r"J_{f \circ g}(x) = J_f(g(x)) \, J_g(x)"),
    ),
    example=example,
    questions=(
        Question(
            "What is the chain rule, and how does it lead to backpropagation?",
            """
                The derivative of a composition is the product of the derivatives of its parts,
                each at the value that reaches it. Backpropagation evaluates this product for a
                whole network, from the loss backwards, and adds up where paths meet.
            """,
        ),
        Question(
            "Why are derivatives along a path multiplied and not added?",
            """
                Each is a rate of exchange. A change of w by 1 changes u by du/dw, and each unit
                of that changes L by dL/du; so L changes by the product. Added are the effects of
                different paths.
            """,
        ),
        Question(
            "What can go wrong when many factors are multiplied?",
            """
                If most are below one the product shrinks exponentially with their number and
                early layers learn nothing; if most are above one it grows until it overflows.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="The chain rule is for two functions, f(g(x)).",
            why="The inner function may itself be a composition, and the rule applies again.",
            right="It holds for chains of any length: one factor for each function.",
            claim="chain-product",
        ),
        Trap(
            wrong="Multiply along the path from the loss to the weight.",
            why="""
                Often there are several: a weight that is used twice, a residual connection, a
                value that two units read.
            """,
            right="Multiply along each path, and add up over all paths.",
            claim="paths-sum",
        ),
        Trap(
            wrong="The outer derivative is taken at x.",
            why="What the outer function sees is not x but the value of the inner one.",
            right="It is f′(g(x)) g′(x): the outer derivative is taken at g(x).",
            claim="chain-product",
        ),
    ),
    claims=("chain-product", "paths-sum", "sigmoid-vanishes", "explode"),
    related=("derivative-table", "jacobian", "computational-graph", "backpropagation"),
)
