"""Activation functions: what they are for, and what their slopes let through."""

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

NAMES = ("sigmoid", "tanh", "relu", "silu")


def example() -> Example:
    yield "Slopes where z is small, and where it is large and σ and tanh are saturated:"
    for z in (0.5, 5.0):
        for name in NAMES:
            yield Value(f"slope of {name} at {z:g}", cr.grad(getattr(cr, name))(z))
    yield "The slope of SiLU by the product rule:"
    yield derivation("z σ(z)")
    yield "Without activations two layers are one. Two matrices, and their product:"
    first, second = cr.tensor([[1.0, 2.0], [0.0, 1.0]]), cr.tensor([[1.0, -1.0], [2.0, 0.5]])
    x = cr.tensor([3.0, -1.0])
    yield Value("second (first x)", second @ (first @ x))
    yield Value("(second first) x", (second @ first) @ x)
    yield Value("second relu(first x)", second @ cr.relu(first @ x))


def draw(axes):
    z = cr.linspace(-5, 5, 401)
    for name in NAMES:
        axes.plot(z, cr.vmap(cr.grad(getattr(cr, name)))(z), label=f"slope of {name}")
    axes.set_xlabel("z")
    axes.legend(frameon=False)


topic = Topic(
    title="Activation functions",
    chapter=Chapter.DEPTH,
    place=3,
    motivation="""
        Without a bend between them, any number of linear layers is one linear layer. The
        activation is that bend, and its slope is a factor in every gradient that passes: so it
        decides what a network can express and whether it can be trained.
    """,
    mental_picture="""
        A valve at each unit. Forwards it bends the signal; backwards it lets the gradient
        through in proportion to its slope. A saturated sigmoid and an inactive ReLU are valves
        that are shut.
    """,
    definition="""
        An activation is a nonlinear function applied to each pre-activation z by itself. σ maps
        to (0, 1) and has a slope of at most ¼; tanh maps to (−1, 1), slope at most 1; ReLU keeps
        what is positive, with slope 1, and drops the rest, with slope 0. SiLU and softplus are
        smooth relatives of ReLU.
    """,
    formulas=(
        Formula(
            "sigmoid, tanh", r"\sigma(z) = \frac{1}{1 + e^{-z}}, \quad \tanh z = 2\sigma(2z)-1"
        ),
        Formula("ReLU", r"\operatorname{relu}(z) = \max(0, z)"),
        Formula("largest slopes", r"\sigma'(z) \le \frac{1}{4}, \quad \frac{d}{dz} \tanh z \le 1"),
        Derived("softplus", "ln(1 + e^z)", "z", as_written="σ(z)"),
        Derived("SiLU", "z σ(z)", "z", as_written="σ(z) (1 + z (1 - σ(z)))"),
    ),
    example=example,
    questions=(
        Question(
            "Why did ReLU replace the sigmoid in hidden layers?",
            """
                Its slope is exactly one where it is active, so depth does not shrink the
                gradient, while a sigmoid multiplies by at most ¼ and by almost nothing when it is
                saturated. It is also cheap, and its zeros make representations sparse.
            """,
        ),
        Question(
            "Why does a network need a nonlinear activation at all?",
            "A product of matrices is a matrix: without activations depth adds nothing.",
        ),
        Question(
            "What is a dead ReLU, and what prevents it?",
            """
                A unit whose pre-activation is negative for every example. Its gradient is zero,
                so it stays as it is. Smaller learning rates, leaky ReLU or SiLU prevent it.
            """,
        ),
        Question(
            "Where is a sigmoid still the right choice?",
            """
                Where a number between 0 and 1 is meant: as the output for a probability, with
                cross-entropy computed from the logit, and as a gate.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="ReLU cannot make gradients vanish, because its slope is 1.",
            why="""
                Half of the units have slope 0. With weights of variance 1/n the square of the
                gradient halves at every layer.
            """,
            right="ReLU keeps gradients level together with the weights that fit it: variance 2/n.",
            claim="relu-mends",
        ),
        Trap(
            wrong="A unit that is off for this batch will come back as the training goes on.",
            why="""
                If it is off for all examples, its own gradient is exactly zero, and no step ever
                changes its weights.
            """,
            right="It comes back only if the layers below change what it sees.",
            claim="relu-dies",
        ),
    ),
    claims=("relu-mends", "relu-dies", "sigmoid-vanishes", "sigmoid-derivative"),
    related=("derivative-table", "vanishing-gradients", "initialisation", "non-differentiable"),
    pictures=(
        Picture(
            draw,
            """
                Slopes of four activations: the sigmoid's is a low hill of height ¼, tanh's one of
                height 1, ReLU's a step from 0 to 1, and SiLU's a smooth step that dips below 0
                and rises a little above 1.
            """,
        ),
    ),
)
