"""Random programs: `draw(seed, number)` is the same case at any time, on any machine."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Callable
from functools import cache
from math import prod
from typing import Any

import numpy as np

from chainrule.core.errors import ChainRuleError
from chainrule.core.node import input_node
from chainrule.core.types import ArrayType, array_type
from chainrule.ops.record import Elementwise
from chainrule.ops.sampling import cases_of
from chainrule.ops.table import PRIMITIVES
from tests.fuzz.case import Body, Case, Leaf, Shape, Step, run_step

EXTENTS = [1, 2, 2, 3, 3, 4, 4, 5, 5, 7, 8, 9, 12, 15, 16, 17, 31, 32, 33, 64, 100]
DTYPES = ["float32"] * 8 + ["float64"] * 5 + ["float16"] * 2
DTYPES += ["int32", "int64", "int64", "uint8", "bool", "int8", "uint32", "uint16", "int16"]
LAYOUTS = ["C"] * 8 + ["F", "F", "step", "step", "back", "off", "read", "all"]
STYLES = ["normal"] * 8 + ["positive"] * 3 + ["unit"] * 2 + ["whole"] * 3 + ["special"] * 2
LARGEST = 12000


@cache
def _by_arity() -> dict[int, list[str]]:
    """The elementwise primitives without parameters, the common ones several times."""
    found: dict[int, list[str]] = {1: [], 2: ["add", "add", "sub", "mul", "mul", "maximum"], 3: []}
    for record in PRIMITIVES.values():
        if isinstance(record, Elementwise) and not record.parameters:
            case = next(iter(cases_of(record, np.random.default_rng(0))))
            found[len(case.sources)].append(record.name)
    return found


class Refused(Exception):  # noqa: N818, no error: the draw is tried again
    """An operation that cannot be drawn here."""


class Draw:
    """A program being drawn: its steps, and the type of every value. Arguments are steps, too."""

    def __init__(self, rng: random.Random, inner: bool = False) -> None:
        self.rng = rng
        self.inner = inner
        self.steps: list[Step] = []
        self.types: list[Any] = []  # ArrayType, or None for what cannot be picked

    # -- values ------------------------------------------------------------------------------------

    def shape(self, ndim: int | None = None, limit: int = 3000) -> Shape:
        r = self.rng
        if ndim is None:
            ndim = r.choice([0, 1, 1, 1, 2, 2, 2, 2, 3, 3, 4])
        while True:
            found = tuple(r.choice(EXTENTS) for _ in range(ndim))
            if r.random() < 0.03 and ndim:
                place = r.randrange(ndim)
                found = (*found[:place], 0, *found[place + 1 :])
            if prod(found) <= limit:
                return found

    def leaf(self, shape: Shape, dtype: str, style: str | None = None) -> int:
        r = self.rng
        style = style or r.choice(STYLES)
        count = sum(step.op == "leaf" for step in self.steps)
        if count < 7 and r.random() < 0.85 and not self.inner:
            self.steps.append(Step("leaf", (), (Leaf(shape, dtype, style, r.choice(LAYOUTS)),)))
            self.types.append(array_type(shape, np.dtype(dtype)))
            return len(self.types) - 1
        return self.add("constant", (), (shape, dtype, style, r.randrange(1000)))

    def add(self, op: str, sources: tuple[int, ...] = (), argument: tuple[Any, ...] = ()) -> int:
        """A step, if it is one; its result may not be too large."""
        step = Step(op, sources, argument)
        holes = self._holes()
        if op == "item":
            raise AssertionError("items come with `call`")
        try:
            type = run_step(step, holes).type
        except (ChainRuleError, ValueError, TypeError, IndexError, ZeroDivisionError) as error:
            raise Refused(str(error)) from error
        if isinstance(type, ArrayType) and type.size > LARGEST:
            raise Refused("too large")
        self.steps.append(step)
        self.types.append(type if isinstance(type, ArrayType) else None)
        return len(self.types) - 1

    def _holes(self) -> list[Any]:
        return [None if t is None else input_node(t) for t in self.types]

    def call(self, op: str, sources: tuple[int, ...], argument: tuple[Any, ...]) -> None:
        whole = self.add(op, sources, argument)
        result = run_step(self.steps[-1], self._holes())
        for index, type in enumerate(result.type.items):  # type: ignore[attr-defined]
            self.steps.append(Step("item", (whole,), (index,)))
            self.types.append(type)

    def pick(self, accept: Callable[[ArrayType], bool] = lambda t: True) -> int:
        """A value, more often a late one."""
        found = [i for i, t in enumerate(self.types) if t is not None and accept(t)]
        if not found:
            raise Refused("no such value")
        return self.rng.choice(found[-4:] if self.rng.random() < 0.65 else found)

    def floats(self, ndim: int = 0) -> int:
        return self.pick(lambda t: t.is_float and t.ndim >= ndim)

    def partner(self, i: int, dtype: str | None = None) -> int:
        """A value that broadcasts with value ``i``, of the same dtype unless another is given."""
        r = self.rng
        like = self.types[i]
        dtype = dtype or like.dtype.name

        def fits(t: ArrayType) -> bool:
            try:
                return t.dtype.name == dtype and bool(
                    prod(np.broadcast_shapes(t.shape, like.shape)) <= LARGEST
                )
            except ValueError:
                return False

        if r.random() < 0.65:
            try:
                found = self.pick(fits)
                if found != i or r.random() < 0.2:
                    return found
            except Refused:
                pass
        if r.random() < 0.3:
            value: Any = r.choice([0, 1, 2, 3, 0.5, -1.5, -1, 100, 0.1])
            kind = np.dtype(dtype).kind
            value = bool(value) if kind == "b" else value if kind == "f" else abs(int(value))
            return self.add("literal", (), (value, dtype))
        shape = tuple(1 if r.random() < 0.3 else n for n in like.shape)
        shape = shape[r.choice([0, 0, 0, min(1, len(shape))]) :]
        return self.leaf(shape, dtype)

    def axes(self, i: int) -> tuple[int, ...]:
        ndim = self.types[i].ndim
        return tuple(sorted(self.rng.sample(range(ndim), self.rng.randint(min(1, ndim), ndim))))

    def axis(self, i: int) -> int:
        if not self.types[i].ndim:
            raise Refused("no axes")
        return self.rng.randrange(self.types[i].ndim)

    def index(self, shape: Shape, extent: int) -> int:
        """An integer array of places in an axis."""
        r = self.rng
        if not extent and prod(shape):
            raise Refused("nothing to index")
        if r.random() < 0.4:  # computed, so that it is no constant
            i = self.pick(lambda t: t.dtype.kind in "iu" and t.dtype.itemsize > 1)
            high = self.add("literal", (), (max(1, extent), self.types[i].dtype.name))
            return self.add("remainder", (i, high))
        dtype = r.choice(["int64", "int64", "int32", "int8" if extent < 100 else "int16"])
        low = r.choice([0, 0, -extent])
        return self.leaf(shape, dtype, f"{low},{max(extent, 1)}")

    def body(self, types: list[ArrayType], wanted: list[ArrayType], extra: int) -> Body:
        """A small graph with inputs and first outputs of given types, and further outputs."""
        inner = Draw(self.rng, inner=True)
        inner.types = list(types)
        inner.grow(self.rng.randint(1, 4))
        outputs = []
        for type in wanted:
            outputs.append(inner.fitted(type))
        outputs += [inner.pick() for _ in range(extra)]
        inputs = tuple((t.shape, t.dtype.name) for t in types)
        return Body(inputs, tuple(inner.steps), tuple(outputs))

    def fitted(self, type: ArrayType) -> int:
        """A value made to be of a type."""
        try:
            i = self.pick(lambda t: t is type or t.size == type.size > 0)
        except Refused:
            return self.add("constant", (), (type.shape, type.dtype.name, "normal", 7))
        if self.types[i].dtype is not type.dtype:
            i = self.add("cast", (i,), (type.dtype.name,))
        if self.types[i].shape != type.shape:
            i = self.add("reshape", (i,), (type.shape,))
        if type.is_float and self.rng.random() < 0.7:
            i = self.add("tanh", (i,))
        return i

    # -- growing -----------------------------------------------------------------------------------

    def grow(self, count: int) -> None:
        from tests.fuzz.families import FAMILIES

        names = list(FAMILIES)
        weights = [FAMILIES[name][0] for name in names]
        for _ in range(count):
            for _ in range(30):
                (family,) = self.rng.choices(names, weights)
                before = len(self.steps), len(self.types)
                try:
                    FAMILIES[family][1](self)
                    break
                except Refused:
                    del self.steps[before[0] :], self.types[before[1] :]


def elementwise(arity: int, dtype: Any) -> list[str]:
    """Primitives that take this dtype."""
    found = []
    for name in _by_arity()[arity]:
        record = PRIMITIVES[name]
        assert isinstance(record, Elementwise)
        if dtype.kind in record.dtypes and not (name == "pow" and dtype.kind != "f"):
            found.append(name)
    return found


def draw(seed: int, number: int) -> Case:
    """Case ``number`` of the sequence that belongs to ``seed``."""
    rng = random.Random(f"{seed}:{number}")
    d = Draw(rng)
    base = d.shape()
    for _ in range(rng.randint(1, 4)):
        shape = base if rng.random() < 0.5 else d.shape()
        if rng.random() < 0.2 and base:
            shape = tuple(rng.sample(base, len(base)))
        d.leaf(shape, rng.choice(DTYPES))
    d.grow(rng.choice([1, 2, 3, 4, 5, 6, 8, 10, 14, 20, 30]))
    arrays = [i for i, t in enumerate(d.types) if t is not None]
    used = {i for step in d.steps for i in step.sources}
    outputs = [i for i in arrays if i not in used and d.steps[i].op != "leaf"][-4:]
    outputs += [rng.choice(arrays) for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    outputs = outputs or [arrays[-1]]
    rng.shuffle(outputs)
    return _finished(_case(d.steps, outputs), [d.types[i] for i in outputs], rng)


def _needed(steps: list[Step], outputs: list[int]) -> set[int]:
    needed: set[int] = set()
    stack = list(outputs)
    while stack:
        i = stack.pop()
        if i not in needed:
            needed.add(i)
            stack += steps[i].sources
    return needed


def _case(steps: list[Step], outputs: list[int]) -> Case:
    """Arguments first, and without what no output needs."""
    order = sorted(_needed(steps, outputs), key=lambda i: (steps[i].op != "leaf", i))
    place = {old: new for new, old in enumerate(order)}
    leaves = tuple(steps[i].argument[0] for i in order if steps[i].op == "leaf")
    rest = tuple(
        Step(steps[i].op, tuple(place[s] for s in steps[i].sources), steps[i].argument)
        for i in order
        if steps[i].op != "leaf"
    )
    return Case(leaves, rest, tuple(place[i] for i in outputs))


def without_unused(case: Case) -> Case:
    """The case without steps and arguments that no output needs."""
    steps = [Step("leaf", (), (leaf,)) for leaf in case.leaves] + list(case.steps)
    kept = _case(steps, list(case.outputs))
    old = [i for i, leaf in enumerate(case.leaves) if i in _needed(steps, list(case.outputs))]
    donate = tuple(new for new, i in enumerate(old) if i in case.donate)
    return dataclasses.replace(
        case, leaves=kept.leaves, steps=kept.steps, outputs=kept.outputs, donate=donate
    )


def _finished(case: Case, results: list[ArrayType], rng: random.Random) -> Case:
    """With the way it is run."""
    has_float = any(np.dtype(leaf.dtype).kind == "f" for leaf in case.leaves)
    loses = any(step.op == "while" for step in case.steps)
    transform = "value"
    if has_float and any(t.is_float for t in results) and rng.random() < 0.45:
        modes = ["jvp"] if loses else ["grad", "grad", "grad", "value_and_grad", "jvp", "hvp"]
        transform = rng.choice(modes)
    elif rng.random() < 0.1 and case.leaves:
        transform = "vmap"
    donate: tuple[int, ...] = ()
    if rng.random() < 0.2:
        donate = tuple(i for i in range(len(case.leaves)) if rng.random() < 0.6)
    return dataclasses.replace(
        case,
        transform=transform,
        donate=donate,
        threads=rng.choice([1, 1, 2, 3]),
        machine=rng.choice(["host"] * 6 + ["avx2", "sse"]),
        memory=rng.random() < 0.15,
        small=rng.random() < 0.35,
        seed=rng.randrange(1 << 30),
    )
