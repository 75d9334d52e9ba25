"""Gradient and Jacobian: a row, and a matrix of rows.

A scalar function of six variables and one with four results are differentiated both ways. For the
scalar one the Jacobian has a single row, which is the gradient. With four results there is no
gradient to ask for, and each row of the Jacobian is the gradient of one of them.
"""

import chainrule as cr
from chainrule.lessons.kit import (
    Chapter,
    Claim,
    Findings,
    Rng,
    at_most,
    counterexample,
    equal,
    measured,
    no,
    premise,
    yes,
)

INPUTS, OUTPUTS = 6, 4


def has_gradient(f, x) -> bool:
    try:
        cr.grad(f)(x)
    except cr.GradientError:
        return False
    return True


def experiment(rng: Rng) -> Findings:
    W = rng.normal(size=(OUTPUTS, INPUTS))
    x = cr.tensor(rng.normal(size=INPUTS))

    def several(x):
        return cr.tanh(W @ x)

    def scalar(x):
        return cr.sum(several(x) ** 2)

    row = cr.jacobian(lambda x: scalar(x).reshape((1,)))(x)
    yield premise("rows of the Jacobian of a scalar function", row.shape[0], equal(1))
    yield measured(
        "that row − the gradient", abs(row[0] - cr.grad(scalar)(x)).max(), at_most(1e-14)
    )

    J = cr.jacobian(several)(x)
    yield counterexample("rows with four results", J.shape[0], says=equal(1), rather=equal(OUTPUTS))
    yield counterexample(
        "a gradient with four results", has_gradient(several, x), says=yes, rather=no
    )
    apart = max(
        abs(J[i] - cr.grad(lambda x, i=i: several(x)[i])(x)).max().item() for i in range(OUTPUTS)
    )
    yield premise("row i − the gradient of result i", apart, at_most(1e-14))


claim = Claim(
    title="Gradient and Jacobian",
    statement="Gradient and Jacobian are the same.",
    experiment=experiment,
    chapter=Chapter.SEVERAL,
    right="A function with m results of n variables has an m × n Jacobian. Only for m = 1 is "
    "there a gradient: the one row, transposed.",
)
