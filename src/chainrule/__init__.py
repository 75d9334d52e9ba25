"""chainrule: calculus for deep learning."""

from chainrule._version import __version__
from chainrule.calculus import (
    GradientCheck,
    Jacobian,
    TaylorPolynomial,
    check_gradient,
    derivative,
    directional_derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
    taylor,
    value_and_grad,
    vjp,
    vmap,
)
from chainrule.tensor import Tensor, no_grad, tensor
from chainrule.tracing import Program, trace
from chainrule.control import (
    checkpoint,
    cond,
    custom_gradient,
    scan,
    stop_gradient,
    while_loop,
)
from chainrule import random
