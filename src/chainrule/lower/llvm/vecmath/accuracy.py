"""The largest errors of the vector functions, measured over their domains."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["ulps"]

# (float32, float64), in units in the last place of the exact result: measured maxima, rounded up,
# the larger of those with and without fused multiply-add; erfc reaches 3.5 with and 4.3 without.
# float32: bit patterns at a stride of 23; all patterns of exp and erfc, and all of log in [1/4, 4],
# log1p, expm1 and sinh in [2⁻⁶, 2], tanh in [2⁻⁷, 9.2], sigmoid in [−104, −2⁻⁸], softplus in
# [−20, −2⁻⁶], erf in [2⁻⁶, 4], asinh in [2⁻⁴, 4], acosh in [1, 8], atanh and erfinv in [2⁻⁶, 1),
# sin, cos, tan in [1/8, 65537]; random pairs for atan2 and pow, whose 2.8 takes exponents beyond
# 200: within 8 it is 1.2. float64: random numbers and hard cases against mpmath, and the
# elementary functions at 1.4 million numbers against extended precision. integer_pow: the bound of
# its products. lgamma and polygamma hold for x > 0; below 0 the terms of the reflection formula may
# cancel.
_ULPS: dict[str, tuple[float, float]] = {
    "exp": (1.1, 1.1),
    "expm1": (1.7, 2.2),
    "log": (1.1, 1.0),
    "log1p": (1.1, 1.0),
    "log2": (2.1, 2.0),
    "log10": (2.1, 2.1),
    "sigmoid": (2.0, 2.0),
    "softplus": (2.8, 3.6),
    "sin": (1.6, 1.1),
    "cos": (1.6, 1.2),
    "tan": (3.7, 2.6),
    "asin": (1.7, 2.2),
    "acos": (1.2, 1.7),
    "atan": (1.9, 2.1),
    "atan2": (2.5, 2.5),
    "sinh": (2.3, 2.6),
    "cosh": (1.6, 1.6),
    "tanh": (1.4, 1.8),
    "asinh": (1.8, 2.0),
    "acosh": (2.5, 2.7),
    "atanh": (2.1, 2.2),
    "erf": (2.6, 1.7),
    "erfc": (4.3, 3.0),
    "erfinv": (2.6, 2.9),
    "pow": (2.8, 1.2),
    "lgamma": (0.6, 2.2),
    "polygamma": (0.6, 3.9),
    "integer_pow": (3.5, 3.5),
}


def ulps(name: str, dtype: Any) -> float:
    """The largest error in the default accuracy; 0 where the result is the exact one, rounded.

    >>> ulps("exp", "float32"), ulps("add", "float64")
    (1.1, 0.0)
    """
    if name not in _ULPS:
        return 0.0
    dtype = np.dtype(dtype)
    if dtype.kind != "f":
        return 0.0
    # float16 is float rounded once more
    return 1.0 if dtype.itemsize == 2 else _ULPS[name][dtype.itemsize == 8]
