"""Doors neither lose nor keep references, also when something fails, and with several threads."""

from __future__ import annotations

import dataclasses
import gc
import os
import sys
import threading
import tracemalloc
import weakref
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.tree import Tree, flatten, register
from chainrule.core.types import array_type
from chainrule.door.native import make_door
from chainrule.door.spec import Fresh, Kept, Launch, Made, Reused, arranged
from chainrule.lower.llvm.ir import Function, Module
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.runtime.jit import Code, compile_object, load
from chainrule.lower.llvm.runtime.lock import Lock
from tests.door.programs import FLOAT32, SCALAR, add, describe, nothing, owned, scale

CALLS = 20_000


def references(door: Any, args: tuple[Any, ...]) -> list[int]:
    """Reference counts of everything that a call touches."""
    block = door.__self__
    gc.collect()
    leaves, _ = flatten(args)
    objects = [*block, *args, *leaves]
    for leaf in leaves:
        objects += [leaf.node, leaf.node.value, leaf.node.type, leaf.node.value.dtype]
    return [sys.getrefcount(found) for found in objects]


def unchanged(now: list[int], before: list[int]) -> bool:
    """A call that lost or kept a reference would show a thousand times; some objects are shared
    with everything else that runs."""
    return all(abs(a - b) < 100 for a, b in zip(now, before, strict=True))


def repeat(door: Any, args: tuple[Any, ...], **kwargs: Any) -> None:
    for _ in range(CALLS):
        door(*args, **kwargs)


def grown(call: Callable[[], Any]) -> int:
    """Bytes that are allocated after many calls beyond those after some."""
    call()
    gc.collect()
    tracemalloc.start()
    try:
        call()
        gc.collect()
        before, _ = tracemalloc.get_traced_memory()
        call()
        gc.collect()
        return tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()


def step() -> tuple[Any, tuple[Any, ...]]:
    """A door with all kinds of arguments and results."""
    model = cr.nn.MLP(2, (3,), 1, key=cr.random.key(0))
    state = {"a": (owned(2), [owned(3)]), "b": owned(2, 2)}
    args = (model, state, owned(2), owned(2).requires_grad_())
    leaves, _ = flatten(args)
    count = len(leaves)
    shared = Fresh(array_type((2,), FLOAT32), count)
    tree = flatten((0, {"x": 0, "y": [0, None]}, 0, 0, cr.nn.Linear(1, 1, key=cr.random.key(0))))[1]
    scalar = Fresh(SCALAR, count + 1)
    parts = [Kept((0,)), shared, Kept((1, 0)), scalar, Reused((3,)), shared, scalar]
    spec = describe(nothing, args, arranged(tree, parts), (count - 1,), fresh=2)
    return make_door(spec, args), args


def test_a_call_leaves_no_references() -> None:
    door, args = step()
    door(*args)
    before = references(door, args)
    repeat(door, args)
    assert unchanged(references(door, args), before)
    assert grown(lambda: repeat(door, args)) < CALLS / 4


def test_a_result_is_freed_with_its_last_reference() -> None:
    x = owned(2)
    door = make_door(describe(add(2, 1), (x,), Fresh(array_type((2,), FLOAT32), 1)), (x,))
    result = door(x)
    alive = [weakref.ref(result), weakref.ref(result.node), weakref.ref(result.node.value)]
    counts = [
        [sys.getrefcount(y), sys.getrefcount(y.node), sys.getrefcount(y.node.value)]
        for y in (result, x * 2)
    ]
    assert counts[0] == [counts[1][0] + 1, *counts[1][1:]]  # the name, of the result alone
    del result
    assert [ref() for ref in alive] == [None, None, None]


def test_fresh_tensors_are_seen_by_the_garbage_collector() -> None:
    x = owned(2)
    door = make_door(describe(add(2, 1), (x,), Fresh(array_type((2,), FLOAT32), 1)), (x,))
    result = door(x)
    assert gc.is_tracked(result) and gc.is_tracked(result.node)
    node = result.node
    assert any(found is node for found in gc.get_referents(result))
    for name in ("primitive", "sources", "argument", "type", "value", "tracked", "serial"):
        assert any(found is getattr(node, name) for found in gc.get_referents(node)), name


def test_the_slow_path_leaves_no_references() -> None:
    door, args = step()
    wrong: list[tuple[tuple[Any, ...], dict[str, Any]]] = [
        (args[:2], {}),
        (args, {"x": args[0]}),
        ((args[0], args[1], args[2], args[2]), {}),
        ((args[0], {**args[1], "c": 1}, args[2], args[3]), {}),
        ((args[0], args[1], args[2], cr.tensor(np.ones(2))), {}),
        ((args[0], args[1], 2**70, args[3]), {}),
    ]
    for given, kwargs in wrong:
        assert door(*given, **kwargs)[0] == "slow"
        before = references(door, args)
        repeat(door, given, **kwargs)
        assert unchanged(references(door, args), before)


def test_overflow_is_no_pending_error() -> None:
    door = make_door(describe(nothing, (1,), Kept((0,))), (1,))
    assert door(2**70)[0] == "slow"
    type_ = array_type((), np.dtype("int64"))
    door = make_door(describe(nothing, (1,), Fresh(type_, 1)), (1,))
    for _ in range(CALLS):
        assert door(2**70)[0] == "slow"


def test_failure_leaves_no_references() -> None:
    def write(f: Function) -> None:
        f.store(f.i64(4), f.load("ptr", f.params[0].offset(1, "ptr")))

    x = owned(2)
    result = arranged(flatten((0, 0))[1], [Kept((0,)), Fresh(array_type((1000,), FLOAT32), 2)])
    door = make_door(describe(write, (x,), result, fresh=2, status=1), (x,))

    def call() -> None:
        for _ in range(1000):
            with pytest.raises(ArithmeticError):
                door(x)

    call()
    before = references(door, (x,))
    assert grown(call) < 1000
    assert unchanged(references(door, (x,)), before)


class Refusing:
    """A container that cannot be rebuilt."""


def _refuse(static: Any, children: list[Any]) -> Any:
    raise LookupError("refused")


register(Refusing, lambda value: ([], None), _refuse)


def test_a_container_that_cannot_be_built_leaves_no_references() -> None:
    x = owned(2)
    one, two = Tree(None), Tree(Refusing, None, ("a", "b"), (Tree(None),) * 2)
    fresh = Fresh(array_type((1000,), FLOAT32), 1)
    inner = Made(two, (fresh, Kept((0,))))
    unhashable: Any = ([], [])
    keys = Made(Tree(dict, unhashable, ("a", "b"), (one, one)), (fresh, Kept((0,))))
    for made, error in ((inner, LookupError), (keys, TypeError)):
        outer = Made(
            Tree(tuple, None, ("0", "1", "2", "3"), (one,) * 4),
            (Kept((0,)), fresh, made, Made(Tree(list, None, ("0",), (one,)), (fresh,))),
        )
        door = make_door(describe(nothing, (x,), outer), (x,))

        def call(door: Any = door, error: type[Exception] = error) -> None:
            for _ in range(1000):
                with pytest.raises(error):
                    door(x)

        call()
        before = references(door, (x,))
        assert grown(call) < 1000
        assert unchanged(references(door, (x,)), before)


def test_an_array_that_is_too_large_raises() -> None:
    x = owned(2)
    result = arranged(
        flatten((0, 0, 0))[1],
        [Kept((0,)), Fresh(SCALAR, 1), Fresh(array_type((2**50,), FLOAT32), 2)],
    )
    door = make_door(describe(nothing, (x,), result, fresh=2), (x,))
    before = references(door, (x,))
    for _ in range(1000):
        with pytest.raises(MemoryError):
            door(x)
    assert unchanged(references(door, (x,)), before)


def test_a_door_is_collected_with_its_cycle() -> None:
    class Compiled:
        door: Any

        def slow(self, *args: Any) -> Any:
            return args

    compiled = Compiled()
    x = owned(2)
    compiled.door = make_door(describe(nothing, (x,), Kept((0,)), slow=compiled.slow), (x,))
    assert compiled.door(1) == (1,)
    alive = weakref.ref(compiled)
    del compiled
    gc.collect()
    assert alive() is None


def test_a_door_keeps_what_it_needs() -> None:
    x = owned(3)
    doors = [
        make_door(describe(scale(3, 1), ({"a": x},), Reused((0, 0)), (0,)), ({"a": x},))
        for _ in range(50)
    ]
    gc.collect()
    for door in doors[::2]:
        door({"a": x})
    del doors[::2]
    gc.collect()
    for door in doors:
        door({"a": x})
    assert x.numpy().tolist() == [2.0**50] * 3


def test_garbage_collection_during_calls() -> None:
    door, args = step()
    thresholds = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for _ in range(2000):
            result = door(*args)
    finally:
        gc.set_threshold(*thresholds)
    assert result[0] is args[0]


# -- threads ---------------------------------------------------------------------------------------


def unlocked_count(f: Function) -> None:
    """Adds one to a donated counter so slowly that two at once would lose some."""
    place = f.load("ptr", f.params[0])
    before = f.load("float", place)
    f.call("usleep", "i32", f.constant("i32", 50))
    f.store(before + 1, place)


def in_threads(count: int, call: Callable[[], None]) -> None:
    errors: list[BaseException] = []

    def run() -> None:
        try:
            call()
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors


def test_long_programs_run_one_at_a_time_without_the_gil() -> None:
    x = owned(1, value=0.0)
    door = make_door(describe(unlocked_count, (x,), Kept((0,)), (0,), lock=Lock()), (x,))
    before = references(door, (x,))

    def call() -> None:
        for _ in range(50):
            assert door(x) is x

    in_threads(4, call)
    assert x.item() == 200
    assert unchanged(references(door, (x,)), before)


def test_other_threads_run_meanwhile() -> None:
    def write(f: Function) -> None:
        f.call("usleep", "i32", f.constant("i32", 100_000))

    door = make_door(describe(write, (1.0,), Made(Tree(type(None)), ()), lock=Lock()), (1.0,))
    running = threading.Thread(target=door, args=(1.0,))
    running.start()
    turns = 0
    while running.is_alive():
        turns += 1
    assert turns > 10


def test_arguments_may_vanish_during_a_long_program() -> None:
    def write(f: Function) -> None:
        place = f.load("ptr", f.params[0])
        f.call("usleep", "i32", f.constant("i32", 50_000))
        f.store(f.load("float", place) * 2, f.load("ptr", f.params[0].offset(1, "ptr")))

    x = [owned(1000)]
    tree = flatten((0, 0))[1]
    result = arranged(tree, [Fresh(SCALAR, 1), Kept((0, 0))])
    door = make_door(describe(write, (x,), result, lock=Lock()), (x,))
    results: list[Any] = []
    running = threading.Thread(target=lambda: results.append(door(x)))
    first = weakref.ref(x[0].node.value)
    running.start()
    while running.is_alive():
        if x[0].node.value is first():
            x[0] = owned(1)
            np.empty(1000, FLOAT32).fill(7)
    running.join()
    assert results[0][0].item() == 2
    assert results[0][1].shape == (1000,)


def test_many_threads_with_the_gil() -> None:
    door, args = step()
    before = references(door, args)

    def call() -> None:
        for _ in range(3000):
            result = door(*args)
            assert result[0] is args[0]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        in_threads(4, call)
    finally:
        sys.setswitchinterval(interval)
    assert unchanged(references(door, args), before)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
def test_a_lock_is_free_in_the_child_of_a_fork() -> None:
    lock = Lock()
    x = owned(1, value=0.0)
    door = make_door(describe(unlocked_count, (x,), Kept((0,)), (0,), lock=lock), (x,))
    with lock:
        child = os.fork()
        if not child:
            os._exit(0 if door(x).item() == 1 else 1)
    _, status = os.waitpid(child, 0)
    assert status == 0


def launcher() -> Code:
    """``launch(pool, program, table, threads, policy)``: runs the program once for each thread and
    counts launches in ``policy``."""
    module = Module()
    params = ["pool ptr", "program ptr", "table ptr", "threads i64", "policy ptr"]
    named = [(name, type) for name, type in map(str.split, params)]
    f = module.function("launch", named, internal=False)
    pool, program, table, threads, policy = f.params
    with f.loop(0, threads) as loop:
        f.call_pointer(program, "void", table, loop.index, threads, pool)
    f.store(f.load("i64", policy) + 1, policy)
    f.ret()
    return load(compile_object(str(module), host()))


def test_a_launch_in_several_threads() -> None:
    def write(f: Function) -> None:
        table, thread, threads, team = f.params
        place = f.load("ptr", table).offset(thread, "i64")
        f.store(f.load("i64", team) + threads, place)

    code = launcher()
    pool, policy = np.array([40]), np.array([0])
    x = cr.tensor(np.zeros(4, np.int64))
    x.node.value.flags.writeable = True
    launch = Launch(code.address("launch"), pool.ctypes.data, 3, policy.ctypes.data)
    spec = describe(write, (x,), Kept((0,)), (0,), launch=launch)
    door = make_door(dataclasses.replace(spec, keep=(spec.keep, code, pool, policy)), (x,))
    assert door(x).numpy().tolist() == [43, 43, 43, 0]
    door(x)
    assert policy[0] == 2
