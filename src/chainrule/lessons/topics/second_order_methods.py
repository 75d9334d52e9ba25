"""Second-order methods: curvature without the whole Hessian."""

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
    operations,
)

ROSENBROCK = "(1 - x)^2 + 100(y - x^2)^2"


def loss(w):
    return cr.parse(ROSENBROCK)(w[0], w[1])


def minimised(optimizer) -> cr.optim.Minimum:
    start = cr.tensor([-1.2, 1.0])
    return cr.optim.minimize(loss, start, optimizer, max_steps=50_000, tolerance=1e-6)


def example() -> Example:
    yield "A bent valley, with the minimum at (1, 1):"
    yield Formula("Rosenbrock", r"f(x, y) = (1 - x)^2 + 100 (y - x^2)^2")
    yield "Steps from (−1.2, 1) until no entry of the gradient is above 10⁻⁶:"
    for name, optimizer in (
        ("gradient descent, η = 0.001", cr.optim.sgd(1e-3)),
        ("momentum 0.9, η = 0.0005", cr.optim.sgd(5e-4, momentum=0.9)),
        ("L-BFGS", cr.optim.lbfgs()),
        ("Newton with line search", cr.optim.newton()),
    ):
        found = minimised(optimizer)
        yield Value(name if found.converged else f"{name} (not there yet)", found.steps)
    yield (
        "For many parameters products H·v replace H. They are derivatives of the gradient along v. "
        "For a function of 1,000 variables, compared with H written out:"
    )
    n = 1000
    weights = cr.linspace(0.5, 2.0, n)

    def f(w):
        return cr.log(cr.sum(cr.exp(cr.tanh(weights * w))))

    def product(w, v):
        return cr.jvp(cr.grad(f), (w,), (v,))[1]

    w, v = cr.linspace(-1.0, 1.0, n), cr.cos(cr.linspace(0.0, 9.0, n))
    apart = cr.linalg.norm(product(w, v) - cr.hessian(f)(w) @ v) / cr.linalg.norm(product(w, v))
    yield Value("relative difference is below 10⁻¹²", bool(apart.item() < 1e-12))
    yield Value(
        "operations of H·v / of the gradient", operations(product, w, v) / operations(cr.grad(f), w)
    )
    yield Value("entries of H", n**2)
    yield Value("entries for a million parameters", 1_000_000**2)


def draw(axes):
    for name, optimizer, style in (
        ("gradient descent", cr.optim.sgd(1e-3), ":"),
        ("momentum", cr.optim.sgd(5e-4, momentum=0.9), "-."),
        ("L-BFGS", cr.optim.lbfgs(), "--"),
        ("Newton", cr.optim.newton(), "-"),
    ):
        trace = minimised(optimizer).trace
        axes.loglog(np.arange(1, len(trace) + 1), np.maximum(trace, 1e-16), style, label=name)
    axes.set_xlabel("steps + 1")
    axes.set_ylabel("f")
    axes.legend(frameon=False)


topic = Topic(
    title="Second-order methods",
    chapter=Chapter.OPTIMIZERS,
    place=6,
    motivation="""
        The whole Hessian is out of reach for networks, but much of its use is not. These methods
        get at curvature by differences of gradients, by products with vectors, or by matrices
        that are built of small ones.
    """,
    mental_picture="""
        Descent asks for the slope and tries a step. A second-order method also notes how the
        slope has changed since the last step: two places that are close together with very
        different slopes tell of a sharp bend.
    """,
    definition="""
        A step goes along −B⁻¹∇L, where B stands for the Hessian. Quasi-Newton methods such as
        L-BFGS build B⁻¹ from the last changes s of the parameters and y of the gradients.
        Hessian-free methods solve with products H·v by conjugate gradients. Gauss-Newton drops
        the second derivatives of the model; the natural gradient takes the Fisher information,
        K-FAC a product of two small matrices for each layer.
    """,
    formulas=(
        Formula("what quasi-Newton matrices satisfy", r"B s = y"),
        Formula(
            "Hessian times vector",
            r"H v = \nabla (\nabla L \cdot v)",
        ),
        Formula(
            "Gauss-Newton",
            r"H \approx J^\top J \quad \text{for } L = \lVert r \rVert^2 / 2",
        ),
        Formula("natural gradient", r"\theta \leftarrow \theta - \eta F^{-1} \nabla L"),
    ),
    example=example,
    questions=(
        Question(
            "How do first- and second-order methods differ?",
            """
                First-order methods use the gradient alone, second-order ones also curvature, and
                so choose length and direction of a step by it. They need fewer and dearer steps;
                networks are nearly always trained with first-order ones.
            """,
        ),
        Question(
            "Which second-order methods are used with networks?",
            """
                K-FAC and Shampoo, which keep small matrices for each layer, Hessian-free
                optimisation with products H·v, and L-BFGS for small networks with full batches,
                as in physics-informed ones.
            """,
        ),
        Question(
            "What does a product of the Hessian with a vector cost?",
            """
                A small multiple of a gradient, for any number of parameters: it is the derivative
                of the gradient along the vector. The Hessian itself is never built.
            """,
        ),
        Question(
            "Why does L-BFGS suit mini-batches badly?",
            """
                It learns curvature from differences of gradients. If they come from two batches,
                the difference is mostly noise.
            """,
        ),
        Question(
            "What good is curvature if one trains with Adam?",
            """
                Its largest eigenvalue says which learning rates are stable, its signs tell a
                saddle from a minimum, and its size how flat a minimum is. All of them can be had
                from products H·v.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="Training a network needs the Hessian.",
            why="""
                Descent needs a direction that leads down and a learning rate, and the gradient
                gives the direction.
            """,
            right="First derivatives are enough. Curvature may save steps.",
            claim="hessian-not-needed",
        ),
        Trap(
            wrong="Curvature cannot be used for large networks, as the Hessian has n² entries.",
            why="Most methods need products with it and not the matrix.",
            right="H·v costs a few gradients, whatever n is.",
            claim="hessian-size",
        ),
        Trap(
            wrong="Adam is a second-order method: it uses the second moment.",
            why="""
                The second moment is the mean of squared first derivatives. It has no second
                derivative in it.
            """,
            right="""
                Adam is a first-order method. Its steps stay about as long as η when the curvature
                changes, where Newton's would change with it.
            """,
            claim="adam-step",
        ),
    ),
    claims=("hessian-not-needed", "hessian-size", "newton", "adam-step"),
    related=("newton", "hessian", "jacobian", "adam", "gradient-descent"),
    pictures=(
        Picture(
            draw,
            """
                The Rosenbrock function over the steps, both logarithmic: Newton and L-BFGS are
                done after a few dozen, momentum takes thousands, and gradient descent is the last
                by far.
            """,
        ),
    ),
)
