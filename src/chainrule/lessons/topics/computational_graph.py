"""The computational graph: a program as operations and what flows between them."""

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
    operations,
)


def f(x, y):
    s = x + y
    return s * cr.exp(s)


def example() -> Example:
    yield "f = s t with s = x + y and t = exp(s), run once at x = 1, y = −0.5 and recorded."
    yield derivation("s = x + y, t = e^s, f = s t", at={"x": 1.0, "y": -0.5}, kind="graph")
    yield "Both paths lead through s, so what comes after s is computed once for x and y:"
    yield Value("operations of f", operations(f, 1.0, -0.5))
    yield Value(
        "operations of f and its gradient",
        operations(cr.value_and_grad(f, argnums=(0, 1)), 1.0, -0.5),
    )


topic = Topic(
    title="Computational graph",
    chapter=Chapter.DIFFERENTIATION,
    place=1,
    motivation="""
        Before a program can be differentiated it has to be seen as mathematics. The computational
        graph is this view: which operations were carried out, and which results went into which.
    """,
    mental_picture="""
        A river system. Inputs are springs, each operation is a place where waters join and flow
        on, and the loss is the mouth. Going forward follows the water down; going backward
        follows every arm up to its springs.
    """,
    definition="""
        A directed graph without cycles. Its nodes are inputs, constants and operations; an edge
        leads from each value to the operations that read it. With each edge goes a local
        derivative, and the derivative of the result by a node is the sum, over all paths from
        the node to the result, of the products along them.
    """,
    formulas=(
        Formula(
            "value of a node",
            r"v_i = f_i(v_j, \ldots) \quad \text{for the sources } j \text{of } i",
        ),
        Formula(
            "backward through a node",
            r"\bar{v}_j = \sum_i \bar{v}_i \frac{\partial f_i}{\partial v_j}, \quad "
            r"\bar{v}_i = \frac{\partial L}{\partial v_i}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is a computational graph, and what is it for?",
            """
                It records the operations of a program as nodes and the flow of values as edges.
                Walking it backwards with a local derivative for each edge gives the gradient of
                the result by everything in it.
            """,
        ),
        Question(
            "Static or dynamic graph: what is the difference?",
            """
                A dynamic graph is recorded while the program runs, so that loops and conditions
                of the language may differ from run to run. A static one is made once, can be
                optimised and compiled, and then run many times.
            """,
        ),
        Question(
            "Why does a value that is used twice get a sum of two gradients?",
            "It reaches the result along two paths, and a change of it acts through both.",
        ),
    ),
    traps=(
        Trap(
            wrong="Calling backward again starts from fresh gradients.",
            why="""
                A leaf adds what it gets to what it has, since it may be used in several places
                and in several losses.
            """,
            right="Gradients accumulate until they are cleared: once for each step of training.",
            claim="accumulate",
        ),
    ),
    claims=("accumulate", "paths-sum", "symbolic-swell"),
    related=("chain-rule", "backpropagation", "automatic-differentiation"),
)
