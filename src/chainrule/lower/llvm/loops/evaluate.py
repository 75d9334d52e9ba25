"""Reading a node at an index as code: what a kernel's loops are filled with."""

from __future__ import annotations

from collections.abc import Callable

from chainrule.core.node import LITERAL, Node
from chainrule.lower.llvm.elementwise import Context, emit_cast, emit_elementwise, ir_type
from chainrule.lower.llvm.ir import Function, Value, lanes
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.loops.access import Access
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.plan.index import Dynamic, Index, flat
from chainrule.lower.llvm.plan.views import VIEWS, Condition, broadcast_index, pieces
from chainrule.lower.llvm.plan.walk import Access as Read
from chainrule.ops.record import Elementwise

__all__ = ["Emission"]

Place = Callable[[Node], Buffer | None]


class Emission(Access):
    """Writes the values of nodes into one kernel.

    A bias is loaded once for each column, the mean of a row once for each row, and an expression
    that occurs twice is computed once.

    Args:
        f: the kernel; its first parameter is the table.
        machine: the processor.
        count: lanes of a vector.
        place: the buffer of a node whose value has been stored, else None.
        status: the buffer of the status word and of a spare one after it; see `Dynamic`.
        accuracy: of functions, see `lower.llvm.elementwise`.
        code: gives the number that the status word takes for a look-up outside of the axis.

    Attributes:
        bound: values of nodes, or one for each copy of the vector variable, and their depth.
        taken: elements that are known here and now.
    """

    def __init__(
        self,
        f: Function,
        machine: Machine,
        count: int,
        place: Place,
        status: Buffer,
        accuracy: str = "default",
        code: Callable[[Dynamic], int] = lambda dynamic: 1,
    ) -> None:
        super().__init__(f, count, status, code)
        self.machine = machine
        self.place = place
        self.accuracy = accuracy
        self.bound: dict[Node, tuple[Value | list[Value], int]] = {}
        self.taken: dict[Read, Value] = {}

    def bind(self, node: Node, value: Value | list[Value]) -> None:
        """From here on ``node`` has this value, or one for each copy of the vector variable."""
        self.bound[node] = value, self.depth

    def value(self, node: Node, index: Index, mask: Value | None = None) -> Value:
        """The element of ``node`` at ``index``: a scalar, or a vector along the vector variable.

        Args:
            mask: lanes (or the one value) that matter; memory elsewhere is not read.
        """
        return self.located(node, index, mask)[0]

    def located(self, node: Node, index: Index, mask: Value | None) -> tuple[Value, int]:
        bound = self.bound.get(node)
        if bound is not None:
            values, depth = bound
            return (values[self.copy] if isinstance(values, list) else values), depth
        if node.primitive is LITERAL:
            return self.f.constant(ir_type(node.dtype), node.value), 0
        if self.taken and (element := self.taken.get(Read(node, index))):
            return element, self.depth
        key = (node, index, self.copy, None if mask is None else mask.text)
        for depth in range(self.depth, -1, -1):
            found = self.scopes[depth].cache.get(key)
            if found is not None:
                return found, depth
        buffer = self.place(node)
        if buffer is not None:
            value, depth = self.loaded(node, buffer, flat(index, node.shape), mask)
        elif isinstance(node.primitive, Elementwise) and node.primitive.name not in VIEWS:
            value, depth = self._elementwise(node, index, mask)
        elif node.primitive.name == "cast":
            source, depth = self.located(node.sources[0], index, mask)
            with self.at_depth(depth):
                context = self._context(node)
                value = emit_cast(context, source, node.sources[0].dtype, node.dtype)
        else:
            value, depth = self._view(node, index, mask)
        self.scopes[depth].cache[key] = value
        return value, depth

    def _context(self, node: Node) -> Context:
        return Context(self.f, node.sources[0].dtype, self.machine, self.accuracy)  # type: ignore[arg-type]

    def _elementwise(self, node: Node, index: Index, mask: Value | None) -> tuple[Value, int]:
        found, depth = [], 0
        for source in node.sources:
            place = broadcast_index(index, node.shape, source.shape)
            value, level = self.located(source, place, mask)
            found.append((value, level))
            depth = max(depth, level)
        wide = max(lanes(value.type) for value, _ in found)
        if node.primitive.name == "div" and node.dtype.itemsize > 2:
            (x, _), (divisor, level) = found
            if lanes(x.type) and not lanes(divisor.type):
                return self._times_reciprocal(x, divisor, level, depth), depth
        values = [self.widened(v, wide, level) if wide else v for v, level in found]
        with self.at_depth(depth):
            context = Context(
                self.f,
                node.sources[-1].dtype,
                self.machine,
                self.accuracy,  # type: ignore[arg-type]
            )
            return emit_elementwise(context, node.primitive.name, values, node.argument), depth

    def _times_reciprocal(self, x: Value, divisor: Value, level: int, depth: int) -> Value:
        """x / divisor for all lanes, within 1.5 ulp: multiplied by the reciprocal, which is taken
        once. Divisors whose reciprocal would over- or underflow are scaled by a power of 2."""
        f, power = self.f, 2.0**64 if divisor.type == "float" else 2.0**512

        def scale() -> Value:
            size = f.intrinsic("fabs", divisor.type, divisor)
            small = f.constant(divisor.type, 1.0 / power)
            large = f.constant(divisor.type, power)
            one = f.constant(divisor.type, 1.0)
            return size.gt(power).select(small, size.lt(1.0 / power).select(large, one))

        factor = self.cached(("scale", divisor.text), level, scale)
        reciprocal = self.cached(
            ("reciprocal", divisor.text), level, lambda: 1.0 / (divisor * factor)
        )
        wide = [self.widened(v, lanes(x.type), level) for v in (factor, reciprocal)]
        with self.at_depth(depth):
            return x * wide[0] * wide[1]

    def _view(self, node: Node, index: Index, mask: Value | None) -> tuple[Value, int]:
        found = pieces(node, index, lambda source: self.place(source) is not None)
        zero = self.f.constant(ir_type(node.dtype), 0)
        result: Value | None = None
        # what conditions decide holds for this stretch of the loop only
        level = self.depth if any(piece.conditions for piece in found) else 0
        for piece in reversed(found):
            conditions = self._open(piece.conditions)
            if conditions is None:
                continue
            if not conditions:
                result, depth = self.located(piece.source, piece.index, mask)
            else:
                chosen = self._conditions(conditions, mask)
                both = chosen if mask is None else self.both(chosen, mask)
                value, _ = self.located(piece.source, piece.index, both)
                depth = self.depth
                other = zero if result is None else result
                wide = max(lanes(value.type), lanes(other.type), lanes(chosen.type))
                if (wide and lanes(chosen.type)) or wide:
                    value, other = self.widened(value, wide), self.widened(other, wide)
                result = chosen.select(value, other)
            level = max(level, depth)
        return (zero if result is None else result), level

    def _open(self, conditions: tuple[Condition, ...]) -> tuple[Condition, ...] | None:
        """Those conditions that are not known to hold here; None if one cannot hold."""
        left = []
        for condition in conditions:
            low, high = condition.place.bounds(self.ranges)
            if high < condition.low or low >= condition.high:
                return None
            if condition.step > 1 or low < condition.low or high >= condition.high:
                left.append(condition)
        return tuple(left)

    def _conditions(self, conditions: tuple[Condition, ...], mask: Value | None) -> Value:
        result: Value | None = None
        for condition in conditions:
            place = self.affine(condition.place, mask)
            low, high = condition.place.bounds(self.ranges)
            tests = []
            if low < condition.low:
                tests.append(place.ge(condition.low))
            if high >= condition.high:
                tests.append(place.lt(condition.high))
            if condition.step > 1:
                distance = place - condition.low
                tests.append(self._remainder(distance, condition.step).eq(0))
            for test in tests:
                result = test if result is None else self.both(result, test)
        return self.f.constant("i1", True) if result is None else result

    def _remainder(self, value: Value, divisor: int) -> Value:
        text = f"srem {value.type} {value.text}, {self.f.constant(value.type, divisor).text}"
        return self.f.emit(value.type, text)
