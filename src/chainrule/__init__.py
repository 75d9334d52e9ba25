"""chainrule: calculus for deep learning."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule import functions
from chainrule._version import __version__
from chainrule.calculus import (
    Jacobian,
    derivative,
    directional_derivative,
    grad,
    hessian,
    hvp,
    jacobian,
    jvp,
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
from chainrule.core.elsewhere import in_chainrule
from chainrule.core.errors import (
    ChainRuleError,
    ClaimError,
    DomainError,
    DTypeError,
    GradientError,
    IndexingError,
    MemoryLimitError,
    MissingExtraError,
    NonFiniteError,
    ParseError,
    ShapeError,
    TraceError,
    TreeError,
)
from chainrule.functions import *  # noqa: F403
from chainrule.functions.information import __array_api_version__, __array_namespace_info__
from chainrule.tensor import Tensor, no_grad, tensor
from chainrule.tracing import Program, trace

if TYPE_CHECKING:
    from chainrule import data, nn, optim, pictures, random, train
    from chainrule.calculus import GradientCheck, TaylorPolynomial, check_gradient, taylor
    from chainrule.compiling import Compiled, CompileWarning, compile
    from chainrule.explaining import (
        Explanation,
        MethodComparison,
        compare_methods,
        derivation,
        derivations,
        explain,
    )
    from chainrule.explaining.graph.drawing import draw_graph
    from chainrule.notation import Formula, parse

__all__ = [
    "ChainRuleError",
    "ClaimError",
    "CompileWarning",
    "Compiled",
    "DTypeError",
    "DomainError",
    "Explanation",
    "Formula",
    "GradientCheck",
    "GradientError",
    "IndexingError",
    "Jacobian",
    "MemoryLimitError",
    "MethodComparison",
    "MissingExtraError",
    "NonFiniteError",
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
    "compare_methods",
    "compile",
    "cond",
    "custom_gradient",
    "data",
    "derivation",
    "derivations",
    "derivative",
    "directional_derivative",
    "draw_graph",
    "explain",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "nn",
    "no_grad",
    "optim",
    "parse",
    "pictures",
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

_LATER = {
    "GradientCheck": "chainrule.calculus",
    "TaylorPolynomial": "chainrule.calculus",
    "check_gradient": "chainrule.calculus",
    "taylor": "chainrule.calculus",
    "Compiled": "chainrule.compiling",
    "CompileWarning": "chainrule.compiling",
    "Explanation": "chainrule.explaining",
    "MethodComparison": "chainrule.explaining",
    "compare_methods": "chainrule.explaining",
    "compile": "chainrule.compiling",
    "derivation": "chainrule.explaining",
    "derivations": "chainrule.explaining",
    "Formula": "chainrule.notation",
    "data": "chainrule.data",
    "draw_graph": "chainrule.explaining.graph.drawing",
    "explain": "chainrule.explaining",
    "nn": "chainrule.nn",
    "optim": "chainrule.optim",
    "parse": "chainrule.notation",
    "pictures": "chainrule.pictures",
    "random": "chainrule.random",
    "train": "chainrule.train",
}
"""What is imported at its first use, so that `import chainrule` stays quick."""


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        hint = in_chainrule(__name__, name)
        raise AttributeError(f"module 'chainrule' has no attribute {name!r}{hint}")
    module = import_module(_LATER[name])
    return module if module.__name__ == f"chainrule.{name}" else getattr(module, name)


def __dir__() -> list[str]:
    return sorted({*globals(), *_LATER})
