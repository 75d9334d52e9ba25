"""Values of a function that is being written, with operators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from chainrule.lower.llvm.ir.types import (
    Number,
    bits,
    constant_text,
    element,
    is_float,
    lanes,
    vector,
    with_element,
)

if TYPE_CHECKING:
    from chainrule.lower.llvm.ir.function import Function

__all__ = ["Value"]


class Value:
    """An SSA value or constant: its text and type, and the function that writes with it.

    Operators work lane by lane; a Python number becomes a constant of the other operand's type.
    ``+ - * /`` follow the type (floating-point or integer; ``/`` is for floats only), ``& | ^ ~``
    are for integers and i1. Comparisons are methods: ``x.lt(y)`` is the ordered comparison, false
    with NaN.
    """

    __slots__ = ("f", "text", "type")

    def __init__(self, f: Function, type: str, text: str) -> None:
        self.f = f
        self.type = type
        self.text = text

    def __repr__(self) -> str:
        return f"{self.type} {self.text}"

    def _other(self, other: Value | Number) -> str:
        if isinstance(other, Value):
            assert other.type == self.type, f"{self!r} with {other!r}"
            return other.text
        return constant_text(self.type, other)

    def _binary(self, for_float: str, for_int: str, other: Value | Number) -> Value:
        name = f"{for_float}{self.f.flags}" if is_float(self.type) else for_int
        return self.f.emit(self.type, f"{name} {self.type} {self.text}, {self._other(other)}")

    def _reflected(self, other: Number) -> Value:
        return Value(self.f, self.type, constant_text(self.type, other))

    def __add__(self, other: Value | Number) -> Value:
        return self._binary("fadd", "add", other)

    def __radd__(self, other: Number) -> Value:
        return self._reflected(other) + self

    def __sub__(self, other: Value | Number) -> Value:
        return self._binary("fsub", "sub", other)

    def __rsub__(self, other: Number) -> Value:
        return self._reflected(other) - self

    def __mul__(self, other: Value | Number) -> Value:
        return self._binary("fmul", "mul", other)

    def __rmul__(self, other: Number) -> Value:
        return self._reflected(other) * self

    def __truediv__(self, other: Value | Number) -> Value:
        return self._binary("fdiv", "", other)

    def __rtruediv__(self, other: Number) -> Value:
        return self._reflected(other) / self

    def __neg__(self) -> Value:
        if is_float(self.type):
            return self.f.emit(self.type, f"fneg {self.type} {self.text}")
        return 0 - self

    def __and__(self, other: Value | Number) -> Value:
        return self._binary("", "and", other)

    def __or__(self, other: Value | Number) -> Value:
        return self._binary("", "or", other)

    def __xor__(self, other: Value | Number) -> Value:
        return self._binary("", "xor", other)

    def __invert__(self) -> Value:
        return self ^ (1 if element(self.type) == "i1" else -1)

    def __lshift__(self, other: Value | Number) -> Value:
        return self._binary("", "shl", other)

    def lshr(self, other: Value | Number) -> Value:
        """Logical shift to the right: zeros come in."""
        return self._binary("", "lshr", other)

    def ashr(self, other: Value | Number) -> Value:
        """Arithmetic shift to the right: the sign comes in."""
        return self._binary("", "ashr", other)

    def compare(self, for_float: str, for_int: str, other: Value | Number) -> Value:
        kind, name = ("fcmp", for_float) if is_float(self.type) else ("icmp", for_int)
        return self.f.emit(
            with_element(self.type, "i1"),
            f"{kind} {name} {self.type} {self.text}, {self._other(other)}",
        )

    def lt(self, other: Value | Number) -> Value:
        return self.compare("olt", "slt", other)

    def le(self, other: Value | Number) -> Value:
        return self.compare("ole", "sle", other)

    def gt(self, other: Value | Number) -> Value:
        return self.compare("ogt", "sgt", other)

    def ge(self, other: Value | Number) -> Value:
        return self.compare("oge", "sge", other)

    def eq(self, other: Value | Number) -> Value:
        return self.compare("oeq", "eq", other)

    def ne(self, other: Value | Number) -> Value:
        """Unequal; true with NaN, as in Python."""
        return self.compare("une", "ne", other)

    def is_nan(self) -> Value:
        return self.compare("uno", "", self)

    def select(self, yes: Value, no: Value | Number) -> Value:
        """``yes`` where this i1 is true, else ``no``."""
        other = yes._other(no)
        return self.f.emit(
            yes.type,
            f"select {self.type} {self.text}, {yes.type} {yes.text}, {yes.type} {other}",
        )

    def cast(self, how: str, scalar: str) -> Value:
        """Another scalar type, by LLVM's ``zext``, ``trunc``, ``fpext``, ``bitcast``, …"""
        type = with_element(self.type, scalar)
        if type == self.type:
            return self
        return self.f.emit(type, f"{how} {self.type} {self.text} to {type}")

    def as_bits(self) -> Value:
        """The same bits as an integer."""
        return self.cast("bitcast", f"i{bits(self.type)}")

    def as_float(self) -> Value:
        """The same bits as a float or double."""
        return self.cast("bitcast", {16: "half", 32: "float", 64: "double"}[bits(self.type)])

    def splat(self, count: int) -> Value:
        """The scalar in every one of ``count`` lanes."""
        if lanes(self.type) or not count:
            return self
        type = vector(count, self.type)
        if not self.text.startswith(("%", "@", "poison")):
            return Value(self.f, type, f"splat ({self.type} {self.text})")
        one = self.f.emit(type, f"insertelement {type} poison, {self.type} {self.text}, i32 0")
        return self.f.emit(
            type,
            f"shufflevector {type} {one.text}, {type} poison, <{count} x i32> zeroinitializer",
        )

    def lane(self, index: int | Value) -> Value:
        """One lane of a vector."""
        place = f"i32 {index}" if isinstance(index, int) else f"{index.type} {index.text}"
        return self.f.emit(element(self.type), f"extractelement {self.type} {self.text}, {place}")

    def with_lane(self, index: int, value: Value) -> Value:
        """The vector with one lane replaced."""
        return self.f.emit(
            self.type,
            f"insertelement {self.type} {self.text}, {value.type} {value.text}, i32 {index}",
        )

    def shuffle(self, order: Sequence[int], other: Value | None = None) -> Value:
        """Lanes of this vector (and ``other``, counted on) in the given order."""
        type = vector(len(order), element(self.type))
        mask = ", ".join(f"i32 {place}" for place in order)
        second = "poison" if other is None else other.text
        return self.f.emit(
            type,
            f"shufflevector {self.type} {self.text}, {self.type} {second}, "
            f"<{len(order)} x i32> <{mask}>",
        )

    def offset(self, count: Value | int, scalar: str = "i8") -> Value:
        """The pointer, ``count`` elements of ``scalar`` further on."""
        if isinstance(count, int):
            if count == 0:
                return self
            return self.f.emit("ptr", f"getelementptr {scalar}, ptr {self.text}, i64 {count}")
        return self.f.emit(
            "ptr", f"getelementptr {scalar}, ptr {self.text}, {count.type} {count.text}"
        )
