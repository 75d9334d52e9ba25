"""Types of nodes: the shape and dtype of an array, or a tuple of such types.

Types are interned: equal types are one object, so they are compared with ``is``.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError

__all__ = ["DTYPES", "ArrayType", "TupleType", "array_type", "as_dtype", "tuple_type", "type_of"]

_NAMES = "bool int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64"
DTYPES: dict[str, np.dtype[Any]] = {name: np.dtype(name) for name in _NAMES.split()}
_SUPPORTED = {dtype: dtype for dtype in DTYPES.values()}


def as_dtype(dtype: Any) -> np.dtype[Any]:
    """The NumPy dtype meant by ``dtype`` (a dtype, a name, ``float``, ``np.float32``, …).

    Raises:
        DTypeError: for complex, object, string, datetime and other dtypes without a calculus here.
    """
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise DTypeError(f"{dtype!r} is no dtype; supported are {', '.join(DTYPES)}") from None
    found = found.newbyteorder("=")
    if found not in _SUPPORTED:
        if found.kind == "c":
            raise DTypeError(
                f"dtype {found} is complex; chainrule differentiates real functions only. "
                "Keep the real and the imaginary part as two real arrays."
            )
        raise DTypeError(f"dtype {found} is not supported; supported are {', '.join(DTYPES)}")
    return _SUPPORTED[found]


class ArrayType:
    """The type of an array: ``shape`` (a tuple of ints) and ``dtype``. Made by `array_type`."""

    __slots__ = ("dtype", "is_float", "shape")

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    is_float: bool

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        self.shape = shape
        self.dtype = dtype
        self.is_float = dtype.kind == "f"

    @property
    def ndim(self) -> int:
        return len(self.shape)

    @property
    def size(self) -> int:
        size = 1
        for extent in self.shape:
            size *= extent
        return size

    def __repr__(self) -> str:
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]"

    def __reduce__(self) -> Any:
        return array_type, (self.shape, self.dtype)


class TupleType:
    """The type of a primitive with several results: the types of its ``items``."""

    __slots__ = ("is_float", "items")

    items: tuple[ArrayType, ...]
    is_float: bool

    def __init__(self, items: tuple[ArrayType, ...]) -> None:
        self.items = items
        self.is_float = any(item.is_float for item in items)

    def __repr__(self) -> str:
        return f"({', '.join(map(repr, self.items))})"


_array_types: dict[tuple[tuple[int, ...], np.dtype[Any]], ArrayType] = {}
_tuple_types: dict[tuple[ArrayType, ...], TupleType] = {}


def array_type(shape: tuple[int, ...], dtype: np.dtype[Any]) -> ArrayType:
    """The one `ArrayType` with this shape and dtype."""
    key = (shape, dtype)
    found = _array_types.get(key)
    if found is None:
        shape = tuple(int(extent) for extent in shape)
        # setdefault: two threads that arrive here together still get the same object
        found = _array_types.setdefault(key, ArrayType(shape, as_dtype(dtype)))
    return found


def tuple_type(items: tuple[ArrayType, ...]) -> TupleType:
    """The one `TupleType` with these items."""
    return _tuple_types.setdefault(items, TupleType(items))


def type_of(value: Any) -> ArrayType:
    """The type of a NumPy array or NumPy scalar."""
    return array_type(value.shape, value.dtype)
