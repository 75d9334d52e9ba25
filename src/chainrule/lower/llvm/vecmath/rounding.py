"""Rounding to integers, and division with remainder."""

from __future__ import annotations

from chainrule.lower.llvm.ir import Value, bits
from chainrule.lower.llvm.machine import Machine

__all__ = ["divide_integers", "to_whole"]


def to_whole(x: Value, name: str, machine: Machine) -> Value:
    """``floor``, ``ceil``, ``trunc`` or ``roundeven`` of a float; the sign of 0 is that of ``x``."""
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
