"""Adam: a running mean of gradients, divided by the root of one of their squares."""

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
)

B1, B2, RATE = 0.9, 0.999, 0.1


def steps(gradients) -> np.ndarray:
    """The steps of the engine's Adam for these gradients, in learning rates."""
    optimizer = cr.optim.adam(RATE, b1=B1, b2=B2)
    w = cr.tensor(0.0)
    state = optimizer.init(w)
    found = []
    for gradient in gradients:
        update, state = optimizer.update(cr.tensor(float(gradient)), state, w)
        found.append(update.item() / RATE)
    return np.array(found)


def example() -> Example:
    gradients = (0.5, 0.3, -0.1)
    yield "Three steps with β₁ = 0.9, β₂ = 0.999 and η = 0.1, by the formulas:"
    m = v = 0.0
    for t, g in enumerate(gradients, start=1):
        m, v = B1 * m + (1 - B1) * g, B2 * v + (1 - B2) * g**2
        corrected = m / (1 - B1**t), v / (1 - B2**t)
        yield Value(f"t = {t}, g = {g:g}: m, v", np.array([m, v]))
        yield Value("m̂, v̂", np.array(corrected))
        yield Value("step −η m̂/√v̂", -RATE * corrected[0] / np.sqrt(corrected[1]))
    yield "The engine's Adam, with the same gradients and with gradients a thousand times as large:"
    yield Value("steps", RATE * steps(gradients))
    yield Value("steps, times 1,000", RATE * steps(1000 * np.array(gradients)))
    yield "How long a step is depends on how well the gradients agree. Step 200, in learning rates:"
    alternating = (-1.0) ** np.arange(200)
    yield Value("all gradients 1", abs(steps(np.ones(200))[-1]))
    yield Value("alternating between 2 and −1", abs(steps(0.5 + 1.5 * alternating)[-1]))
    yield Value("alternating between 1 and −1", abs(steps(alternating)[-1]))


def draw(axes):
    rng = np.random.default_rng(0)
    noise = rng.normal(size=300)
    for name, gradients in (
        ("steady: 1", np.ones(300)),
        ("noisy: 1 ± 1", 1 + noise),
        ("noise alone: 0 ± 1", noise),
    ):
        axes.plot(range(1, 301), -steps(gradients), label=name)
    axes.axhline(0, color="black", linewidth=0.5)
    axes.set_xlabel("step")
    axes.set_ylabel("step against the gradient / η")
    axes.legend(frameon=False)


topic = Topic(
    title="Adam",
    chapter=Chapter.OPTIMIZERS,
    place=3,
    motivation="""
        Momentum averages noise away, RMSProp puts parameters of different scales on a par. Adam
        does both, and works with nearly the same settings for very different networks, which has
        made it the usual first choice.
    """,
    mental_picture="""
        For each parameter two running records: which way its gradients point on average, and how
        large they are. Where they agree, the step is a full one; where they contradict each
        other, the first record is small beside the second and the step is short.
    """,
    definition="""
        m and v are running means of the gradient and of its square, for each parameter, and both
        begin at 0. In both, after t steps, the factors of the gradients add up to 1 − βᵗ only;
        divided by that they become m̂ and v̂, without the bias towards 0. The step is
        −ηm̂/(√v̂ + ε). Usual are β₁ = 0.9, β₂ = 0.999, ε = 10⁻⁸.
    """,
    formulas=(
        Formula(
            "first moment",
            r"m_t = \beta_1 m_{t-1} + (1 - \beta_1) g_t",
        ),
        Formula(
            "second moment",
            r"v_t = \beta_2 v_{t-1} + (1 - \beta_2) g_t^2",
        ),
        Formula(
            "bias correction",
            r"\hat{m}_t = \frac{m_t}{1 - \beta_1^t}, \quad \hat{v}_t = \frac{v_t}{1 - \beta_2^t}",
        ),
        Formula(
            "Adam",
            r"\theta_t = \theta_{t-1} - \eta \, \frac{\hat{m}_t}{\sqrt{\hat{v}_t} + \epsilon}",
        ),
    ),
    example=example,
    questions=(
        Question(
            "How do SGD and Adam differ, and when do you use which?",
            """
                SGD has one learning rate for all parameters; Adam divides a running mean of each
                gradient by the running size of it, so that scales hardly matter and the usual rate
                often works. Adam or AdamW is the choice for Transformers and for a first try; SGD
                with momentum, tuned well, generalises as well or better for many image networks.
            """,
        ),
        Question(
            "What is bias correction for?",
            """
                Both means begin at 0 and are too small at first, that of the squares for longer.
                Without the correction the first step would be (1 − β₁)/√(1 − β₂) times the rate,
                about 3, and later ones even longer.
            """,
        ),
        Question(
            "How much memory does Adam take?",
            """
                Two numbers for each parameter, m and v, beside the parameter and its gradient. SGD
                takes none, with momentum one.
            """,
        ),
        Question(
            "Which parameters get large steps?",
            """
                Those whose gradients keep their sign, whatever their size: up to about η. Noisy
                ones get short steps, as m̂ averages the noise away and √v̂ does not.
            """,
        ),
        Question(
            "How does Adam treat rare features?",
            """
                A parameter with a gradient now and then has a small v, and so a rather long step
                when one comes. After a long calm it can be three times the rate.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Adam is always faster than SGD.",
            why="""
                Its gain is the scaling. Where curvatures are alike there is none, and its steps do
                not shrink near the minimum.
            """,
            right="It is faster where scales differ. On an evenly curved loss tuned descent wins.",
            claim="adam-beats-sgd",
        ),
        Trap(
            wrong="Adam gives larger steps to parameters with noisy gradients.",
            why="Noise enters √v̂ in full and m̂ hardly: their ratio is small.",
            right="Small gradients get as long steps as large ones; noisy ones get shorter steps.",
            claim="adam-step",
        ),
        Trap(
            wrong="With Adam the learning rate does not matter.",
            why="The rate is the length of a step in the units of the parameter.",
            right="""
                The scale of the gradient does not matter. The rate has to suit the scale of the
                weights, and to decay.
            """,
            claim="adam-scale",
        ),
        Trap(
            wrong="Bias correction is a detail that wears off after some steps.",
            why="The mean of squares needs about 1/(1 − β₂) steps: a thousand.",
            right="Without it hundreds of first steps are several times too long.",
            claim="bias-correction",
        ),
    ),
    claims=("adam-step", "adam-scale", "bias-correction", "adam-beats-sgd"),
    related=("rmsprop", "momentum", "adamw", "learning-rate", "second-order-methods"),
    pictures=(
        Picture(
            draw,
            """
                Steps of Adam over 300 gradients: with steady ones all are as long as the rate;
                with noise around 1 they vary about two thirds of it; with noise alone they stay
                short and change their sign.
            """,
        ),
    ),
)
