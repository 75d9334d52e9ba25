"""Rounding to integers, and division with remainder.

The remainder of floats is exact. For quotients of a moderate size one fused multiply-add gives
it; beyond, and on machines without, it is found by long division in integers, one lane at a time.
"""

from __future__ import annotations

from chainrule.lower.llvm.ir import Module, Value, bits, element, lanes
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.vecmath.common import Math

__all__ = ["divide_integers", "floor_divide", "remainder", "to_whole"]


def to_whole(x: Value, name: str, machine: Machine) -> Value:
    """``floor``, ``ceil``, ``trunc`` or ``roundeven`` of a float; 0 has the sign of ``x``."""
    f = x.f
    if machine.fma:  # whatever has fused multiply-add has the instruction too
        return f.intrinsic(name, x.type, x)
    large = f.constant(x.type, 2.0 ** (23 if bits(x.type) == 32 else 52))
    size = f.intrinsic("fabs", x.type, x)
    whole = (size + large) - large
    if name == "trunc":
        whole = whole - whole.gt(size).select(f.constant(x.type, 1.0), 0.0)
    whole = f.intrinsic("copysign", x.type, whole, x)
    if name == "floor":
        whole = whole - whole.gt(x).select(f.constant(x.type, 1.0), 0.0)
    if name == "ceil":
        whole = whole + whole.lt(x).select(f.constant(x.type, 1.0), 0.0)
    return size.lt(large).select(f.intrinsic("copysign", x.type, whole, x), x)


def divide_integers(a: Value, b: Value, unsigned: bool, remainder: bool) -> Value:
    """⌊a / b⌋ or a − ⌊a / b⌋ b, and 0 for b = 0.

    The processor traps at a division by 0 and at the least integer by −1: neither reaches it.
    """
    f = a.f
    one = f.constant(a.type, 1)
    by_zero = b.eq(0)
    trapping = by_zero if unsigned else by_zero | b.eq(-1)
    divisor = trapping.select(one, b)
    divide, rest = ("udiv", "urem") if unsigned else ("sdiv", "srem")
    r = f.emit(a.type, f"{rest} {a.type} {a.text}, {divisor.text}")
    if unsigned:
        if remainder:
            return by_zero.select(f.constant(a.type, 0), r)
        q = f.emit(a.type, f"{divide} {a.type} {a.text}, {divisor.text}")
        return by_zero.select(f.constant(a.type, 0), q)
    below = r.ne(0) & (r ^ divisor).lt(0)  # the signs differ: one step further down
    if remainder:
        # for b = −1 as for 0 the divisor is 1, which leaves nothing
        return below.select(r + divisor, r)
    q = f.emit(a.type, f"{divide} {a.type} {a.text}, {divisor.text}")
    q = below.select(q - 1, q)
    return by_zero.select(f.constant(a.type, 0), b.eq(-1).select(-a, q))


# -- floats --------------------------------------------------------------------------------------


def _truncated_remainder(m: Math, a: Value, b: Value) -> Value:
    """C's fmod(a, b): exact, with the sign of a."""
    f = m.f
    top, bottom = m.abs(a), m.abs(b)
    if not m.machine.fma:
        return m.copysign(_long_division(m, top, bottom), a)
    q = to_whole(top / bottom, "trunc", m.machine)
    r = f.fma(-q, bottom, top)
    # the rounded quotient may be one too large
    r = r.lt(0.0).select(r + bottom, r)
    r = q.eq(0.0).select(top, r)  # also for an infinite b
    moderate = q.lt(2.0 ** (m.digits - 1)) | a.is_nan() | b.is_nan()
    far = ~moderate
    seldom = f.intrinsic("vector.reduce.or", "i1", far) if lanes(far.type) else far
    r = f.choose(seldom, lambda: far.select(_long_division(m, top, bottom), r), lambda: r)
    return m.copysign(r, a)


def _long_division(m: Math, top: Value, bottom: Value) -> Value:
    """The remainder of sizes, lane by lane."""
    f, module = m.f, m.f.module
    scalar = element(top.type)
    name = module.shared(f"fmod.{scalar}", lambda: _write_fmod(module, scalar))
    count = lanes(top.type)
    if not count:
        return f.call(name, scalar, top, bottom)
    memory = f.alloca(scalar, 2 * count)
    second = memory.offset(count, scalar)
    f.store(top, memory)
    f.store(bottom, second)
    with f.loop(0, count) as loop:
        place = memory.offset(loop.index, scalar)
        divisor = f.load(scalar, second.offset(loop.index, scalar))
        f.store(f.call(name, scalar, f.load(scalar, place), divisor), place)
    return f.load(top.type, memory)


def _write_fmod(module: Module, scalar: str) -> None:
    """a mod b of sizes by shifting and subtracting significands; NaN for a = ∞ or b = 0."""
    params = [("a", scalar), ("b", scalar)]
    f = module.function(f"fmod.{scalar}", params, scalar, "noinline cold")
    a, b = f.params
    stored, infinite = (23, 0xFF) if scalar == "float" else (52, 0x7FF)
    leading = 1 << stored

    def parts(x: Value) -> tuple[Value, Value]:
        pattern = x.as_bits()
        exponent, fraction = pattern.lshr(stored), pattern & (leading - 1)
        normal = exponent.ne(0)
        return (
            normal.select(exponent, f.constant(pattern.type, 1)).cast("zext", "i64"),
            normal.select(fraction | leading, fraction).cast("zext", "i64"),
        )

    (e, p), (d, q) = parts(a), parts(b)
    steps = e - d
    # p·2^(e−d) mod q, one bit at a time; q < 2^53 leaves room for the shift
    q_or_one = q.eq(0).select(f.i64(1), q)
    first = f.emit("i64", f"urem i64 {p.text}, {q_or_one.text}")
    with f.loop(0, steps, carried=[first]) as loop:
        twice = loop.values[0] << 1
        loop.carry(twice.ge(q).select(twice - q, twice))
    rest = loop.results[0].cast("uitofp", scalar)
    # rest·2^(d − bias − stored): exact, in two factors that are normal numbers
    bias = infinite >> 1
    shift = d - (bias + stored)
    half = shift.ashr(1)

    def power(n: Value) -> Value:
        return ((n + bias) << stored).cast("trunc", f"i{bits(scalar)}").as_float()

    result = rest * power(half) * power(shift - half)
    result = a.lt(b).select(a, result)
    undefined = a.eq(float("inf")) | b.eq(0.0) | a.is_nan() | b.is_nan()
    f.ret(undefined.select(f.constant(scalar, float("nan")), result))


def remainder(m: Math, a: Value, b: Value) -> Value:
    """a − ⌊a / b⌋ b, with the sign of b; NaN for b = 0."""
    return _divided(m, a, b)[0]


def floor_divide(m: Math, a: Value, b: Value) -> Value:
    """⌊a / b⌋ of the exact quotient; a / b itself for b = 0."""
    _, r, one = _divided(m, a, b)
    q = ((a - r) / b) - one
    # (a − r) / b is near an integer
    whole = to_whole(q, "floor", m.machine)
    whole = (q - whole).gt(0.5).select(whole + 1.0, whole)
    zero = m.copysign(m.constant(0.0), a / b)
    return b.eq(0.0).select(a / b, q.eq(0.0).select(zero, whole))


def _divided(m: Math, a: Value, b: Value) -> tuple[Value, Value, Value]:
    """The remainder with the sign of b, C's remainder, and 1 where the two differ."""
    r = _truncated_remainder(m, a, b)
    other_side = r.ne(0.0) & (r.lt(0.0) ^ b.lt(0.0))
    rest = other_side.select(r + b, r)
    rest = r.eq(0.0).select(m.copysign(m.constant(0.0), b), rest)
    return rest, r, other_side.select(m.constant(1.0), 0.0)
