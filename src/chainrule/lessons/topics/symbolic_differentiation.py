"""Symbolic differentiation: from formula to formula."""

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

PRODUCT = "sin(x) sin(2x) sin(3x) sin(4x)"


def example() -> Example:
    yield "A product of four sines. Each is differentiated once, and all others are copied:"
    yield derivation(PRODUCT)
    f = cr.parse(PRODUCT)
    yield "The graph computes the same from parts that are shared:"
    yield Value("operations of f", operations(f, 0.3))
    yield Value("operations of f and f′ together", operations(cr.value_and_grad(f), 0.3))
    written = cr.parse(derivation(PRODUCT).result)
    yield Value("f′(0.3), from the graph", cr.grad(f)(0.3))
    yield Value("f′(0.3), from the formula", written(0.3))


topic = Topic(
    title="Symbolic differentiation",
    chapter=Chapter.DIFFERENTIATION,
    place=3,
    motivation="""
        A formula for the derivative can be read, simplified, and understood, which no table of
        numbers can. That is what one does by hand, and what computer algebra does.
    """,
    mental_picture="""
        Rewriting by rule, as in school: wherever a product stands, two terms come to stand, each
        with a copy of both factors. The sheet of paper fills up faster than the idea grows.
    """,
    definition="""
        The rules of differentiation are applied to an expression, and the result is again an
        expression. It is exact and holds for all values of the variables. Without sharing its
        size can grow exponentially with the length of the program, and loops or conditions have
        no expression at all.
    """,
    formulas=(
        Formula("product rule", r"(u \, v)' = u' \, v + u \, v'"),
        Formula("quotient rule", r"\left(\frac{u}{v}\right)' = \frac{u' \, v - u \, v'}{v^2}"),
        Formula(
            "product of n",
            r"(u_1 \cdots u_n)' = \sum_k \, u_1 \cdots u_k' \cdots u_n",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why are networks not differentiated symbolically?",
            """
                The formula of a deep network, written out, repeats its inner parts again and
                again, and its derivative does so even more. Automatic differentiation applies the
                same rules to values or shared nodes, so that every part is computed once.
            """,
        ),
        Question(
            "What is a formula good for that numbers are not?",
            """
                It shows why: that σ(z) − y is the error of a prediction, where a factor vanishes,
                which terms cancel before they can lose digits.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Automatic differentiation is symbolic differentiation by a machine.",
            why="""
                A formula is written out; a graph shares. The derivative of a long program has a
                formula that nobody could store, and a graph of a few times its own size.
            """,
            right="The rules are the same; what they are applied to is not.",
            claim="symbolic-swell",
        ),
    ),
    claims=("symbolic-swell", "derivative-table"),
    related=("derivative-table", "automatic-differentiation", "computational-graph"),
)
