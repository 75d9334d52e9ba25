"""Side effects of a traced function: what would silently happen once instead of in every call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import islice
from types import CodeType
from typing import Any

from chainrule.core.errors import TraceError
from chainrule.core.tree import flatten, paths
from chainrule.tensor import Tensor

__all__ = ["unchanging", "watched"]

MOST = 1000
"""Elements of a container that are looked at."""


class watched:  # noqa: N801, used like a function
    """Raises `TraceError` if the block leaves a traced tensor in a global or enclosing variable.

    No generator, so that the error points at the user's line and not into `contextlib`.
    """

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function
        self._before = {name: _state(value) for name, value in _outside(function)}

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind: Any, *_: object) -> None:
        if kind is not None:
            return
        for name, value in _outside(self._function):
            if self._before.get(name) != _state(value) and _holds_traced(value):
                raise TraceError(
                    f"the function stored a traced tensor in {name}, which lies outside of it. A "
                    "compiled function runs once, on tensors without values; return what is needed "
                    "instead, and assign it after the call."
                )


def _state(value: Any) -> tuple[int, ...]:
    """What changes if the variable is set, or something is put into the container it holds."""
    if isinstance(value, dict):
        value_ids = map(id, value.values())
    elif isinstance(value, (list, set)):
        value_ids = map(id, value)
    else:
        return (id(value),)
    return (id(value), len(value), *islice(value_ids, MOST))


def unchanging(function: Callable[..., Any]) -> Callable[..., Any]:
    """``function``, which raises `TraceError` if it changes one of its arguments.

    It is run on copies, so the change would be lost.
    """

    @functools.wraps(function)
    def checked(*args: Any) -> Any:
        before = _parts(args)
        result = function(*args)
        after = _parts(args)
        changed = sorted(before.keys() ^ after.keys())
        changed += [path for path in before if path in after and before[path] is not after[path]]
        if changed:
            raise TraceError(
                f"the function changed its argument at {changed[0]}. A compiled function works on "
                "copies, so the change would be lost: return the new value instead."
            )
        return result

    return checked


def _parts(args: tuple[Any, ...]) -> dict[str, Any]:
    return {path: leaf.node if isinstance(leaf, Tensor) else leaf for path, leaf in paths(args)}


def _outside(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The variables outside of a function that its code names."""
    while hasattr(function, "__wrapped__") or isinstance(function, functools.partial):
        function = (
            function.func if isinstance(function, functools.partial) else function.__wrapped__
        )
    code = getattr(function, "__code__", None)
    if code is None:
        return []
    space = getattr(function, "__globals__", {})
    found = [(f"the global {name}", space[name]) for name in _names(code) if name in space]
    cells = zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False)
    for name, cell in cells:
        try:
            found.append((f"the variable {name}", cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    return found


def _names(code: CodeType) -> set[str]:
    """The names that a code object uses, and the functions defined inside of it."""
    inner = (_names(part) for part in code.co_consts if isinstance(part, CodeType))
    return set(code.co_names).union(*inner)


def _holds_traced(value: Any) -> bool:
    try:
        leaves = flatten(value)[0]
    except Exception:  # an object of any class may lie in a variable
        return False
    return any(isinstance(leaf, Tensor) and leaf.is_traced for leaf in leaves)
