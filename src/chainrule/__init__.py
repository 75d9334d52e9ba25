"""chainrule: calculus for deep learning."""

from chainrule import data, functions, nn, optim, random, train
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
from chainrule.core.errors import (
    ChainRuleError,
    DomainError,
    DTypeError,
    GradientError,
    IndexingError,
    MissingExtraError,
    ParseError,
    ShapeError,
    TraceError,
    TreeError,
)
from chainrule.functions import *  # noqa: F403
from chainrule.functions.information import __array_api_version__, __array_namespace_info__
from chainrule.notation import Formula, parse
from chainrule.tensor import Tensor, no_grad, tensor
from chainrule.tracing import Program, trace

__all__ = [
    "ChainRuleError",
    "DTypeError",
    "DomainError",
    "Formula",
    "GradientCheck",
    "GradientError",
    "IndexingError",
    "Jacobian",
    "MissingExtraError",
    "ParseError",
    "Program",
    "ShapeError",
    "TaylorPolynomial",
    "Tensor",
    "TraceError",
    "TreeError",
    "__array_api_version__",
    "__array_namespace_info__",
    "__version__",
    "check_gradient",
    "checkpoint",
    "cond",
    "custom_gradient",
    "data",
    "derivative",
    "directional_derivative",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "nn",
    "no_grad",
    "optim",
    "parse",
    "random",
    "scan",
    "stop_gradient",
    "taylor",
    "tensor",
    "trace",
    "train",
    "value_and_grad",
    "vjp",
    "vmap",
    "while_loop",
]
__all__ += functions.__all__
