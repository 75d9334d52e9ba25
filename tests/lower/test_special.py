"""Primitives with an emitter of their own: dtypes and shapes that conformance does not reach."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from chainrule.core.errors import IndexingError
from chainrule.core.graph import Graph
from chainrule.core.node import apply, input_node
from chainrule.core.types import type_of
from chainrule.lower.llvm.machine import MACHINES
from chainrule.lower.llvm.program import write_program
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.lower.llvm.special import SPECIAL
from chainrule.lower.target import NotDefined
from chainrule.ops.sampling import cases_of
from chainrule.ops.shape import permute_, reshape_
from chainrule.ops.table import PRIMITIVES
from tests.lower.programs import Array, Native

DTYPES = ("float64", "float32", "float16", "int64", "int32", "uint8", "bool")
SHAPES = (((37, 53), 1), ((37, 53), 0), ((3, 9, 70), 1), ((2, 300), 1), ((1, 7), 0))

Job = tuple[str, tuple[Array, ...], tuple[Any, ...]]


def _graph(jobs: list[Job]) -> Graph:
    inputs, outputs = [], []
    for name, values, argument in jobs:
        own = [input_node(type_of(value)) for value in values]
        inputs += own
        outputs.append(apply(PRIMITIVES[name], tuple(own), argument))
    return Graph(inputs, outputs)


def _run(jobs: list[Job]) -> Iterator[tuple[Array, Array]]:
    """The native result and the reference of each, all compiled together."""
    native = Native(_graph(jobs))
    assert native.program.fallbacks == []
    found = native(*(value for _, values, _ in jobs for value in values))
    assert native.status == 0
    with np.errstate(all="ignore"):
        for a, (name, values, argument) in zip(found, jobs, strict=True):
            yield a, np.asarray(PRIMITIVES[name].evaluate(*values, *argument))


def _check(jobs: list[Job]) -> None:
    """To the last bit; NaN equals NaN."""
    for (a, b), (name, values, argument) in zip(_run(jobs), jobs, strict=True):
        what = f"{name} of {[(v.shape, v.dtype.name) for v in values]}, {argument}"
        np.testing.assert_array_equal(a, b, err_msg=what)


def _draw(rng: np.random.Generator, dtype: str, shape: tuple[int, ...]) -> Array:
    if dtype == "bool":
        return rng.integers(0, 2, shape).astype(bool)
    low = 0 if dtype[0] == "u" else -9
    return np.asarray(rng.integers(low, 10, shape)).astype(dtype)  # many ties


def _with_nan(rng: np.random.Generator, x: Array) -> Array:
    return (
        np.where(rng.random(x.shape) < 0.1, np.nan, x).astype(x.dtype) if x.dtype.kind == "f" else x
    )


# -- running and ordering --------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", DTYPES)
def test_running(dtype: str) -> None:
    rng = np.random.default_rng(0)
    jobs: list[Job] = []
    for shape, axis in SHAPES:
        for reverse in (False, True):
            x = _draw(rng, dtype, shape)
            jobs += [(name, (x,), (axis, reverse)) for name in ("cumsum", "cumprod")]
            if x.dtype.kind == "f":
                a = (rng.normal(size=shape) / 2).astype(dtype)
                jobs.append(("linear_recurrence", (a, x), (axis, reverse)))
    _check(jobs)


def test_a_recurrence_starts_with_its_drive_alone() -> None:
    a, b = np.array([np.inf, 0.5, 2.0]), np.array([1.0, 2.0, 3.0])
    ((found, _),) = _run([("linear_recurrence", (a, b), (0, False))])
    np.testing.assert_array_equal(found, [1.0, 2.5, 8.0])


@pytest.mark.parametrize("dtype", DTYPES)
def test_order(dtype: str) -> None:
    """Ties go to the first, NaN counts as the largest, and for argmin is found first, too."""
    rng = np.random.default_rng(1)
    jobs: list[Job] = []
    for shape, axis in SHAPES:
        x = _with_nan(rng, _draw(rng, dtype, shape))
        for flag in (False, True):
            jobs += [(name, (x,), (axis, flag)) for name in ("argmax", "argmin", "sort", "argsort")]
    _check(jobs)


def test_sorting_keeps_the_sign_of_zero() -> None:
    x = np.array([0.0, -0.0, 1.0, -0.0, 0.0, -1.0])
    for found, wanted in _run([("sort", (x,), (0, d)) for d in (False, True)]):
        np.testing.assert_array_equal(np.signbit(found), np.signbit(wanted))


def test_rows_too_long_for_thread_memory_are_sorted_by_numpy() -> None:
    x = np.random.default_rng(2).normal(size=40_000)
    native = Native(_graph([("argsort", (x,), (0, False))]))
    assert [fallback.node.primitive.name for fallback in native.program.fallbacks] == ["argsort"]
    np.testing.assert_array_equal(native(x)[0], np.argsort(x, kind="stable"))


@pytest.mark.parametrize("dtype", DTYPES)
def test_searching(dtype: str) -> None:
    rng = np.random.default_rng(3)
    jobs: list[Job] = []
    for length in (1, 2, 7, 64, 100):
        sequence = np.sort(_with_nan(rng, _draw(rng, dtype, (length,))))
        values = np.concatenate([sequence, _with_nan(rng, _draw(rng, dtype, (300,)))])
        jobs += [("searchsorted", (sequence, values), (side,)) for side in ("left", "right")]
    _check(jobs)


# -- scattering ------------------------------------------------------------------------------------

PLACES: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[tuple[int, ...], ...]], ...] = (
    ((20, 67), (0,), ((300,),)),
    ((7, 20, 5), (1,), ((300,),)),
    ((20, 9), (1,), ((300,),)),
    ((20, 70, 9), (0, 2), ((30, 1), (5,))),
    ((20, 9), (1, 0), ((2, 500), (500,))),
    ((40,), (0,), ((),)),
)


@pytest.mark.parametrize("index", ["int64", "int32", "uint8"])
@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in ("bool", "float16")])
def test_scattering(dtype: str, index: str) -> None:
    rng = np.random.default_rng(4)
    jobs: list[Job] = []
    for shape, axes, shapes in PLACES:
        low = 0 if index[0] == "u" else -1
        indices = tuple(
            np.asarray(rng.integers(low * shape[axis], shape[axis], s)).astype(index)
            for axis, s in zip(axes, shapes, strict=True)
        )
        rest = tuple(n for axis, n in enumerate(shape) if axis not in axes)
        selected = np.broadcast_shapes(*shapes)
        jobs.append(
            ("scatter_add", (_draw(rng, dtype, (*selected, *rest)), *indices), (shape, axes))
        )
        if dtype == "int64":
            jobs.append(("scatter_index", indices, (shape, axes)))
    _check(jobs)  # sums of small whole numbers have no rounding errors


def test_sums_are_taken_in_the_order_of_the_updates() -> None:
    updates = np.random.default_rng(5).normal(size=(100, 40)).astype(np.float32)
    places = np.zeros(100, np.int64)
    ((found, _),) = _run([("scatter_add", (updates, places), ((3, 40), (0,)))])
    wanted = np.zeros(40, np.float32)
    for update in updates:
        wanted += update
    np.testing.assert_array_equal(found[0], wanted)


@pytest.mark.parametrize("name", ["scatter_add", "scatter_index"])
@pytest.mark.parametrize("wrong", [5, -6, 2**40])
def test_places_outside_set_the_status_word(name: str, wrong: int) -> None:
    indices = np.array([0, wrong, 2])
    values = (np.ones((3, 8)), indices) if name == "scatter_add" else (indices,)
    native = Native(_graph([(name, values, ((5, 8), (0,)))]))
    native(*values)
    assert native.status > 0
    dynamic = native.program.lookups[native.status - 2]
    assert dynamic.extent == 5
    with pytest.raises(IndexingError, match=str(wrong)):
        PRIMITIVES[name].evaluate(*values, (5, 8), (0,))
    native(*values[:-1], np.array([0, -5, 4]))
    assert native.status == 0


# -- windows ---------------------------------------------------------------------------------------

WINDOWS: tuple[tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]], ...] = (
    # shape, axes, sizes, strides
    ((2, 3, 28, 28), (2, 3), (2, 2), (2, 2)),
    ((2, 3, 29, 27), (2, 3), (2, 2), (2, 2)),
    ((3, 29, 28), (1, 2), (3, 3), (2, 2)),
    ((3, 20, 28), (2, 1), (2, 3), (3, 4)),
    ((5, 40), (1,), (3,), (1,)),
    ((3, 300), (1,), (100,), (1,)),
    ((30, 3, 40), (2, 0), (7, 9), (1, 2)),
    ((300, 4), (0,), (100,), (3,)),
)


@pytest.mark.parametrize("dtype", ["float64", "float32", "int32"])
def test_overlap_add(dtype: str) -> None:
    rng = np.random.default_rng(6)
    jobs: list[Job] = []
    for shape, axes, sizes, strides in WINDOWS:
        whole = list(shape)
        for axis, size, stride in zip(axes, sizes, strides, strict=True):
            whole[axis] = (shape[axis] - size) // stride + 1
        windows = rng.normal(size=(*whole, *sizes)) * 10
        jobs.append(("overlap_add", (windows.astype(dtype),), (shape, axes, strides)))
    _check(jobs)


# -- random bits -----------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [0, 1])
def test_random_bits(stream: int) -> None:
    rng = np.random.default_rng(7)
    jobs: list[Job] = []
    for size in (1, 2, 3, 31, 32, 33, 64, 127, 128, 129, 1000, 5000):
        for lead in ((), (3,)):
            key = np.asarray(rng.integers(0, 2**32, (*lead, 2), dtype=np.uint32))
            jobs.append(("random_bits", (key,), ((size,), stream)))
    _check(jobs)


@pytest.mark.parametrize("dtype", ["int64", "uint64", "int32", "uint8", "int8"])
def test_fold_in(dtype: str) -> None:
    rng = np.random.default_rng(8)
    key = rng.integers(0, 2**32, (200, 2), dtype=np.uint32)
    info = np.iinfo(dtype)
    data = rng.integers(info.min, info.max, 200, dtype=dtype, endpoint=True)
    _check([("fold_in", (key, data), ())])


# -- operands, machines ----------------------------------------------------------------------------


def test_a_reshaped_operand_is_read_where_it_lies() -> None:
    x = input_node(type_of(np.empty((6, 4))))
    flat = reshape_(x, shape=(24,))
    y = PRIMITIVES["cumsum"](flat, axis=0, reverse=False)
    native = Native(Graph([x], [y]))
    assert native.kinds == ["cumsum"]
    values = np.random.default_rng(9).normal(size=(6, 4))
    np.testing.assert_array_equal(native(values)[0], np.cumsum(values))


def test_a_permuted_operand_is_stored_first() -> None:
    x = input_node(type_of(np.empty((6, 4))))
    turned = permute_(x, axes=(1, 0))
    y = PRIMITIVES["argmax"](turned, axis=1, keepdims=False)
    values = np.random.default_rng(10).normal(size=(6, 4))
    np.testing.assert_array_equal(Native(Graph([x], [y]))(values)[0], values.argmax(0))


def test_threads_do_not_change_a_bit() -> None:
    """Each kernel alone, so that it is the first after a barrier and the last before one."""
    rng = np.random.default_rng(12)
    x = rng.normal(size=(200, 300)).astype(np.float32)
    places = np.asarray(rng.integers(0, 50, 200))
    jobs: list[Job] = [
        ("scatter_add", (x, places), ((50, 300), (0,))),
        ("scatter_index", (places,), ((50, 300), (0,))),
        ("overlap_add", (x.reshape(20, 100, 30),), ((20, 129), (1,), (1,))),
        ("cumsum", (x,), (0, False)),
        ("linear_recurrence", (x, x), (1, True)),
        ("argmax", (x,), (0, False)),
        ("argmin", (x,), (1, True)),
        ("searchsorted", (np.sort(x[0]), x), ("right",)),
        ("argsort", (x,), (1, False)),
        ("sort", (x,), (0, True)),
        ("random_bits", (rng.integers(0, 2**32, (3, 2), dtype=np.uint32),), ((7001,), 0)),
        ("fold_in", (rng.integers(0, 2**32, (500, 2), dtype=np.uint32), np.arange(500)), ()),
    ]
    for job in jobs:
        graph = _graph([job])
        alone, together = Native(graph), Native(graph, threads=2)
        (kernels,) = together.program.kernels.values()
        assert max(kernel.tasks for kernel in kernels) > 1, job[0]
        for _ in range(5):
            np.testing.assert_array_equal(together(*job[1])[0], alone(*job[1])[0], job[0])


@pytest.mark.parametrize("machine", MACHINES)
def test_code_for_every_machine(machine: str) -> None:
    jobs: list[Job] = []
    rng = np.random.default_rng(11)
    for name, entry in SPECIAL.items():
        if isinstance(entry, NotDefined):
            continue
        case = next(cases_of(PRIMITIVES[name], rng))
        for dtype in (np.float64, np.float16):
            values = tuple(v.astype(dtype) if v.dtype.kind == "f" else v for v in case.sources)
            jobs.append((name, values, case.argument))
    x = rng.normal(size=(40, 200)).astype(np.float32)  # with vectors
    jobs += [(name, (x,), (1, False)) for name in ("argmax", "cumsum", "sort")]
    jobs += [(name, (x,), (0, False)) for name in ("argmin", "cumprod", "argsort")]
    jobs.append(("scatter_add", (x, np.zeros(40, np.int64)), ((9, 200), (0,))))
    jobs.append(("random_bits", (np.zeros(2, np.uint32),), ((1000,), 0)))
    program = write_program(_graph(jobs), MACHINES[machine])
    assert program.fallbacks == []
    assert compile_object(program.text, MACHINES[machine])
