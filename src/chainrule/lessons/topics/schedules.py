"""Schedules: a learning rate that changes on the way."""

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

STEPS = 100


def shapes() -> dict[str, cr.optim.Schedule]:
    """Common schedules for 100 steps, all of them up to 1."""
    cosine = cr.optim.cosine_decay(1.0, STEPS)
    return {
        "constant": cr.optim.constant(1.0),
        "step decay": cr.optim.step_decay(1.0, every=34, factor=0.3),
        "cosine": cosine,
        "warm-up, cosine": cr.optim.linear_warmup(10, cr.optim.cosine_decay(1.0, STEPS - 10)),
    }


def example() -> Example:
    places = (0, 5, 10, 50, 100)
    yield Value("step", np.array(places))
    for name, schedule in shapes().items():
        yield Value(name, np.array([float(schedule(step)) for step in places]))
    yield (
        "What for? Take f(w) = w²/2 with gradients whose noise has the variance 1. A step "
        "multiplies the mean of w² by (1 − η)² and adds η². From w² = 100, after 100 steps:"
    )
    gradient = cr.grad(cr.parse("w^2/2"))

    def expected(schedule) -> float:
        """The mean of w² after 100 steps."""
        square = 100.0
        for step in range(STEPS):
            rate = float(schedule(step))
            factor = 1 - rate * gradient(1.0).item()
            square = factor**2 * square + rate**2
        return square

    for rate in (0.3, 0.01):
        yield Value(f"constant, η = {rate:g}", expected(cr.optim.constant(rate)))
    yield Value("cosine, from η = 0.3", expected(cr.optim.cosine_decay(0.3, STEPS)))
    yield "No more steps would help the first, which has reached its floor, η/(2 − η):"
    yield Value("floor for η = 0.3", 0.3 / (2 - 0.3))


def draw(axes):
    steps = range(STEPS + 1)
    for name, schedule in shapes().items():
        axes.plot(steps, [float(schedule(step)) for step in steps], label=name)
    axes.set_xlabel("step")
    axes.set_ylabel("learning rate / its largest")
    axes.legend(frameon=False)


topic = Topic(
    title="Schedules",
    chapter=Chapter.DESCENT,
    place=4,
    motivation="""
        A large learning rate makes quick progress and then keeps jumping about the minimum; a
        small one would settle but takes too long to get there. A schedule has both, one after the
        other.
    """,
    mental_picture="""
        Looking for a street by car: fast on the motorway, slower in the town, at a walking pace
        for the house number. And over the first metres, with cold tyres, gently.
    """,
    definition="""
        A schedule gives the learning rate as a function of the step. With noisy gradients of
        variance σ² and a curvature λ, a constant rate ends at a mean square distance of
        ησ²/(λ(2 − ηλ)), in proportion to η for small ones; a rate that falls to zero slowly
        enough gets below any such floor. Warm-up is the opposite at the start: a rate that grows
        from near zero.
    """,
    formulas=(
        Formula("step decay", r"\eta_t = \eta_0 \gamma^{\lfloor t / s \rfloor}"),
        Formula(
            "cosine decay over T steps",
            r"\eta_t = \frac{\eta_0}{2} \left(1 + \cos\left(\frac{\pi t}{T}\right)\right)",
        ),
        Formula("linear warm-up over s steps", r"\eta_t = \eta_0 \min(1, t / s)"),
        Formula(
            "floor of a constant rate",
            r"\mathbb{E} \, w^2 \to \frac{\eta \sigma^2}{\lambda (2 - \eta \lambda)}",
        ),
        Formula(
            "enough steps, and enough decay",
            r"\sum_t \, \eta_t = \infty, \quad \sum_t \, \eta_t^2 \lt \infty",
        ),
    ),
    example=example,
    questions=(
        Question(
            "Why is the learning rate lowered during training?",
            """
                With a constant rate the noise of mini-batches keeps the weights moving about the
                minimum, at a distance that the rate decides. Starting large and decaying gives
                quick progress first and averages the noise away at the end.
            """,
        ),
        Question(
            "What is warm-up, and when is it needed?",
            """
                A rate that grows over the first hundreds or thousands of steps. It helps where
                the start is rough: large gradients and curvatures at the initial weights, and
                estimates of Adam from few gradients. Transformers that normalise after each block
                usually need it, those that normalise before it much less.
            """,
        ),
        Question(
            "Which schedules are common?",
            """
                Warm-up with a cosine or a linear decay for Transformers; a factor of a tenth at
                a few milestones, or a cosine, for image networks; a lower rate whenever the
                validation loss stops falling, if the length of the training is open.
            """,
        ),
        Question(
            "The loss drops suddenly when the rate is lowered. Was time wasted before?",
            """
                Not all of it: the drop is noise that goes, while the large rate brought the
                weights to where it could. How long to stay at it is a matter of trying.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="If a small rate is best at the end, it is best from the start.",
            why="The way to the minimum takes 1/(ηλ) steps or more, and a tiny η makes it long.",
            right="Start with a large rate and lower it.",
            claim="schedule",
        ),
        Trap(
            wrong="Descent converges only if the learning rate decays.",
            why="""
                The gradient of all examples shrinks by itself towards the minimum, and the steps
                with it.
            """,
            right="""
                With exact gradients a constant rate below 2/λmax converges. It is the noise that
                calls for a decay.
            """,
            claim="learning-rate",
        ),
        Trap(
            wrong="Adam and RMSProp adapt the rate themselves, so they need no schedule.",
            why="""
                They scale the parameters against each other. The length of their steps stays
                near η, also at the minimum.
            """,
            right="Their rate has to decay too, if they are to settle.",
            claim="rmsprop",
        ),
    ),
    claims=("schedule", "warmup", "learning-rate", "rmsprop"),
    related=("learning-rate", "batches", "early-stopping", "adam"),
    pictures=(
        Picture(
            draw,
            """
                Four schedules over a hundred steps: a level line; a staircase that falls to 0.3
                and 0.09; a half cosine from 1 to 0; and the same after a rise from 0 over ten
                steps.
            """,
        ),
    ),
)
