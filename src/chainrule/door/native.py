"""The native door of a compiled program."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import cache
from typing import Any

from chainrule.door.head import HeadWriter
from chainrule.door.layout import UnknownLayout, layout, numpy_functions
from chainrule.door.plan import Plan, Unsupported
from chainrule.door.spec import DoorSpec
from chainrule.door.twin import python_door
from chainrule.lower.llvm.door.text import door_text
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, cached_object, load

__all__ = ["available", "make_door"]


def make_door(spec: DoorSpec, example: tuple[Any, ...]) -> Callable[..., Any]:
    """The function through which Python calls a compiled program.

    It is a built-in function. Where that cannot be made, in another interpreter or for containers
    that are taken apart by code of their own, it is one in Python that does the same.

    Args:
        spec: what is called, with what, and what is returned.
        example: arguments of the described structure; they are not kept.
    """
    try:
        code = _code()
        writer = HeadWriter(spec, Plan(spec, example), host().lanes("i64"))
    except (UnknownLayout, Unsupported):
        return python_door(spec)
    return _builtin(code.address("door"), spec.name, (writer.head, *writer.alive, code))


def available() -> bool:
    """Whether there are native doors in this interpreter."""
    try:
        _code()
    except UnknownLayout:
        return False
    return True


@cache
def _code() -> Code:
    numpy_functions()  # raises if they are not those known
    return load(cached_object(door_text(layout(), host()), host()))


class _Method(ctypes.Structure):
    """PyMethodDef."""

    _fields_ = (
        ("name", ctypes.c_char_p),
        ("function", ctypes.c_void_p),
        ("flags", ctypes.c_int),
        ("doc", ctypes.c_char_p),
    )


_FAST_CALL, _KEYWORDS = 0x80, 0x02  # METH_…


def _builtin(address: int, name: str, block: tuple[Any, ...]) -> Callable[..., Any]:
    """The built-in function at an address; it holds ``block`` as its ``self``."""
    method = _Method(name.encode(), address, _FAST_CALL | _KEYWORDS, None)
    # CPython lets go of `self` last, so that the description of a function may live there
    function: Callable[..., Any] = _new()(ctypes.addressof(method), (*block, method), None)
    return function


@cache
def _new() -> Callable[..., Any]:
    new = ctypes.pythonapi["PyCFunction_NewEx"]  # not shared with others, who may set other types
    new.argtypes = [ctypes.c_void_p, ctypes.py_object, ctypes.c_void_p]
    new.restype = ctypes.py_object
    return new
