"""The error function and its inverse, the logarithm of the gamma function and its derivatives."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError, DTypeError
from chainrule.core.node import Node
from chainrule.core.types import ArrayType
from chainrule.ops import special_values
from chainrule.ops.bounds import Bounds, by_side, sign_of
from chainrule.ops.exponential import exp
from chainrule.ops.record import Curvature, Elementwise, Interval, Monotone

POSITIVE: Interval = (0.0, np.inf)
TWO_BY_ROOT_PI = 2 / np.pi**0.5


def _in_double(values: Callable[..., Any]) -> Callable[..., Any]:
    """Compute in float64, return in the dtype of the argument; poles give ∞ without a warning."""

    def evaluate(x: Any, *argument: Any) -> Any:
        with np.errstate(over="ignore", divide="ignore"):
            return values(np.asarray(x, np.float64), *argument).astype(x.dtype)

    return evaluate


erf: Elementwise = Elementwise(
    name="erf",
    evaluate=_in_double(special_values.erf),
    partials=(lambda x, y: TWO_BY_ROOT_PI * exp(-(x * x)),),
    range=(-1.0, 1.0),
    monotone=("increasing",),
    curvature=by_side("convex", "concave"),
    latex=r"\operatorname{{erf}}({0})",
    rule="error function rule",
    exact="erf",
)

erfc: Elementwise = Elementwise(
    name="erfc",
    evaluate=_in_double(special_values.erfc),
    partials=(lambda x, y: -TWO_BY_ROOT_PI * exp(-(x * x)),),
    range=(0.0, 2.0),
    monotone=("decreasing",),
    curvature=by_side("concave", "convex"),
    latex=r"\operatorname{{erfc}}({0})",
    rule="error function rule",
    exact="erfc",
    tolerance=8.0,
)

erfinv: Elementwise = Elementwise(
    name="erfinv",
    evaluate=_in_double(special_values.erfinv),
    partials=(lambda x, y: (1 / TWO_BY_ROOT_PI) * exp(y * y),),
    domain=((-1.0, 1.0),),
    monotone=("increasing",),
    curvature=by_side("concave", "convex"),
    convention="the slope at ±1 is infinite",
    latex=r"\operatorname{{erf}}^{{-1}}({0})",
    rule="inverse error function rule",
    exact="erfinv",
)

_LOWEST = (1.4616321449683622, -0.12148629053584961)
"""Where ln Γ is smallest on (0, ∞), and its value there."""


def _enclose_lgamma(x: Bounds) -> Bounds:
    ends = lgamma.evaluate(x[0]), lgamma.evaluate(x[1])
    turns = (x[0] <= _LOWEST[0]) & (x[1] >= _LOWEST[0])
    return np.where(turns, _LOWEST[1], np.minimum(*ends)), np.maximum(*ends)


lgamma: Elementwise = Elementwise(
    name="lgamma",
    evaluate=_in_double(special_values.lgamma),
    partials=(lambda x, y: digamma(x),),
    domain=(POSITIVE,),
    monotone=lambda x: (sign_of((x[0] - _LOWEST[0], x[1] - _LOWEST[0])),),
    curvature="convex",
    enclose=_enclose_lgamma,
    latex=r"\ln\Gamma({0})",
    rule="log-gamma rule",
    exact="loggamma",
    tolerance=6.0,
)


def _polygamma_type(x: ArrayType, n: int) -> ArrayType:
    if x.dtype.kind != "f":
        raise DTypeError(f"polygamma is defined for float arrays, not for {x.dtype.name}")
    if not isinstance(n, int) or n < 0:
        raise DomainError(f"polygamma: the order n must be an integer >= 0, not {n!r}")
    return x


def _polygamma_monotone(x: Bounds, n: int) -> tuple[Monotone]:
    """On (0, ∞) the signs of ψ′, ψ″, ψ‴, … alternate, beginning with +."""
    return ("decreasing" if n % 2 else "increasing",)


def _polygamma_curvature(x: Bounds, n: int) -> Curvature:
    return "convex" if n % 2 else "concave"


polygamma: Elementwise = Elementwise(
    name="polygamma",
    parameters=("n",),
    evaluate=_in_double(special_values.polygamma),
    infer=_polygamma_type,
    partials=(lambda x, y, n: polygamma(x, n=n + 1),),
    domain=(POSITIVE,),
    monotone=_polygamma_monotone,
    curvature=_polygamma_curvature,
    latex=r"\psi^{{({n})}}({0})",
    examples=((0,), (1,), (2,), (3,)),
    rule="polygamma rule",
    exact=lambda mp, x, n: mp.psi(n, x),
    tolerance=8.0,
)


def digamma(x: Node) -> Node:
    """ψ(x) = d/dx ln Γ(x), of the shape and dtype of ``x``; its derivatives are the polygammas.

    >>> import numpy as np
    >>> from chainrule.core.node import array
    >>> round(float(digamma(array(np.float64(1.0))).value), 12)  # minus Euler's constant
    -0.577215664902
    """
    return polygamma(x, n=0)
