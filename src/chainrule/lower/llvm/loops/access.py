"""Reading and writing memory at a place that depends on loop variables.

Neighbouring lanes are one load. Every second, third or fourth element is read by whole vectors of
which the wanted lanes are taken, and repeated elements by a short one; anything else is gathered.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable

from chainrule.core.node import Node
from chainrule.lower.llvm.elementwise import memory_type
from chainrule.lower.llvm.ir import Function, Value, lanes, vector
from chainrule.lower.llvm.kernel import Buffer
from chainrule.lower.llvm.loops.scopes import Scopes
from chainrule.lower.llvm.plan.index import Affine, Dynamic, Index, Quotient, Repeated, Var, flat

__all__ = ["Access"]


class Access(Scopes, ABC):
    """Places, loads and stores.

    Args:
        f, count: see `Scopes`.
        status: the buffer of the status word and of a spare one after it; see `Dynamic`.
        code: gives the number that the status word takes for a look-up outside of the axis.

    Attributes:
        merges: pairs of variables that became one loop, and its variable.
        waiting: lanes of interleaved stores that are not complete yet.
    """

    def __init__(
        self, f: Function, count: int, status: Buffer, code: Callable[[Dynamic], int]
    ) -> None:
        super().__init__(f, count)
        self.status = status
        self.code = code
        self.merges: list[tuple[Var, Var, Var]] = []
        self.waiting: dict[object, dict[int, Value]] = {}
        self._pointers: dict[Buffer, Value] = {}

    @abstractmethod
    def located(self, node: Node, index: Index, mask: Value | None) -> tuple[Value, int]:
        """The value of a node, and the depth of the scope in which it is known."""

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
        return self.widened(a, wide) + self.widened(b, wide) if wide else a + b

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
        for var in [v for v in terms if v in self.fixed]:
            constant += terms.pop(var) * self.fixed[var]
        constant += sum(terms.get(var, 0) * steps for var, steps in self.ahead.items())
        return Affine(constant, tuple(terms.items()))

    def _is_unrolled(self, place: Affine) -> bool:
        """Whether it depends on a variable whose loop is unrolled, so that it holds in a block."""
        found = {var for var, _ in place.terms}
        for high, low, merged in self.merges:
            if high in found or low in found:
                found.add(merged)
        return not (found.isdisjoint(self.fixed) and found.isdisjoint(self.ahead))

    def _dynamic(self, var: Dynamic, mask: Value | None) -> Value:
        """The place an index array names, counted from the front, inside the axis in any case."""
        value, depth = self.located(var.node, var.index, mask)
        key = ("place", var, self.copy, None if mask is None else mask.text)
        depth = depth if mask is None else self.depth
        return self.cached(key, depth, lambda: self._looked_up(var, value, mask))

    def _looked_up(self, var: Dynamic, value: Value, mask: Value | None) -> Value:
        f = self.f
        how = "zext" if var.node.dtype.kind == "u" else "sext"
        wide = value.cast(how, "i64") if not value.type.endswith(("i64", "i64>")) else value
        place = wide.lt(0).select(wide + var.extent, wide)
        outside = place.compare("", "uge", var.extent)
        wrong = outside
        if mask is not None:
            wrong = self.both(outside, mask)
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
            pointer = self.cached(
                key,
                depth,
                lambda p=pointer, t=terms: self._advanced(p, scalar, t, mask),  # type: ignore[misc]
            )
        constant = position.constant + along * self.count * self.copy
        if constant:
            pointer = self.cached((*key, constant), depth, lambda: pointer.offset(constant, scalar))
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

    def contiguous(self, scalar: str, pointer: Value, count: int, mask: Value | None) -> Value:
        """Neighbouring elements from memory; with a mask only those that it names."""
        if count == 1:
            if mask is not None:
                pointer = mask.select(pointer, self.f.params[0])
            return self.f.load(scalar, pointer)
        if mask is None:
            return self.f.load(vector(count, scalar), pointer)
        active = self.prefixes.get(mask.text, count)
        short = 1 << (active - 1).bit_length()
        if short < count:  # what is read then hardly ever lies in two lines of the cache
            value = self.contiguous(scalar, pointer, short, self._part(short, active))
            zero = self.f.constant(vector(count, scalar), 0)
            if short == 1:
                return zero.with_lane(0, value)
            wide = value.shuffle([*range(short), *[0] * (count - short)])
            return wide.shuffle([*range(short), *range(count + short, 2 * count)], zero)
        return self.f.masked_load(vector(count, scalar), pointer, self.widened(mask, count))

    def _part(self, count: int, active: int | None) -> Value | None:
        """A mask for the first lanes of ``count``; None if all are active."""
        if active is None or active >= count:
            return None
        mask = self.f.mask(count, active)
        self.prefixes[mask.text] = active
        return mask

    def _repeated(
        self, scalar: str, position: Affine, buffer: Buffer, mask: Value | None
    ) -> Value | None:
        """Lanes that each read the same as some before them, from one short load."""
        position = self._settled(position)
        terms = position.terms
        found = [v for v, _ in terms if isinstance(v, Repeated) and v.var is self.vector_var]
        active = None if mask is None else self.prefixes.get(mask.text)
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
        active = None if mask is None else self.prefixes.get(mask.text)
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
            self.cached(
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

    def loaded(
        self, node: Node, buffer: Buffer, position: Affine, mask: Value | None
    ) -> tuple[Value, int]:
        scalar = memory_type(node.dtype)
        special = self._repeated(scalar, position, buffer, mask)
        if special is None:
            special = self._spaced(node, scalar, position, buffer, mask)
        if special is not None:
            return self.in_register(special, node), self.depth
        pointer, along, scattered, depth = self.address(buffer, scalar, position, mask)
        f = self.f
        if mask is not None or self._is_unrolled(position):
            depth = self.depth
        with self.at_depth(depth):
            if along == 0 and scattered is None:
                if mask is not None and not lanes(mask.type):
                    pointer = mask.select(pointer, f.params[0])  # a place that can be read
                value = f.load(scalar, pointer)
            elif along == 1 and scattered is None:
                value = self.contiguous(scalar, pointer, self.count, mask)
            else:
                value = self._gathered(scalar, pointer, along, scattered, mask)
            return self.in_register(value, node), depth

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
        chosen = every if mask is None else self.widened(mask, count)
        short = {"float": "f32", "double": "f64", "half": "f16"}.get(scalar, scalar)
        name = f"llvm.masked.gather.v{count}{short}.v{count}p0"
        f.module.declare(name, type, [pointers.type, chosen.type, type])
        return f.emit(
            type,
            f"call {type} @{name}({pointers.type} align {max(1, _bytes(scalar))} {pointers.text}, "
            f"{chosen.type} {chosen.text}, {type} zeroinitializer)",
        )

    def in_register(self, value: Value, node: Node) -> Value:
        """What was read from memory, as it is computed with."""
        return value.ne(0) if node.dtype.kind == "b" else value

    def store(
        self, node: Node, buffer: Buffer, index: Index, value: Value, mask: Value | None
    ) -> None:
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
        value = self.widened(value, self.count) if self.count > 1 else value
        if along == 1 and scattered is None:
            if mask is None:
                f.store(value, pointer)
            else:
                f.masked_store(value, pointer, self.widened(mask, self.count))
            return
        self._scattered(value, scalar, pointer, along, mask)

    def _interleaved(
        self, scalar: str, buffer: Buffer, position: Affine, value: Value, mask: Value | None
    ) -> bool:
        """Every second, third or fourth element: kept until those between them are there too."""
        own = self._settled(position)
        step = dict(own.terms).get(self.vector_var, 0) if self.vector_var is not None else 0
        active = None if mask is None else self.prefixes.get(mask.text)
        if not 2 <= step <= 4 or self.count == 1 or (mask is not None and active is None):
            return False
        between = [v for v, c in position.terms if c == 1 and self.fixed.get(v, -1) >= 0]
        if len(between) != 1 or between[0].extent != step:
            return False
        shift = self.fixed[between[0]]
        start = Affine(own.constant - shift, own.terms)
        key = (buffer, start, self.copy)
        values = self.waiting.setdefault(key, {})
        values[shift] = self.widened(value, self.count)
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
