"""Values of the error function, the gamma function and their kin, in NumPy alone.

Everything is computed in float64; the tests compare it with mpmath. Each function takes and
returns float64 arrays.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import factorial
from typing import Any

import numpy as np

Array = np.ndarray[Any, np.dtype[np.float64]]


def _horner(x: Array, coefficients: Sequence[float]) -> Array:
    """Σ coefficients[k] xᵏ."""
    total = np.full_like(x, coefficients[-1])
    for coefficient in coefficients[-2::-1]:
        total *= x
        total += coefficient
    return total


# -- error function ------------------------------------------------------------------------------
# Rational approximations of W. J. Cody, Rational Chebyshev approximations for the error function,
# Mathematics of Computation 23 (1969), 631–637; lowest power first.

_SMALL_TOP = (
    3.20937758913846947e03,
    3.77485237685302021e02,
    1.13864154151050156e02,
    3.16112374387056560e00,
    1.85777706184603153e-1,
)
_SMALL_BOTTOM = (
    2.84423683343917062e03,
    1.28261652607737228e03,
    2.44024637934444173e02,
    2.36012909523441209e01,
    1.0,
)
_MIDDLE_TOP = (
    1.23033935479799725e03,
    2.05107837782607147e03,
    1.71204761263407058e03,
    8.81952221241769090e02,
    2.98635138197400131e02,
    6.61191906371416295e01,
    8.88314979438837594e00,
    5.64188496988670089e-1,
    2.15311535474403846e-8,
)
_MIDDLE_BOTTOM = (
    1.23033935480374942e03,
    3.43936767414372164e03,
    4.36261909014324716e03,
    3.29079923573345963e03,
    1.62138957456669019e03,
    5.37181101862009858e02,
    1.17693950891312499e02,
    1.57449261107098347e01,
    1.0,
)
_LARGE_TOP = (
    6.58749161529837803e-4,
    1.60837851487422766e-2,
    1.25781726111229246e-1,
    3.60344899949804439e-1,
    3.05326634961232344e-1,
    1.63153871373020978e-2,
)
_LARGE_BOTTOM = (
    2.33520497626869185e-3,
    6.05183413124413191e-2,
    5.27905102951428412e-1,
    1.87295284992346725e00,
    2.56852019228982242e00,
    1.0,
)
_THRESHOLD = 0.46875
_INVERSE_ROOT_PI = 0.5641895835477562869


def _erf_small(x: Array) -> Array:
    square = x * x
    return x * (_horner(square, _SMALL_TOP) / _horner(square, _SMALL_BOTTOM))


def _bell(x: Array) -> Array:
    """exp(−x²) without the rounding of x²: x is split at a multiple of 1/16."""
    coarse = np.trunc(x * 16) / 16
    return np.exp(-coarse * coarse) * np.exp(-(x - coarse) * (x + coarse))


def _erfc_middle(x: Array) -> Array:
    return _bell(x) * (_horner(x, _MIDDLE_TOP) / _horner(x, _MIDDLE_BOTTOM))


def _erfc_large(x: Array) -> Array:
    x = np.minimum(x, 40.0)  # erfc(40) is 0 in float64; this keeps ∞ − ∞ away
    inverse = 1 / (x * x)
    tail = inverse * (_horner(inverse, _LARGE_TOP) / _horner(inverse, _LARGE_BOTTOM))
    return _bell(x) * ((_INVERSE_ROOT_PI - tail) / x)


def _erfc_positive(x: Array) -> Array:
    """erfc for x ≥ 0.46875."""
    return np.piecewise(x, [x <= 4, x > 4], [_erfc_middle, _erfc_large, np.nan])


def erf(x: Array) -> Array:
    """The error function 2/√π ∫₀ˣ exp(−s²) ds."""
    large = np.abs(x) > _THRESHOLD
    return np.piecewise(
        x, [large], [lambda v: np.copysign(1 - _erfc_positive(np.abs(v)), v), _erf_small]
    )


def erfc(x: Array) -> Array:
    """1 − erf(x), accurate where that difference is small."""
    return np.piecewise(
        x,
        [x > _THRESHOLD, x < -_THRESHOLD],
        [_erfc_positive, lambda v: 2 - _erfc_positive(-v), lambda v: 1 - _erf_small(v)],
    )


# Starting values: M. Giles, Approximating the erfinv function, GPU Computing Gems (2012), table 5.
_CENTRE = (
    1.50140941,
    0.246640727,
    -0.00417768164,
    -0.00125372503,
    0.00021858087,
    -4.39150654e-06,
    -3.5233877e-06,
    3.43273939e-07,
    2.81022636e-08,
)
_TAIL = (
    2.83297682,
    1.00167406,
    0.00943887047,
    -0.0076224613,
    0.00573950773,
    -0.00367342844,
    0.00134934322,
    0.000100950558,
    -0.000200214257,
)


def _erfinv_far(rest: Array) -> Array:
    """A start for 1 − x = erfc(y) ≈ exp(−y²) (1 − 1/(2y²)) / (y√π), by fixed-point iteration."""
    y = np.sqrt(-np.log(rest))
    for _ in range(3):
        y = np.sqrt(np.log(_INVERSE_ROOT_PI / (rest * y)) + np.log1p(-0.5 / (y * y)))
    return y


def _erfinv_positive(x: Array) -> Array:
    """erfinv on [0, 1): a start, and twice Halley's step on the smaller of erf and erfc."""
    rest = 1 - x  # exact for x ≥ 1/2
    depth = -np.log(rest * (1 + x))
    y = np.piecewise(
        depth,
        [depth < 5, (depth >= 5) & (depth < 16)],
        [
            lambda d: _horner(d - 2.5, _CENTRE),
            lambda d: _horner(np.sqrt(d) - 3, _TAIL),
            1.0,
        ],
    )
    y = np.where(depth < 16, x * y, _erfinv_far(np.minimum(rest, 1e-6)))
    for _ in range(2):
        excess = np.where(x < 0.5, erf(y) - x, rest - erfc(y))
        step = excess / (2 * _INVERSE_ROOT_PI * np.exp(-y * y))
        y = y - step / (1 + y * step)
    return y


def erfinv(x: Array) -> Array:
    """The inverse of erf on [-1, 1]; ±∞ at ±1 and NaN outside."""
    inside = np.abs(x) < 1
    return np.piecewise(
        x,
        [inside, np.abs(x) == 1],
        [lambda v: np.copysign(_erfinv_positive(np.abs(v)), v), lambda v: v * np.inf, np.nan],
    )


# -- gamma function --------------------------------------------------------------------------------
# ln Γ(x) / ((x−1)(x−2)) on [1, 3] and on [1/2, 1], and ψ(x) / (x − x₀) on [1, 2], in powers of the
# distance from the left end: rational interpolants at Chebyshev nodes, computed in 60 digits,
# relative error below 1e-17. x₀ is the positive zero of ψ, in two parts.

_LGAMMA_TOP = (
    0.5772156649015328583,
    1.795740869151232729,
    2.186166542970679053,
    1.322323236529992602,
    0.4173559267257472257,
    0.06616935852850661896,
    0.004626756140980624793,
    0.0001030898043575011548,
    1.544286007973168944e-7,
)
_LGAMMA_BOTTOM = (
    1.0,
    3.535926624621292949,
    5.02052057316379274,
    3.671340350182562531,
    1.47658321028011463,
    0.3238212670935853068,
    0.03611594437143113337,
    0.001744950049544516712,
    0.00002467674587332757397,
)
_LGAMMA_LOW_TOP = (
    0.7631532572329334493,
    4.46566475459165045,
    9.991166211888821674,
    10.70033801041274866,
    5.605092888716239405,
    1.299614730926719914,
    0.09879988852684261748,
    0.0006055956884618162151,
)
_LGAMMA_LOW_BOTTOM = (
    1.0,
    6.615450726508659023,
    17.20458469123935512,
    22.31406652452342544,
    15.11953602545196808,
    5.116705894469618642,
    0.7461065155445805177,
    0.03188828212068029755,
)
_DIGAMMA_TOP = (
    1.250380137503405359,
    1.867592510407445415,
    0.9711327526262391617,
    0.2163140725143245512,
    0.01996408274151926166,
    0.0005811135063985676642,
    1.089467852838395416e-6,
)
_DIGAMMA_BOTTOM = (
    1.0,
    2.177166598667134277,
    1.663073696366590772,
    0.5710455727133127976,
    0.09111902253303284876,
    0.00610097569243482145,
    0.0001204315117228690138,
)
_DIGAMMA_ZERO = (1.4616321449683622, 9.549995429965697e-17)

# Bernoulli numbers B₂, B₄, …, B₂₄
_BERNOULLI = (
    1 / 6,
    -1 / 30,
    1 / 42,
    -1 / 30,
    5 / 66,
    -691 / 2730,
    7 / 6,
    -3617 / 510,
    43867 / 798,
    -174611 / 330,
    854513 / 138,
    -236364091 / 2730,
)
_HALF_LOG_TAU = 0.9189385332046727418  # ln √(2π)
_STIRLING = tuple(b / ((2 * k + 2) * (2 * k + 1)) for k, b in enumerate(_BERNOULLI[:9]))
_PSI_SERIES = tuple(b / (2 * k + 2) for k, b in enumerate(_BERNOULLI[:9]))


def _lgamma_near(x: Array) -> Array:
    """On [1, 3], with full relative accuracy at the zeros 1 and 2."""
    u = x - 1
    return u * (x - 2) * (_horner(u, _LGAMMA_TOP) / _horner(u, _LGAMMA_BOTTOM))


def _lgamma_low(x: Array) -> Array:
    """On [1/2, 1), with full relative accuracy towards 1."""
    u = x - 0.5
    return (x - 1) * (x - 2) * (_horner(u, _LGAMMA_LOW_TOP) / _horner(u, _LGAMMA_LOW_BOTTOM))


def _lgamma_middle(x: Array) -> Array:
    """On (3, 10): down to (2, 3] by Γ(x) = (x−1) Γ(x−1)."""
    product = np.ones_like(x)
    for _ in range(7):
        above = x > 3
        x = np.where(above, x - 1, x)
        product = np.where(above, product * x, product)
    return _lgamma_near(x) + np.log(product)


def _lgamma_far(x: Array) -> Array:
    """Stirling's series from 10 upwards."""
    inverse = 1 / x
    series = inverse * _horner(inverse * inverse, _STIRLING)
    total: Array = (x - 0.5) * (np.log(x) - 1) + (_HALF_LOG_TAU - 0.5 + series)
    return total


def _sine_pi(x: Array) -> Array:
    """sin(πx), exact zeros at the integers."""
    rest = x - 2 * np.round(x / 2)  # in [-1, 1], exact
    rest = np.where(np.abs(rest) > 0.5, np.copysign(1, rest) - rest, rest)
    return np.sin(np.pi * rest)


def lgamma(x: Array) -> Array:
    """ln |Γ(x)|; ∞ at 0, -1, -2, … ."""

    def reflected(v: Array) -> Array:
        sine = np.abs(_sine_pi(v))
        return np.log(np.pi / (sine * -v)) - lgamma(-v)

    return np.piecewise(
        x,
        [
            (x > 0) & (x < 0.5),
            (x >= 0.5) & (x < 1),
            (x >= 1) & (x <= 3),
            (x > 3) & (x < 10),
            x >= 10,
            (x <= 0) & (x == np.floor(x)),
            (x < 0) & (x != np.floor(x)),
        ],
        [
            lambda v: _lgamma_near(1 + v) - np.log(v),  # Γ(x) = Γ(1 + x) / x
            _lgamma_low,
            _lgamma_near,
            _lgamma_middle,
            _lgamma_far,
            np.inf,
            reflected,
            np.nan,
        ],
    )


# -- polygamma -------------------------------------------------------------------------------------


def _digamma_near(x: Array) -> Array:
    """On [1, 2], with full relative accuracy at the zero x₀."""
    u = x - 1
    distance = (x - _DIGAMMA_ZERO[0]) - _DIGAMMA_ZERO[1]
    return distance * (_horner(u, _DIGAMMA_TOP) / _horner(u, _DIGAMMA_BOTTOM))


def _digamma_middle(x: Array) -> Array:
    """On (2, 10): down to (1, 2] by ψ(x) = ψ(x−1) + 1/(x−1)."""
    total = np.zeros_like(x)
    for _ in range(8):
        above = x > 2
        x = np.where(above, x - 1, x)
        total = np.where(above, total + 1 / x, total)
    return _digamma_near(x) + total


def _digamma_far(x: Array) -> Array:
    inverse = 1 / x
    square = inverse * inverse
    return np.log(x) - (0.5 * inverse + square * _horner(square, _PSI_SERIES))


def _digamma_positive(x: Array) -> Array:
    return np.piecewise(
        x,
        [x < 1, (x >= 1) & (x <= 2), (x > 2) & (x < 10), x >= 10],
        [lambda v: _digamma_near(1 + v) - 1 / v, _digamma_near, _digamma_middle, _digamma_far],
    )


def _zeta(s: int, x: Array) -> Array:
    """Hurwitz's ζ(s, x) = Σ_{k≥0} (x+k)⁻ˢ for s ≥ 2, x > 0, by Euler–Maclaurin summation.

    Terms are added one by one until x + k ≥ 10 + s/2, where the twelve terms of the series that
    follow reach full precision (NIST Handbook of Mathematical Functions, equation 25.11.28).
    """
    enough = 10 + s / 2
    total = np.zeros_like(x)
    at = x
    for _ in range(int(np.ceil(enough))):
        near = at < enough
        total = np.where(near, total + at ** float(-s), total)
        at = np.where(near, at + 1, at)
    inverse = 1 / at
    square = inverse * inverse
    factor, series = s * inverse, np.zeros_like(x)
    for k, bernoulli in enumerate(_BERNOULLI):
        series = series + factor * (bernoulli / factorial(2 * k + 2))
        factor = factor * ((s + 2 * k + 1) * (s + 2 * k + 2)) * square
    return total + at ** float(1 - s) * (1 / (s - 1) + (0.5 + series) * inverse)


@lru_cache(maxsize=64)
def _cotangent_derivative(n: int) -> tuple[int, ...]:
    """Coefficients of P with dⁿ/dxⁿ cot x = P(cot x), lowest first; P′ picks up −(1 + cot²)."""
    polynomial = [0, 1]
    for _ in range(n):
        slope = [k * c for k, c in enumerate(polynomial)][1:]
        polynomial = [-c for c in (*slope, 0, 0)]
        for k, c in enumerate(slope):
            polynomial[k + 2] -= c
    return tuple(polynomial)


def _polygamma_positive(x: Array, n: int) -> Array:
    if n == 0:
        return _digamma_positive(x)
    sign = 1.0 if n % 2 else -1.0
    return sign * float(factorial(n)) * _zeta(n + 1, x)


def polygamma(x: Array, n: int) -> Array:
    """ψ⁽ⁿ⁾(x), the derivative of order n + 1 of ln Γ; NaN at 0, -1, -2, … ."""

    def reflected(v: Array) -> Array:
        # ψ⁽ⁿ⁾(1−x) + (−1)ⁿ⁺¹ ψ⁽ⁿ⁾(x) = (−1)ⁿ π dⁿ/dxⁿ cot πx   (NIST, equation 5.15.6)
        cotangent = _sine_pi(v + 0.5) / _sine_pi(v)
        turn = np.pi ** (n + 1) * _horner(cotangent, [float(c) for c in _cotangent_derivative(n)])
        return (-1.0) ** n * _polygamma_positive(1 - v, n) - turn

    return np.piecewise(
        x,
        [x > 0, (x < 0) & (x != np.floor(x))],
        [lambda v: _polygamma_positive(v, n), reflected, np.nan],
    )
