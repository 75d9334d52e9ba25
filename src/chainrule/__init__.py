"""chainrule: calculus for deep learning."""

from chainrule import functions, random
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
from chainrule.control import (
    checkpoint,
    cond,
    custom_gradient,
    scan,
    stop_gradient,
    while_loop,
)
from chainrule.functions import *  # noqa: F403
from chainrule.functions.information import __array_api_version__, __array_namespace_info__
from chainrule.tensor import Tensor, no_grad, tensor
from chainrule.tracing import Program, trace

__all__ = [
    "GradientCheck",
    "Jacobian",
    "Program",
    "TaylorPolynomial",
    "Tensor",
    "__array_api_version__",
    "__array_namespace_info__",
    "__version__",
    "check_gradient",
    "checkpoint",
    "cond",
    "custom_gradient",
    "derivative",
    "directional_derivative",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "no_grad",
    "random",
    "scan",
    "stop_gradient",
    "taylor",
    "tensor",
    "trace",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
__all__ += functions.__all__
