"""What a thread does beside computing: whether it records derivatives and notes source lines."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from chainrule.core.node import Node
from chainrule.core.source import SourceLine

__all__ = ["current", "mode", "no_grad", "watching_conversions"]


class _Mode(threading.local):
    """``special`` is true if anything else here is unusual, so that the usual case is one test."""

    special = False
    grad = True
    notes: dict[Node, set[SourceLine]] | None = None
    conversions: list[bool] | None = None
    weak: set[Node] | None = None
    since: int | None = None
    program: int | None = None


current = _Mode()


@contextmanager
def mode(
    *,
    grad: bool | None = None,
    notes: dict[Node, set[SourceLine]] | None = None,
    weak: set[Node] | None = None,
    since: int | None = None,
    program: int | None = None,
) -> Iterator[None]:
    """Within the block record derivatives or not, and note the source line of every node.

    ``weak`` are nodes that stand for Python numbers, which do not widen an array; what is computed
    from them alone is added. ``since`` is the serial at which a function begins that runs on
    tensors without values, such as the body of a loop, and ``program`` that of one whose graph
    is evaluated later, any number of times.
    """
    before = (current.grad, current.notes, current.weak, current.since, current.program)
    if grad is not None:
        current.grad = grad
    if notes is not None:
        current.notes = notes
    if weak is not None:
        current.weak = weak
    if since is not None:
        current.since = since
    if program is not None:
        current.program = program
    current.special = not current.grad or current.notes is not None
    try:
        yield
    finally:
        current.grad, current.notes, current.weak, current.since, current.program = before
        current.special = not current.grad or current.notes is not None


@contextmanager
def watching_conversions() -> Iterator[list[bool]]:
    """Within the block, a list that is no longer empty once a recorded value was taken out."""
    before = current.conversions
    found: list[bool] = []
    current.conversions = found
    try:
        yield found
    finally:
        current.conversions = before
        if before is not None and found:
            before.append(True)


def no_grad(function: Callable[..., Any] | None = None) -> Any:
    """Compute without recording: results do not require gradients.

    A context manager, also usable as a decorator (``@cr.no_grad`` or ``@cr.no_grad()``), as in
    PyTorch.

    >>> import chainrule as cr
    >>> w = cr.tensor(2.0, requires_grad=True)
    >>> with cr.no_grad():
    ...     (w * 3).requires_grad
    False
    """
    off = mode(grad=False)
    return off if function is None else off(function)
