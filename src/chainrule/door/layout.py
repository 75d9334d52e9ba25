"""Where CPython, NumPy and chainrule keep what the door reads, found on live objects."""

from __future__ import annotations

import ctypes
import sys
import sysconfig
from functools import cache
from types import MemberDescriptorType
from typing import Any

import numpy as np
from numpy._core import _multiarray_umath  # type: ignore[attr-defined]

from chainrule.core import node as nodes
from chainrule.core.types import DTYPES
from chainrule.lower.llvm.door.words import ALIGNED, CONTIGUOUS, WRITEABLE, Layout
from chainrule.tensor import Tensor, tensor

__all__ = [
    "NumPy",
    "UnknownLayout",
    "dict_offset",
    "layout",
    "numpy_functions",
    "slot_offset",
]

_HEADER = 16  # reference count and type
_MANAGED_DICT = 1 << 4  # Py_TPFLAGS_MANAGED_DICT: the dict stands before the object


class UnknownLayout(Exception):  # noqa: N818, an answer rather than an error
    """Objects of this interpreter are not laid out as the native door expects."""


def _word(address: int) -> int:
    return ctypes.c_int64.from_address(address).value


def _int32(address: int) -> int:
    return ctypes.c_int32.from_address(address).value


def _expect(condition: bool, what: str) -> None:
    if not condition:
        raise UnknownLayout(what)


def _search(holder: Any, items: list[Any], size: int) -> int:
    """The offset at which ``holder`` has the addresses of ``items`` in a row."""
    wanted = [id(item) for item in items]
    for offset in range(_HEADER, size - 8 * len(items) + 1, 8):
        base = id(holder) + offset
        if [_word(base + 8 * i) for i in range(len(items))] == wanted:
            return offset
    raise UnknownLayout(type(holder).__name__)


def slot_offset(cls: type, name: str) -> int:
    """The byte offset of a slot in the instances of a class.

    Raises:
        UnknownLayout: if the attribute is not kept in a slot.
    """
    descriptor = next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)
    if not isinstance(descriptor, MemberDescriptorType):
        raise UnknownLayout(f"{cls.__name__}.{name}")
    # PyMemberDescrObject: header, type, name, qualified name, PyMemberDef *;
    # PyMemberDef: name, kind (16: an object), offset
    member = _word(id(descriptor) + _HEADER + 24)
    _expect(_int32(member + 8) == 16, f"{cls.__name__}.{name}")
    return _word(member + 16)


def dict_offset(holder: Any) -> int:
    """The (negative) offset at which instances of this class keep their dict; 0 if not known.

    Such a word is null, or odd, where an instance has no dict yet.
    """
    if not type(holder).__flags__ & _MANAGED_DICT:
        return 0
    offset = -24
    return offset if _word(id(holder) + offset) == id(vars(holder)) else 0


def _checked_slot(holder: Any, name: str) -> int:
    offset = slot_offset(type(holder), name)
    _expect(_word(id(holder) + offset) == id(getattr(holder, name)), name)
    return offset


@cache
def layout() -> Layout:
    """The layout in this process.

    Raises:
        UnknownLayout: if anything is not as expected.
    """
    _expect(sys.implementation.name == "cpython", sys.implementation.name)
    _expect(not sysconfig.get_config_var("Py_GIL_DISABLED"), "an interpreter without a GIL")
    _expect(ctypes.sizeof(ctypes.c_void_p) == 8, "32-bit pointers")
    _expect(sys.byteorder == "little", "byte order")
    holder = tensor([1.0, 2.0], requires_grad=True)
    node = holder.node
    names = {name.strip("_") for name in nodes._Fields.__slots__} - {"weakref"}
    fields = {name: _checked_slot(node, name) for name in names}
    expected = {"primitive", "sources", "argument", "type", "value", "tracked", "serial"}
    _expect(names == expected, "the fields of a node")
    _expect(set(Tensor.__slots__) == {"__weakref__", "node"}, "the fields of a tensor")
    items: list[Any] = [node, holder, fields]
    pair = (node, holder, fields)
    for example in (holder, node, pair, items, fields, node.value, 1.5, np.float32(1.5)):
        _expect(_word(id(example) + 8) == id(type(example)), "the type of an object")
    for sized in (pair, items):
        _expect(_word(id(sized) + _HEADER) == 3, "the size of a sequence")
    storage = _word(id(items) + 24)
    _expect([_word(storage + 8 * i) for i in range(3)] == [id(x) for x in items], "lists")
    _check_float(1.5)
    _check_arrays()
    for dtype in DTYPES.values():
        scalar = dtype.type(1)
        found = ctypes.string_at(id(scalar) + _HEADER, dtype.itemsize)
        _expect(found == scalar.tobytes(), f"scalars of {dtype}")
    return Layout(
        type=8,
        size=_HEADER,
        tuple_items=_search(pair, list(pair), pair.__sizeof__()),
        list_items=24,
        float_value=_HEADER,
        scalar_data=_HEADER,
        array_data=16,
        array_ndim=24,
        array_shape=32,
        array_dtype=56,
        array_flags=64,
        tensor_node=_checked_slot(holder, "node"),
        **{f"node_{name}": offset for name, offset in fields.items()},
    )


def _check_float(value: float) -> None:
    found = ctypes.c_double.from_address(id(value) + _HEADER).value
    _expect(found == value, "floats")


def _check_arrays() -> None:
    """PyArrayObject_fields, part of NumPy's binary interface."""
    plain = np.zeros((2, 3), np.float32)
    frozen = np.zeros((4, 5, 6))
    frozen.flags.writeable = False
    odd = np.zeros(17, np.uint8)[1:].view(np.float64)
    for array in (plain, frozen, plain.T[1:], odd, np.zeros(())):
        base, flags = id(array), array.flags
        shape = _word(base + 32)
        found = tuple(_word(shape + 8 * i) for i in range(array.ndim))
        bits = {CONTIGUOUS: flags.c_contiguous, ALIGNED: flags.aligned, WRITEABLE: flags.writeable}
        _expect(
            _word(base + 16) == array.ctypes.data
            and _int32(base + 24) == array.ndim
            and found == array.shape
            and _word(base + 56) == id(array.dtype)
            and all(bool(_int32(base + 64) & bit) == on for bit, on in bits.items()),
            "arrays",
        )


class NumPy:
    """Addresses of functions of NumPy's C API.

    Attributes:
        new_array: PyArray_NewFromDescr.
        new_scalar: PyArray_Scalar.
        same_dtype: PyArray_EquivTypes.
    """

    def __init__(self) -> None:
        get = ctypes.pythonapi["PyCapsule_GetPointer"]
        get.restype, get.argtypes = ctypes.c_void_p, [ctypes.py_object, ctypes.c_char_p]
        table = get(_multiarray_umath._ARRAY_API, None)
        # the numbers of functions are fixed for all of NumPy 2
        version = ctypes.PYFUNCTYPE(ctypes.c_uint)(_word(table))()
        _expect(version >> 24 == 2, "the version of NumPy's C API")
        self.new_array = _word(table + 8 * 94)
        self.new_scalar = _word(table + 8 * 60)
        self.same_dtype = _word(table + 8 * 182)


@cache
def numpy_functions() -> NumPy:
    """NumPy's functions in this process.

    Raises:
        UnknownLayout: for a NumPy of another major version.
    """
    return NumPy()
