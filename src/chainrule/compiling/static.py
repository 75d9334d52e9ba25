"""Compiled functions with options: `WithStatic` keeps a `Compiled` for each value of them."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.compiling.compiled import Compiled
from chainrule.compiling.report import Report
from chainrule.core.errors import ArgumentError

__all__ = ["WithStatic"]


class WithStatic:
    """A compiled function some of whose arguments are options: a program for each value of them.

    Made by `compile` with ``static``.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        static: Sequence[int | str],
        donate: tuple[int, ...],
        options: tuple[Any, ...],
    ) -> None:
        self.function = f
        self._static = tuple(static)
        self._donate = donate
        self._options = options
        self._signature = inspect.signature(f)
        names = list(self._signature.parameters)
        unknown = [s for s in static if s not in names and not (type(s) is int and s < len(names))]
        if unknown:
            raise ArgumentError(f"compile: static names {unknown}, the arguments are {names}")
        self._fixed = tuple(names[s] if isinstance(s, int) else s for s in static)
        self._others = [name for name in names if name not in self._fixed]
        self._compiled: dict[Any, Compiled] = {}
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        compiled, rest = self._chosen(args, kwargs)
        return compiled(*rest)

    def __reduce__(self) -> Any:
        return WithStatic, (self.function, self._static, self._donate, self._options)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def report(self, *args: Any, **kwargs: Any) -> Report:
        """What the program for arguments like these consists of."""
        compiled, rest = self._chosen(args, kwargs)
        return compiled.report(*rest)

    def clear(self) -> None:
        """Forget all programs."""
        self._compiled.clear()

    def _chosen(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Compiled, list[Any]]:
        bound = self._signature.bind(*args, **kwargs)
        bound.apply_defaults()
        options = {name: bound.arguments[name] for name in self._fixed}
        key = tuple((type(value), value) for value in options.values())
        try:
            compiled = self._compiled.get(key)
        except TypeError:
            raise ArgumentError(
                f"compile: static arguments are hashable values, not {options}"
            ) from None
        if compiled is None:
            compiled = self._compiled[key] = self._compile(options)
        return compiled, [bound.arguments[name] for name in self._others]

    def _compile(self, options: dict[str, Any]) -> Compiled:
        @functools.wraps(self.function)
        def fixed(*rest: Any) -> Any:
            given = {**dict(zip(self._others, rest, strict=True)), **options}
            bound = self._signature.bind_partial()
            bound.arguments.update((n, given[n]) for n in self._signature.parameters)
            return self.function(*bound.args, **bound.kwargs)

        del fixed.__wrapped__  # its signature is another
        names = list(self._signature.parameters)
        donate = tuple(self._others.index(names[i]) for i in self._donate)
        return Compiled(fixed, donate, *self._options)
