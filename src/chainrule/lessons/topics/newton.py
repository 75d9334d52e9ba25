"""Newton's method: step to the minimum of the local quadratic."""

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

F = "e^x - 2x"
QUADRATIC = "x^2/2 + x y + 50y^2 - 3x"


def newton_step(f, x):
    """x − f′(x)/f″(x)."""
    return x - cr.derivative(f)(x) / cr.derivative(f, 2)(x)


def example() -> Example:
    yield "f(x) = eˣ − 2x has its minimum at ln 2. Its derivatives:"
    yield derivation(F, order=2)
    yield "The step x − f′(x)/f″(x), from x = 1.5. Each error is about half the square of the last:"
    f = cr.parse(F)
    x = cr.tensor(1.5)
    for step in range(5):
        error = abs(x.item() - np.log(2))
        yield Value(f"error after {step} step{'' if step == 1 else 's'}", error)
        x = newton_step(f, x)
    yield "Too far away it fails: on ln cosh x, with its minimum at 0, from 1 and from 1.2 it is at"
    g = cr.parse("ln(cosh(x))")
    for start in (1.0, 1.2):
        x = cr.tensor(start)
        path = [x := newton_step(g, x) for _ in range(3)]
        yield Value(f"from {start:g}, 3 steps", np.array([p.item() for p in path]))
    yield "On a quadratic one step is all it takes: x²/2 + xy + 50y² − 3x, from (10, 5):"
    q = cr.parse(QUADRATIC)

    def loss(w):
        return q(w[0], w[1])

    w = cr.tensor([10.0, 5.0])
    yield Value("gradient before", cr.grad(loss)(w))
    H = cr.hessian(loss)(w)
    yield Value("Hessian", H)
    w = w - cr.linalg.solve(H, cr.grad(loss)(w))
    yield Value("point after it", w)
    yield Value("gradient there", cr.grad(loss)(w))


def draw(axes):
    f = cr.parse(F)
    x = np.linspace(-0.6, 2.0, 200)
    axes.plot(x, f(x), color="black", label="f(x) = eˣ − 2x")
    start = 1.7
    slope, bend = (cr.derivative(f, order)(start).item() for order in (1, 2))
    local = f(start).item() + slope * (x - start) + bend * (x - start) ** 2 / 2
    axes.plot(x, local, "--", label="its quadratic at 1.7")
    to = newton_step(f, start).item()
    axes.plot([start], [f(start).item()], "o", color="black")
    axes.plot([to], [local.min()], "v", color="C0", label="the minimum of that: Newton's step")
    axes.plot([np.log(2)], [f(np.log(2)).item()], "*", markersize=9, label="the minimum of f")
    axes.set_ylim(0, 4.5)
    axes.set_xlabel("x")
    axes.legend(frameon=False)


topic = Topic(
    title="Newton's method",
    chapter=Chapter.OPTIMIZERS,
    place=5,
    motivation="""
        Descent knows the slope and has to be told how far to go; the curvature would tell it.
        Newton's method uses both, needs very few steps near a minimum, and is the measure for
        all methods that approximate it.
    """,
    mental_picture="""
        Lay a bowl on the loss that has its height, slope and curvature where you stand, and jump
        to the bottom of the bowl. If the loss is a bowl itself, you are done. If it curves the
        other way there, the bowl is upside down, and you jump to its top.
    """,
    definition="""
        A step goes to the stationary point of the expansion to second order: θ − H⁻¹∇f, with H
        the Hessian. Near a minimum with positive definite H the error is squared, up to a factor,
        in each step. The steps do not depend on the scale or the axes of the parameters. For n
        of them H has n² entries, and solving with it takes about n³/3 multiplications.
    """,
    formulas=(
        Formula("Newton's method", r"\theta \leftarrow \theta - H^{-1} \nabla f"),
        Formula("in one variable", r"x \leftarrow x - \frac{f'(x)}{f''(x)}"),
        Formula(
            "errors near the minimum",
            r"e_{t+1} \approx \frac{f'''}{2 f''} \, e_t^2",
        ),
    ),
    example=example,
    questions=(
        Question(
            "What is Newton's method, and why are networks not trained with it?",
            """
                It steps to the minimum of the local quadratic, θ − H⁻¹∇f, and converges in very
                few steps near a minimum. For n parameters it needs n² second derivatives and n³
                operations, is drawn to saddles, and suffers from the noise of mini-batches.
            """,
        ),
        Question(
            "Why does it need a single step on a quadratic?",
            """
                The expansion to second order is the quadratic itself, so that its minimum is the
                one that is looked for, whatever the condition number.
            """,
        ),
        Question(
            "What does it do where the Hessian has negative eigenvalues?",
            """
                It goes towards the maximum of those directions, and so to a saddle. Practical
                versions take the absolute values of the eigenvalues, or add a multiple of the
                identity, and search along the step for a lower loss.
            """,
        ),
        Question(
            "What does damping do?",
            """
                It solves with H + λI. For λ = 0 that is Newton's step, for a large λ a short step
                of descent: one can pass from the one to the other as the quadratic proves
                trustworthy.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Newton's method is descent with a better step, so it goes to a minimum.",
            why="It looks for a zero of the gradient, and does not see of what kind it is.",
            right="It is drawn to saddles and maxima as well, unless curvatures are made positive.",
            claim="newton-saddle",
        ),
        Trap(
            wrong="Newton's method converges from any start.",
            why="""
                Far away the quadratic may have little to do with the function: from 1.2 the steps
                on ln cosh x grow.
            """,
            right="""
                Once near a minimum its errors are squared. To get there it takes a line search or
                damping.
            """,
            claim="newton",
        ),
        Trap(
            wrong="Fewer steps means less work.",
            why="A Hessian costs about n gradients, and solving with it n³ operations.",
            right="It pays for few parameters. For networks first-order steps are cheaper by far.",
            claim="newton",
        ),
    ),
    claims=("newton", "newton-saddle", "hessian-size"),
    related=("second-order-methods", "hessian", "taylor", "saddles", "learning-rate"),
    pictures=(
        Picture(
            draw,
            """
                The curve eˣ − 2x and the parabola that touches it at 1.7 with the same curvature.
                Newton's step goes to the lowest point of the parabola, well on the way to the
                minimum of the curve.
            """,
        ),
    ),
)
