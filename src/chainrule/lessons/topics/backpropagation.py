"""Backpropagation: the chain rule, from the loss backwards, each layer once."""

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

LOSS = "(y - w_2 σ(w_1 x))^2"


def example() -> Example:
    yield "A network of two weights: ŷ = w₂ σ(w₁x), with the loss (y − ŷ)². By the chain rule:"
    yield derivation(LOSS, wrt="w_1")
    yield "One backward pass gives both derivatives, at w₁ = 0.5, w₂ = −1, for x = 2 and y = 1:"
    w1, w2 = (cr.tensor(value, requires_grad=True) for value in (0.5, -1.0))
    loss = (1.0 - w2 * cr.sigmoid(w1 * 2.0)) ** 2
    loss.backward()
    yield Value("loss", loss)
    yield Value("∂L/∂w₁", w1.grad)
    yield Value("∂L/∂w₂", w2.grad)
    yield "The first one again, from the formula that was derived:"
    formula = cr.parse(derivation(LOSS, wrt="w_1").result)
    yield Value("∂L/∂w₁", formula(y=1.0, w_2=-1.0, w_1=0.5, x=2.0))


topic = Topic(
    title="Backpropagation",
    chapter=Chapter.DIFFERENTIATION,
    place=5,
    motivation="""
        Asking for the derivative of each weight on its own would cost a pass through the
        network for each. Backpropagation gets all of them from a single backward pass, for
        about the price of two forward ones.
    """,
    mental_picture="""
        Blame is handed back. The loss tells the last layer how wrong it was. Each layer keeps
        the share of its own weights and passes the rest on, multiplied by its local derivative;
        it needs to know nothing of the network beyond its neighbours.
    """,
    definition="""
        The forward pass computes the activations and keeps them. The backward pass starts with
        1, the derivative of the loss by itself, and goes through the layers in reverse: it
        multiplies by the transposed Jacobian of each, and adds up where a value was used
        several times. It is automatic differentiation in reverse mode.
    """,
    formulas=(
        Formula(
            "through a layer",
            r"u_l = f_l(u_{l-1}, \theta_l): \quad \bar{u}_{l-1} = "
            r"\left(\frac{\partial u_l}{\partial u_{l-1}}\right)^\top \bar{u}_l",
        ),
        Formula(
            "gradient of its parameters",
            r"\frac{\partial L}{\partial \theta_l} = "
            r"\left(\frac{\partial u_l}{\partial \theta_l}\right)^\top \bar{u}_l",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is backpropagation, and why is it efficient?",
            """
                It applies the chain rule backwards through the network, from the loss to every
                weight, and shares what paths have in common. So all gradients together cost a
                small multiple of one forward pass, however many weights there are.
            """,
        ),
        Question(
            "Why does training need more memory than prediction?",
            """
                Local derivatives depend on the activations, so those of every layer are kept
                until the backward pass has used them.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Backpropagation approximates derivatives by small changes of the weights.",
            why="""
                That would be numerical differentiation: a forward pass for each weight, and
                digits lost to rounding.
            """,
            right="""
                It applies the rules of differentiation to the operations that were carried out.
                What it gives is exact up to rounding, from one backward pass.
            """,
            claim="finite-differences",
        ),
    ),
    claims=("two-forward", "million-gradients", "vjp", "architectures", "sigmoid-vanishes"),
    related=("chain-rule", "four-equations", "automatic-differentiation", "checkpointing"),
)
