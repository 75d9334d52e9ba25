"""Exponential, logarithmic, trigonometric and special functions, element by element.

Floating-point arrays keep their dtype; integers are computed in float64, as in NumPy.
"""

from __future__ import annotations

from chainrule.core.errors import DomainError
from chainrule.functions._apply import binary_float, unary
from chainrule.lift import as_node, floating
from chainrule.ops import exponential as ex
from chainrule.ops import special as sp
from chainrule.ops import trigonometric as tr
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "acos",
    "acosh",
    "arccos",
    "arccosh",
    "arcsin",
    "arcsinh",
    "arctan",
    "arctan2",
    "arctanh",
    "asin",
    "asinh",
    "atan",
    "atan2",
    "atanh",
    "cos",
    "cosh",
    "digamma",
    "erf",
    "erfc",
    "erfinv",
    "exp",
    "expm1",
    "lgamma",
    "log",
    "log1p",
    "log2",
    "log10",
    "polygamma",
    "sigmoid",
    "sin",
    "sinh",
    "softplus",
    "sqrt",
    "tan",
    "tanh",
]


# -- exponentials and logarithms -------------------------------------------------------------------


def exp(x: ArrayLike, /) -> Tensor:
    """e to the power x.

    >>> import chainrule as cr
    >>> cr.exp([0.0, 1.0])
    tensor([1.        , 2.71828183])
    """
    return unary(ex.exp, x)


def expm1(x: ArrayLike, /) -> Tensor:
    """e^x - 1, accurate near 0.

    >>> import chainrule as cr
    >>> cr.expm1(1e-20)
    tensor(1.e-20)
    """
    return unary(ex.expm1, x)


def log(x: ArrayLike, /) -> Tensor:
    """Natural logarithm, for x > 0; -inf at 0, NaN below.

    >>> import chainrule as cr
    >>> cr.log(1.0)
    tensor(0.)
    """
    return unary(ex.log, x)


def log1p(x: ArrayLike, /) -> Tensor:
    """ln(1 + x), accurate near 0.

    >>> import chainrule as cr
    >>> cr.log1p(1e-20)
    tensor(1.e-20)
    """
    return unary(ex.log1p, x)


def log2(x: ArrayLike, /) -> Tensor:
    """Logarithm to the base 2.

    >>> import chainrule as cr
    >>> cr.log2(8.0)
    tensor(3.)
    """
    return unary(ex.log2, x)


def log10(x: ArrayLike, /) -> Tensor:
    """Logarithm to the base 10.

    >>> import chainrule as cr
    >>> cr.log10(1000.0)
    tensor(3.)
    """
    return unary(ex.log10, x)


def sqrt(x: ArrayLike, /) -> Tensor:
    """Square root, for x >= 0. Its infinite slope at 0 is taken as 0, so that norms stay finite.

    >>> import chainrule as cr
    >>> cr.sqrt(9.0)
    tensor(3.)
    """
    return unary(ex.sqrt, x)


def sigmoid(x: ArrayLike, /) -> Tensor:
    """Logistic function 1 / (1 + e^-x); its derivative is y (1 - y).

    >>> import chainrule as cr
    >>> cr.sigmoid(0.0)
    tensor(0.5)
    """
    return unary(ex.sigmoid, x)


def softplus(x: ArrayLike, /) -> Tensor:
    """ln(1 + e^x), without overflow; its derivative is the sigmoid.

    >>> import chainrule as cr
    >>> cr.softplus([0.0, 1000.0])
    tensor([6.93147181e-01, 1.00000000e+03])
    """
    return unary(ex.softplus, x)


# -- trigonometric functions -----------------------------------------------------------------------


def sin(x: ArrayLike, /) -> Tensor:
    """Sine of x in radians.

    >>> import chainrule as cr
    >>> cr.sin(0.0)
    tensor(0.)
    """
    return unary(tr.sin, x)


def cos(x: ArrayLike, /) -> Tensor:
    """Cosine of x in radians.

    >>> import chainrule as cr
    >>> cr.cos(0.0)
    tensor(1.)
    """
    return unary(tr.cos, x)


def tan(x: ArrayLike, /) -> Tensor:
    """Tangent of x in radians.

    >>> import chainrule as cr
    >>> cr.tan(0.0)
    tensor(0.)
    """
    return unary(tr.tan, x)


def asin(x: ArrayLike, /) -> Tensor:
    """Inverse sine, in radians from -π/2 to π/2, for -1 <= x <= 1.

    >>> import chainrule as cr
    >>> cr.asin(1.0)
    tensor(1.57079633)
    """
    return unary(tr.asin, x)


def acos(x: ArrayLike, /) -> Tensor:
    """Inverse cosine, in radians from 0 to π, for -1 <= x <= 1.

    >>> import chainrule as cr
    >>> cr.acos(1.0)
    tensor(0.)
    """
    return unary(tr.acos, x)


def atan(x: ArrayLike, /) -> Tensor:
    """Inverse tangent, in radians from -π/2 to π/2.

    >>> import chainrule as cr
    >>> cr.atan(1.0)
    tensor(0.78539816)
    """
    return unary(tr.atan, x)


def atan2(x1: ArrayLike, x2: ArrayLike, /) -> Tensor:
    """Angle of the point (x2, x1) from the positive x-axis, in radians from -π to π.

    >>> import chainrule as cr
    >>> cr.atan2(1.0, -1.0)
    tensor(2.35619449)
    """
    return binary_float(tr.atan2, x1, x2)


def sinh(x: ArrayLike, /) -> Tensor:
    """Hyperbolic sine (e^x - e^-x) / 2.

    >>> import chainrule as cr
    >>> cr.sinh(0.0)
    tensor(0.)
    """
    return unary(tr.sinh, x)


def cosh(x: ArrayLike, /) -> Tensor:
    """Hyperbolic cosine (e^x + e^-x) / 2.

    >>> import chainrule as cr
    >>> cr.cosh(0.0)
    tensor(1.)
    """
    return unary(tr.cosh, x)


def tanh(x: ArrayLike, /) -> Tensor:
    """Hyperbolic tangent; its derivative is 1 - y².

    >>> import chainrule as cr
    >>> cr.tanh([0.0, 100.0])
    tensor([0., 1.])
    """
    return unary(tr.tanh, x)


def asinh(x: ArrayLike, /) -> Tensor:
    """Inverse hyperbolic sine.

    >>> import chainrule as cr
    >>> cr.asinh(0.0)
    tensor(0.)
    """
    return unary(tr.asinh, x)


def acosh(x: ArrayLike, /) -> Tensor:
    """Inverse hyperbolic cosine, for x >= 1.

    >>> import chainrule as cr
    >>> cr.acosh(1.0)
    tensor(0.)
    """
    return unary(tr.acosh, x)


def atanh(x: ArrayLike, /) -> Tensor:
    """Inverse hyperbolic tangent, for -1 < x < 1.

    >>> import chainrule as cr
    >>> cr.atanh(0.0)
    tensor(0.)
    """
    return unary(tr.atanh, x)


# -- special functions -----------------------------------------------------------------------------


def erf(x: ArrayLike, /) -> Tensor:
    """Error function 2/√π ∫₀ˣ e^(-t²) dt.

    >>> import chainrule as cr
    >>> cr.erf([0.0, 1.0])
    tensor([0.        , 0.84270079])
    """
    return unary(sp.erf, x)


def erfc(x: ArrayLike, /) -> Tensor:
    """1 - erf(x), accurate for large x.

    >>> import chainrule as cr
    >>> cr.erfc(0.0)
    tensor(1.)
    """
    return unary(sp.erfc, x)


def erfinv(x: ArrayLike, /) -> Tensor:
    """The inverse of `erf`, for -1 < x < 1.

    >>> import chainrule as cr
    >>> cr.erfinv(0.0)
    tensor(0.)
    """
    return unary(sp.erfinv, x)


def lgamma(x: ArrayLike, /) -> Tensor:
    """Natural logarithm of |Γ(x)|.

    >>> import chainrule as cr
    >>> cr.lgamma(3.0)
    tensor(0.69314718)
    """
    return unary(sp.lgamma, x)


def digamma(x: ArrayLike, /) -> Tensor:
    """ψ(x), the derivative of `lgamma`.

    >>> import chainrule as cr
    >>> cr.digamma(1.0)
    tensor(-0.57721566)
    """
    return wrap(sp.digamma(floating(as_node(x))))


def polygamma(n: int, x: ArrayLike, /) -> Tensor:
    """The n-th derivative of `digamma`, for x > 0 and n >= 0.

    >>> import chainrule as cr
    >>> cr.polygamma(1, 1.0)
    tensor(1.64493407)
    """
    if n < 0:
        raise DomainError(f"polygamma: the order must not be negative, it is {n}")
    return wrap(sp.polygamma(floating(as_node(x)), n=int(n)))


# NumPy's names

arcsin = asin
arccos = acos
arctan = atan
arctan2 = atan2
arcsinh = asinh
arccosh = acosh
arctanh = atanh
