"""Containers of every kind are taken apart natively as `core.tree` does, or left to it."""

from __future__ import annotations

import dataclasses
from collections import namedtuple
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.tree import Tree, flatten, register
from chainrule.core.types import array_type
from chainrule.door.native import make_door
from chainrule.door.spec import Fresh, Kept, Made, arranged
from chainrule.lower.llvm.ir import Function
from tests.door.programs import (
    BUILT_IN,
    FLOAT32,
    NONE,
    SCALAR,
    add,
    describe,
    is_slow,
    nothing,
    owned,
    scale,
    vector_of,
)


@dataclasses.dataclass
class State:
    count: Any
    first: Any
    rate: float = dataclasses.field(default=0.5, metadata={"static": True})


@dataclasses.dataclass(frozen=True, slots=True)
class Slotted:
    first: Any
    second: Any
    size: int = dataclasses.field(default=3, metadata={"static": True})


class Block(cr.nn.Module):
    def __init__(self, *layers: Any, **options: Any) -> None:
        self.layers = list(layers)
        self.by_name = {"a": owned(2), "b": (owned(2), 5)}
        self.options = options
        self.name = "block"
        self.rate = 0.25
        self.missing = None


Pair = namedtuple("Pair", ["left", "right"])


class Custom:
    """A registered class whose children are not where it keeps them."""

    def __init__(self, value: Any) -> None:
        self.hidden = lambda: value


register(Custom, lambda c: ([("value", c.hidden())], None), lambda _, children: Custom(*children))


def network() -> Any:
    first, last = cr.random.split(cr.random.key(0))
    return cr.nn.Sequential(
        cr.nn.Linear(2, 3, key=first), cr.tanh, Block(cr.nn.Linear(3, 2, key=last), size=4)
    )


CONTAINERS: dict[str, Any] = {
    "tuple": lambda: (owned(2), owned(3)),
    "empty": lambda: ((), [], {}, None, owned(2)),
    "list": lambda: [owned(2), [owned(3)]],
    "dict": lambda: {"b": owned(2), "a": {"c": owned(3)}, "": None},
    "integer keys": lambda: {3: owned(2), 1: owned(3)},
    "named tuple": lambda: Pair(owned(2), Pair(owned(3), None)),
    "dataclass": lambda: State(owned(), {"x": owned(2), "y": owned(3)}),
    "slots": lambda: Slotted(owned(2), [owned(3)]),
    "module": network,
    "state": lambda: (State(owned(), network()), (Slotted(owned(1), 2.0),)),
}


@pytest.mark.parametrize("name", CONTAINERS)
def test_a_container_is_found_again(make: Any, name: str) -> None:
    """Sums of first elements show that every leaf reached its own slot."""
    value = CONTAINERS[name]()
    leaves, structure = flatten((value,))
    for i, leaf in enumerate(leaves):
        if isinstance(leaf, cr.Tensor):
            leaf.assign_(np.full(leaf.shape, i + 1, FLOAT32))

    def write(f: Function) -> None:
        for i, leaf in enumerate(leaves):
            type_ = "double" if isinstance(leaf, float) else "float"
            found = f.load(type_, f.load("ptr", f.params[0].offset(i, "ptr")))
            result = f.load("ptr", f.params[0].offset(len(leaves) + i, "ptr"))
            f.store(found.cast("fptrunc", "float") if type_ == "double" else found, result)

    fresh = [Fresh(SCALAR, len(leaves) + i) for i in range(len(leaves))]
    spec = describe(write, (value,), arranged(structure, fresh), fresh=len(leaves))
    door = make(spec, (value,))
    for given in (value, CONTAINERS[name]()):
        for i, leaf in enumerate(flatten(given)[0]):
            if isinstance(leaf, cr.Tensor):
                leaf.assign_(np.full(leaf.shape, i + 1, FLOAT32))
        (result,) = door(given)
        found, found_structure = flatten((result,))
        assert found_structure == structure
        expected = [leaf if isinstance(leaf, float) else i + 1 for i, leaf in enumerate(leaves)]
        assert [leaf.item() for leaf in found] == expected
    for other in (other for key, other in CONTAINERS.items() if key != name):
        assert is_slow(door(other()))


@pytest.mark.parametrize("name", [n for n in CONTAINERS if n != "state"])  # it has a number
def test_kept_parts(make: Any, name: str) -> None:
    value = CONTAINERS[name]()
    other = owned(2)
    result = Made(Tree(list, None, ("0", "1"), (Tree(None),) * 2), (Kept((0,)), Kept((1,))))
    args = (value, other)
    door = make(describe(nothing, args, result), args)
    found = door(*args)
    assert type(found) is list and found[0] is value and found[1] is other


def test_a_kept_part_inside(make: Any) -> None:
    args = ({"a": [owned(2), {"b": owned(3)}]},)
    for path, expected in (
        ((0, 0), args[0]["a"]),
        ((0, 0, 0), args[0]["a"][0]),
        ((0, 0, 1), args[0]["a"][1]),
    ):
        assert make(describe(nothing, args, Kept(path)), args)(*args) is expected


def test_a_kept_part_must_consist_of_tensors(make: Any) -> None:
    args = ([owned(2), owned(2)], np.ones(2, FLOAT32))
    door = make(describe(nothing, args, Kept((0,))), args)
    assert door(*args) is args[0]
    assert is_slow(door([owned(2), np.ones(2, FLOAT32)], args[1]))


def test_shared_parts_of_a_result(make: Any) -> None:
    args = (vector_of(1, 2),)
    fresh = Fresh(array_type((2,), FLOAT32), 1)
    tree = flatten({"a": 0, "b": [0, (0, 0)]})[1]
    result = arranged(tree, [fresh, fresh, Kept((0,)), fresh])
    found = make(describe(add(2, 1), args, result), args)(*args)
    assert found["a"] is found["b"][0] is found["b"][1][1]
    assert found["b"][1][0] is args[0]
    assert found["a"].numpy().tolist() == [1, 2]


def test_changed_structures(make: Any) -> None:
    args = ({"a": owned(2), "b": owned(2)}, [owned(2)], (owned(2),), None)
    door = make(describe(nothing, args, NONE), args)
    assert door(*args) is None
    a, b, c, _ = args
    swapped = {"b": a["b"], "a": a["a"]}
    assert door(swapped, b, c, None) is None  # dicts are taken in key order
    for changed in (
        ({"a": owned(2)}, b, c, None),
        ({**a, "c": owned(2)}, b, c, None),
        ({"a": owned(2), "c": owned(2)}, b, c, None),
        ({"a": owned(2), 5: owned(2)}, b, c, None),
        (list(a.values()), b, c, None),
        (a, (*b,), c, None),
        (a, [*b, owned(2)], c, None),
        (a, [], c, None),
        (a, b, [*c], None),
        (a, b, (), None),
        (a, b, c, 1),
        (a, b, c, owned(2)),
        (None, b, c, None),
    ):
        assert is_slow(door(*changed))


def test_changed_static_parts(make: Any) -> None:
    args = (network(), State(owned(), owned(2)), Slotted(owned(1), owned(1)))
    door = make(describe(nothing, args, NONE), args)
    assert door(*args) is None
    model, state, slotted = args
    assert door(network(), state, slotted) is None
    assert door(model, dataclasses.replace(state, rate=float("0.5")), slotted) is None
    assert is_slow(door(model, dataclasses.replace(state, rate=0.75), slotted))
    assert is_slow(door(model, state, dataclasses.replace(slotted, size=4)))
    block = model.layers[2]
    for name, value in (
        ("name", "other"),
        ("rate", 0.5),
        ("rate", 1),
        ("missing", 0),
        ("options", {"size": 5}),
        ("options", {"length": 4}),
        ("options", {}),
        ("extra", 1),
        ("layers", tuple(block.layers)),
        ("layers", []),
        ("by_name", dict(reversed(block.by_name.items()))),  # a module may depend on the order
    ):
        before = dict(vars(block))
        setattr(block, name, value)
        assert is_slow(door(*args)), name
        vars(block).clear()
        vars(block).update(before)
        assert door(*args) is None
    block.name = "".join(["bl", "ock"])  # equal, another object
    block.rate = float("0.25")
    assert door(*args) is None
    model.eval()
    assert is_slow(door(*args))
    with_relu = network()
    with_relu.layers = (with_relu.layers[0], cr.relu, with_relu.layers[2])
    assert is_slow(door(with_relu, state, slotted))


def test_containers_with_code_of_their_own_get_the_door_in_python() -> None:
    class Computed:
        __slots__ = ("_x",)

    for value in (Custom(owned(2)), {(1, 2): owned(2)}, {1.5: owned(2)}):
        args = (value,)
        door = make_door(describe(nothing, args, NONE), args)
        assert type(door) is not BUILT_IN
        assert door(*args) is None
        assert is_slow(door(Computed()))


def test_a_dataclass_with_a_property_gets_the_door_in_python() -> None:
    @dataclasses.dataclass
    class Celsius:
        value: Any

        def __setattr__(self, name: str, value: Any) -> None:
            object.__setattr__(self, "_" + name, value)

        def __getattr__(self, name: str) -> Any:
            return vars(self)["_" + name]

    args = (Celsius(owned(2)),)
    door = make_door(describe(nothing, args, NONE), args)
    assert type(door) is not BUILT_IN
    assert door(*args) is None


def test_many_leaves() -> None:
    args = ([owned(1) for _ in range(700)],)
    door = make_door(
        describe(scale(1, 700, 700), args, Fresh(SCALAR, 700), tuple(range(700))), args
    )
    assert type(door) is BUILT_IN
    assert door(*args).item() == 1400
    huge = ([owned(1)] * 20_000,)
    assert type(make_door(describe(nothing, huge, NONE), huge)) is not BUILT_IN


def test_a_number_in_place_of_a_tensor_of_a_module_is_static(make: Any) -> None:
    class Scale(cr.nn.Module):
        factor: Any

    args = (Scale(cr.tensor(2.0)),)
    door = make(describe(nothing, args, NONE), args)
    assert door(*args) is None
    for factor in (2.0, np.float64(2), None, "2"):
        assert is_slow(door(Scale(factor)))
