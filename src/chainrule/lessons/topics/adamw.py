"""AdamW: weights decay by themselves, not by way of the gradient."""

import numpy as np

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

RATE, DECAY = 0.01, 0.1
SIZES = (0.1, 10.0)


def weights(optimizer, penalty: float, steps: int) -> np.ndarray:
    """Two weights over the steps; their gradients alternate, of sizes 0.1 and 10, and cancel."""
    w = cr.ones(2)
    state = optimizer.init(w)
    path = [w.numpy()]
    for step in range(steps):
        gradient = cr.tensor(np.array(SIZES) * (-1) ** step) + penalty * w
        updates, state = optimizer.update(gradient, state, w)
        w = cr.optim.apply_updates(w, updates)
        path.append(w.numpy())
    return np.array(path)


def example() -> Example:
    yield "An L2 penalty is part of the loss, and so of the gradient. It adds the derivative of"
    yield derivation("λ/2 w^2", wrt="w")
    yield (
        "In plain descent that makes w ← (1 − ηλ)w − ηg: the weight decays. Two weights begin at 1 "
        "and get gradients that cancel, ±0.1 the one and ±10 the other. After 100 steps with "
        "η = 0.01 and λ = 0.1 they are"
    )
    for name, optimizer, penalty in (
        ("SGD with a penalty", cr.optim.sgd(RATE), DECAY),
        ("SGD with decay", cr.optim.sgd(RATE, weight_decay=DECAY), 0.0),
        ("Adam with a penalty", cr.optim.adam(RATE), DECAY),
        ("AdamW", cr.optim.adamw(RATE, weight_decay=DECAY), 0.0),
    ):
        yield Value(name, weights(optimizer, penalty, 100)[-1])
    yield Value("(1 − ηλ)¹⁰⁰", (1 - RATE * DECAY) ** 100)
    yield (
        "For SGD both are the same. In Adam the penalty is divided by the size of the gradient: "
        "the second weight hardly feels it, the first far too much. AdamW's decay is the same for "
        "both; what is missing from (1 − ηλ)¹⁰⁰ comes from the alternating steps."
    )


def draw(axes):
    penalised = weights(cr.optim.adam(RATE), DECAY, 500)
    decayed = weights(cr.optim.adamw(RATE, weight_decay=DECAY), 0.0, 500)
    for path, name, style in ((penalised, "Adam, penalty", "-"), (decayed, "AdamW", "--")):
        for weight, size in zip(path.T, SIZES, strict=True):
            axes.plot(weight, style, label=f"{name}; gradients ±{size:g}", linewidth=1.2)
    axes.set_xlabel("step")
    axes.set_ylabel("weight")
    axes.legend(frameon=False)


topic = Topic(
    title="AdamW",
    chapter=Chapter.OPTIMIZERS,
    place=4,
    motivation="""
        Keeping weights small helps a network to generalise, and a penalty on their squares does
        that in plain descent. Adam rescales the penalty along with the gradient and so spoils it;
        AdamW takes it out of the gradient.
    """,
    mental_picture="""
        A tax on weights. AdamW takes the same share of each one. Adam with a penalty puts the tax
        into the gradient and then divides by its size: those with a large turnover pay next to
        nothing.
    """,
    definition="""
        AdamW takes the step of Adam for the loss alone, and besides subtracts ηλθ from the
        parameters: without gradient a weight would shrink by the factor 1 − ηλ in each step,
        whatever its v. With an L2 penalty λ‖θ‖²/2 the gradient would be g + λθ, and the penalty
        would be divided by √v̂ too.
    """,
    formulas=(
        Formula(
            "AdamW",
            r"\theta \leftarrow \theta - \eta \left(\frac{\hat{m}}{\sqrt{\hat{v}} + \epsilon} "
            r"+ \lambda \theta\right)",
        ),
        Formula("L2 penalty, in the gradient", r"g \leftarrow g + \lambda \theta"),
        Formula("decay alone, after t steps", r"\theta_t = (1 - \eta \lambda)^t \, \theta_0"),
    ),
    example=example,
    questions=(
        Question(
            "How does AdamW differ from Adam with L2 regularisation?",
            """
                AdamW shrinks the weights directly, by the factor 1 − ηλ in each step; an L2
                penalty goes through the gradient, where Adam divides it by the size of the
                gradient. So with the penalty weights with large gradients decay least, with AdamW
                all decay alike.
            """,
        ),
        Question(
            "For which optimizer are decay and penalty the same?",
            """
                For plain SGD: −η(g + λθ) is the step in both. With momentum they differ slightly,
                as the penalty passes through the velocity.
            """,
        ),
        Question(
            "Which parameters should not decay?",
            """
                As a rule biases, and the scales and shifts of normalisation layers: they are few,
                and have no need to be small. Decay is for the matrices.
            """,
        ),
        Question(
            "Why is AdamW the usual choice for Transformers?",
            """
                Their gradients differ widely in scale, which calls for Adam, and with it only a
                decoupled decay regularises all weights alike. λ can also be tuned more
                independently of the learning rate.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Weight decay is another word for an L2 penalty.",
            why="""
                That is true of plain descent alone. An adaptive optimizer divides the penalty by
                the size of the gradient.
            """,
            right="In Adam they are two different things; AdamW is Adam with decay.",
            claim="adamw",
        ),
        Trap(
            wrong="Adam with weight_decay=0.01 is AdamW.",
            why="""
                In PyTorch, and here, that argument of `adam` is the factor of an L2 penalty.
            """,
            right="Use `adamw`, whose decay does not pass through the moments.",
            claim="adamw",
        ),
    ),
    claims=("adamw",),
    related=("adam", "convex-models", "early-stopping", "schedules"),
    pictures=(
        Picture(
            draw,
            """
                Two weights over 500 steps. With AdamW both decay along one curve; with Adam and a
                penalty the one with small gradients falls much faster, the one with large
                gradients stays where it was.
            """,
        ),
    ),
)
