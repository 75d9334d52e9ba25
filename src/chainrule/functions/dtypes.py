"""Dtypes and their promotion."""

from __future__ import annotations

import builtins
from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.core.types import DTYPES, as_dtype
from chainrule.lift import as_node
from chainrule.ops.shape import cast
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "astype",
    "bool",
    "can_cast",
    "finfo",
    "float16",
    "float32",
    "float64",
    "iinfo",
    "int8",
    "int16",
    "int32",
    "int64",
    "isdtype",
    "result_type",
    "uint8",
    "uint16",
    "uint32",
    "uint64",
]

bool = DTYPES["bool"]
int8 = DTYPES["int8"]
int16 = DTYPES["int16"]
int32 = DTYPES["int32"]
int64 = DTYPES["int64"]
uint8 = DTYPES["uint8"]
uint16 = DTYPES["uint16"]
uint32 = DTYPES["uint32"]
uint64 = DTYPES["uint64"]
float16 = DTYPES["float16"]
float32 = DTYPES["float32"]
float64 = DTYPES["float64"]

_KINDS = {
    "bool": "b",
    "signed integer": "i",
    "unsigned integer": "u",
    "integral": "iu",
    "real floating": "f",
    "complex floating": "c",
    "numeric": "iufc",
}
_WEAK = {float: "f", int: "i", builtins.bool: "b"}


def astype(x: ArrayLike, dtype: Any, /, *, copy: Any = True, device: Any = None) -> Tensor:
    """``x`` with another dtype; derivatives flow from float to float.

    ``copy`` is accepted for the array API; tensors are values, so that it makes no difference.

    >>> import chainrule as cr
    >>> cr.astype([1.7, -1.7], cr.int64)
    tensor([ 1, -1])
    """
    node, wanted = as_node(x), as_dtype(dtype)
    return wrap(node if node.dtype is wanted else cast(node, dtype=wanted))


def _dtype_of(item: Any) -> np.dtype[Any]:
    if isinstance(item, Tensor):
        return item.dtype
    if isinstance(item, (np.ndarray, np.generic)):
        return as_dtype(item.dtype)
    return as_dtype(item)


def result_type(*arrays_and_dtypes: Any) -> np.dtype[Any]:
    """The dtype that an operation on these arrays, dtypes and Python numbers gives.

    Python numbers do not widen: float32 with 1.0 stays float32.

    >>> import chainrule as cr
    >>> cr.result_type(cr.float32, cr.int64), cr.result_type(cr.tensor(1, cr.float32), 1.0)
    (dtype('float64'), dtype('float32'))
    """
    if not arrays_and_dtypes:
        raise DTypeError("result_type needs at least one array or dtype")
    weak = {_WEAK[type(item)] for item in arrays_and_dtypes if type(item) in _WEAK}
    strong = [_dtype_of(item) for item in arrays_and_dtypes if type(item) not in _WEAK]
    if not strong:
        return float64 if "f" in weak else int64 if "i" in weak else bool
    found = as_dtype(np.result_type(*strong))
    if "f" in weak and found.kind != "f":
        return float64
    return int64 if "i" in weak and found.kind == "b" else found


def can_cast(from_: Any, to: Any, /) -> Any:
    """Whether a dtype, or that of an array, can be cast to another without loss of kind or range.

    >>> import chainrule as cr
    >>> cr.can_cast(cr.float32, cr.float64), cr.can_cast(cr.float64, cr.int64)
    (True, False)
    """
    return np.can_cast(_dtype_of(from_), as_dtype(to))


def finfo(type: Any, /) -> Any:
    """Machine limits of a floating-point dtype: ``bits``, ``eps``, ``max``, ``smallest_normal``.

    >>> import chainrule as cr
    >>> cr.finfo(cr.float32).bits
    32
    """
    dtype = _dtype_of(type)
    if dtype.kind != "f":
        raise DTypeError(f"finfo is for floating-point dtypes, not for {dtype.name}; see iinfo")
    return np.finfo(dtype)


def iinfo(type: Any, /) -> Any:
    """Machine limits of an integer dtype: ``bits``, ``min``, ``max``.

    >>> import chainrule as cr
    >>> cr.iinfo(cr.int8).max
    127
    """
    dtype = _dtype_of(type)
    if dtype.kind not in "iu":
        raise DTypeError(f"iinfo is for integer dtypes, not for {dtype.name}; see finfo")
    return np.iinfo(dtype)


def isdtype(dtype: Any, kind: Any) -> Any:
    """Whether ``dtype`` is of a kind, such as "real floating" or "integral" (array API).

    Args:
        dtype: the dtype.
        kind: one of "bool", "signed integer", "unsigned integer", "integral", "real floating",
            "complex floating", "numeric"; a dtype; or a tuple of these, of which one must hold.

    >>> import chainrule as cr
    >>> cr.isdtype(cr.float32, "real floating"), cr.isdtype(cr.float32, (cr.int64, "integral"))
    (True, False)
    """
    if isinstance(kind, tuple):
        return any(isdtype(dtype, one) for one in kind)
    if isinstance(kind, str):
        if kind not in _KINDS:
            raise DTypeError(f"isdtype: no kind {kind!r}; kinds are {', '.join(_KINDS)}")
        return as_dtype(dtype).kind in _KINDS[kind]
    return as_dtype(dtype) == as_dtype(kind)
