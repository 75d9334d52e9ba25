"""The words that tell the native door what to do, and pieces of which its code is written."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum, auto

from chainrule.lower.llvm.ir import Function, Module, Value

__all__ = [
    "ALIGNED",
    "CONTAINER",
    "CONTIGUOUS",
    "FRESH",
    "LEAF",
    "OP",
    "STATIC",
    "WRITEABLE",
    "Accepts",
    "Container",
    "Head",
    "Layout",
    "Op",
    "Static",
    "area",
    "at",
    "clear",
    "copy",
    "finish",
    "function",
    "load8",
    "record",
    "require",
    "word",
]


@dataclass(frozen=True)
class Layout:
    """Byte offsets inside objects of CPython, NumPy and chainrule."""

    type: int
    size: int
    tuple_items: int
    list_items: int
    float_value: int
    scalar_data: int
    array_data: int
    array_ndim: int
    array_shape: int
    array_dtype: int
    array_flags: int
    tensor_node: int
    node_primitive: int
    node_sources: int
    node_argument: int
    node_type: int
    node_value: int
    node_tracked: int
    node_serial: int


class Accepts(IntEnum):
    """What may stand at a leaf."""

    ANY = 0
    TENSOR = auto()
    NUMBER = auto()  # of Python


class Head(IntEnum):
    """The words of the head. Those of a list are its address and its number of records."""

    ARGUMENTS = 0  # how many
    FRAME = auto()  # bytes of the frame
    TEMPLATE = auto()  # the table as it is before the arguments are known
    TABLE = auto()  # from here to STACK: areas of the frame
    TABLE_VECTORS = auto()  # length of the table, in vectors
    CELLS = auto()
    VALUES = auto()
    STARTS = auto()
    ENDS = auto()
    FRESH_CELLS = auto()
    OWNED = auto()
    OWNED_N = auto()  # references held: fresh results, donors, kept objects, the stack
    DONORS = auto()  # for each fresh result the variable whose place it takes, or null
    KEPT = auto()
    STACK = auto()
    CONTAINERS = auto()
    CONTAINERS_N = auto()
    STATICS = auto()
    STATICS_N = auto()
    LEAVES = auto()
    LEAVES_N = auto()
    DONATED_N = auto()  # length of the first part of STARTS and ENDS
    OTHERS = auto()  # where the second part begins,
    OTHERS_END = auto()  # and where it ends
    DISTINCT = auto()  # the starts of donated memory that was last found to be without overlap
    FRESH = auto()
    FRESH_N = auto()
    KEPT_OBJECTS = auto()  # numbers of objects
    KEPT_N = auto()
    OPS = auto()
    OPS_N = auto()
    PROGRAM = auto()
    LAUNCH = auto()  # null: the program runs in this thread alone
    POOL = auto()
    THREADS = auto()
    POLICY = auto()
    LOCK = auto()  # a mutex; null: the GIL is held throughout
    STATUS_SLOT = auto()
    SLOW = auto()
    FAILED = auto()
    TENSOR = auto()
    NODE = auto()
    ARRAY = auto()
    INT = auto()
    TRUE = auto()
    NONE = auto()
    FALSE = auto()
    EMPTY = auto()
    CONSTANT = auto()  # kinds of leaves
    VARIABLE = auto()
    COUNTER = auto()
    NEW_ARRAY = auto()  # functions of NumPy
    NEW_SCALAR = auto()
    SAME_DTYPE = auto()


class Container(IntEnum):
    """How the objects inside of a container are found."""

    TUPLE = 0
    LIST = auto()
    DICT = auto()  # by key, and there are no others; fastest in the order of the keys
    ITEMS = auto()  # those of a dict, with these keys in this order
    VARS = auto()  # attributes with these names in this order, and no others
    FIELDS = auto()  # attributes by name
    SLOTS = auto()  # at byte offsets


class Static(IntEnum):
    """When two static objects are the same."""

    IDENTICAL = 0
    EQUAL = auto()
    BITS = auto()  # floats


class Op(IntEnum):
    """How a part of the result is made."""

    FRESH = 0  # a fresh result
    FRESH_SHARED = auto()  # the same, needed again later
    KEPT = auto()
    OBJECT = auto()
    TUPLE = auto()
    LIST = auto()
    DICT = auto()
    CALL = auto()


CONTAINER = "i64 i64 ptr i64 i64 ptr i64"
"""`Container`, object, type, how many objects are inside, the number of the first, their keys,
where the instance keeps its dict (bytes, or 0 if that is not known)."""

STATIC = "i64 ptr i64"
"""Object, what it must be, `Static`."""

LEAF = "i64 i64 i64 i64 ptr i64 ptr i64 i64 ptr ptr"
"""Object, slot, whether only a tensor will do, the flags of NumPy it needs, dtype, ndim, shape,
bytes, place in STARTS and ENDS, types of a NumPy and of a Python scalar that will do or null."""

FRESH = "i64 ptr i64 ptr ptr i64 i64"
"""Slot, dtype, ndim, shape, type; where an array is reused, its leaf and its object, else -1."""

OP = "i64 i64 i64 ptr"
"""`Op`, place in the stack, length or number, keys or object or callable."""


CONTIGUOUS, ALIGNED, WRITEABLE = 0x1, 0x100, 0x400  # NumPy's NPY_ARRAY_…


def function(module: Module, name: str, *params: str) -> Function:
    """An internal function that says whether all went well; by default of the head and frame."""
    given = [(f"p{i}", type) for i, type in enumerate(params or ("ptr", "ptr"))]
    return module.function(name, given, "i1")


def word(f: Function, which: Head, type: str = "i64") -> Value:
    """A word of the head."""
    return f.load(type, f.params[0].offset(int(which), "i64"))


def area(f: Function, which: Head) -> Value:
    """The address of an area of the frame."""
    return f.params[1].offset(word(f, which))


def at(f: Function, base: Value, index: Value | int, type: str = "ptr") -> Value:
    """A word of an array."""
    return f.load(type, base.offset(index, "i64"))


def record(f: Function, records: Value, index: Value, types: str) -> list[Value]:
    """The words of one of several records."""
    kinds = types.split()
    first = records.offset(index * len(kinds), "i64")
    return [at(f, first, i, type) for i, type in enumerate(kinds)]


def require(f: Function, condition: Value) -> None:
    """Go on where the condition holds, else to the block ``no``."""
    f.guard(condition, "no")


def finish(f: Function) -> None:
    """The ends of a function with `require`."""
    f.ret(f.constant("i1", True))
    f.start_block("no")
    f.ret(f.constant("i1", False))


def clear(f: Function, start: Value, count: Value) -> None:
    """Null pointers."""
    with f.loop(0, count) as loop:
        f.store(f.constant("ptr", 0), start.offset(loop.index, "ptr"))


def copy(f: Function, source: Value, target: Value, count: Value, type: str = "ptr") -> None:
    with f.loop(0, count) as loop:
        f.store(load8(f, type, source.offset(loop.index, type)), target.offset(loop.index, type), 8)


def load8(f: Function, type: str, pointer: Value) -> Value:
    """A load from where only words are aligned."""
    return f.load(type, pointer, 8)
