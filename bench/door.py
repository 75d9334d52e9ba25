"""What it costs to call a compiled program from Python: nanoseconds, with programs that do nothing.

The comparison is a built-in function with as many arguments, and a call through ctypes.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from typing import Any

import numpy as np

import chainrule as cr
from bench.common import Row, interleaved
from chainrule.core.tree import flatten
from chainrule.core.types import array_type
from chainrule.door.native import make_door
from chainrule.door.spec import Argument, DoorSpec, Fresh, Kept, Result, arranged
from chainrule.door.twin import python_door
from chainrule.lower.llvm.ir import Module
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load

FLOAT32 = np.dtype("float32")
CALLS = 2000


def idle() -> Code:
    """A program that does nothing."""
    module = Module()
    params = [("table", "ptr"), ("thread", "i64"), ("threads", "i64"), ("team", "ptr")]
    module.function("program", params, internal=False).ret()
    return load(compile_object(str(module), host()))


def described(code: Code, args: tuple[Any, ...], donated: int, result: Result) -> DoorSpec:
    leaves, structure = flatten(args)
    arguments = tuple(
        Argument(leaf.node.type, slot, slot < donated) for slot, leaf in enumerate(leaves)
    )
    for leaf in leaves[:donated]:
        leaf.node.value.flags.writeable = True
    return DoorSpec(
        name="program",
        arguments=structure,
        leaves=arguments,
        result=result,
        table=(0,) * (len(leaves) + 1),
        program=code.address("program"),
        slow=_unexpected,
        failed=_unexpected,
        keep=code,
    )


def _unexpected(*args: Any) -> Any:
    raise AssertionError("the arguments are as described")


def four_arrays(code: Code) -> tuple[DoorSpec, tuple[Any, ...]]:
    args = tuple(cr.tensor(np.ones(4, FLOAT32)) for _ in range(4))
    return described(code, args, 0, Fresh(array_type((4,), FLOAT32), 4)), args


def training_step(code: Code) -> tuple[DoorSpec, tuple[Any, ...]]:
    """A network with three layers, the state of Adam and a batch, for the three and the loss."""
    model = cr.nn.MLP(2, (16, 16), 1, key=cr.random.key(0))
    state = cr.optim.adam(1e-3).init({k: p.detach() for k, p in model.parameters().items()})
    state = cr.core.tree.map_tree(lambda leaf: cr.tensor(leaf.numpy().copy()), state)
    batch = cr.tensor(np.ones((16, 2), FLOAT32)), cr.tensor(np.ones((16, 1), FLOAT32))
    args = (model, state, *batch)
    count = len(flatten(args)[0])
    loss = Fresh(array_type((), FLOAT32), count)
    result = arranged(flatten((0, 0, 0))[1], [Kept((0,)), Kept((1,)), loss])
    return described(code, args, count - 2, result), args


def through_ctypes(code: Code, args: tuple[Any, ...]) -> Callable[[], Any]:
    """The call with the least that ctypes needs, without any check."""
    word = ctypes.c_int64
    program = ctypes.CFUNCTYPE(None, ctypes.c_void_p, word, word, ctypes.c_void_p)(
        code.address("program")
    )
    arrays = [leaf.node.value for leaf in flatten(args)[0]]
    table = (ctypes.c_void_p * len(arrays))()

    def call() -> None:
        for _ in range(CALLS // 20):
            for slot, array in enumerate(arrays):
                table[slot] = array.ctypes.data
            program(table, 0, 1, None)

    return call


def repeated(door: Callable[..., Any], args: tuple[Any, ...], calls: int) -> Callable[[], Any]:
    turns = [None] * calls

    def call() -> None:
        for _ in turns:
            door(*args)

    return call


def run() -> list[Row]:
    """For each signature nanoseconds of a call: least and median of rounds."""
    code = idle()
    rows: list[Row] = []
    for name, make in (("4 arrays, 1 result", four_arrays), ("training step", training_step)):
        spec, args = make(code)
        python_calls = CALLS // 100
        candidates = {
            "door": (repeated(make_door(spec, args), args, CALLS), CALLS),
            "built-in max": (repeated(max, tuple(range(len(args))), CALLS), CALLS),
            "ctypes, no checks, no result": (through_ctypes(code, args), CALLS // 20),
            "door in Python": (repeated(python_door(spec), args, python_calls), python_calls),
        }
        times = interleaved({key: call for key, (call, _) in candidates.items()}, rounds=31)
        for key, (_, calls) in candidates.items():
            rows.append(
                {
                    "signature": name,
                    "leaves": len(spec.leaves),
                    "called": key,
                    "least ns": round(times[key].minimum / calls * 1e9),
                    "median ns": round(times[key].median / calls * 1e9),
                }
            )
    return rows
