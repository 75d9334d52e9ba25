"""Looking at the calls of modules from outside, and changing what they return.

Every class of modules wraps its ``__call__`` in `observed`.
"""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.nn.module import Module

__all__ = ["intercept", "observe", "observed"]

Observer = Callable[["Module", Any], None]
Interceptor = Callable[["Module", tuple[Any, ...], Any], Any]


class _Observers(threading.local):
    active: Observer | None = None
    interceptor: Interceptor | None = None
    entering: Callable[[Module], None] | None = None


_observers = _Observers()


def observed(call: Callable[..., Any]) -> Callable[..., Any]:
    """The ``__call__`` of a module, which tells who observes and asks who intercepts."""

    @functools.wraps(call)
    def wrapper(self: Module, *args: Any, **kwargs: Any) -> Any:
        if _observers.entering is not None:
            _observers.entering(self)
        output = call(self, *args, **kwargs)
        if _observers.interceptor is not None:
            output = _observers.interceptor(self, args, output)
        if _observers.active is not None:
            _observers.active(self, output)
        return output

    return wrapper


@contextmanager
def observe(observer: Observer, entering: Callable[[Module], None] | None = None) -> Iterator[None]:
    """Within the block, in this thread, tell ``observer`` the output of every module called.

    Args:
        observer: called with the module and its output.
        entering: called with the module before it computes.
    """
    before = _observers.active, _observers.entering
    _observers.active, _observers.entering = observer, entering
    try:
        yield
    finally:
        _observers.active, _observers.entering = before


@contextmanager
def intercept(interceptor: Interceptor) -> Iterator[None]:
    """Within the block, in this thread, replace the output of every module called.

    Args:
        interceptor: ``interceptor(module, args, output)`` gives what is returned in place of the
            output; ``args`` are the positional arguments of the call.

    A zero that is added to an output has the cotangent of the output for a gradient:

    >>> import chainrule as cr
    >>> layer = cr.nn.Linear(2, 1, key=cr.random.key(0), dtype="float64")
    >>> def loss(zero):
    ...     with cr.nn.intercept(lambda module, args, output: output + zero):
    ...         return (3.0 * layer(cr.ones((1, 2)))).sum()
    >>> cr.grad(loss)(cr.zeros((1, 1)))
    tensor([[3.]])
    """
    before = _observers.interceptor
    _observers.interceptor = interceptor
    try:
        yield
    finally:
        _observers.interceptor = before
