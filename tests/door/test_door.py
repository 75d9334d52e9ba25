"""The native door and its twin in Python do the same, and hand the rest to the slow path."""

from __future__ import annotations

import dataclasses
import pickle
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core import node as nodes
from chainrule.core.errors import ArgumentError
from chainrule.core.tree import flatten
from chainrule.core.types import DTYPES, array_type
from chainrule.door.native import available, make_door
from chainrule.door.spec import Fresh, Kept, Reused, arranged
from chainrule.lower.llvm.ir import Function
from tests.door.programs import (
    FLOAT32,
    NONE,
    SCALAR,
    add,
    describe,
    is_slow,
    nothing,
    owned,
    scale,
    slow,
    vector_of,
)


def test_native_doors_exist_here() -> None:
    assert available()


# -- leaves ----------------------------------------------------------------------------------------


def test_four_arrays(make: Any) -> None:
    args = tuple(vector_of(i, 2 * i, 3 * i) for i in range(1, 5))
    door = make(describe(add(3, 4), args, Fresh(array_type((3,), FLOAT32), 4)), args)
    result = door(*args)
    assert type(result) is cr.Tensor
    assert result.numpy().tolist() == [10, 20, 30]
    assert result.node.type is array_type((3,), FLOAT32)
    assert (result * 2).numpy().tolist() == [20, 40, 60]


def test_a_fresh_tensor_is_a_constant_leaf(make: Any) -> None:
    args = (vector_of(1, 2),)
    door = make(describe(add(2, 1), args, Fresh(array_type((2,), FLOAT32), 1)), args)
    first, second = door(*args), door(*args)
    reference = nodes.array(np.zeros(2, FLOAT32))
    for name in ("primitive", "sources", "argument", "type", "tracked"):
        assert getattr(first.node, name) is getattr(reference, name)
    assert type(first.node) is nodes.Node
    assert first.node.serial < second.node.serial < reference.serial
    assert first.node.value.flags.owndata and first.node.value.flags.writeable
    assert not np.shares_memory(first.node.value, second.node.value)
    assert first.requires_grad_().requires_grad


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("shape", [(), (1,), (0,), (2, 3), (2, 0, 4), (1, 2, 3, 4)])
def test_every_dtype_and_shape(make: Any, dtype: str, shape: tuple[int, ...]) -> None:
    value = np.ones(shape, dtype)
    args = (cr.tensor(value),)
    type_ = args[0].node.type
    bits = f"i{8 * type_.dtype.itemsize}"
    door = make(describe(add(value.size, 1, bits), args, Fresh(type_, 1)), args)
    for given in (cr.tensor(value), value):
        result = door(given)
        assert type(result) is cr.Tensor and result.node.type is type_
        np.testing.assert_array_equal(result.numpy(), value)
    expected = type((args[0] == args[0]).node.value) if not shape else np.ndarray
    assert isinstance(result.node.value, np.generic) == issubclass(expected, np.generic)
    assert result.node.value.dtype == value.dtype
    other = "float32" if dtype == "float64" else "float64"
    assert is_slow(door(value.astype(other)))
    assert is_slow(door(np.ones((*shape, 1), dtype)))
    if shape:
        assert is_slow(door(np.ones((shape[0] + 1, *shape[1:]), dtype)))


def test_scalars(make: Any) -> None:
    for value, dtype, bits in (
        (2.5, "float64", "double"),
        (7, "int64", "i64"),
        (True, "bool", "i8"),
    ):
        type_ = array_type((), np.dtype(dtype))
        door = make(describe(add(1, 1, bits), (value,), Fresh(type_, 1)), (value,))
        scalar = np.dtype(dtype).type(value)
        for given in (value, scalar, np.array(value), cr.tensor(value)):
            assert door(given).item() == value
        computed = cr.sum(cr.tensor([value])) if dtype != "bool" else cr.tensor(1) == 1
        assert isinstance(computed.node.value, np.generic)
        assert door(computed).item() == value
        for given in ({2.5: 1, 7: 1.0, True: 1}[value], "1", None, 2 + 3j, [value]):
            assert is_slow(door(given))


def test_integers_at_the_edge(make: Any) -> None:
    type_ = array_type((), np.dtype("int64"))
    door = make(describe(add(1, 1, "i64"), (1,), Fresh(type_, 1)), (1,))
    for value in (-1, 2**63 - 1, -(2**63)):
        assert door(value).item() == value
    assert is_slow(door(2**63))
    assert is_slow(door(-(2**63) - 1))


def test_a_nan_in_a_scalar_keeps_its_bits(make: Any) -> None:
    type_ = array_type((), np.dtype("float64"))
    door = make(describe(scale(0, 1, 1, "double"), (1.0,), Fresh(type_, 1)), (1.0,))
    assert door(float("nan")).item() == 0.0
    copy = make(describe(add(1, 1, "i64"), (1.0,), Fresh(type_, 1)), (1.0,))
    assert np.isnan(copy(float("nan")).item())
    assert np.signbit(copy(-0.0).item())


def test_layouts_that_are_not_taken(make: Any) -> None:
    args = (np.ones((4, 4), FLOAT32),)
    door = make(describe(add(16, 1), args, Fresh(array_type((4, 4), FLOAT32), 1)), args)
    big = np.arange(64, dtype=FLOAT32).reshape(8, 8)
    raw = np.zeros(16 * 4 + 1, np.uint8)
    assert is_slow(door(big[:4, :4]))
    assert is_slow(door(big[:4, :4].T.copy().T))
    assert is_slow(door(raw[1:].view(FLOAT32).reshape(4, 4)))
    assert is_slow(door(np.ones((4, 4), ">f4")))
    assert is_slow(door(np.ma.ones((4, 4), dtype=FLOAT32)))
    assert is_slow(door([[1.0] * 4] * 4))
    assert not is_slow(door(big[:2].reshape(4, 4)))


def test_an_unpickled_array_has_a_dtype_of_its_own(make: Any) -> None:
    array = pickle.loads(pickle.dumps(np.ones(3, FLOAT32)))
    assert array.dtype is not FLOAT32
    door = make(describe(add(3, 1), (array,), Fresh(array_type((3,), FLOAT32), 1)), (array,))
    assert door(array).numpy().tolist() == [1, 1, 1]


def test_traced_and_unusual_tensors(make: Any) -> None:
    args = (vector_of(1, 2),)
    door = make(describe(add(2, 1), args, Fresh(array_type((2,), FLOAT32), 1)), args)
    seen = []
    cr.trace(lambda x: seen.append(door(x)) or x, args[0])
    assert is_slow(seen[0])
    assert is_slow(door(type("Array", (np.ndarray,), {})((2,), FLOAT32)))
    variable = cr.tensor(np.ones(2, FLOAT32), requires_grad=True)
    assert door(variable).numpy().tolist() == [1, 1]
    assert not door(variable).requires_grad
    assert is_slow(door(variable * 3))  # recorded: somebody may ask for a derivative through here
    assert is_slow(door(cr.Tensor(nodes.variable(np.ones(2, FLOAT32)))))


def test_an_uninitialised_tensor() -> None:
    args = (vector_of(1, 2),)
    door = make_door(describe(nothing, args, NONE), args)
    assert is_slow(door(cr.Tensor.__new__(cr.Tensor)))


# -- calls -----------------------------------------------------------------------------------------


def test_numbers_of_arguments_and_keywords(make: Any) -> None:
    x = vector_of(1, 2)
    door = make(describe(add(2, 2), (x, x), Fresh(array_type((2,), FLOAT32), 2)), (x, x))
    assert door(x) == ("slow", (x,), {})
    assert door() == ("slow", (), {})
    assert door(x, x, x) == ("slow", (x, x, x), {})
    assert door(x, y=x) == ("slow", (x,), {"y": x})
    assert not is_slow(door(*[x, x]))


def test_an_exception_of_the_slow_path_propagates(make: Any) -> None:
    def refuse(*args: Any) -> Any:
        raise LookupError("no")

    x = vector_of(1, 2)
    door = make(describe(nothing, (x,), NONE, slow=refuse), (x,))
    with pytest.raises(LookupError, match="no") as info:
        door(1)
    assert info.value.__context__ is None


def test_a_chain_of_doors(make: Any) -> None:
    """The slow path of a door may be another door."""
    doors: list[Any] = [slow]
    for size in (1, 2, 3):
        args = (np.full(size, size, FLOAT32),)
        type_ = array_type((size,), FLOAT32)
        doors.append(make(describe(add(size, 1), args, Fresh(type_, 1), slow=doors[-1]), args))
    for size in (1, 2, 3):
        assert doors[-1](np.full(size, 7, FLOAT32)).numpy().tolist() == [7] * size
    assert is_slow(doors[-1](np.ones(4, FLOAT32)))


def test_a_status_word(make: Any) -> None:
    def write(f: Function) -> None:
        given = f.load("ptr", f.params[0].offset(0, "ptr"))
        word = f.load("ptr", f.params[0].offset(1, "ptr"))
        f.store(f.load("i64", word) + f.load("i64", given), word)

    value = np.array(0)
    kept = {"x": value}
    spec = describe(write, (value, 1.0), Fresh(SCALAR, 2), fresh=3, status=4)
    leaves = (spec.leaves[0], dataclasses.replace(spec.leaves[1], slot=3))
    spec = dataclasses.replace(spec, leaves=leaves, status=1)
    door = make(spec, (value, 1.0))
    assert type(door(value, 1.0)) is cr.Tensor
    value[...] = -5
    with pytest.raises(ArithmeticError, match="status -5 with 2 arguments"):
        door(value, 1.0)
    value[...] = 0
    assert type(door(value, 1.0)) is cr.Tensor
    again = dataclasses.replace(spec, failed=lambda status, *args: (status, args))
    value[...] = 3
    assert make(again, (value, 1.0))(value, 1.0) == (3, (value, 1.0))
    assert kept["x"] is value


# -- donated memory --------------------------------------------------------------------------------


def test_a_donated_tensor_is_updated_and_returned(make: Any) -> None:
    x = owned(3)
    spec = describe(
        scale(3, 1, 1), (x,), arranged(flatten((0, 0))[1], [Kept((0,)), Fresh(SCALAR, 1)]), (0,)
    )
    door = make(spec, (x,))
    for turn in range(1, 4):
        kept, total = door(x)
        assert kept is x
        assert total.item() == 2.0**turn
    assert x.numpy().tolist() == [8, 8, 8]
    assert is_slow(door(x.numpy().copy()))  # what is returned must be a tensor
    assert is_slow(door(cr.tensor(np.ones(3, FLOAT32))))  # read-only
    assert is_slow(door(cr.tensor(np.ones((), FLOAT32))))


def test_donated_memory_in_a_new_tensor(make: Any) -> None:
    x = owned(3)
    door = make(describe(scale(3, 1), (x,), Reused((0,)), (0,)), (x,))
    result = door(x)
    assert result is not x and result.node is not x.node
    assert result.node.value is x.node.value
    assert result.numpy().tolist() == [2, 2, 2]
    bare = np.ones(3, FLOAT32)
    assert door(bare).node.value is bare
    assert bare.tolist() == [2, 2, 2]


def test_a_new_tensor_in_the_place_of_a_variable(make: Any) -> None:
    x = owned(3)
    door = make(describe(scale(3, 1), (x,), Reused((0,)), (0,)), (x,))
    assert not door(x).requires_grad
    x.requires_grad_()
    x.node.value.flags.writeable = True
    result = door(x)
    assert result is not x and result.node is not x.node
    assert result.is_leaf and result.requires_grad
    assert result.node.type is x.node.type
    (result * result).sum().backward()
    assert result.grad.numpy().tolist() == [8, 8, 8]
    assert x.grad is result.grad
    computed = x * 1
    assert computed.requires_grad
    assert is_slow(door(computed))


def test_a_donated_leaf_without_axes(make: Any) -> None:
    x = owned()
    door = make(describe(scale(1, 1), (x,), Reused((0,)), (0,)), (x,))
    assert door(x).item() == 2
    assert door(x).node.value is x.node.value
    assert is_slow(door(np.float32(1)))
    assert is_slow(door(cr.sum(owned(2))))  # a NumPy scalar cannot be written to


def test_only_donated_memory_can_be_reused() -> None:
    with pytest.raises(ArgumentError, match="only a donated leaf"):
        describe(nothing, (owned(3),), Reused((0,)))


@pytest.mark.parametrize("count", [2, 3, 8, 9, 17, 40])
def test_overlapping_memory(make: Any, count: int) -> None:
    """Donated leaves come in the middle, others around them."""
    args = tuple(owned(4) for _ in range(count))
    donated = tuple(range(1, count, 2))
    door = make(describe(nothing, args, NONE, donated), args)
    for _ in range(2):
        assert door(*args) is None
    for i in range(count):
        for j in range(i):
            changed = list(args)
            changed[i] = args[j]
            assert is_slow(door(*changed)) == (i in donated or j in donated)
    assert door(*args) is None


def test_partly_overlapping_memory(make: Any) -> None:
    memory = np.zeros(64, FLOAT32)
    args = (memory[:4], memory[4:8], memory[8:12])
    door = make(describe(nothing, args, NONE, (1,)), args)
    assert door(*args) is None
    assert is_slow(door(memory[1:5], memory[4:8], memory[8:12]))
    assert is_slow(door(memory[:4], memory[4:8], memory[7:11]))
    assert door(memory[:4], memory[4:8], memory[0:4]) is None
    assert door(memory[8:12], memory[4:8], memory[0:4]) is None


def test_empty_arrays_overlap_nothing(make: Any) -> None:
    memory = np.zeros(8, FLOAT32)
    args = (memory[:4], memory[2:2], memory[4:8])
    door = make(describe(nothing, args, NONE, (0, 1)), args)
    assert door(*args) is None
