"""The value of a tensor in other hands: Python numbers, NumPy, DLPack."""

from __future__ import annotations

import inspect
import sys
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import DTypeError, GradientError, ShapeError, TraceError

if TYPE_CHECKING:
    from chainrule.core.node import Node
from chainrule.modes import current as mode

__all__ = ["Interoperable"]

fn: Any = None
"""`chainrule.functions`, put here by `chainrule.tensor`: the functions need the class first."""

_UFUNCS = {
    "absolute": "abs",
    "arccos": "acos",
    "arccosh": "acosh",
    "arcsin": "asin",
    "arcsinh": "asinh",
    "arctan": "atan",
    "arctan2": "atan2",
    "arctanh": "atanh",
    "fabs": "abs",
    "float_power": "pow",
    "fmod": "",  # takes the sign of the dividend, unlike ours
    "invert": "bitwise_invert",
    "left_shift": "bitwise_left_shift",
    "power": "pow",
    "right_shift": "bitwise_right_shift",
    "rint": "round",
    "true_divide": "divide",
}

_NAMES = {"a_max": "max", "a_min": "min", "ddof": "correction"}
"""Arguments of NumPy's functions that have another name here."""

_IGNORED = ("kind",)
"""Arguments that choose how to compute, not what: sorting is always stable here."""


class Interoperable:
    """The part of `Tensor` that hands out its value."""

    __slots__ = ()

    node: Node

    # -- Python ------------------------------------------------------------------------------------

    def item(self) -> Any:
        """The value of a one-element tensor as a Python number."""
        value = self._value("item()")
        if value.size != 1:
            raise ShapeError(f"item() needs one element, the tensor has shape {self.node.shape}")
        return value.item()

    def tolist(self) -> Any:
        """The value as nested lists of Python numbers."""
        return self._value("tolist()").tolist()

    def __float__(self) -> float:
        return float(self._scalar_value("float()"))

    def __int__(self) -> int:
        return int(self._scalar_value("int()"))

    def __bool__(self) -> bool:
        return bool(self._scalar_value("a truth value (as in `if` or `and`)"))

    def __index__(self) -> int:
        value = self._scalar_value("an index")
        if value.dtype.kind not in "iu":
            raise DTypeError(f"only integer scalars can be an index, not {self.node.dtype.name}")
        return int(value)

    def _scalar_value(self, what: str) -> Any:
        value = self._value(what)
        if value.size != 1:
            raise ShapeError(
                f"{what} of a tensor of shape {self.node.shape} is ambiguous; it needs one "
                "element (use .any() or .all() for a condition on many)"
            )
        return value.reshape(()) if value.ndim else value

    # -- NumPy and other libraries -----------------------------------------------------------------

    def numpy(self) -> np.ndarray:
        """The value as a read-only NumPy array that shares memory; copy it to change it.

        Allowed for tensors that require a gradient, too; what is computed with the array from there
        on is not recorded.
        """
        view = np.asarray(self._value("numpy()")).view()
        view.flags.writeable = False
        return view

    def _value(self, what: str) -> Any:
        value = self.node.value
        if self.node.tracked and mode.conversions is not None:
            mode.conversions.append(True)  # a derivative being computed does not see what follows
        if value is None:
            raise TraceError(
                f"{what} needs the value of a traced tensor of type {self.node.type!r}, which has "
                "none until the program runs. For a choice by value use cr.where or cr.cond; for "
                "a loop cr.scan or cr.while_loop; to look at values, call the function untraced."
            )
        return value

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        value = self.numpy()
        if dtype is not None and np.dtype(dtype) != value.dtype:
            if copy is False:
                raise DTypeError(f"{value.dtype} cannot become {np.dtype(dtype)} without a copy")
            return value.astype(dtype)
        return value.copy() if copy else value

    def __array_namespace__(self, /, *, api_version: str | None = None) -> Any:
        """The array API of tensors: the module `chainrule`."""
        return sys.modules[__package__]

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        """``np.sin(t)`` is ``chainrule.sin(t)``, and ``array * t`` is a tensor."""
        if ufunc is np.divmod:
            return fn.floor_divide(*inputs), fn.remainder(*inputs)
        name = _UFUNCS.get(ufunc.__name__, ufunc.__name__)
        function = getattr(fn, name, None) if name else None
        if function is None or kwargs or method != "__call__":
            called = ufunc.__name__ if method == "__call__" else f"{ufunc.__name__}.{method}"
            return _by_numpy(called, getattr(ufunc, method), inputs, kwargs)
        return function(*inputs)

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        """``np.concatenate([t, t])`` is ``chainrule.concatenate([t, t])``, and so on.

        With arguments that the function here does not take, NumPy computes on the values.
        """
        if func in (np.shape, np.ndim, np.size) and len(args) == 1:
            return getattr(self, func.__name__)
        home = fn.linalg if func.__module__ == "numpy.linalg" else fn
        function = getattr(home, func.__name__, None)
        if function is None or func.__module__ not in ("numpy", "numpy.linalg"):
            return _by_numpy(func.__name__, func, args, kwargs)
        if _bound(function, args, kwargs) is None:
            translated = _translated(func, function, args, kwargs)
            if translated is None:
                return _by_numpy(func.__name__, func, args, kwargs)
            args, kwargs = translated
        return function(*args, **kwargs)

    def __dlpack__(
        self,
        *,
        stream: Any = None,
        max_version: tuple[int, int] | None = None,
        dl_device: tuple[Any, int] | None = None,
        copy: bool | None = None,
    ) -> Any:
        """Export by DLPack. A copy, unless ``copy=False``: tensors never change, and not every
        library respects that exported memory is read-only."""
        value = self.numpy()
        if copy is not False:
            return value.copy().__dlpack__(
                stream=stream, max_version=max_version, dl_device=dl_device
            )
        return value.__dlpack__(
            stream=stream, max_version=max_version, dl_device=dl_device, copy=False
        )

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.numpy().__dlpack_device__()


@lru_cache(maxsize=512)
def _signature(function: Any) -> inspect.Signature | None:
    """The signature, if there is one: not every compiled function of NumPy tells."""
    try:
        return inspect.signature(function)
    except ValueError:
        return None


def _bound(function: Any, args: Any, kwargs: Any) -> dict[str, Any] | None:
    """The arguments by their names, or None if the function does not take them."""
    signature = _signature(function)
    try:
        return None if signature is None else signature.bind(*args, **kwargs).arguments
    except TypeError:
        return None


def _translated(
    numpys: Any, ours: Any, args: Any, kwargs: Any
) -> tuple[list[Any], dict[str, Any]] | None:
    """The arguments of NumPy's function as ours takes them, by name; None if it takes them not."""
    theirs, signature = _signature(numpys), _signature(ours)
    given = _bound(numpys, args, kwargs)
    if theirs is None or signature is None or given is None:
        return None
    named = {
        _NAMES.get(name, name): value
        for name, value in given.items()
        if value is not theirs.parameters[name].default and name not in _IGNORED
    }
    kinds = [parameter.kind for parameter in signature.parameters.values()]
    leading = list(theirs.parameters)[: kinds.count(inspect.Parameter.POSITIONAL_ONLY)]
    placed = [named.pop(name) for name in leading if name in named]
    return None if _bound(ours, placed, named) is None else (placed, named)


def _by_numpy(name: str, function: Any, args: Any, kwargs: Any) -> Any:
    """A NumPy function without a counterpart here, on the values of tensors.

    Raises:
        GradientError: if a derivative would silently be lost.
    """
    tracked = False

    def plain(item: Any) -> Any:
        nonlocal tracked
        if isinstance(item, Interoperable):
            tracked = tracked or item.node.tracked
            return item.numpy()
        if isinstance(item, (list, tuple)):
            parts = [plain(part) for part in item]
            return tuple(parts) if isinstance(item, tuple) else parts
        return item

    given, named = plain(tuple(args)), {key: plain(item) for key, item in kwargs.items()}
    written = {**named, **(_bound(function, given, named) or {})}.get("out")
    if tracked and _has_floats(written):
        raise _lost(name)  # before anything is written there
    result = function(*given, **named)
    if tracked and _has_floats(result):
        raise _lost(name)
    return result


def _lost(name: str) -> GradientError:
    return GradientError(
        f"numpy's {name} with these arguments has no derivative in chainrule, and an argument "
        "requires one. Call .detach() on it if no derivative is wanted."
    )


def _has_floats(results: Any) -> bool:
    parts = results if isinstance(results, (list, tuple)) else (results,)
    return any(isinstance(p, (np.ndarray, np.generic)) and p.dtype.kind == "f" for p in parts)
