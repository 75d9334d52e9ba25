"""The open loops of a kernel that is being written, and what is known in each of them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from chainrule.lower.llvm.ir import Function, Region, Value, lanes, vector
from chainrule.lower.llvm.plan.index import Var

__all__ = ["Scopes"]


class _Scope:
    __slots__ = ("cache", "region")

    def __init__(self, region: Region) -> None:
        self.region = region
        self.cache: dict[object, Value] = {}


class Scopes:
    """A stack of scopes, one for each open loop or branch, the function itself at the bottom.

    A value is put into the outermost scope that knows all loop variables it depends on, and is
    remembered for as long as that scope is open.

    Args:
        f: the kernel; its first parameter is the table.
        count: lanes of a vector.

    Attributes:
        vector_var: the variable that runs along vectors.
        copy: which of several vectors side by side is being written.
        ranges: tighter bounds of variables, here.
        ahead: variables that are so much further on than their value says, here.
    """

    def __init__(self, f: Function, count: int) -> None:
        self.f = f
        self.count = count
        self.scopes = [_Scope(f.entry)]
        self.depth_of_var: dict[Var, int] = {}
        self.value_of_var: dict[Var, Value] = {}
        self.vector_var: Var | None = None
        self.copy = 0
        self.ranges: dict[Var, tuple[int, int]] = {}
        self.prefixes: dict[str, int] = {}
        self.fixed: dict[Var, int] = {}
        self.ahead: dict[Var, int] = {}

    @property
    def depth(self) -> int:
        return len(self.scopes) - 1

    @contextmanager
    def scope(self, preheader: Region) -> Iterator[None]:
        """Code that follows is inside a loop or branch; ``preheader`` lies before it."""
        outer = self.scopes[-1].region
        self.scopes[-1].region = preheader
        self.scopes.append(_Scope(self.f.region))
        try:
            yield
        finally:
            self.scopes.pop()
            self.scopes[-1].region = outer

    @contextmanager
    def branch(self, condition: Value) -> Iterator[None]:
        """The block runs where the scalar condition holds."""
        preheader = Region()
        self.f.region.parts.append(preheader)
        with self.f.when(condition), self.scope(preheader):
            yield

    @contextmanager
    def block(self) -> Iterator[None]:
        """A stretch of code of its own, such as the rest of a loop: its values are forgotten."""
        preheader = Region()
        self.f.region.parts.append(preheader)
        with self.scope(preheader):
            yield

    @contextmanager
    def somewhere(self) -> Iterator[None]:
        """Code at a place that need not come before other code written later; what does not depend
        on the place goes to the start of the function."""
        assert self.depth == 0
        self.scopes.append(_Scope(self.f.region))
        try:
            yield
        finally:
            self.scopes.pop()

    def first_lanes(self, active: int) -> Value:
        """The mask of the first lanes of a vector."""
        mask = self.f.mask(self.count, active)
        self.prefixes[mask.text] = active
        return mask

    def know(self, var: Var, value: Value | int) -> None:
        """From here on, in the innermost scope, ``var`` has this value.

        A number says that the loop over it is unrolled, one block for each value.
        """
        self.fixed.pop(var, None)
        if isinstance(value, int):
            self.fixed[var] = value
            value = self.f.i64(value)
        self.value_of_var[var] = value
        self.depth_of_var[var] = self.depth

    @contextmanager
    def at_depth(self, depth: int) -> Iterator[None]:
        if depth == self.depth:
            yield
        else:
            with self.f.at(self.scopes[depth].region):
                yield

    def cached(self, key: object, depth: int, make: Callable[[], Value]) -> Value:
        cache = self.scopes[depth].cache
        value = cache.get(key)
        if value is None:
            with self.at_depth(depth):
                value = make()
            cache[key] = value
        return value

    def widened(self, value: Value, count: int, depth: int | None = None) -> Value:
        """A scalar in every lane; in the scope in which it is known."""
        if lanes(value.type):
            return value
        if value.text[0] != "%":  # a constant
            return Value(self.f, vector(count, value.type), f"splat ({value.type} {value.text})")
        depth = self.depth if depth is None else depth
        return self.cached(("splat", value.text, count), depth, lambda: value.splat(count))

    def both(self, a: Value, b: Value) -> Value:
        wide = max(lanes(a.type), lanes(b.type))
        return self.widened(a, wide) & self.widened(b, wide) if wide else a & b

    def fitting(self, value: Value, like: Value) -> Value:
        """A value with as many lanes as another."""
        count = lanes(like.type)
        return self.widened(value, count) if count else value
