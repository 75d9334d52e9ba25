"""What a door takes and gives back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.errors import ArgumentError
from chainrule.core.tree import Tree
from chainrule.core.types import ArrayType
from chainrule.lower.llvm.runtime.lock import Lock

__all__ = [
    "Argument",
    "DoorSpec",
    "Fresh",
    "Kept",
    "Launch",
    "Made",
    "Path",
    "Result",
    "Reused",
    "arranged",
    "leaf_paths",
    "parts",
]

Path = tuple[int, ...]
"""A place in the arguments: the index of an argument, of a child in it, and so on."""


@dataclass(frozen=True)
class Argument:
    """A leaf of the arguments.

    Attributes:
        type: shape and dtype.
        slot: where its data pointer goes in the table of the program.
        donated: whether the program writes to it.
        number: whether it must be a Python number (True), must not (False), or may (None).
    """

    type: ArrayType
    slot: int
    donated: bool = False
    number: bool | None = None


@dataclass(frozen=True)
class Fresh:
    """A tensor with memory of its own, whose data pointer goes to ``slot``. Its value is an array,
    or a NumPy scalar if it has no axes. The same slot twice is the same tensor twice."""

    type: ArrayType
    slot: int


@dataclass(frozen=True)
class Kept:
    """The very object that stands at ``path`` in the arguments: a tensor, or a container of such
    that the program updates in place."""

    path: Path


@dataclass(frozen=True)
class Reused:
    """A new tensor that holds the array of the donated leaf at ``path``. Where that is a variable,
    the tensor is one too, and shares the place of its gradient."""

    path: Path


@dataclass(frozen=True)
class Made:
    """A container made anew, of the kind of ``tree``, from ``children``."""

    tree: Tree
    children: tuple[Result, ...]


Result = Fresh | Kept | Reused | Made


@dataclass(frozen=True)
class Launch:
    """How a program runs in several threads: ``function(pool, program, table, threads, policy)``.

    All but ``threads`` are addresses.
    """

    function: int
    pool: int
    threads: int
    policy: int = 0


@dataclass(frozen=True, eq=False)
class DoorSpec:
    """A compiled program as Python sees it.

    Attributes:
        name: of the door as a Python function.
        arguments: the structure of the tuple of arguments.
        leaves: its leaves, in order.
        result: what is returned.
        table: the slots of the program; 0 where an argument or result is put in.
        program: the address of ``void program(ptr table, i64 thread, i64 threads, ptr team)``.
        slow: called with the arguments as they came when they are not what is described here;
            its result is returned. It must not call the door again with the same arguments.
        failed: called as ``failed(status, *args)`` when the program has set its status word, or
            this is `REENTERED`; it raises, or its result is returned.
        status: the slot that gets the address of the status: two i64, the word itself (0 at
            the start) and one that a look-up writes.
        launch: how to run in several threads; by default the program runs in the calling one.
        lock: for long programs: the GIL is released while one runs, and this is held.
        keep: whatever has to live as long as the door: code, the arena, constants.
    """

    name: str
    arguments: Tree
    leaves: tuple[Argument, ...]
    result: Result
    table: tuple[int, ...]
    program: int
    slow: Callable[..., Any]
    failed: Callable[..., Any]
    status: int | None = None
    launch: Launch | None = None
    lock: Lock | None = None
    keep: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        leaves = dict(zip(leaf_paths(self.arguments), self.leaves, strict=True))
        for part in parts(self.result):
            if isinstance(part, Reused) and not leaves[part.path].donated:
                raise ArgumentError(f"{self.name}: only a donated leaf can be reused, {part.path}")


def arranged(tree: Tree, leaves: Iterable[Result]) -> Result:
    """A result of this structure with these parts for its leaves.

    >>> from chainrule.core.tree import flatten
    >>> leaves, tree = flatten({"a": 1, "b": [2]})
    >>> result = arranged(tree, [Kept((0,)), Kept((1,))])
    >>> [part.path for part in parts(result)]
    [(0,), (1,)]
    """
    return _arranged(tree, iter(leaves))


def _arranged(tree: Tree, leaves: Iterator[Result]) -> Result:
    if tree.kind is None:
        return next(leaves)
    return Made(tree, tuple([_arranged(child, leaves) for child in tree.children]))


def leaf_paths(structure: Tree, path: Path = ()) -> Iterator[Path]:
    """The paths of the leaves, in order."""
    if structure.kind is None:
        yield path
    for index, child in enumerate(structure.children):
        yield from leaf_paths(child, (*path, index))


def parts(result: Result) -> Iterator[Fresh | Kept | Reused]:
    """The parts of a result that are not containers made anew, in order."""
    if isinstance(result, Made):
        for child in result.children:
            yield from parts(child)
    else:
        yield result
