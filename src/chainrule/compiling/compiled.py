"""`compile`: a function of pytrees as a native program for each combination of shapes it meets."""

from __future__ import annotations

import functools
import inspect
import threading
import warnings
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Any, Literal

import numpy as np

from chainrule.compiling.memory import parse_bytes
from chainrule.compiling.report import Report
from chainrule.compiling.special import Specialized, specialize
from chainrule.core.errors import ArgumentError, DTypeError, ShapeError
from chainrule.core.node import Node
from chainrule.core.tree import Tree, flatten, identical, paths
from chainrule.core.types import ArrayType
from chainrule.door.twin import is_differentiated
from chainrule.lift import as_node, is_number

__all__ = ["CompileWarning", "Compiled", "compile"]

KEPT = 128
"""At most so many programs of one function are kept, the least recently used go first."""

DOORS = 16
"""At most so many programs of one function are called without looking them up."""

MANY = 16
"""From so many programs of one function on, a warning says so."""


class CompileWarning(UserWarning):
    """A function is compiled again and again, or differently than asked for."""


class Compiled:
    """A function that runs natively; made by `compile`.

    Called with arguments of a structure, shapes and dtypes that it has not met, it traces and
    compiles the function for them; after that a call costs a microsecond or two beside the
    computation itself. Within a trace or a derivative it is the function itself, so
    ``cr.grad(compiled)`` and ``cr.vmap(compiled)`` do what they should.
    """

    def __init__(
        self,
        f: Callable[..., Any],
        donate: tuple[int, ...],
        threads: int | None,
        memory: int | None,
        accuracy: Literal["default", "fast"],
        check_finite: bool,
    ) -> None:
        self.function = f
        self.donate = donate
        self.threads = threads
        self.memory = memory
        self.accuracy = accuracy
        self.check_finite = check_finite
        self._programs: OrderedDict[Any, Specialized] = OrderedDict()
        self._lock = threading.RLock()
        self._warned = False
        self._signature: inspect.Signature | None = None
        self._compiled = 0
        self._door: Callable[..., Any] = self._slow
        self._tried: list[Specialized] = []  # programs whose doors the door tries, one by one
        functools.update_wrapper(self, f, updated=())

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._door(*args, **kwargs)

    def __reduce__(self) -> Any:
        options = (self.donate, self.threads, self.memory, self.accuracy, self.check_finite)
        return Compiled, (self.function, *options)

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else functools.partial(self, instance)

    def __repr__(self) -> str:
        name = getattr(self.function, "__name__", repr(self.function))
        return f"<compiled {name}, {len(self._programs)} programs>"

    def compile(self, *args: Any, **kwargs: Any) -> Specialized:
        """Compile for arguments like these, without running; their values do not matter.

        Raises:
            TraceError: where the function asks for a value.
        """
        args = self._positional(args, kwargs)
        nodes, structure, leaves = self._taken_apart(args)
        return self._program(args, structure, nodes, leaves)

    def clear(self) -> None:
        """Forget all programs: what the function uses from outside is looked at anew."""
        with self._lock:
            self._programs.clear()
            self._tried.clear()
            self._door = self._slow

    def report(self, *args: Any, **kwargs: Any) -> Report:
        """What the program for arguments like these, by default for the last ones, consists of.

        >>> import chainrule as cr
        >>> f = cr.compile(lambda x: cr.exp(x).sum())
        >>> f(cr.tensor([0.0, 0.0]))
        tensor(2.)
        >>> len(f.report().kernels)
        1
        """
        if args or kwargs:
            return Report(self.compile(*args, **kwargs))
        if not self._programs:
            raise ArgumentError("report: nothing was compiled yet; give example arguments")
        return Report(next(reversed(self._programs.values())))

    # -- the way for arguments that the door does not know -----------------------------------------

    def _slow(self, *args: Any, **kwargs: Any) -> Any:
        if kwargs:
            return self._door(*self._positional(args, kwargs))
        nodes, structure, leaves = self._taken_apart(args)
        if any(node.value is None or is_differentiated(node) for node in nodes):
            return self.function(*args)
        program = self._program(args, structure, nodes, leaves)
        if program not in self._tried:
            self._open_door(program, args)
        return program(args, leaves, nodes)

    def _open_door(self, program: Specialized, args: tuple[Any, ...]) -> None:
        """From now on try the door of this program first, then those of some before it."""
        with self._lock:
            if len(self._tried) == DOORS:
                self._tried.clear()
                self._door = self._slow
            door = program.door(args, self._door)
            if door is not None:
                self._tried.append(program)
                self._door = door

    def _positional(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any, ...]:
        if not kwargs:
            return args
        signature = self._signature or inspect.signature(self.function)
        self._signature = signature
        bound = signature.bind(*args, **kwargs)
        last = [name for name in signature.parameters if name in bound.arguments][-1]
        for name, parameter in signature.parameters.items():
            if name == last:
                break  # defaults behind it stay constants of the program
            if name not in bound.arguments and parameter.default is not parameter.empty:
                bound.arguments[name] = parameter.default
        if bound.kwargs:
            raise ArgumentError(
                f"a compiled function takes its arguments by position; {', '.join(bound.kwargs)} "
                "can only be given by name. Fix it with functools.partial before compiling."
            )
        return bound.args

    def _taken_apart(self, args: tuple[Any, ...]) -> tuple[list[Node], Tree, list[Any]]:
        """The nodes of the leaves, the structure, and the leaves as they are."""
        leaves, structure = flatten(args)
        try:
            return [as_node(leaf) for leaf in leaves], structure, leaves
        except (DTypeError, ShapeError):
            for path, leaf in paths(args):
                _check_leaf(self.function, path, leaf)
            raise

    def _program(
        self, args: tuple[Any, ...], structure: Tree, nodes: Sequence[Node], leaves: Sequence[Any]
    ) -> Specialized:
        types = tuple(node.type for node in nodes)
        numbers = tuple(map(is_number, leaves))
        key = _Key(structure, types, numbers)
        with self._lock:
            found = self._programs.get(key)
            if found is not None:
                self._programs.move_to_end(key)
                return found
        # not under the lock: tracing runs code of the user, who may compile in other threads
        program = specialize(self, args, structure, types, numbers)
        with self._lock:
            program = self._programs.setdefault(key, program)
            if len(self._programs) > KEPT:
                self._programs.popitem(last=False)
            self._compiled += 1
            warn = self._compiled >= MANY and not self._warned
            self._warned = self._warned or warn
        if warn:
            warnings.warn(
                f"{getattr(self.function, '__name__', 'a function')} was compiled "
                f"{self._compiled} times, each time for other shapes or dtypes, the last ones "
                f"{', '.join(map(repr, types[:4]))}{', …' if len(types) > 4 else ''}. Pad the "
                "data to a few fixed shapes (the last batch of an epoch is the usual cause), "
                "or leave this function uncompiled.",
                CompileWarning,
                stacklevel=_outside(),
            )
        return program


class _Key:
    """A structure and types, hashed by what is quick to hash."""

    __slots__ = ("_hash", "numbers", "structure", "types")

    def __init__(
        self, structure: Tree, types: tuple[ArrayType, ...], numbers: tuple[bool, ...]
    ) -> None:
        self.structure = structure
        self.types = types
        self.numbers = numbers
        self._hash = hash((types, numbers, structure.kind, structure.names))

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, _Key)
            and self.types == other.types
            and self.numbers == other.numbers
            and identical(self.structure, other.structure)
        )


def _check_leaf(function: Callable[..., Any], path: str, leaf: Any) -> None:
    """Raise if a leaf is neither array nor number, and say which argument it is in."""
    try:
        as_node(leaf)
    except (DTypeError, ShapeError) as error:
        first, _, rest = path.partition(".")
        try:
            name = list(inspect.signature(function).parameters)[int(first)]
        except (ValueError, TypeError, IndexError):
            name = first
        inside = f" at {rest}" if rest else ""
        reason = str(error).split("\n", maxsplit=1)[0]
        raise ArgumentError(
            f"argument {name!r}{inside} is a {type(leaf).__name__}, and a compiled function takes "
            f"arrays and numbers ({reason}). Name it in cr.compile(f, static={name!r}) if it is an "
            "option that the program may depend on."
        ) from None


def _outside() -> int:
    """The stack level of the user's line, for warnings."""
    from chainrule.core.source import PACKAGE

    level, frame = 1, inspect.currentframe()
    while frame is not None and frame.f_code.co_filename.startswith(PACKAGE):
        frame = frame.f_back
        level += 1
    return level - 1


def compile(
    f: Callable[..., Any] | None = None,
    *,
    donate: int | Sequence[int] = (),
    static: int | str | Sequence[int | str] = (),
    threads: int | None = None,
    memory: int | str | None = None,
    accuracy: Literal["default", "fast"] = "default",
    check_finite: bool = False,
) -> Any:
    """``f`` as one native program, compiled when it is called with shapes it has not met.

    Args:
        f: a function of pytrees of arrays: a loss, a gradient, a whole training step. It is traced,
            so it must not branch on values (`where`, `cond` and `scan` do), and everything that
            changes from call to call has to be an argument. Left out, a decorator is returned.
        donate: positions of arguments that may be overwritten. A result of the same structure, or
            type, takes over their memory: a training step then updates its model in place. The
            argument must not be used afterwards; go on with the result.
        static: positions or names of arguments that are no arrays but options, such as a flag or
            a number of layers: hashable values, for each of which there is a program of its own.
        threads: the most threads to use, by default all processors. Results do not depend on it.
        memory: a limit for intermediate values, in bytes or as ``"512MiB"``; values are computed
            again instead of being kept where that is needed. `Compiled.report` says what that cost.
        accuracy: "default" is within 2 ulp for the common functions and 4 for the others; "fast"
            may err more, flushes denormal numbers to zero and contracts a·b + c.
        check_finite: whether to look for NaN and infinity in the results and to name the first
            operation, and the line, that made one.

    Returns:
        `Compiled`, to be called like ``f``. Its results are values: they carry no history, so
        differentiate inside of the compiled function, or the compiled function as a whole.

    Raises:
        TraceError: (when called) where ``f`` needs a value, or uses a tensor that requires a
            gradient without having it as an argument.
        MemoryLimitError: (when called) if the program cannot fit into ``memory``.

    >>> import chainrule as cr
    >>> slope = cr.compile(cr.grad(lambda x: (x**3).sum()))
    >>> slope(cr.tensor([1.0, 2.0]))
    tensor([ 3., 12.])
    """
    if f is None:
        return functools.partial(
            compile,
            donate=donate,
            static=static,
            threads=threads,
            memory=memory,
            accuracy=accuracy,
            check_finite=check_finite,
        )
    if not callable(f):
        raise ArgumentError(f"compile takes a function, not {f!r}")
    if accuracy not in ("default", "fast"):
        raise ArgumentError(f'compile: accuracy is "default" or "fast", not {accuracy!r}')
    if threads is not None and (type(threads) is not int or threads < 1):
        raise ArgumentError(f"compile: threads is an integer of at least 1, not {threads!r}")
    chosen = tuple(donate) if isinstance(donate, Sequence) else (donate,)
    if not all(isinstance(i, (int, np.integer)) and not isinstance(i, bool) for i in chosen):
        raise ArgumentError(f"compile: donate takes positions of arguments, not {donate!r}")
    options = (threads, parse_bytes(memory), accuracy, check_finite)
    fixed = (static,) if isinstance(static, (int, str)) else tuple(static)
    if fixed:
        from chainrule.compiling.static import WithStatic

        return WithStatic(f, fixed, chosen, options)
    return Compiled(f, chosen, *options)
