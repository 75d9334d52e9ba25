"""Reading a node at an index as code: what a kernel's loops are filled with.

An `Emission` writes one kernel. It keeps a stack of scopes, one for each open loop, and puts every
value into the outermost scope that knows all the loop variables it depends on: a bias is loaded
once for each column, the mean of a row once for each row. Values are remembered for as long as
their scope is open, so an expression that occurs twice is computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from chainrule.core.node import LITERAL, Node
from chainrule.lower.llvm.elementwise import Context, emit_elementwise, emit_cast, ir_type, memory_type
from chainrule.lower.llvm.index import Affine, Dynamic, Index, Quotient, Repeated, Var, flat
from chainrule.lower.llvm.ir import Function, Region, Value, lanes, vector
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.machine import Machine
from chainrule.lower.llvm.views import VIEWS, Condition, broadcast_index, pieces
from chainrule.ops.record import Elementwise

__all__ = ["Emission"]

Place = Callable[[Node], Buffer | None]


class _Scope:
    __slots__ = ("cache", "region")

    def __init__(self, region: Region) -> None:
        self.region = region
        self.cache: dict[object, Value] = {}


class Emission:
    """Writes the values of nodes into one kernel.

    Args:
        f: the kernel; its first parameter is the table.
        machine: the processor.
        count: lanes of a vector.
        place: the buffer of a node whose value has been stored, else None.
        status: the buffer of the status word and of a spare one after it; see `Dynamic`.
        accuracy: of functions, see `lower.llvm.elementwise`.
        code: gives the number that the status word takes for a look-up outside of the axis.
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
        self.f = f
        self.machine = machine
        self.count = count
        self.place = place
        self.status = status
        self.accuracy = accuracy
        self.code = code
        self.scopes = [_Scope(f.entry)]
        self.depth_of_var: dict[Var, int] = {}
        self.value_of_var: dict[Var, Value] = {}
        self.vector_var: Var | None = None
        self.copy = 0
        self.merges: list[tuple[Var, Var, Var]] = []
        self.bound: dict[Node, tuple[Value | list[Value], int]] = {}
        self._pointers: dict[Buffer, Value] = {}
        self._prefixes: dict[str, int] = {}
        self.ranges: dict[Var, tuple[int, int]] = {}
        self._fixed: dict[Var, int] = {}
        self.waiting: dict[object, dict[int, Value]] = {}

    # -- scopes ------------------------------------------------------------------------------------

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
        self._prefixes[mask.text] = active
        return mask

    def know(self, var: Var, value: Value | int) -> None:
        """From here on, in the innermost scope, ``var`` has this value.

        A number says that the loop over it is unrolled, one block for each value.
        """
        self._fixed.pop(var, None)
        if isinstance(value, int):
            self._fixed[var] = value
            value = self.f.i64(value)
        self.value_of_var[var] = value
        self.depth_of_var[var] = self.depth

    @contextmanager
    def _at(self, depth: int) -> Iterator[None]:
        if depth == self.depth:
            yield
        else:
            with self.f.at(self.scopes[depth].region):
                yield

    def _cached(self, key: object, depth: int, make: Callable[[], Value]) -> Value:
        cache = self.scopes[depth].cache
        value = cache.get(key)
        if value is None:
            with self._at(depth):
                value = make()
            cache[key] = value
        return value

    # -- values ------------------------------------------------------------------------------------

    def bind(self, node: Node, value: Value | list[Value]) -> None:
        """From here on ``node`` has this value, or one for each copy of the vector variable."""
        self.bound[node] = value, self.depth

    def value(self, node: Node, index: Index, mask: Value | None = None) -> Value:
        """The element of ``node`` at ``index``: a scalar, or a vector along the vector variable.

        Args:
            mask: lanes (or the one value) that matter; memory elsewhere is not read.
        """
        return self._value(node, index, mask)[0]

    def _value(self, node: Node, index: Index, mask: Value | None) -> tuple[Value, int]:
        bound = self.bound.get(node)
        if bound is not None:
            values, depth = bound
            return (values[self.copy] if isinstance(values, list) else values), depth
        if node.primitive is LITERAL:
            return self.f.constant(ir_type(node.dtype), node.value), 0
        key = (node, index, self.copy, None if mask is None else mask.text)
        for depth in range(self.depth, -1, -1):
            found = self.scopes[depth].cache.get(key)
            if found is not None:
                return found, depth
        buffer = self.place(node)
        if buffer is not None:
            value, depth = self._load(node, buffer, flat(index, node.shape), mask)
        elif isinstance(node.primitive, Elementwise) and node.primitive.name not in VIEWS:
            value, depth = self._elementwise(node, index, mask)
        elif node.primitive.name == "cast":
            source, depth = self._value(node.sources[0], index, mask)
            with self._at(depth):
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
            value, level = self._value(source, place, mask)
            found.append((value, level))
            depth = max(depth, level)
        wide = max(lanes(value.type) for value, _ in found)
        if node.primitive.name == "div" and wide and not lanes(found[1][0].type):
            if node.dtype.itemsize > 2 and lanes(found[0][0].type):
                return self._times_reciprocal(found[0][0], *found[1], depth), depth
        values = [self._widened(v, wide, level) if wide else v for v, level in found]
        with self._at(depth):
            context = Context(
                self.f, node.sources[-1].dtype, self.machine, self.accuracy  # type: ignore[arg-type]
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

        factor = self._cached(("scale", divisor.text), level, scale)
        reciprocal = self._cached(
            ("reciprocal", divisor.text), level, lambda: 1.0 / (divisor * factor)
        )
        wide = [self._widened(v, lanes(x.type), level) for v in (factor, reciprocal)]
        with self._at(depth):
            return x * wide[0] * wide[1]

    def _widened(self, value: Value, count: int, depth: int | None = None) -> Value:
        """A scalar in every lane; in the scope in which it is known."""
        if lanes(value.type):
            return value
        if value.text[0] != "%":  # a constant
            return Value(self.f, vector(count, value.type), f"splat ({value.type} {value.text})")
        depth = self.depth if depth is None else depth
        return self._cached(("splat", value.text, count), depth, lambda: value.splat(count))

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
                result, depth = self._value(piece.source, piece.index, mask)
            else:
                chosen = self._conditions(conditions, mask)
                both = chosen if mask is None else self._both(chosen, mask)
                value, _ = self._value(piece.source, piece.index, both)
                depth = self.depth
                other = zero if result is None else result
                wide = max(lanes(value.type), lanes(other.type), lanes(chosen.type))
                if wide and lanes(chosen.type):
                    value, other = self._widened(value, wide), self._widened(other, wide)
                elif wide:
                    value, other = self._widened(value, wide), self._widened(other, wide)
                result = chosen.select(value, other)
            level = max(level, depth)
        return (zero if result is None else result), level

    def _both(self, a: Value, b: Value) -> Value:
        wide = max(lanes(a.type), lanes(b.type))
        return self._widened(a, wide) & self._widened(b, wide) if wide else a & b

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
                result = test if result is None else self._both(result, test)
        return self.f.constant("i1", True) if result is None else result

    def _remainder(self, value: Value, divisor: int) -> Value:
        text = f"srem {value.type} {value.text}, {self.f.constant(value.type, divisor).text}"
        return self.f.emit(value.type, text)

    # -- numbers of places -------------------------------------------------------------------------

    def affine(self, place: Affine, mask: Value | None = None) -> Value:
        """The value of an affine index, an i64: a vector if it varies along the vector variable.

        Args:
            mask: lanes that matter; index arrays are not read elsewhere.
        """
        total: Value | None = None
        place = self._settled(place)
        for var, coefficient in place.terms:
            value = self._var(var, mask)
            term = value if coefficient == 1 else value * coefficient
            total = term if total is None else self._sum(total, term)
        if total is None:
            return self.f.i64(place.constant)
        return total + place.constant if place.constant else total

    def _sum(self, a: Value, b: Value) -> Value:
        wide = max(lanes(a.type), lanes(b.type))
        return self._widened(a, wide) + self._widened(b, wide) if wide else a + b

    def _var(self, var: Var, mask: Value | None = None) -> Value:
        """The value of a variable in the current copy, with all its lanes."""
        if var is self.vector_var:
            first = self.value_of_var[var] + self.copy * self.count
            ramp = self.f.constants("i64", list(range(self.count)))
            return first.splat(self.count) + ramp if self.count > 1 else first
        if isinstance(var, Dynamic):
            return self._dynamic(var, mask)
        if isinstance(var, Repeated):
            value = self._var(var.var, mask)
            times = self.f.constant(value.type, var.times)
            return self.f.emit(value.type, f"udiv {value.type} {value.text}, {times.text}")
        if isinstance(var, Quotient):
            value = self.affine(var.of, mask)
            divisor = self.f.constant(value.type, var.divisor)
            return self.f.emit(value.type, f"sdiv {value.type} {value.text}, {divisor.text}")
        return self.value_of_var[var]

    def _settled(self, place: Affine) -> Affine:
        """The same in the variables of the loops as they are: merged, or unrolled away."""
        terms, constant = dict(place.terms), place.constant
        for high, low, merged in self.merges:
            a, b = terms.pop(high, 0), terms.pop(low, 0)
            if b:
                assert a == b * low.extent, "these loops cannot be merged"
                terms[merged] = b
            elif a:
                terms[Repeated(merged, low.extent)] = a
        for var in [v for v in terms if v in self._fixed]:
            constant += terms.pop(var) * self._fixed[var]
        return Affine(constant, tuple(terms.items()))

    def _is_unrolled(self, place: Affine) -> bool:
        """Whether it depends on a variable whose loop is unrolled, so that it holds in a block."""
        found = {var for var, _ in place.terms}
        for high, low, merged in self.merges:
            if high in found or low in found:
                found.add(merged)
        return not found.isdisjoint(self._fixed)

    def _dynamic(self, var: Dynamic, mask: Value | None) -> Value:
        """The place an index array names, counted from the front, inside the axis in any case."""
        value, depth = self._value(var.node, var.index, mask)
        key = ("place", var, self.copy, None if mask is None else mask.text)
        depth = depth if mask is None else self.depth
        return self._cached(key, depth, lambda: self._looked_up(var, value, mask))

    def _looked_up(self, var: Dynamic, value: Value, mask: Value | None) -> Value:
        f = self.f
        how = "zext" if var.node.dtype.kind == "u" else "sext"
        wide = value.cast(how, "i64") if not value.type.endswith(("i64", "i64>")) else value
        place = wide.lt(0).select(wide + var.extent, wide)
        outside = place.compare("", "uge", var.extent)
        wrong = outside
        if mask is not None:
            wrong = self._both(outside, mask)
        if lanes(wrong.type):
            text = f"bitcast {wrong.type} {wrong.text} to i{lanes(wrong.type)}"
            wrong = f.emit(f"i{lanes(wrong.type)}", text).ne(0)
        word = self.pointer(self.status)
        target = wrong.select(word, word.offset(8))
        f.store(f.i64(self.code(var)), target)
        return outside.select(self.f.constant(place.type, 0), place)

    # -- memory ------------------------------------------------------------------------------------

    def pointer(self, buffer: Buffer) -> Value:
        """The base address of a buffer, loaded once at the start of the kernel."""
        if buffer not in self._pointers:
            with self.f.at(self.f.entry):
                self._pointers[buffer] = buffer.pointer(self.f)
        return self._pointers[buffer]

    def address(
        self, buffer: Buffer, scalar: str, position: Affine, mask: Value | None = None
    ) -> tuple[Value, int, Value | None, int]:
        """Address of the first lane, coefficient of the vector variable, vector offsets, depth.

        The sum is built from the outermost variable to the innermost, each step in its own scope.
        """
        by_depth: dict[int, list[tuple[Var, int]]] = {}
        along, scattered = 0, None
        position = self._settled(position)
        for var, coefficient in position.terms:
            if var is self.vector_var:
                along = coefficient
                by_depth.setdefault(self.depth_of_var[var], []).append((var, coefficient))
            elif type(var) is Var:
                by_depth.setdefault(self.depth_of_var[var], []).append((var, coefficient))
            else:
                value = self._var(var, mask) * coefficient
                if lanes(value.type):
                    scattered = value if scattered is None else scattered + value
                else:
                    by_depth.setdefault(self.depth, []).append((var, coefficient))
        pointer: Value = self.pointer(buffer)
        key: tuple[object, ...] = (buffer, scalar)
        depth = 0
        for depth in sorted(by_depth):
            terms = by_depth[depth]
            key = (*key, tuple(terms))
            if mask is not None and any(type(var) is not Var for var, _ in terms):
                key = (*key, mask.text)  # elsewhere the place was not looked up
            pointer = self._cached(
                key, depth, lambda p=pointer, t=terms: self._advanced(p, scalar, t, mask)  # type: ignore[misc]
            )
        constant = position.constant + along * self.count * self.copy
        if constant:
            pointer = self._cached(
                (*key, constant), depth, lambda: pointer.offset(constant, scalar)
            )
        if scattered is not None:
            depth = self.depth
        return pointer, along, scattered, depth

    def _advanced(
        self, pointer: Value, scalar: str, terms: list[tuple[Var, int]], mask: Value | None
    ) -> Value:
        for var, coefficient in terms:
            value = self.value_of_var[var] if type(var) is Var else self._var(var, mask)
            pointer = pointer.offset(value if coefficient == 1 else value * coefficient, scalar)
        return pointer

    def contiguous(
        self, scalar: str, pointer: Value, count: int, mask: Value | None
    ) -> Value:
        """Neighbouring elements from memory; with a mask only those that it names."""
        if count == 1:
            if mask is not None:
                pointer = mask.select(pointer, self.f.params[0])
            return self.f.load(scalar, pointer)
        if mask is None:
            return self.f.load(vector(count, scalar), pointer)
        return self.f.masked_load(vector(count, scalar), pointer, self._widened(mask, count))

    def _part(self, count: int, active: int | None) -> Value | None:
        """A mask for the first lanes of ``count``; None if all are active."""
        return None if active is None or active >= count else self.f.mask(count, active)

    def _repeated(
        self, scalar: str, position: Affine, buffer: Buffer, mask: Value | None
    ) -> Value | None:
        """Lanes that each read the same as some before them, from one short load."""
        position = self._settled(position)
        terms = position.terms
        found = [v for v, _ in terms if isinstance(v, Repeated) and v.var is self.vector_var]
        active = None if mask is None else self._prefixes.get(mask.text)
        if not found or self.count == 1 or (mask is not None and active is None):
            return None
        (lanes_of,) = found
        times, count = lanes_of.times, self.count
        coefficient = dict(terms)[lanes_of]
        if coefficient != 1 or any(type(v) is not Var and v is not lanes_of for v, _ in terms):
            return None
        pointer = self.pointer(buffer)
        for var, step in terms:
            if var is not lanes_of:
                value = self.value_of_var[var]
                pointer = pointer.offset(value if step == 1 else value * step, scalar)
        start = self.value_of_var[lanes_of.var] + self.copy * count
        place = self.f.emit("i64", f"udiv i64 {start.text}, {times}")
        pointer = pointer.offset(place, scalar).offset(position.constant, scalar)
        short = count // times
        needed = None if active is None else -(-active // times)
        value = self.contiguous(scalar, pointer, short, self._part(short, needed))
        if short == 1:
            return value.splat(count)
        return value.shuffle([lane // times for lane in range(count)])

    def _spaced(
        self, node: Node, scalar: str, position: Affine, buffer: Buffer, mask: Value | None
    ) -> Value | None:
        """Every second, third or fourth element: whole vectors, and the lanes wanted of them."""
        position = self._settled(position)
        terms = dict(position.terms)
        step = terms.get(self.vector_var, 0) if self.vector_var is not None else 0
        active = None if mask is None else self._prefixes.get(mask.text)
        if not 2 <= step <= 4 or self.count == 1 or (mask is not None and active is None):
            return None
        if any(type(v) is not Var for v in terms):
            return None
        shift = position.constant % step
        start = Affine(position.constant - shift, position.terms)
        low, high = start.bounds()
        if low < 0 or high + step > node.type.size:
            return None
        pointer, _, _, depth = self.address(buffer, scalar, start)
        key = ("whole", buffer, start, self.copy, None if mask is None else mask.text)
        wide = [
            self._cached(
                (*key, j),
                depth,
                lambda j=j: self._whole(scalar, pointer, j, step, active),  # type: ignore[misc]
            )
            for j in range(step)
        ]
        count = self.count
        result = wide[0]
        for j in range(1, step):
            order = []
            for lane in range(count):
                source, place = divmod(step * lane + shift, count)
                if j == 1 and source == 0:
                    order.append(place)
                elif source == j:
                    order.append(count + place)
                else:
                    order.append(lane)
            result = result.shuffle(order, wide[j])
        return result

    def _whole(self, scalar: str, pointer: Value, j: int, step: int, active: int | None) -> Value:
        count = self.count
        left = None if active is None else max(0, min(count, step * active - j * count))
        if left == 0:
            return self.f.constant(vector(count, scalar), 0)
        mask = self._part(count, left)
        return self.contiguous(scalar, pointer.offset(j * count, scalar), count, mask)

    def _load(
        self, node: Node, buffer: Buffer, position: Affine, mask: Value | None
    ) -> tuple[Value, int]:
        scalar = memory_type(node.dtype)
        special = self._repeated(scalar, position, buffer, mask)
        if special is None:
            special = self._spaced(node, scalar, position, buffer, mask)
        if special is not None:
            return self._in_register(special, node), self.depth
        pointer, along, scattered, depth = self.address(buffer, scalar, position, mask)
        f = self.f
        if mask is not None or self._is_unrolled(position):
            depth = self.depth
        with self._at(depth):
            if along == 0 and scattered is None:
                if mask is not None and not lanes(mask.type):
                    pointer = mask.select(pointer, f.params[0])  # a place that can be read
                value = f.load(scalar, pointer)
            elif along == 1 and scattered is None:
                value = self.contiguous(scalar, pointer, self.count, mask)
            else:
                value = self._gathered(scalar, pointer, along, scattered, mask)
            return self._in_register(value, node), depth

    def _gathered(
        self, scalar: str, pointer: Value, along: int, scattered: Value | None, mask: Value | None
    ) -> Value:
        f, count = self.f, self.count
        offsets = f.constants("i64", [along * lane for lane in range(count)])
        if scattered is not None:
            offsets = offsets + scattered if along else scattered
        type = vector(count, scalar)
        pointers = f.emit(
            vector(count, "ptr"),
            f"getelementptr {scalar}, ptr {pointer.text}, {offsets.type} {offsets.text}",
        )
        every = f.constant(vector(count, "i1"), True)
        chosen = every if mask is None else self._widened(mask, count)
        short = {"float": "f32", "double": "f64", "half": "f16"}.get(scalar, scalar)
        name = f"llvm.masked.gather.v{count}{short}.v{count}p0"
        f.module.declare(name, type, [pointers.type, chosen.type, type])
        return f.emit(
            type,
            f"call {type} @{name}({pointers.type} align {max(1, _bytes(scalar))} {pointers.text}, "
            f"{chosen.type} {chosen.text}, {type} zeroinitializer)",
        )

    def _in_register(self, value: Value, node: Node) -> Value:
        return value.ne(0) if node.dtype.kind == "b" else value

    def store(self, node: Node, buffer: Buffer, index: Index, value: Value, mask: Value | None) -> None:
        """Write an element (or lanes of it) of ``node`` at ``index``."""
        scalar = memory_type(node.dtype)
        if node.dtype.kind == "b":
            value = value.cast("zext", "i8")
        position = flat(index, node.shape)
        if self._interleaved(scalar, buffer, position, value, mask):
            return
        pointer, along, scattered, _ = self.address(buffer, scalar, position)
        f = self.f
        if along == 0 and scattered is None:
            if lanes(value.type):
                value = value.lane(0)
            f.store(value, pointer)
            return
        value = self._widened(value, self.count) if self.count > 1 else value
        if along == 1 and scattered is None:
            if mask is None:
                f.store(value, pointer)
            else:
                f.masked_store(value, pointer, self._widened(mask, self.count))
            return
        self._scattered(value, scalar, pointer, along, mask)

    def _interleaved(
        self, scalar: str, buffer: Buffer, position: Affine, value: Value, mask: Value | None
    ) -> bool:
        """Every second, third or fourth element: kept until those between them are there too."""
        own = self._settled(position)
        step = dict(own.terms).get(self.vector_var, 0) if self.vector_var is not None else 0
        active = None if mask is None else self._prefixes.get(mask.text)
        if not 2 <= step <= 4 or self.count == 1 or (mask is not None and active is None):
            return False
        between = [v for v, c in position.terms if c == 1 and self._fixed.get(v, -1) >= 0]
        if len(between) != 1 or between[0].extent != step:
            return False
        shift = self._fixed[between[0]]
        start = Affine(own.constant - shift, own.terms)
        key = (buffer, start, self.copy)
        values = self.waiting.setdefault(key, {})
        values[shift] = self._widened(value, self.count)
        if len(values) < step:
            return True
        del self.waiting[key]
        pointer, _, _, _ = self.address(buffer, scalar, start)
        count = self.count
        for j in range(step):
            left = count if active is None else max(0, min(count, step * active - j * count))
            if not left:
                continue
            places = [divmod(j * count + lane, step) for lane in range(count)]
            result = values[0]
            for shift in range(1, step):
                order = [
                    count + lane if source == shift else (lane if shift == 1 else at)
                    for at, (lane, source) in enumerate(places)
                ]
                result = result.shuffle(order, values[shift])
            target = pointer.offset(j * count, scalar)
            if left == count:
                self.f.store(result, target)
            else:
                self.f.masked_store(result, target, self.f.mask(count, left))
        return True

    def _scattered(
        self, value: Value, scalar: str, pointer: Value, along: int, mask: Value | None
    ) -> None:
        f, count = self.f, self.count
        offsets = f.constants("i64", [along * lane for lane in range(count)])
        pointers = f.emit(
            vector(count, "ptr"),
            f"getelementptr {scalar}, ptr {pointer.text}, {offsets.type} {offsets.text}",
        )
        chosen = f.constant(vector(count, "i1"), True) if mask is None else mask
        short = {"float": "f32", "double": "f64", "half": "f16"}.get(scalar, scalar)
        name = f"llvm.masked.scatter.v{count}{short}.v{count}p0"
        f.module.declare(name, "void", [value.type, pointers.type, chosen.type])
        f.line(
            f"call void @{name}({value.type} {value.text}, {pointers.type} "
            f"align {max(1, _bytes(scalar))} {pointers.text}, {chosen.type} {chosen.text})"
        )


def _bytes(scalar: str) -> int:
    return {"float": 4, "double": 8, "half": 2}.get(scalar) or int(scalar[1:]) // 8


Bound = Mapping[Node, Value]
