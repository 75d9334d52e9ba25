"""Plants for claims on derivatives of one and several variables, and on how they are computed."""

from chainrule.ops.arithmetic import integer_pow
from chainrule.ops.trigonometric import cos
from tests.lessons.breaking import Plant, in_record

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
]
