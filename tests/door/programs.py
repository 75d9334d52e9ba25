"""Tiny programs and what describes them, for the tests of the door."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.node import Node
from chainrule.core.tree import Tree, flatten
from chainrule.core.types import ArrayType, array_type
from chainrule.door.spec import Argument, DoorSpec, Made, Result
from chainrule.lift import as_node
from chainrule.lower.llvm.ir import Function, Module
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load

FLOAT32 = np.dtype("float32")
SCALAR = array_type((), FLOAT32)


@cache
def program(write: Callable[[Function], None]) -> Code:
    """The code of ``void program(ptr table, i64 thread, i64 threads, ptr team)``."""
    module = Module()
    params = [("table", "ptr"), ("thread", "i64"), ("threads", "i64"), ("team", "ptr")]
    f = module.function("program", params, internal=False)
    module.declare("usleep", "i32", ["i32"])
    write(f)
    f.ret()
    return load(compile_object(str(module), host()))


def nothing(f: Function) -> None:
    """The program that does nothing."""


@cache
def scale(
    count: int, slots: int, fresh: int | None = None, type: str = "float"
) -> Callable[[Function], None]:
    """A program that doubles ``count`` elements in each of the slots, and puts the sum of the first
    elements into the slot ``fresh``."""

    def write(f: Function) -> None:
        total = f.constant(type, 0)
        for slot in range(slots):
            base = f.load("ptr", f.params[0].offset(slot, "ptr"))
            for index in range(count):
                place = base.offset(index, type)
                f.store(f.load(type, place) * 2, place)
            if count:
                total = total + f.load(type, base)
        if fresh is not None:
            f.store(total, f.load("ptr", f.params[0].offset(fresh, "ptr")))

    return write


@cache
def add(count: int, arguments: int, type: str = "float") -> Callable[[Function], None]:
    """A program that adds arrays of ``count`` elements into the slot after them."""

    def write(f: Function) -> None:
        bases = [f.load("ptr", f.params[0].offset(i, "ptr")) for i in range(arguments + 1)]
        with f.loop(0, count) as loop:
            total = f.constant(type, 0)
            for base in bases[:-1]:
                total = total + f.load(type, base.offset(loop.index, type))
            f.store(total, bases[-1].offset(loop.index, type))

    return write


def slow(*args: Any, **kwargs: Any) -> Any:
    """What a door calls when it cannot take the arguments; the tests see it in the result."""
    return "slow", args, kwargs


def failed(status: int, *args: Any) -> Any:
    raise ArithmeticError(f"status {status} with {len(args)} arguments")


def describe(
    write: Callable[[Function], None],
    args: tuple[Any, ...],
    result: Result,
    donated: tuple[int, ...] = (),
    fresh: int = 1,
    **more: Any,
) -> DoorSpec:
    """A door for these arguments, whose leaves have the first slots and results the next."""
    code = program(write)
    leaves, structure = flatten(args)
    arguments = tuple(
        Argument(type_of_leaf(leaf), slot, slot in donated) for slot, leaf in enumerate(leaves)
    )
    given: dict[str, Any] = {
        "slow": slow,
        "failed": failed,
        "name": "program",
        "keep": code,
        **more,
    }
    table = (0,) * (len(leaves) + fresh)
    return DoorSpec(
        arguments=structure,
        leaves=arguments,
        result=result,
        table=table,
        program=code.address("program"),
        **given,
    )


def type_of_leaf(leaf: Any) -> ArrayType:
    node: Node = as_node(leaf)
    return node.type


def owned(*shape: int, value: float = 1.0) -> cr.Tensor:
    """A tensor whose memory may be donated."""
    found = cr.tensor(np.full(shape, value, FLOAT32))
    found.node.value.flags.writeable = True
    return found


def vector_of(*values: float) -> cr.Tensor:
    return cr.tensor(np.array(values, FLOAT32))


def is_slow(result: Any) -> bool:
    """Whether a door handed its arguments to `slow`."""
    return type(result) is tuple and len(result) == 3 and result[0] == "slow"


BUILT_IN = type(len)
NONE = Made(Tree(type(None)), ())
