"""erf, erfc and erfinv.

erfc(x) is exp(−x²) times, in float, a rational function with the least relative error, and in
double, from 1/2 on, g((x − 4) / (x + 4)) / (1 + 2x) with a polynomial g, in the form of
M. M. Shepherd and J. G. Laframboise, Chebyshev approximation of (1 + 2x) exp(x²) erfc x in
0 ≤ x < ∞, Mathematics of Computation 36 (1981). erfinv in powers of w = −ln(1 − x²), as in
M. Giles, Approximating the erfinv function, GPU Computing Gems (2012). The other coefficients are
interpolants at Chebyshev nodes, computed in 50 digits; each comment gives what is approximated.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value
from chainrule.lower.llvm.vecmath.common import Math
from chainrule.lower.llvm.vecmath.exponential import exp_reduced, log

__all__ = ["erf", "erfc", "erfinv"]

_INFINITY = float("inf")
# from where on erfc(x) rounds to 0
_ERFC_ZERO = {"float": 10.1, "double": 28.0}

# erf(x) / x in powers of x² ≤ 1
_ERF = {
    "float": (
        1.12837916584,
        -0.376126265977,
        0.112835938006,
        -0.0268541683356,
        0.00518899422422,
        -0.000801595618971,
        7.87258276223e-05,
    ),
    "double": (
        1.128379167095512566,
        -0.3761263890318353818,
        0.1128379167094490887,
        -0.02686617064322145184,
        0.005223977606976881949,
        -0.0008548325968458514913,
        0.0001205529469101969542,
        -0.00001492473268554757104,
        1.644737131425848503e-6,
        -1.620806570472221442e-7,
        1.371821876205145551e-8,
        -7.79238777698008462e-10,
    ),
}
# ln erfc(x) on [1, 4]
_LOG_ERFC = (
    0.0003201380497,
    -1.130233435,
    -0.6318260516,
    -0.1100800829,
    0.02642113601,
    -0.004759596293,
    0.0005968056257,
    -4.605804269e-5,
    1.637151415e-6,
)
# exp(x²) erfc(x) = p(x) / (1 + x (c·p(x) + q(x))), 0 ≤ x ≤ 10.1, with c near √π: both sides of
# the quotient have nearly the same rounding error of p
_ERFCX = (1.0, 1.30208397, 0.799140811, 0.261722535, 0.0397233739)
_ERFCX_FACTOR = 1.77245712
_ERFCX_REST = (0.658007205, 0.233716697, 0.0350958817)
# (1 + 2x) exp(x²) erfc(x) in powers of (x − 4) / (x + 4), 1/2 ≤ x ≤ 28
_SCALED_ERFC = (
    1.232995118625552511,
    -0.1396211168405625337,
    0.01537965210261902634,
    0.06809705425469485279,
    -0.1010390660362537661,
    0.09373283499828537844,
    -0.06633036581360655611,
    0.03716751553822582024,
    -0.01619773403827398994,
    0.005031969975261912125,
    -0.0007577734486131353388,
    -0.0001992567114340332702,
    0.0001506224948285437952,
    -0.00002439899104613093484,
    -0.0000112247314144885103,
    5.708659196365677895e-6,
    2.995565019593965133e-7,
    -8.225823161607441595e-7,
    6.702582479997595385e-8,
    1.056979203777767422e-7,
    -1.222455169027592876e-8,
    -1.048259734706735498e-8,
)
# erfinv(x) / x in powers of w − 3.125, w ≤ 6.25
_CENTRE = {
    "float": (
        1.65365456275,
        0.240158182391,
        -0.00603367154408,
        -0.000740702182419,
        0.000186735284398,
        -1.38831021147e-05,
        -1.36609826999e-06,
        4.23837315744e-07,
        -2.89037612439e-08,
        -4.21900210169e-09,
        1.03132168654e-09,
        -3.7803632787e-11,
        -1.23967149804e-11,
        1.36424986446e-12,
    ),
    "double": (
        1.653654562683102712,
        0.2401581824255883424,
        -0.00603367087142685108,
        -0.000740702534154643122,
        0.0001867342080198118674,
        -0.00001388252339395748219,
        -1.365469175878565712e-6,
        4.23478816822245958e-7,
        -2.90703912756413195e-8,
        -4.112660437163218196e-9,
        1.05122337705042902e-9,
        -5.414303283919504414e-11,
        -1.29788053699325656e-11,
        2.630526831259518306e-12,
        -8.071925938990040675e-14,
        -4.002003108755849514e-14,
        6.521333511502238465e-15,
        -3.940188122304320137e-17,
        -1.221563719240417234e-16,
        1.551078700990252452e-17,
        6.075050702072413882e-19,
        -3.473479388853803497e-19,
        1.999259988861534882e-20,
        3.194015548136271088e-21,
        -3.593202892702069534e-22,
    ),
}
# the same in powers of √w − 3.25, 2.5 ≤ √w ≤ 4.2
_TAIL = {
    "float": (
        3.08388560912,
        1.00525897244,
        0.00537103210895,
        -0.00375134395385,
        0.00248981370268,
        -0.00168698584869,
        0.000961408658412,
        -0.000360790629478,
        6.48542075078e-06,
        8.09024027834e-05,
        -3.17101551669e-05,
    ),
    "double": (
        3.083885610492220675,
        1.005258967694165306,
        0.005370914553555500607,
        -0.003751208508213895933,
        0.002491442097930884892,
        -0.0016882755358867823,
        0.0009532893421383577407,
        -0.0003550378058034653173,
        0.00002403150681159339346,
        0.00006828703830324771402,
        -0.00004732064307772891369,
        0.00001246549578539105948,
        2.932436379756733453e-6,
        -3.987429605654722633e-6,
        1.481930663897126069e-6,
        -2.361894495203700123e-8,
        -2.459706844524949644e-7,
        1.259141373369137764e-7,
        -2.054204963552551272e-8,
        -1.080859069327031443e-8,
        7.554962674459066475e-9,
        -1.526070635897199435e-9,
    ),
}
# and of √w − 5.1, 4 ≤ √w ≤ 6.1, which float never reaches
_FAR = (
    4.950934853078874304,
    1.010266564502291023,
    -0.0001988588686207463605,
    -0.0001865130172988254146,
    0.00006680006836009000438,
    -0.00001716263284486823163,
    3.889938906461610398e-6,
    -8.310727564957740975e-7,
    1.791321551890932625e-7,
    -4.542957898337717477e-8,
    1.655159957972867903e-8,
    -8.153813122916568918e-9,
    4.273120593943129358e-9,
    -2.049949931326570646e-9,
    8.227368343863512737e-10,
    -2.663756828644033628e-10,
    7.549213456123447896e-11,
    -9.407603434165380653e-12,
    -1.091304568067057139e-11,
    5.029463831717124215e-12,
)


def erf(m: Math, x: Value) -> Value:
    """The error function: a polynomial up to 1, from there on 1 − erfc |x|."""
    size = m.abs(x)
    near = x * m.horner(x * x, m.pick(_ERF))
    if m.scalar == "float":
        size = size.gt(4.0).select(m.constant(4.0), size)
        _, count, r, tail = exp_reduced(m, m.horner(size, _LOG_ERFC))
        rest = m.power_of_two(count) * (1.0 + m.fma(r * r, tail, r))
    else:
        size = size.gt(6.0).select(m.constant(6.0), size)
        rest = _erfc_positive(m, size)
    return m.abs(x).lt(1.0).select(near, m.copysign(1.0 - rest, x))


def erfc(m: Math, x: Value) -> Value:
    """1 − erf(x), with all digits where that is small."""
    size = m.abs(x)
    zero = _ERFC_ZERO[m.scalar]
    far = _erfc_positive(m, size.gt(zero).select(m.constant(zero), size))
    y = x.lt(0.0).select(2.0 - far, far)
    if m.scalar == "float":
        return y
    near = 1.0 - x * m.horner(x * x, m.pick(_ERF))
    return size.lt(0.5).select(near, y)


def _erfc_positive(m: Math, x: Value) -> Value:
    """erfc from 0 (float) or 1/2 (double) to where it is 0."""
    square, lost = m.two_product(x, x)
    n, count, r, tail = exp_reduced(m, -square, -lost)
    step = m.fma(r * r, tail, r)
    if m.scalar == "float":
        top = m.horner(x, _ERFCX)
        bottom = m.fma(x, m.fma(top, _ERFCX_FACTOR, m.horner(x, _ERFCX_REST)), 1.0)
        factor = top / bottom
    else:
        factor = m.horner((x - 4.0) / (x + 4.0), _SCALED_ERFC) / (1.0 + (x + x))
    return m.scale(m.fma(factor, step, factor), n, count)


def erfinv(m: Math, x: Value) -> Value:
    """The inverse of erf; ±∞ at ±1 and NaN outside."""
    w = -log(m, (1.0 - x) * (1.0 + x))
    root = m.sqrt(w)
    factor = m.horner(root - 3.25, m.pick(_TAIL))
    if m.scalar == "double":
        factor = root.gt(4.0).select(m.horner(root - 5.1, _FAR), factor)
    y = x * w.lt(6.25).select(m.horner(w - 3.125, m.pick(_CENTRE)), factor)
    return w.eq(_INFINITY).select(m.copysign(w, x), y)
