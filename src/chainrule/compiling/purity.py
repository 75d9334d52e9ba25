"""Side effects of a traced function: what would silently happen once instead of in every call."""

from __future__ import annotations

import functools
from collections.abc import Callable
from itertools import islice
from typing import Any

from chainrule.core.errors import TraceError
from chainrule.core.tree import flatten
from chainrule.tensor import Tensor

__all__ = ["watched"]

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
    found = [(f"the global {name}", space[name]) for name in code.co_names if name in space]
    cells = zip(code.co_freevars, getattr(function, "__closure__", None) or (), strict=False)
    for name, cell in cells:
        try:
            found.append((f"the variable {name}", cell.cell_contents))
        except ValueError:  # not assigned yet
            continue
    return found


def _holds_traced(value: Any) -> bool:
    try:
        leaves = flatten(value)[0]
    except Exception:  # an object of any class may lie in a variable
        return False
    return any(isinstance(leaf, Tensor) and leaf.is_traced for leaf in leaves)
