"""Plants for claims on derivatives of one and several variables, and on how they are computed."""

import chainrule as cr
from chainrule.ops.arithmetic import integer_pow
from chainrule.ops.exponential import sigmoid
from chainrule.ops.trigonometric import cos
from tests.lessons.breaking import Plant, in_place_of, in_record

PLANTS = [
    Plant(
        "inflection",
        "the power rule lowers the exponent by two",
        in_record("integer_pow", partials=(lambda x, y, n: n * integer_pow(x, n=max(n - 2, 0)),)),
    ),
    Plant(
        "perpendicular",
        "the derivative of sin has the wrong sign",
        in_record("sin", partials=(lambda x, y: -cos(x),)),
    ),
    Plant(
        "steepest",
        "the derivative of exp is off by one percent",
        in_record("exp", partials=(lambda x, y: 1.01 * y,)),
    ),
    Plant(
        "exact",
        "the quotient rule has lost the sign of its second term",
        in_record("div", partials=(lambda x, y, z: 1 / y, lambda x, y, z: z / y)),
    ),
    Plant(
        "finite-differences",
        "the derivative of sin is off by a billionth",
        in_record("sin", partials=(lambda x, y: (1 + 1e-9) * cos(x),)),
    ),
    Plant(
        "paths-sum",
        "a product passes its gradient to one factor only",
        in_record("mul", partials=(lambda x, y, z: y, lambda x, y, z: 0 * x)),
    ),
    Plant(
        "modes",
        "the Jacobian ignores the mode that is asked for",
        in_place_of(cr, "jacobian", lambda f, mode: cr.calculus.jacobian(f, mode="reverse")),
    ),
    Plant(
        "million-gradients",
        "the derivative of sin is the sigmoid",
        in_record("sin", partials=(lambda x, y: sigmoid(x),)),
    ),
]
