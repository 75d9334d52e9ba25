"""The door in plain Python: slower, and what the native one is tested against."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from contextlib import nullcontext
from itertools import combinations
from typing import Any

import numpy as np

from chainrule.core import tree
from chainrule.core.errors import ChainRuleError
from chainrule.core.node import VARIABLE, Node, array, variable
from chainrule.core.tree import Tree
from chainrule.door.spec import (
    Argument,
    DoorSpec,
    Fresh,
    Kept,
    Made,
    Path,
    Result,
    Reused,
    leaf_paths,
    parts,
)
from chainrule.lower.llvm.runtime.lock import REENTERED, ReenteredError
from chainrule.tensor import Tensor

__all__ = ["is_differentiated", "python_door"]

NUMBERS: dict[str, type] = {"float64": float, "int64": int, "bool": bool}
"""The Python numbers that stand for an array without axes of some dtype."""


def python_door(spec: DoorSpec) -> Callable[..., Any]:
    """A function that does what that of `native.make_door` does, about a hundred times slower."""
    run = _runner(spec)
    places = list(leaf_paths(spec.arguments))
    donors = {
        part.path: places.index(part.path)
        for part in parts(spec.result)
        if isinstance(part, Reused)
    }
    kept_paths = [part.path for part in parts(spec.result) if isinstance(part, Kept)]
    strict = [any(place[: len(path)] == path for path in kept_paths) for place in places]

    def door(*args: Any, **kwargs: Any) -> Any:
        values = None if kwargs else _match(spec, strict, args)
        if values is None:
            return spec.slow(*args, **kwargs)
        table = (ctypes.c_void_p * len(spec.table))(*spec.table)
        for value, argument in zip(values, spec.leaves, strict=True):
            table[argument.slot] = value.ctypes.data
        fresh: dict[int, Any] = {}
        for part in parts(spec.result):
            if isinstance(part, Fresh) and part.slot not in fresh:
                fresh[part.slot] = np.empty(part.type.shape, part.type.dtype)
                table[part.slot] = fresh[part.slot].ctypes.data
        status = (ctypes.c_int64 * 2)()
        if spec.status is not None:
            table[spec.status] = ctypes.addressof(status)
        kept = {path: _object(args, path) for path in kept_paths}
        donated = {path: (_donor(_object(args, path)), values[i]) for path, i in donors.items()}
        try:
            with nullcontext() if spec.lock is None else spec.lock:
                run(ctypes.addressof(table))
        except ReenteredError:
            return spec.failed(REENTERED, *args)
        if status[0]:
            return spec.failed(status[0], *args)
        found: dict[Any, Any] = {
            slot: Tensor(array(value if value.shape else value[()]))
            for slot, value in fresh.items()
        }
        return _build(spec.result, found | kept, donated)

    door.__name__ = door.__qualname__ = spec.name
    return door


def _donor(leaf: Any) -> Tensor | None:
    """The leaf if it is a variable, whose place a result may take."""
    return leaf if type(leaf) is Tensor and leaf.node.primitive is VARIABLE else None


def _build(part: Result, found: dict[Any, Any], donated: dict[Path, Any]) -> Any:
    """The result; ``found`` are fresh tensors by slot and kept objects by path, ``donated`` donors
    and their arrays."""
    if isinstance(part, Fresh):
        return found[part.slot]
    if isinstance(part, Kept):
        return found[part.path]
    if isinstance(part, Reused):
        donor, value = donated[part.path]
        return Tensor(array(value) if donor is None else variable(value, donor._cell()))
    return rebuilder(part)(*[_build(child, found, donated) for child in part.children])


def rebuilder(made: Made) -> Callable[..., Any]:
    """A function of the children that makes the container."""
    one = Tree(None)
    shell = Tree(made.tree.kind, made.tree.static, made.tree.names, (one,) * len(made.children))
    return lambda *children: shell.build(children)


def _runner(spec: DoorSpec) -> Callable[[int], None]:
    pointer, number = ctypes.c_void_p, ctypes.c_int64
    prototype = ctypes.PYFUNCTYPE if spec.lock is None else ctypes.CFUNCTYPE
    if spec.launch is None:
        program = prototype(None, pointer, number, number, pointer)(spec.program)
        return lambda table: program(table, 0, 1, None)
    how = spec.launch
    launch = prototype(None, pointer, pointer, pointer, number, pointer)(how.function)
    return lambda table: launch(how.pool, spec.program, table, how.threads, how.policy)


def _object(value: Any, path: Path) -> Any:
    for index in path:
        taken = tree._children(value)
        assert taken is not None, "the structure was compared"
        value = taken[0][index][1]
    return value


def _match(spec: DoorSpec, strict: list[bool], args: tuple[Any, ...]) -> list[Any] | None:
    """The arrays of the arguments, or None if these are not what was described."""
    try:
        leaves, structure = tree.flatten(args)
        if structure != spec.arguments:
            return None
    except (ChainRuleError, ValueError):  # no pytree; or arrays in it were compared
        return None
    values = [
        _value(leaf, argument, only_tensor)
        for leaf, argument, only_tensor in zip(leaves, spec.leaves, strict, strict=True)
    ]
    if any(value is None for value in values) or not _disjoint(values, spec.leaves):
        return None
    return values


def _value(leaf: Any, argument: Argument, strict: bool) -> Any:
    """The array of a leaf, or a copy of a scalar; None if it is not what was described."""
    bare = type(leaf) is not Tensor
    if not bare and is_differentiated(leaf.node):
        return None
    if bare and strict:
        return None
    if argument.number is not None and argument.number is not (type(leaf) in NUMBERS.values()):
        return None
    value = leaf if bare else leaf.node.value
    shape, dtype = argument.type.shape, argument.type.dtype
    if type(value) is np.ndarray:
        fits = value.dtype == dtype and value.shape == shape
        usable = value.flags.c_contiguous and value.flags.aligned
        writeable = value.flags.writeable or not argument.donated
        return value if fits and usable and writeable else None
    number = NUMBERS.get(dtype.name) if bare else None
    if argument.donated or shape or type(value) not in (dtype.type, number):
        return None
    try:
        return np.array(value, dtype)
    except OverflowError:
        return None


def is_differentiated(node: Node) -> bool:
    """Whether a node belongs to a derivative that is being taken, or to a recorded computation.

    A leaf of the user's that requires a gradient does not: it is taken as a value.
    """
    return node.tracked and (node.primitive is not VARIABLE or node.argument[0] is None)


def _disjoint(values: list[Any], leaves: tuple[Argument, ...]) -> bool:
    spans = [
        (v.ctypes.data, v.ctypes.data + v.nbytes, leaf)
        for v, leaf in zip(values, leaves, strict=True)
    ]
    return not any(
        (a.donated or b.donated) and start < other_end and other_start < end
        for (start, end, a), (other_start, other_end, b) in combinations(spans, 2)
        if start < end and other_start < other_end
    )
