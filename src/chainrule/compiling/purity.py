"""Side effects of a traced function: what would silently happen once instead of in every call."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.core.errors import TraceError
from chainrule.core.tree import flatten
from chainrule.tensor import Tensor

__all__ = ["watched"]


@contextmanager
def watched(function: Callable[..., Any]) -> Iterator[None]:
    """Raises `TraceError` if the block leaves a traced tensor in a global or enclosing variable."""
    before = {name: id(value) for name, value in _outside(function)}
    yield
    for name, value in _outside(function):
        if before.get(name) != id(value) and _holds_traced(value):
            raise TraceError(
                f"the function stored a traced tensor in {name}, which lies outside of it. A "
                "compiled function runs once, on tensors without values; return what is needed "
                "instead, and assign it after the call."
            )


def _outside(function: Callable[..., Any]) -> list[tuple[str, Any]]:
    """The variables outside of a function that its code names."""
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
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
