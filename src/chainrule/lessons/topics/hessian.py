"""The Hessian: all second derivatives of a scalar function."""

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

F = "x^2 y + y^3"


def f(p):
    x, y = p
    return x**2 * y + y**3


def example() -> Example:
    yield "f(x, y) = x²y + y³ at (1, 1): the derivatives of the derivatives."
    yield derivation(F, order=2, at=(1, 1))
    at = cr.tensor([1.0, 1.0])
    H = cr.hessian(f)(at)
    yield Value("H by the engine, forward over reverse", H)
    yield "Its eigenvalues are the curvatures along the directions where it bends most and least:"
    yield Value("eigenvalues", np.linalg.eigvalsh(H.numpy()))
    v = np.array([1.0, -1.0])
    yield "The product with a vector needs no matrix:"
    yield Value("H v for v = (1, −1)", cr.hvp(f, (at,), (v,)))
    g = cr.grad(f)
    yield Value("(∇f(x + εv) − ∇f(x − εv)) / 2ε", (g(at + 1e-5 * v) - g(at - 1e-5 * v)) / 2e-5)


def draw(axes):
    grid = np.linspace(-1.5, 1.5, 200)
    points = cr.tensor(np.array(np.meshgrid(grid, grid)))
    least = np.linalg.eigvalsh(cr.vmap(cr.hessian(f))(points.reshape((2, -1)).T).numpy())[:, 0]
    axes.contourf(grid, grid, least.reshape(200, 200) > 0, levels=[-0.5, 0.5, 1.5], alpha=0.3)
    axes.contour(grid, grid, f(points).numpy(), 20, linewidths=0.7)
    axes.set_aspect("equal")


topic = Topic(
    title="Hessian",
    chapter=Chapter.SEVERAL,
    place=7,
    motivation="""
        The gradient tells how steep a loss is in each direction, and nothing about how soon that
        changes. The Hessian holds the curvature in every direction, which decides on safe step
        sizes, on minima and saddles, and on convexity.
    """,
    mental_picture="""
        The shape of the ground underfoot once its tilt is taken away: a bowl, a dome, or a
        horse's saddle. The eigenvectors of H are the directions in which this shape bends most
        and least, the eigenvalues say how much.
    """,
    definition="""
        H is the n × n matrix of the second partial derivatives of a scalar function of n
        variables: the Jacobian of its gradient. Where these are continuous, H is symmetric. vᵀHv is
        the second derivative of f along the unit vector v.
    """,
    formulas=(
        Formula("Hessian", r"H_{ij} = \frac{\partial^2 f}{\partial x_i \partial x_j} = H_{ji}"),
        Formula("curvature along v", r"v^\top H \, v \quad (\lVert v \rVert = 1)"),
        Formula("product with a vector", r"H \, v = \nabla (\nabla f \cdot v)"),
    ),
    example=example,
    questions=(
        Question(
            "What is the Hessian, and why do large networks do without it?",
            """
                It is the matrix of all second derivatives and describes the curvature of the loss.
                For n parameters it has n² entries: with a million of them that is 10¹² numbers, too
                many to compute or to store at every step.
            """,
        ),
        Question(
            "Can curvature be used without the matrix?",
            """
                Yes: H v costs a few gradients, whatever n is. Conjugate gradients, the largest
                eigenvalue and tests for saddles need no more than such products.
            """,
        ),
        Question(
            "What do the eigenvalues of the Hessian say at a critical point?",
            """
                All positive: a local minimum. All negative: a local maximum. Both signs: a saddle.
                If some are zero and the others of one sign, it is not decided.
            """,
        ),
    ),
    traps=(
        Trap(
            wrong="To use curvature one has to compute the Hessian.",
            why="Its n² entries are out of reach for a network, and rarely all of them are needed.",
            right="Products H v are enough for many methods, at the price of a few gradients.",
            claim="hessian-size",
        ),
        Trap(
            wrong="Training a network needs the Hessian.",
            why="SGD, momentum and Adam see gradients only, and train nearly everything.",
            right="First derivatives suffice. Second ones are for Newton's and related methods.",
            claim="hessian-not-needed",
        ),
    ),
    claims=("hessian-size", "critical-saddles", "learning-rate", "convex-chord"),
    related=("second-derivative", "jacobian", "stationary-points", "newton", "convexity"),
    pictures=(
        Picture(
            draw,
            """
                Contour lines of x²y + y³; shaded is where the smaller eigenvalue of the Hessian is
                positive, so that the surface is a bowl: the cone above y = |x|/√3.
            """,
        ),
    ),
)
