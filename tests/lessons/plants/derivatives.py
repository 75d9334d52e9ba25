"""Plants for claims on derivatives of one and several variables, and on how they are computed."""

import chainrule as cr
from chainrule.ops.arithmetic import integer_pow
from chainrule.ops.exponential import sigmoid
from chainrule.ops.logic import greater_equal
from chainrule.ops.shape import cast
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
    Plant(
        "secant-limit",
        "the derivative of sin is off by one percent",
        in_record("sin", partials=(lambda x, y: 1.01 * cos(x),)),
    ),
    Plant(
        "derivative-table",
        "the derivative of log has the wrong sign",
        in_record("log", partials=(lambda x, y: -1 / x,)),
    ),
    Plant(
        "sigmoid-derivative",
        "the sigmoid's slope is computed as it is written in books",
        in_record("sigmoid", partials=(lambda x, y: y * (1 - y),)),
    ),
    Plant(
        "relu-subgradient",
        "relu has the slope 1 at 0",
        in_record("relu", partials=(lambda x, y: cast(greater_equal(x, 0.0), dtype=x.dtype),)),
    ),
    Plant(
        "second-derivative-test",
        "the power rule lowers the exponent by two",
        in_record("integer_pow", partials=(lambda x, y, n: n * integer_pow(x, n=max(n - 2, 0)),)),
    ),
    Plant(
        "nudge",
        "the derivative of exp is off by five percent",
        in_record("exp", partials=(lambda x, y: 1.05 * y,)),
    ),
    Plant(
        "partial-derivative",
        "a product passes its gradient to one factor only",
        in_record("mul", partials=(lambda x, y, z: y, lambda x, y, z: 0 * x)),
    ),
    Plant(
        "directional",
        "directions are normalised",
        in_place_of(
            cr,
            "directional_derivative",
            lambda f, x, v: cr.grad(f)(x) @ (v / cr.linalg.norm(cr.tensor(v))),
        ),
    ),
    Plant(
        "jacobian-row",
        "the Jacobian is transposed",
        in_place_of(cr, "jacobian", lambda f, jacobian=cr.jacobian: lambda x: jacobian(f)(x).T),
    ),
    Plant(
        "taylor",
        "the derivative of log is off by one percent",
        in_record("log", partials=(lambda x, y: 1.01 / x,)),
    ),
    Plant(
        "hessian-size",
        "the product with a vector builds the Hessian",
        in_place_of(cr, "hvp", lambda f, w, v: cr.hessian(f)(w) @ v),
    ),
    Plant(
        "chain-product",
        "the power rule does not lower the exponent",
        in_record("integer_pow", partials=(lambda x, y, n: n * y,)),
    ),
    Plant(
        "vjp",
        "gradients are rows of a Jacobian in forward mode",
        in_place_of(cr, "grad", lambda f: cr.jacobian(f, mode="forward")),
    ),
    Plant(
        "symbolic-swell",
        "a difference has lost its sign",
        in_record("sub", partials=(1, 1)),
    ),
    Plant(
        "four-equations",
        "the sigmoid has the slope of tanh",
        in_record("sigmoid", partials=(lambda x, y: 1 - y * y,)),
    ),
    Plant(
        "accumulate",
        "zero_grad clears nothing",
        in_place_of(cr.Tensor, "zero_grad", lambda tensor: None),
    ),
    Plant(
        "training-cost",
        "no gradient is computed",
        in_place_of(cr, "grad", lambda f: lambda model, x: model),
    ),
]
