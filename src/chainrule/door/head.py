"""Writing the head of a door: the words and records that the native function reads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core import node as nodes
from chainrule.core.node import ARRAY, VARIABLE, Node
from chainrule.core.types import ArrayType
from chainrule.door.layout import numpy_functions
from chainrule.door.plan import ContainerRecord, Plan, Unsupported
from chainrule.door.spec import Argument, DoorSpec, Kept, Made, Path, Result, Reused, parts
from chainrule.door.twin import NUMBERS, rebuilder
from chainrule.lower.llvm.door.words import (
    ALIGNED,
    CONTIGUOUS,
    WRITEABLE,
    Accepts,
    Container,
    Head,
    Op,
)
from chainrule.tensor import Tensor

__all__ = ["HeadWriter"]

_LARGEST_FRAME = 1 << 17  # bytes of stack


class HeadWriter:
    """The head of a door.

    Args:
        spec: the door.
        plan: how its leaves are found.
        lanes: words in a vector of the machine.

    Attributes:
        head: the words.
        alive: everything that they point to.

    Raises:
        Unsupported: if a call would need too much of the stack.
    """

    def __init__(self, spec: DoorSpec, plan: Plan, lanes: int) -> None:
        self.alive: list[Any] = [spec]
        self._lanes = lanes
        self._values: dict[Head, int] = {}
        self._leaf_numbers: dict[Path, int] = {}
        self._fresh: list[tuple[int, ...]] = []
        self._fresh_numbers: dict[int, int] = {}  # by slot
        self._kept: list[int] = []
        self._ops: list[tuple[Op, int, int, int]] = []
        self._frame = 8 * plan.objects
        self._write_table(spec)
        self._write_arguments(spec, plan)
        self._write_leaves(spec, plan)
        self._write_result(spec, plan)
        self._write_run(spec)
        self._write_constants(spec)
        self._values[Head.FRAME] = self._frame
        if self._frame > _LARGEST_FRAME:
            raise Unsupported("a frame larger than the stack should bear")
        self.head = np.array([self._values[word] for word in Head], np.int64)

    # -- pieces ------------------------------------------------------------------------------------

    def _object(self, value: Any) -> int:
        """The address of an object, which is kept alive."""
        self.alive.append(value)
        return id(value)

    def _memory(self, words: Sequence[int]) -> int:
        """The address of these words."""
        array = np.array(words, np.int64)
        self.alive.append(array)
        return int(array.__array_interface__["data"][0])

    def _records(self, which: Head, count: Head, records: Sequence[Sequence[int]]) -> None:
        self._values[which] = self._memory([word for record in records for word in record])
        self._values[count] = len(records)

    def _area(self, which: Head, length: int) -> None:
        """Make room in the frame."""
        self._frame = -(-self._frame // 64) * 64
        self._values[which] = self._frame
        self._frame += 8 * length

    def _array(self, type: ArrayType) -> tuple[int, int, int]:
        """dtype, ndim, shape."""
        return self._object(type.dtype), type.ndim, self._memory(type.shape)

    # -- arguments ---------------------------------------------------------------------------------

    def _write_table(self, spec: DoorSpec) -> None:
        slots = len(spec.table)  # and one for the status word where the program has none
        vectors = -(-(slots + 1) // self._lanes)
        template = [*spec.table, *[0] * (vectors * self._lanes - slots)]
        self._values[Head.TEMPLATE] = self._memory(template)
        self._values[Head.TABLE_VECTORS] = vectors
        self._values[Head.STATUS_SLOT] = slots if spec.status is None else spec.status
        self._area(Head.TABLE, len(template))

    def _write_arguments(self, spec: DoorSpec, plan: Plan) -> None:
        self._values[Head.ARGUMENTS] = len(spec.arguments.children)
        containers = [self._container(record) for record in plan.containers]
        statics = [(place, self._object(value), how) for place, value, how in plan.statics]
        self._records(Head.CONTAINERS, Head.CONTAINERS_N, containers)
        self._records(Head.STATICS, Head.STATICS_N, statics)

    def _container(self, record: ContainerRecord) -> tuple[int, ...]:
        if record.kind is Container.SLOTS:
            keys = list(record.keys)
        else:
            keys = [self._object(key) for key in record.keys]
        return (
            record.kind,
            record.source,
            self._object(record.type),
            record.count,
            record.target,
            self._memory(keys),
            record.dict_at,
        )

    def _write_leaves(self, spec: DoorSpec, plan: Plan) -> None:
        kept = [part.path for part in parts(spec.result) if isinstance(part, Kept)]
        donated = sum(leaf.donated and leaf.type.size > 0 for leaf in spec.leaves)
        others = unused = donated + self._lanes  # between them are places that overlap nothing
        unused += sum(not leaf.donated for leaf in spec.leaves)
        places = {"donated": 0, "others": others, "unused": unused}
        records: list[tuple[int, ...]] = []
        for path, leaf in zip(plan.leaves, spec.leaves, strict=True):
            self._leaf_numbers[path] = len(records)
            part = "unused" if not leaf.type.size else "donated" if leaf.donated else "others"
            strict = path in plan.only_tensors or any(path[: len(p)] == p for p in kept)
            records.append(self._leaf(leaf, plan.places[path], strict, places[part]))
            places[part] += 1
        self._records(Head.LEAVES, Head.LEAVES_N, records)
        self._values[Head.DONATED_N] = donated
        self._values[Head.OTHERS] = others
        self._values[Head.OTHERS_END] = places["others"] if donated else others
        self._values[Head.DISTINCT] = self._memory([0] * (donated + self._lanes))
        self._area(Head.CELLS, len(records))
        self._area(Head.VALUES, len(records))
        self._area(Head.STARTS, max(places.values()))
        self._area(Head.ENDS, max(places.values()))

    def _leaf(self, leaf: Argument, place: int, strict: bool, span: int) -> tuple[int, ...]:
        dtype, needed = leaf.type.dtype, CONTIGUOUS | ALIGNED
        scalar = number = 0
        accepts = Accepts.NUMBER if leaf.number else Accepts.TENSOR if strict else Accepts.ANY
        if leaf.donated:
            needed |= WRITEABLE
        elif not leaf.type.shape:
            scalar = 0 if leaf.number else self._object(dtype.type)
            if dtype.name in NUMBERS and leaf.number is not False:
                number = self._object(NUMBERS[dtype.name])
        array, size = self._array(leaf.type), leaf.type.size * dtype.itemsize
        return (place, leaf.slot, accepts, needed, *array, size, span, scalar, number)

    # -- the result --------------------------------------------------------------------------------

    def _write_result(self, spec: DoorSpec, plan: Plan) -> None:
        arguments = dict(zip(plan.leaves, spec.leaves, strict=True))
        self._write_part(spec.result, 0, plan, arguments)
        fresh, kept = len(self._fresh), len(self._kept)
        height = max(place for _, place, _, _ in self._ops) + 1
        self._records(Head.FRESH, Head.FRESH_N, self._fresh)
        self._records(Head.OPS, Head.OPS_N, _shared(self._ops))
        self._values[Head.KEPT_OBJECTS] = self._memory(self._kept)
        self._values[Head.KEPT_N] = kept
        owned = 2 * fresh + kept + height
        self._values[Head.OWNED_N] = owned
        self._area(Head.FRESH_CELLS, fresh)
        self._area(Head.OWNED, owned)
        self._values[Head.DONORS] = self._values[Head.OWNED] + 8 * fresh
        self._values[Head.KEPT] = self._values[Head.DONORS] + 8 * fresh
        self._values[Head.STACK] = self._values[Head.KEPT] + 8 * kept

    def _write_part(
        self, part: Result, place: int, plan: Plan, arguments: dict[Path, Argument]
    ) -> None:
        """What makes a part of the result, which then stands at ``place`` in the stack."""
        if isinstance(part, Made):
            for index, child in enumerate(part.children):
                self._write_part(child, place + index, plan, arguments)
            op, address = self._make(part)
            self._ops.append((op, place, len(part.children), address))
        elif isinstance(part, Kept):
            self._ops.append((Op.KEPT, place, len(self._kept), 0))
            self._kept.append(plan.places[part.path])
        elif isinstance(part, Reused):
            argument, leaf = arguments[part.path], self._leaf_numbers[part.path]
            tensor = self._tensor(argument.type, argument.slot, leaf, plan.places[part.path])
            self._ops.append((Op.FRESH, place, tensor, 0))
        else:
            if part.slot not in self._fresh_numbers:
                self._fresh_numbers[part.slot] = self._tensor(part.type, part.slot)
            self._ops.append((Op.FRESH, place, self._fresh_numbers[part.slot], 0))

    def _tensor(self, type: ArrayType, slot: int, leaf: int = -1, place: int = -1) -> int:
        self._fresh.append((slot, *self._array(type), self._object(type), leaf, place))
        return len(self._fresh) - 1

    def _make(self, part: Made) -> tuple[Op, int]:
        """How to make a container, and the address that this needs."""
        kind = part.tree.kind
        if kind is type(None):
            return Op.OBJECT, self._object(None)
        if kind is tuple or kind is list:
            return Op.TUPLE if kind is tuple else Op.LIST, 0
        if kind is dict:
            return Op.DICT, self._memory([self._object(key) for key in part.tree.static])
        return Op.CALL, self._object(rebuilder(part))

    # -- the rest ----------------------------------------------------------------------------------

    def _write_run(self, spec: DoorSpec) -> None:
        launch = spec.launch
        self._values |= {
            Head.PROGRAM: spec.program,
            Head.LAUNCH: launch.function if launch else 0,
            Head.POOL: launch.pool if launch else 0,
            Head.THREADS: launch.threads if launch else 1,
            Head.POLICY: launch.policy if launch else 0,
            Head.LOCK: spec.lock.address if spec.lock else 0,
        }

    def _write_constants(self, spec: DoorSpec) -> None:
        functions = numpy_functions()
        self._values |= {
            Head.SLOW: self._object(spec.slow),
            Head.FAILED: self._object(spec.failed),
            Head.TENSOR: self._object(Tensor),
            Head.NODE: self._object(Node),
            Head.ARRAY: self._object(np.ndarray),
            Head.INT: self._object(int),
            Head.TRUE: self._object(True),
            Head.NONE: self._object(None),
            Head.FALSE: self._object(False),
            Head.EMPTY: self._object(()),
            Head.CONSTANT: self._object(ARRAY),
            Head.VARIABLE: self._object(VARIABLE),
            Head.COUNTER: self._object(nodes._serial),
            Head.NEW_ARRAY: functions.new_array,
            Head.NEW_SCALAR: functions.new_scalar,
            Head.SAME_DTYPE: functions.same_dtype,
        }


def _shared(ops: list[tuple[Op, int, int, int]]) -> list[tuple[Op, int, int, int]]:
    """Only the last use of a fresh tensor may take it away."""
    seen: set[int] = set()
    result = []
    for op, place, number, address in reversed(ops):
        if op is Op.FRESH:
            op = Op.FRESH_SHARED if number in seen else Op.FRESH
            seen.add(number)
        result.append((op, place, number, address))
    return result[::-1]
