"""What the vector functions are written in: arithmetic on one vector type.

An algorithm is a Python function of a `Math` and values. It is generic over the type (float or
double) and the number of lanes: only the coefficients differ. Error-free transformations are
those of Dekker (1971) and Knuth (1969); without a fused multiply-add they cost more operations,
and the algorithms are chosen so that plain ``a·b + c`` loses nothing that matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from chainrule.lower.llvm.ir import Function, Value, element, lanes, with_element
from chainrule.lower.llvm.machine import Machine

__all__ = ["LN2", "Coefficients", "Double", "Math", "raised"]

Number = int | float
T = TypeVar("T")
Coefficients = Mapping[str, Sequence[float]]
"""Coefficients of a polynomial, lowest first, for float and for double."""

Double = tuple[Value, Value]
"""An unevaluated sum of two values, the second below the rounding of the first."""

LN2 = {
    "float": (0.693145751953125, 1.4286068203094172e-6),
    "double": (0.6931471805598903, 5.497923018708371e-14),
}
"""ln 2 in two parts; the products of the first with any exponent are exact."""

_INFINITY = float("inf")


def raised(x: T, n: int, times: Callable[[T, T], T]) -> T:
    """x to the power n ≥ 1 by repeated squaring.

    >>> raised(3, 5, lambda a, b: a * b)
    243
    """
    result: T | None = None
    while True:
        if n & 1:
            result = x if result is None else times(result, x)
        n >>= 1
        if not n:
            assert result is not None
            return result
        x = times(x, x)


@dataclass(frozen=True)
class Math:
    """Where code is written and in which type.

    Attributes:
        f: the function being written.
        machine: for which processor.
        type: the type of the values, such as ``<16 x float>`` or ``double``.
        fast: whether accuracy may be given up where that gains speed.
        single: whether float accuracy suffices (the type may still be double).
    """

    f: Function
    machine: Machine
    type: str
    fast: bool = False
    single: bool = False

    # -- types ------------------------------------------------------------------------------------

    @property
    def scalar(self) -> str:
        return element(self.type)

    @property
    def digits(self) -> int:
        """The bits of the significand, the leading one included."""
        return 24 if self.scalar == "float" else 53

    @property
    def bias(self) -> int:
        return 127 if self.scalar == "float" else 1023

    @property
    def integer(self) -> str:
        """The integer type of the same size."""
        return with_element(self.type, "i32" if self.scalar == "float" else "i64")

    def pick(self, coefficients: Coefficients) -> Sequence[float]:
        """Those for the accuracy that is wanted."""
        return coefficients["float" if self.single or self.scalar == "float" else "double"]

    def constant(self, value: Number) -> Value:
        return self.f.constant(self.type, value)

    def widened(self) -> Math:
        """The same in double, with float accuracy."""
        return replace(self, type=with_element(self.type, "double"), single=True)

    def in_double(self, compute: Callable[..., Value], *values: Value) -> Value:
        """``compute(math, *values)`` in double: a float function then rounds about once."""
        if self.scalar == "double":
            return compute(self, *values)
        wide = self.widened()
        return compute(wide, *(v.cast("fpext", "double") for v in values)).cast("fptrunc", "float")

    # -- arithmetic -------------------------------------------------------------------------------

    def fma(self, a: Value, b: Value | Number, c: Value | Number) -> Value:
        """a·b + c, rounded once where the machine does so."""
        if self.machine.fma:
            return self.f.fma(a, b, c)
        return a * b + c

    def horner(self, x: Value, coefficients: Sequence[float]) -> Value:
        """Σ coefficients[k] xᵏ."""
        total = self.constant(coefficients[-1])
        for coefficient in coefficients[-2::-1]:
            total = self.fma(total, x, coefficient)
        return total

    def horner_twice(self, x: Value, coefficients: Sequence[float]) -> Double:
        """The same with what the roundings lost (S. Graillat, P. Langlois, N. Louvet, 2005)."""
        total, lost = self.constant(coefficients[-1]), self.constant(0.0)
        for coefficient in coefficients[-2::-1]:
            product, first = self.two_product(total, x)
            total, second = self.two_sum(product, self.constant(coefficient))
            lost = self.fma(lost, x, first + second)
        return self.fast_two_sum(total, lost)

    def abs(self, x: Value) -> Value:
        return self.f.intrinsic("fabs", x.type, x)

    def sqrt(self, x: Value) -> Value:
        return self.f.intrinsic("sqrt", x.type, x)

    def copysign(self, size: Value, sign: Value) -> Value:
        return self.f.intrinsic("copysign", size.type, size, sign)

    def clamp(self, x: Value, low: float, high: float) -> Value:
        """Into [low, high]; NaN stays."""
        x = x.lt(low).select(self.constant(low), x)
        return x.gt(high).select(self.constant(high), x)

    def where(self, condition: Value, yes: Value | Number, no: Value | Number) -> Value:
        if not isinstance(yes, Value):
            yes = self.constant(yes)
        return condition.select(yes, no)

    # -- two values as one ------------------------------------------------------------------------

    def fast_two_sum(self, a: Value, b: Value | Number) -> Double:
        """a + b exactly, for |a| ≥ |b|."""
        total = a + b
        return total, b - (total - a) if isinstance(b, Value) else -((total - a) - b)

    def two_sum(self, a: Value, b: Value) -> Double:
        """a + b exactly."""
        total = a + b
        part = total - a
        return total, (a - (total - part)) + (b - part)

    def two_product(self, a: Value, b: Value) -> Double:
        """a·b exactly, for sizes far from overflow and underflow."""
        product = a * b
        if self.machine.fma:
            return product, self.f.fma(a, b, -product)
        (a1, a2), (b1, b2) = self._halves(a), self._halves(b)
        return product, ((a1 * b1 - product) + a1 * b2 + a2 * b1) + a2 * b2

    def _halves(self, a: Value) -> Double:
        # Veltkamp's splitting by a constant instead of a mask needs no second type
        scaled = a * float((1 << ((self.digits + 1) // 2)) + 1)
        high = scaled - (scaled - a)
        return high, a - high

    def times(self, a: Double, b: Double) -> Double:
        """The product of two sums, to about twice the digits."""
        product, rest = self.two_product(a[0], b[0])
        return self.fast_two_sum(product, rest + (a[0] * b[1] + a[1] * b[0]))

    def plus(self, a: Double, b: Double) -> Double:
        """The sum of two sums, to about twice the digits of the larger."""
        total, rest = self.two_sum(a[0], b[0])
        return self.fast_two_sum(total, rest + (a[1] + b[1]))

    def quotient(self, a: Double, b: Double) -> Double:
        """The quotient of two sums, to about twice the digits."""
        first = a[0] / b[0]
        product, rest = self.two_product(first, b[0])
        left = ((a[0] - product) - rest) + (a[1] - first * b[1])
        return self.fast_two_sum(first, left / b[0])

    # -- integers and exponents -------------------------------------------------------------------

    @property
    def _magic(self) -> float:
        return 1.5 * 2.0 ** (self.digits - 1)

    def nearest(self, x: Value, factor: float = 1.0) -> tuple[Value, Value]:
        """The integer nearest to x·factor, as a float and as an int, for |x·factor| < 2²¹.

        Adding 1.5·2ᵈ pushes the fraction out of the significand, on every machine alike.
        """
        shifted = self.fma(x, factor, self._magic) if factor != 1.0 else x + self._magic
        bits = shifted.as_bits() - self.constant(self._magic).as_bits()
        return shifted - self._magic, bits

    @property
    def _avx512(self) -> bool:
        """Whether the instructions of AVX-512 on exponents serve this type."""
        return self.machine.name == "avx512" and self.type in ("<16 x float>", "<8 x double>")

    def _instruction(self, name: str, *values: Value) -> Value:
        """One of these instructions, in all lanes and the current rounding mode."""
        f = self.f
        rest = [
            self.constant(0.0),
            f.constant(f"i{lanes(self.type)}", -1),
            f.constant("i32", 4),
        ]
        arguments = [*values, *rest]
        kind = "ps" if self.scalar == "float" else "pd"
        full = f"llvm.x86.avx512.mask.{name}.{kind}.512"
        f.module.declare(full, self.type, [a.type for a in arguments])
        return f.call(full, self.type, *arguments)

    def power_of_two(self, n: Value) -> Value:
        """2ⁿ of an integer n, within the range of normal numbers."""
        return ((n + self.bias) << (self.digits - 1)).as_float()

    def scale(self, x: Value, n: Value, count: Value) -> Value:
        """x·2ⁿ, rounded once where it is denormal; n as a float and as an int ``count``.

        ``x`` is near 1 and |n| at most twice the largest exponent.
        """
        if self._avx512:
            return self._instruction("scalef", x, n)
        half = count.ashr(1)
        return (x * self.power_of_two(half)) * self.power_of_two(count - half)

    def split(self, x: Value) -> tuple[Value, Value]:
        """The exponent k (a float) and the significand m in [√½, √2) of x = m·2ᵏ.

        What comes out for 0, negative numbers, ∞ and NaN is for `finish_log` alone.
        """
        if self._avx512:
            k = self._instruction("getexp", x)
            # in [1, 2); 1 for ±0 and ∞, NaN for negative numbers
            significand = self._instruction("getmant", x, self.f.constant("i32", 0b1100))
            above = significand.ge(2.0 * 0.5**0.5)
            return above.select(k + 1.0, k), above.select(significand * 0.5, significand)
        smallest = 2.0 ** (1 - self.bias)
        tiny = x.lt(smallest)
        bits = tiny.select(x * 2.0**self.digits, x).as_bits()
        # subtracting the bits of √½ carries into the exponent where the significand is ≥ √2/2
        exponent = (bits - self.constant(0.5**0.5).as_bits()).ashr(self.digits - 1)
        significand = (bits - (exponent << (self.digits - 1))).as_float()
        k = exponent.cast("sitofp", self.scalar)
        return tiny.select(k - float(self.digits), k), significand

    def finish_log(self, x: Value, y: Value) -> Value:
        """The logarithm y of x with its values at 0, ∞, NaN and below 0."""
        if self._avx512:  # they came out of ±∞ and NaN in `split`
            return y
        y = x.lt(_INFINITY).select(y, x)
        y = x.lt(0.0).select(self.constant(float("nan")), y)
        return x.eq(0.0).select(self.constant(-_INFINITY), y)
