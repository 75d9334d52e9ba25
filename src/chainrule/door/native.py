"""Making the native door of a compiled program."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from chainrule.core import node as nodes
from chainrule.core.node import ARRAY, Node
from chainrule.core.types import ArrayType
from chainrule.door.layout import UnknownLayout, layout, numpy_functions
from chainrule.door.plan import Plan, Unsupported
from chainrule.door.spec import DoorSpec, Kept, Made, Path, Result, Reused, parts
from chainrule.door.twin import NUMBERS, python_door, rebuilder
from chainrule.lower.llvm.door import door_text
from chainrule.lower.llvm.door_words import (
    ALIGNED,
    CONTIGUOUS,
    WRITEABLE,
    Container,
    Head,
    Op,
)
from chainrule.lower.llvm.jit import Code, cached_object, load
from chainrule.lower.llvm.machine import host
from chainrule.tensor import Tensor

__all__ = ["available", "make_door"]

_LARGEST_FRAME = 1 << 18  # bytes of stack


def make_door(spec: DoorSpec, example: tuple[Any, ...]) -> Callable[..., Any]:
    """The function through which Python calls a compiled program.

    It is a built-in function; where that cannot be made (another interpreter, containers that are
    taken apart by code of their own) it is one in Python that does the same.

    Args:
        spec: what is called, with what, and what it returns.
        example: arguments of the described structure. They are not kept.
    """
    try:
        words = _Words(spec, Plan(spec, example))
        address = _code().address("door")
    except (UnknownLayout, Unsupported):
        return python_door(spec)
    return _builtin(address, spec.name, (words.head, *words.alive, _code(), spec))


def available() -> bool:
    """Whether this interpreter can have a native door."""
    try:
        _code()
    except UnknownLayout:
        return False
    return True


@cache
def _code() -> Code:
    numpy_functions()  # which may say that they are not known
    return load(cached_object(door_text(layout(), host()), host()))


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


def _builtin(address: int, name: str, block: tuple[Any, ...]) -> Callable[..., Any]:
    fast_call, keywords = 0x80, 0x02
    method = _Method(name.encode(), address, fast_call | keywords, None)
    new = ctypes.pythonapi.PyCFunction_NewEx
    new.restype, new.argtypes = (
        ctypes.py_object,
        [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p],
    )
    # the method description lives as long as the function, since its `self` holds it
    made: Callable[..., Any] = new(ctypes.addressof(method), (*block, method), None)
    return made


class _Words:
    """The head of a door and everything it points to, which ``alive`` holds."""

    def __init__(self, spec: DoorSpec, plan: Plan) -> None:
        self.alive: list[Any] = []
        self._values: dict[Head, int] = {}
        self._numbers: dict[Path, int] = {}
        self._frame = 8 * plan.objects
        checked, donated = self._write_arguments(spec, plan)
        self._write_result(spec, plan)
        lanes = host().lanes("i64")
        slots = len(spec.table)
        status = slots if spec.status is None else spec.status
        vectors = -(-(slots + 1) // lanes)
        template = [*spec.table, *[0] * (vectors * lanes - slots)]
        leaves = len(spec.leaves)
        for area, length in (
            (Head.TABLE, len(template)),
            (Head.CELLS, leaves),
            (Head.VALUES, leaves),
            (Head.STARTS, leaves + lanes),
            (Head.ENDS, leaves + lanes),
        ):
            self._area(area, length)
        launch = spec.launch
        functions = numpy_functions()
        self._values |= {
            Head.ARGUMENTS: len(spec.arguments.children),
            Head.FRAME: self._frame,
            Head.TEMPLATE: self._memory(template),
            Head.TABLE_VECTORS: vectors,
            Head.CHECKED_N: checked,
            Head.DONATED_N: donated,
            Head.PROGRAM: spec.program,
            Head.LAUNCH: launch.function if launch else 0,
            Head.POOL: launch.pool if launch else 0,
            Head.THREADS: launch.threads if launch else 1,
            Head.POLICY: launch.policy if launch else 0,
            Head.LOCK: spec.lock.address if spec.lock else 0,
            Head.STATUS_SLOT: status,
            Head.SLOW: self._object(spec.slow),
            Head.FAILED: self._object(spec.failed),
            Head.TENSOR: self._object(Tensor),
            Head.NODE: self._object(Node),
            Head.ARRAY: self._object(np.ndarray),
            Head.INT: self._object(int),
            Head.TRUE: self._object(True),
            Head.FALSE: self._object(False),
            Head.EMPTY: self._object(()),
            Head.PRIMITIVE: self._object(ARRAY),
            Head.COUNTER: self._object(nodes._serial),
            Head.NEW_ARRAY: functions.new_array,
            Head.NEW_SCALAR: functions.new_scalar,
            Head.SAME_DTYPE: functions.same_dtype,
        }
        if self._frame > _LARGEST_FRAME:
            raise Unsupported("a frame larger than the stack should bear")
        self.head = np.array([self._values[word] for word in Head], np.int64)

    def _object(self, value: Any) -> int:
        """The address of an object, which is kept alive."""
        self.alive.append(value)
        return id(value)

    def _memory(self, words: Sequence[int]) -> int:
        array = np.array(words, np.int64)
        self.alive.append(array)
        return int(array.__array_interface__["data"][0])

    def _records(self, which: Head, count: Head, records: Sequence[Sequence[int]]) -> None:
        self._values[which] = self._memory([word for record in records for word in record])
        self._values[count] = len(records)

    def _area(self, which: Head, length: int) -> None:
        self._frame = -(-self._frame // 64) * 64
        self._values[which] = self._frame
        self._frame += 8 * length

    def _array(self, type: ArrayType) -> tuple[int, int, int]:
        """dtype, ndim, shape."""
        return self._object(type.dtype), type.ndim, self._memory(type.shape)

    # -- arguments -----------------------------------------------------------------------------------

    def _write_arguments(self, spec: DoorSpec, plan: Plan) -> tuple[int, int]:
        """How many leaves have a place in memory that may overlap, and how many are donated."""
        self._records(
            Head.CONTAINERS,
            Head.CONTAINERS_N,
            [
                (
                    record.kind,
                    record.source,
                    self._object(record.type),
                    record.count,
                    record.target,
                    self._memory(
                        [
                            key if record.kind is Container.SLOTS else self._object(key)
                            for key in record.keys
                        ]
                    ),
                )
                for record in plan.containers
            ],
        )
        self._records(
            Head.STATICS,
            Head.STATICS_N,
            [(place, self._object(value), how) for place, value, how in plan.statics],
        )
        leaf_paths = [path for path, place in plan.places.items() if place in set(plan.leaves)]
        kept = [part.path for part in parts(spec.result) if isinstance(part, Kept)]
        leaves = list(zip(spec.leaves, plan.leaves, leaf_paths, strict=True))
        # in the order that the test for overlap wants
        leaves.sort(key=lambda leaf: (leaf[0].type.size == 0, not leaf[0].donated))
        records = []
        for number, (argument, place, path) in enumerate(leaves):
            self._numbers[path] = number
            type_ = argument.type
            strict = any(path[: len(prefix)] == prefix for prefix in kept)
            needed = CONTIGUOUS | ALIGNED | (WRITEABLE if argument.donated else 0)
            scalar = type_.dtype.type if not type_.shape and not argument.donated else None
            python = NUMBERS.get(type_.dtype.name) if scalar else None
            records.append(
                (
                    place,
                    argument.slot,
                    strict,
                    needed,
                    *self._array(type_),
                    type_.size * type_.dtype.itemsize,
                    self._object(scalar) if scalar else 0,
                    self._object(python) if python else 0,
                )
            )
        self._records(Head.LEAVES, Head.LEAVES_N, records)
        filled = [argument for argument in spec.leaves if argument.type.size]
        return len(filled), sum(argument.donated for argument in filled)

    # -- the result ----------------------------------------------------------------------------------

    def _write_result(self, spec: DoorSpec, plan: Plan) -> None:
        fresh: list[tuple[int, ...]] = []
        kept: list[int] = []
        ops: list[tuple[int, int, int, int]] = []
        found: dict[int, int] = {}  # fresh results by slot
        height = 0

        def write(part: Result, place: int) -> None:
            nonlocal height
            height = max(height, place + 1)
            if isinstance(part, Made):
                for index, child in enumerate(part.children):
                    write(child, place + index)
                ops.append((*self._make(part, place),))
            elif isinstance(part, Kept):
                ops.append((Op.KEPT, place, len(kept), 0))
                kept.append(plan.places[part.path])
            elif isinstance(part, Reused):
                leaf = self._numbers[part.path]
                argument = _argument(spec, plan, part.path)
                ops.append((Op.FRESH, place, len(fresh), 0))
                fresh.append(
                    (
                        argument.slot,
                        *self._array(argument.type),
                        self._object(argument.type),
                        leaf,
                    )
                )
            else:
                if part.slot not in found:
                    found[part.slot] = len(fresh)
                    fresh.append((part.slot, *self._array(part.type), self._object(part.type), -1))
                ops.append((Op.FRESH, place, found[part.slot], 0))

        write(spec.result, 0)
        last: set[int] = set()
        for index in reversed(range(len(ops))):  # only the last use may take the tensor away
            kind, place, number, address = ops[index]
            if kind == Op.FRESH and number in last:
                ops[index] = (Op.FRESH_SHARED, place, number, address)
            elif kind == Op.FRESH:
                last.add(number)
        self._records(Head.FRESH, Head.FRESH_N, fresh)
        self._records(Head.OPS, Head.OPS_N, ops)
        self._values[Head.KEPT_OBJECTS] = self._memory(kept)
        self._values[Head.KEPT_N] = len(kept)
        self._area(Head.FRESH_CELLS, len(fresh))
        self._area(Head.OWNED, len(fresh) + len(kept) + height)
        self._values[Head.OWNED_N] = len(fresh) + len(kept) + height
        self._values[Head.KEPT] = self._values[Head.OWNED] + 8 * len(fresh)
        self._values[Head.STACK] = self._values[Head.KEPT] + 8 * len(kept)

    def _make(self, part: Made, place: int) -> tuple[int, int, int, int]:
        kind, count = part.tree.kind, len(part.children)
        if kind is type(None):
            return Op.OBJECT, place, 0, self._object(None)
        if kind is tuple or kind is list:
            return Op.TUPLE if kind is tuple else Op.LIST, place, count, 0
        if kind is dict:
            keys = [self._object(key) for key in part.tree.static]
            return Op.DICT, place, count, self._memory(keys)
        return Op.CALL, place, count, self._object(rebuilder(part))


def _argument(spec: DoorSpec, plan: Plan, path: Path) -> Any:
    return spec.leaves[plan.leaves.index(plan.places[path])]
