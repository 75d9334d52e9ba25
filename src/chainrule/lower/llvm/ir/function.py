"""Functions: regions of lines, loops, branches, loads and stores."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from chainrule.lower.llvm.ir.types import (
    Number,
    bits,
    constant_text,
    element,
    lanes,
    mangled,
    scalar_text,
    vector,
)
from chainrule.lower.llvm.ir.value import Value

if TYPE_CHECKING:
    from chainrule.lower.llvm.ir.module import Module

__all__ = ["Function", "Loop", "Region"]

INLINED, SHARE = 40, 1 / 8
"""A function called from more places than this is put into each of them only while its copies are
a smaller share than this of the module's text: then compiling them hardly counts."""

MASKED_PIECES = 2
"""So many stores of narrower vectors are quicker than one store with a mask."""


class Region:
    """A piece of a function, in order: lines and further regions."""

    __slots__ = ("parts",)

    def __init__(self) -> None:
        self.parts: list[str | Region] = []

    def lines(self) -> Iterator[str]:
        stack: list[Iterator[str | Region]] = [iter(self.parts)]
        while stack:
            for part in stack[-1]:
                if isinstance(part, str):
                    yield part
                else:
                    stack.append(iter(part.parts))
                    break
            else:
                stack.pop()


class Loop:
    """An open loop.

    Attributes:
        index: the i64 counter.
        values: the carried values at the start of this turn.
        preheader: the region just before the loop.
        results: after the loop, the carried values it left behind.
    """

    def __init__(self, index: Value, values: list[Value], preheader: Region) -> None:
        self.index = index
        self.values = values
        self.preheader = preheader
        self.next: list[Value] = list(values)
        self.results: list[Value] = []

    def carry(self, *values: Value) -> None:
        """What the next turn receives as ``values``."""
        assert [v.type for v in values] == [v.type for v in self.values]
        self.next = list(values)


class Function:
    """A function being written.

    Args:
        module: where it belongs.
        name: without the ``@``.
        params: names and types.
        result: the type of its result.
        attributes: LLVM's, such as ``"alwaysinline"``.
        internal: whether only this module calls it.
    """

    def __init__(
        self,
        module: Module,
        name: str,
        params: Sequence[tuple[str, str]],
        result: str = "void",
        attributes: str = "",
        internal: bool = True,
    ) -> None:
        self.module = module
        self.name = name
        self.result = result
        self.params = [Value(self, type, f"%{param}") for param, type in params]
        self._head = ", ".join(f"{type} %{param}" for param, type in params)
        self._attributes = attributes
        self._internal = internal
        self.flags = ""  # of arithmetic, such as " contract"
        self.body = Region()
        self.entry = Region()  # allocas, and what is computed once
        self.body.parts.append(self.entry)
        self.region = self.body
        self.label = "entry"
        self._count = 0
        module.functions.append(self)

    # -- writing -----------------------------------------------------------------------------------

    def line(self, text: str) -> None:
        self.region.parts.append("  " + text)

    def emit(self, type: str, text: str) -> Value:
        """An instruction with a result."""
        self._count += 1
        name = f"%v{self._count}"
        self.region.parts.append(f"  {name} = {text}")
        return Value(self, type, name)

    @contextmanager
    def at(self, region: Region) -> Iterator[None]:
        """Within the block, write straight-line code into another region."""
        before, label = self.region, self.label
        self.region = region
        try:
            yield
        finally:
            assert self.label == label, "only straight-line code may be placed elsewhere"
            self.region = before

    def constant(self, type: str, value: Number) -> Value:
        return Value(self, type, constant_text(type, value))

    def constants(self, scalar: str, values: Sequence[Number]) -> Value:
        """A vector constant, lane by lane."""
        text = ", ".join(f"{scalar} {scalar_text(scalar, v)}" for v in values)
        return Value(self, vector(len(values), scalar), f"<{text}>")

    def poison(self, type: str) -> Value:
        return Value(self, type, "poison")

    def i64(self, value: int) -> Value:
        return self.constant("i64", value)

    def call(self, name: str, result: str, *args: Value) -> Value:
        """Call a function of this module, or one declared by `Module.declare`."""
        calls = self.module.calls
        calls[name] = calls.get(name, 0) + 1
        given = ", ".join(f"{a.type} {a.text}" for a in args)
        if result == "void":
            self.line(f"call void @{name}({given})")
            return self.poison("i1")
        return self.emit(result, f"call {result} @{name}({given})")

    def call_pointer(self, pointer: Value, result: str, *args: Value) -> Value:
        """Call through a function pointer."""
        given = ", ".join(f"{a.type} {a.text}" for a in args)
        if result == "void":
            self.line(f"call void {pointer.text}({given})")
            return self.poison("i1")
        return self.emit(result, f"call {result} {pointer.text}({given})")

    def intrinsic(self, name: str, result: str, *args: Value) -> Value:
        """Call an LLVM intrinsic; ``name`` without ``llvm.`` and without the type suffix of
        overloads, which is taken from the arguments: ``intrinsic("fma", t, a, b, c)``."""
        suffix = mangled(args[0].type)
        full = f"llvm.{name}.{suffix}"
        self.module.declare(full, result, [a.type for a in args])
        return self.call(full, result, *args)

    def opaque(self, value: Value) -> Value:
        """The same scalar or pointer, of which LLVM does not know where it comes from. At the head
        of a loop body it saves half of the time of compiling the loops inside: loop strength
        reduction no longer takes all the address arithmetic around them apart."""
        return self.emit(value.type, f'call {value.type} asm "", "=r,0"({value.type} {value.text})')

    def fma(self, a: Value, b: Value | Number, c: Value | Number) -> Value:
        """a·b + c, rounded once."""
        return self.intrinsic("fma", a.type, a, self._like(a, b), self._like(a, c))

    def _like(self, a: Value, b: Value | Number) -> Value:
        return b if isinstance(b, Value) else self.constant(a.type, b)

    # -- memory ------------------------------------------------------------------------------------

    def alloca(self, type: str, count: int = 1, align: int = 64) -> Value:
        """Memory on the stack, for the whole function."""
        with self.at(self.entry):
            return self.emit("ptr", f"alloca {type}, i64 {count}, align {align}")

    def load(self, type: str, pointer: Value, align: int | None = None) -> Value:
        """Load; the alignment is in bytes, by default that of one lane."""
        align = align or max(bits(type) // 8, 1)
        return self.emit(type, f"load {type}, ptr {pointer.text}, align {align}")

    def store(self, value: Value, pointer: Value, align: int | None = None) -> None:
        align = align or max(bits(value.type) // 8, 1)
        self.line(f"store {value.type} {value.text}, ptr {pointer.text}, align {align}")

    def mask(self, count: int, active: int) -> Value:
        """The first ``active`` of ``count`` lanes, as a constant."""
        return self.constants("i1", [i < active for i in range(count)])

    def mask_below(self, count: int, active: Value) -> Value:
        """The first ``active`` (an i32, not constant) of ``count`` lanes."""
        return self.constants("i32", list(range(count))).lt(active.splat(count))

    def masked_load(self, type: str, pointer: Value, mask: Value) -> Value:
        """Lanes of ``mask`` from memory, zeros elsewhere; nothing else is read."""
        name = f"llvm.masked.load.{mangled(type)}.p0"
        zero = self.constant(type, 0)
        align = max(bits(type) // 8, 1)
        self.module.masked(name, type, "load")
        return self.emit(
            type,
            f"call {type} @{name}(ptr align {align} {pointer.text}, {mask.type} {mask.text}, "
            f"{type} {zero.text})",
        )

    def masked_store(self, value: Value, pointer: Value, mask: Value) -> None:
        """Write the lanes of ``mask``; nothing else is touched."""
        type = value.type
        pieces = self._pieces(mask)
        if 0 < len(pieces) <= MASKED_PIECES:
            for first, size in pieces:
                place = pointer.offset(first, element(type))
                # of a single lane LLVM 22 writes four bytes if it was truncated from i32 to i8
                part = value.lane(first) if size == 1 else value.shuffle(range(first, first + size))
                self.store(part, place)
            return
        name = f"llvm.masked.store.{mangled(type)}.p0"
        align = max(bits(type) // 8, 1)
        self.module.masked(name, type, "store")
        self.line(
            f"call void @{name}({type} {value.text}, ptr align {align} {pointer.text}, "
            f"{mask.type} {mask.text})"
        )

    def _pieces(self, mask: Value) -> list[tuple[int, int]]:
        """First lane and size of vectors that together are a constant mask of the first lanes,
        such as 8 and 2 lanes for 10; none for another mask."""
        count = lanes(mask.type)
        active = mask.text.count("i1 true")
        if mask.text != self.mask(count, active).text:
            return []
        sizes = [1 << bit for bit in reversed(range(count.bit_length())) if active >> bit & 1]
        return [(sum(sizes[:i]), size) for i, size in enumerate(sizes)]

    def scatter(self, value: Value, base: Value, places: Value, mask: Value) -> None:
        """Write the lanes of ``mask``, each at its own place: elements from ``base`` on."""
        type, count = value.type, lanes(value.type)
        pointers = self.emit(
            vector(count, "ptr"),
            f"getelementptr {element(type)}, ptr {base.text}, {places.type} {places.text}",
        )
        name = f"llvm.masked.scatter.{mangled(type)}.v{count}p0"
        self.module.declare(name, "void", [type, pointers.type, mask.type])
        self.line(
            f"call void @{name}({type} {value.text}, {pointers.type} "
            f"align {max(bits(type) // 8, 1)} {pointers.text}, {mask.type} {mask.text})"
        )

    # -- structure ---------------------------------------------------------------------------------

    def new_label(self, stem: str) -> str:
        self._count += 1
        return f"{stem}{self._count}"

    def start_block(self, label: str) -> None:
        self.region.parts.append(f"{label}:")
        self.label = label

    def branch(self, label: str) -> None:
        self.line(f"br label %{label}")

    def branch_if(self, condition: Value, yes: str, no: str) -> None:
        self.line(f"br i1 {condition.text}, label %{yes}, label %{no}")

    def guard(self, condition: Value, otherwise: str) -> None:
        """Go on where the scalar i1 holds, else to the block ``otherwise``."""
        label = self.new_label("ok")
        self.branch_if(condition, label, otherwise)
        self.start_block(label)

    def switch(self, number: Value, cases: dict[int, Callable[[], None]]) -> None:
        """Run the case of an i64, which is one of those given."""
        labels = {case: self.new_label("case") for case in cases}
        done = self.new_label("done")
        arms = " ".join(f"i64 {int(case)}, label %{label}" for case, label in labels.items())
        last = list(labels.values())[-1]
        self.line(f"switch i64 {number.text}, label %{last} [ {arms} ]")
        for case, write in cases.items():
            self.start_block(labels[case])
            write()
            self.branch(done)
        self.start_block(done)

    @contextmanager
    def loop(
        self,
        start: Value | int,
        stop: Value | int,
        step: Value | int = 1,
        carried: Sequence[Value] = (),
    ) -> Iterator[Loop]:
        """``for index in range(start, stop, step)``, step > 0, with values carried along.

        With constant bounds that give at least one turn the test is at the end; otherwise a guard
        keeps a loop without turns from running once.

        >>> from chainrule.lower.llvm.ir.module import Module
        >>> m = Module(); f = Function(m, "count", [("n", "i64")], "i64")
        >>> with f.loop(0, f.params[0], carried=[f.i64(0)]) as loop:
        ...     loop.carry(loop.values[0] + loop.index)
        >>> f.ret(loop.results[0])
        """
        first = self.i64(start) if isinstance(start, int) else start
        last = self.i64(stop) if isinstance(stop, int) else stop
        stride = self.i64(step) if isinstance(step, int) else step
        runs = isinstance(start, int) and isinstance(stop, int) and start < stop
        preheader = Region()
        self.region.parts.append(preheader)
        head, done = self.new_label("loop"), self.new_label("done")
        before = self.label
        if runs:
            self.branch(head)
        else:
            self.branch_if(first.lt(last), head, done)
        self.start_block(head)
        place, region = len(self.region.parts), self.region
        names = [f"%{self.new_label('c')}" for _ in range(len(carried) + 1)]
        region.parts.extend([""] * len(names))  # the phis, once the end of the body is known
        index = Value(self, "i64", names[0])
        loop = Loop(
            index,
            [Value(self, v.type, n) for v, n in zip(carried, names[1:], strict=True)],
            preheader,
        )
        yield loop
        after = index + stride
        again = after.lt(last)
        latch = self.label
        self.branch_if(again, head, done)
        starts = [first, *carried]
        nexts = [after, *loop.next]
        for i, (name, a, b) in enumerate(zip(names, starts, nexts, strict=True)):
            region.parts[place + i] = (
                f"  {name} = phi {a.type} [ {a.text}, %{before} ], [ {b.text}, %{latch} ]"
            )
        self.start_block(done)
        for a, b in zip(carried, loop.next, strict=True):
            if runs:
                loop.results.append(b)
            else:
                loop.results.append(
                    self.emit(
                        a.type,
                        f"phi {a.type} [ {a.text}, %{before} ], [ {b.text}, %{latch} ]",
                    )
                )

    @contextmanager
    def when(self, condition: Value) -> Iterator[None]:
        """The block runs where the scalar i1 holds."""
        yes, done = self.new_label("yes"), self.new_label("done")
        self.branch_if(condition, yes, done)
        self.start_block(yes)
        yield
        self.branch(done)
        self.start_block(done)

    def choose(self, condition: Value, yes: Callable[[], Value], no: Callable[[], Value]) -> Value:
        """The value of one of two pieces of code, of which only one runs."""
        labels = [self.new_label(stem) for stem in ("yes", "no", "done")]
        self.branch_if(condition, labels[0], labels[1])
        ends = []
        for label, make in zip(labels, (yes, no), strict=False):
            self.start_block(label)
            value = make()
            ends.append((value, self.label))
            self.branch(labels[2])
        self.start_block(labels[2])
        pairs = ", ".join(f"[ {value.text}, %{label} ]" for value, label in ends)
        return self.emit(ends[0][0].type, f"phi {ends[0][0].type} {pairs}")

    def ret(self, value: Value | None = None) -> None:
        self.line("ret void" if value is None else f"ret {value.type} {value.text}")

    def definition(self, body: str, total: int) -> str:
        """Its text, in a module whose bodies have ``total`` characters."""
        linkage = "internal " if self._internal else ""
        attributes = self._attributes
        calls = self.module.calls.get(self.name, 0)
        if calls > INLINED and calls * len(body) > SHARE * total:
            attributes = attributes.replace("alwaysinline", "noinline")
        head = f"define {linkage}{self.result} @{self.name}({self._head}) {attributes} {{"
        return f"{head}\nentry:\n{body}\n}}"
