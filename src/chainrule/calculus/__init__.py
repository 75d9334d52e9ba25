"""Derivatives of Python functions, vectorisation and series.

Each follows one pattern (see `linearize`): put fresh variables in place of the arguments, run the
function, and read the graph that it left behind.
"""

from typing import TYPE_CHECKING

from chainrule.calculus.first import (
    derivative,
    directional_derivative,
    grad,
    jvp,
    value_and_grad,
    vjp,
)
from chainrule.calculus.matrices import Jacobian, hessian, hvp, jacobian
from chainrule.calculus.vectorize import vmap
from chainrule.core.later import later

if TYPE_CHECKING:
    from chainrule.calculus.check import GradientCheck, check_gradient
    from chainrule.calculus.series import TaylorPolynomial, taylor

__all__ = [
    "GradientCheck",
    "Jacobian",
    "TaylorPolynomial",
    "check_gradient",
    "derivative",
    "directional_derivative",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "taylor",
    "value_and_grad",
    "vjp",
    "vmap",
]

later(
    __name__,
    {
        "check": ("GradientCheck", "check_gradient"),
        "series": ("TaylorPolynomial", "taylor"),
    },
)
