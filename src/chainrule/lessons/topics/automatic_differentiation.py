"""Automatic differentiation: the chain rule, carried out along a program."""

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


def newton_root(a):
    """√a by five steps of Newton's method: a loop, not a formula."""
    x = a
    for _ in range(5):
        x = (x + a / x) / 2
    return x


def example() -> Example:
    yield "A program with a loop, √a by five steps of Newton's method, differentiated at a = 2:"
    yield Value("√2 by the program", newton_root(2.0))
    yield Value("its derivative by the engine", cr.grad(newton_root)(2.0))
    yield Value("the same in forward mode", cr.jvp(newton_root, (2.0,), (1.0,))[1])
    yield "The program is not the formula, but its derivative should be near that of the formula:"
    yield derivation("sqrt(a)", at=2)
    yield "A single step of the loop, differentiated by rules, is what the engine does each time:"
    yield derivation("(x + a / x) / 2", wrt="x")


topic = Topic(
    title="Automatic differentiation",
    chapter=Chapter.DIFFERENTIATION,
    place=4,
    motivation="""
        Nobody derives the gradient of a network by hand, and nobody could keep up with its
        changes. Automatic differentiation computes it from the program itself, as exactly as the
        program computes its value.
    """,
    mental_picture="""
        A bookkeeper beside the calculator. For every operation that is carried out she notes
        how its result reacts to each input; in the end she combines the notes by the chain rule,
        in one order or the other.
    """,
    definition="""
        A program is a sequence of primitive operations whose derivatives are known. Each is
        differentiated at the values that occur, and the results are combined by the chain rule:
        along with the values in forward mode, from the result back in reverse mode. Loops,
        branches and functions pose no difficulty; what was carried out is differentiated.
    """,
    formulas=(
        Formula(
            "forward mode",
            r"\dot{v}_i = \sum_j \frac{\partial f_i}{\partial v_j} \, \dot{v}_j",
        ),
        Formula(
            "reverse mode",
            r"\bar{v}_j = \sum_i \frac{\partial f_i}{\partial v_j} \, \bar{v}_i",
        ),
    ),
    example=example,
    questions=(
        Question(
            "How does automatic differentiation differ from the numerical and the symbolic kind?",
            """
                Unlike differences it uses no step, so it is exact up to rounding, and it gets all
                derivatives from one pass. Unlike formulas it works on values and shared results,
                so its cost stays a small multiple of the program's.
            """,
        ),
        Question(
            "What do zero_grad, backward and step do in a training loop?",
            """
                The first clears what the last step left, since gradients add up. The second walks
                the graph backwards and fills in the gradient of each parameter. The third has the
                optimizer change the parameters by them.
            """,
        ),
        Question(
            "What does it mean that a tensor requires a gradient?",
            """
                What is computed from it is recorded, so that derivatives by it can be asked for.
                Where nobody will ask, recording can be left out, and its memory with it.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Automatic differentiation is only an approximation.",
            why="""
                It applies exact rules to the operations of the program. There is no step that
                could be too large or too small.
            """,
            right="It is exact up to rounding, as the value is. What is differentiated is code.",
            claim="exact",
        ),
        Trap(
            wrong="Gradients start from zero at each backward pass.",
            why="They are added to what is there, so the second step would take twice the push.",
            right="Clear them for each step, or use functions that return gradients, as cr.grad.",
            claim="accumulate",
        ),
    ),
    claims=("exact", "million-gradients", "two-forward", "accumulate", "architectures"),
    related=(
        "numerical-differentiation",
        "symbolic-differentiation",
        "computational-graph",
        "modes",
        "backpropagation",
    ),
)
