"""x = n·π/2 + r with |r| ≤ π/4, for arguments of any size.

Up to a limit by Cody and Waite's subtraction of n times π/2 in parts. Beyond it, one lane at a
time, by M. Payne and R. Hanek, Radian reduction for trigonometric functions (SIGNUM Newsletter 18,
1983): only those 192 bits of 2/π matter that are neither multiples of 4 after the multiplication
nor too small to be seen.
"""

from __future__ import annotations

from itertools import pairwise

from chainrule.lower.llvm.ir import Module, Value, lanes, with_element
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.vecmath.common import Double, Math

__all__ = ["HALF_PI", "LIMIT", "far", "near"]

HALF_PI = (1.5707963267948966, 6.123233995736766e-17)
LIMIT = {"float": 65536.0, "double": 1.0e6}
"""From where on the reduction is done one lane at a time."""

_TWO_BY_PI = 0.6366197723675814
# π/2: in three floats, for a fused multiply-add; in doubles, the first two with 33 bits
_PARTS_FLOAT = (1.5707963705062866, -4.371138828673793e-08, -1.7151245100058819e-15)
_PARTS = (1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21)

_TWO_BY_PI_BITS = int(
    "a2f9836e4e441529fc2757d1f534ddc0db6295993c439041fe5163abdebbc561b7246e3a424dd2e0"
    "06492eea09d1921cfe1deb1cb129a73ee88235f52ebb4484e99c7026b45f7e413991d639835339f4"
    "9c845f8bbdf9283b1ff897ffde05980fef2f118b5a0a6d1f6d367ecf27cb09b74f463f669e5fea2d"
    "7527bac7ebe5f17b3d0739f78a5292ea6bfb5fb11f8d5d0856033046fc7b6babf0cfbc209af4361d",
    16,
)


def near(m: Math, x: Value) -> tuple[Value, Double | Value]:
    """n as an int, and r, for |x| below the limit; r in two parts in double."""
    if m.scalar == "float":
        if m.machine.fma:
            n, count = m.nearest(x, _TWO_BY_PI)
            for part in _PARTS_FLOAT:
                x = m.fma(n, -part, x)
            return count, x
        wide = m.widened()
        x = x.cast("fpext", "double")
        n, count = wide.nearest(x, _TWO_BY_PI)
        r = (x - n * _PARTS[0]) - n * _PARTS[1]
        return count.cast("trunc", "i32"), r.cast("fptrunc", "float")
    n, count = m.nearest(x, _TWO_BY_PI)
    first, second, third = _PARTS
    high, low = m.two_sum(x - n * first, n * -second)  # both products are exact
    return count, m.fast_two_sum(high, m.fma(n, -third, low))


def far(m: Math, x: Value) -> tuple[Value, Double]:
    """n as i64 and r in two parts, both in double, for the lanes above the limit."""
    wide = m.widened() if m.scalar == "float" else m
    x = x.cast("fpext", "double")
    f, module = m.f, m.f.module
    name = module.shared("reduce.f64", lambda: _write_scalar(module, m.machine))
    count = lanes(x.type) or 1
    memory = f.alloca("double", 4 * count)
    arrays = [memory.offset(i * count, "double") for i in range(4)]
    f.store(x, arrays[0])
    with f.loop(0, count) as loop:
        given, *results = (array.offset(loop.index, "double") for array in arrays)
        f.call(name, "void", f.load("double", given), *results)
    high, low = (f.load(wide.type, array) for array in arrays[1:3])
    return f.load(with_element(wide.type, "i64"), arrays[3]), (high, low)


def _write_scalar(module: Module, machine: Machine) -> None:
    """``void reduce.f64(double x, ptr high, ptr low, ptr n)``."""
    params = [("x", "double"), ("high", "ptr"), ("low", "ptr"), ("n", "ptr")]
    f = module.function("reduce.f64", params, attributes="noinline cold")
    x, *results = f.params
    m = Math(f, machine, "double")
    words = [0, *(_TWO_BY_PI_BITS >> shift & (1 << 64) - 1 for shift in range(1216, -1, -64))]
    signed = [word - (word >> 63 << 64) for word in words]
    table = Value(f, "ptr", f"@{module.table('i64', signed)}")

    # |x| = mantissa · 2^e; 2/π from the bit of weight 2^(1−e) on, as a fraction of three words
    bits = x.as_bits()
    exponent = bits.lshr(52) & 0x7FF
    mantissa = (bits & (1 << 52) - 1) | 1 << 52
    place = exponent - (1075 + 2 - 64)
    place = place.lt(0).select(f.i64(0), place)
    word, shift = place.lshr(6), place & 63
    loaded = [f.load("i64", table.offset(word + i, "i64")) for i in range(4)]
    pairs = pairwise(loaded)
    fraction = [f.intrinsic("fshl", "i64", a, b, shift).cast("zext", "i128") for a, b in pairs]

    # mantissa · fraction modulo 1, in quarters of which one is a quadrant
    factor = mantissa.cast("zext", "i128")
    product = (
        ((factor * fraction[0]) << 64) + factor * fraction[1] + (factor * fraction[2]).lshr(64)
    )
    quadrant = (product + (1 << 125)).lshr(126)
    rest = product - (quadrant << 126)
    below = rest.lt(0)
    size = below.select(-rest, rest)
    zero_is_poison = f.constant("i1", False)
    module.declare("llvm.ctlz.i128", "i128", ["i128", "i1"])
    zeros = f.call("llvm.ctlz.i128", "i128", size, zero_is_poison)
    size = size << zeros
    high = size.lshr(75).cast("trunc", "i64").cast("uitofp", "double")
    low = (size.lshr(22).cast("trunc", "i64") & (1 << 53) - 1).cast("uitofp", "double")
    unit = m.power_of_two(-51 - zeros.cast("trunc", "i64"))
    turned = m.times(
        (high * unit, (low * 2.0**-53) * unit),
        (m.constant(HALF_PI[0]), m.constant(HALF_PI[1])),
    )
    negative = bits.lt(0)
    flipped = negative ^ below
    count = quadrant.cast("trunc", "i64")
    infinite = exponent.eq(0x7FF)
    nan = m.constant(float("nan"))
    for part, result in zip(turned, results, strict=False):
        f.store(infinite.select(nan, flipped.select(-part, part)), result)
    f.store(negative.select(-count, count), results[2])
    f.ret()
