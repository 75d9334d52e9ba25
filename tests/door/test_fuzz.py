"""The native door against the one in Python, on random pytrees and random changes to them."""

from __future__ import annotations

import copy
import dataclasses
import random
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.tree import flatten
from chainrule.door.native import make_door
from chainrule.door.spec import Fresh, Kept, Made, Result, arranged, leaf_paths
from chainrule.door.twin import python_door
from chainrule.lower.llvm.ir import Function
from tests.door.programs import describe, type_of_leaf

LAYOUTS = {"float32": "float", "float64": "double", "int64": "i64", "bool": "i8"}


@dataclasses.dataclass
class Point:
    x: Any
    y: Any
    name: Any = dataclasses.field(default="", metadata={"static": True})


@dataclasses.dataclass(slots=True)
class Tight:
    x: Any
    y: Any


class Net(cr.nn.Module):
    def __init__(self, **attributes: Any) -> None:
        vars(self).update(attributes)


def number(chance: random.Random) -> Any:
    return chance.choice([True, 3, 2.5, np.float32(1.5), np.float64(2), np.int64(4)])


def array(chance: random.Random) -> Any:
    shape = tuple(chance.choice([0, 1, 2, 3]) for _ in range(chance.randrange(4)))
    return np.full(shape, chance.randrange(1, 9), chance.choice(list(LAYOUTS)))


def leaf(chance: random.Random) -> Any:
    kind = chance.randrange(4)
    if kind == 0:
        return number(chance)
    found = array(chance)
    if kind == 1:
        return found
    tensor = cr.tensor(found)
    tensor.node.value.flags.writeable = chance.random() < 0.8
    return tensor if kind == 2 or found.dtype.kind != "f" else tensor.requires_grad_()


def static(chance: random.Random) -> Any:
    return chance.choice([None, 1, 2.5, "text", True, cr.tanh, (1, "a"), [2.0], {"k": 1}])


def tree(chance: random.Random, depth: int, module: bool = False) -> Any:
    """A random pytree; inside of a module arrays are tensors and the rest is static."""
    if depth == 0 or chance.random() < 0.2:
        if module:
            return static(chance) if chance.random() < 0.5 else cr.tensor(array(chance))
        return None if chance.random() < 0.1 else leaf(chance)

    def inner(inside: bool = module) -> Any:
        return tree(chance, depth - 1, inside)

    size = chance.randrange(4)
    kind = chance.randrange(4 if module else 7)
    if kind == 0:
        return tuple(inner() for _ in range(size))
    if kind == 1:
        return [inner() for _ in range(size)]
    if kind == 2:
        keys = chance.sample("abcdef", size)
        return {key: inner() for key in keys}
    if kind in (3, 4):
        return Net(**{key: inner(True) for key in chance.sample("pqrs", size)})
    if kind == 5:
        return Point(inner(), inner(), chance.choice(["", 1.0, "name", None]))
    return Tight(inner(), inner())


def changed(value: Any, chance: random.Random) -> Any:
    """The same with something else at a random place."""
    if chance.random() < 0.3:
        return chance.choice([leaf, lambda c: tree(c, 2), lambda c: None])(chance)
    found = copy.copy(value)
    if type(value) in (tuple, list) and value:
        items = list(value)
        index = chance.randrange(len(items))
        items[index] = changed(items[index], chance)
        return type(value)(items)
    if type(value) is dict and value:
        key = chance.choice(list(value))
        if chance.random() < 0.2:
            del found[key]
        else:
            found[key] = changed(value[key], chance)
    elif isinstance(value, Net) and vars(value):
        name = chance.choice(list(vars(value)))
        child = vars(value)[name]
        is_child = isinstance(child, (cr.Tensor, Net))
        new = cr.tensor(array(chance)) if is_child and chance.random() < 0.5 else static(chance)
        setattr(found, name, new)
    elif type(value) in (Point, Tight):
        name = chance.choice(["x", "y"])
        setattr(found, name, changed(getattr(value, name), chance))
    elif isinstance(value, cr.Tensor):
        return cr.tensor(value.numpy() * 2)
    return found


def total(leaves: list[Any]) -> Any:
    """A program that puts one of each leaf's elements into its own result, and changes nothing."""

    def write(f: Function) -> None:
        for i, found in enumerate(leaves):
            type_ = type_of_leaf(found)
            if type_.size:
                kind = LAYOUTS[type_.dtype.name]
                value = f.load(kind, f.load("ptr", f.params[0].offset(i, "ptr")))
                f.store(value, f.load("ptr", f.params[0].offset(len(leaves) + i, "ptr")))

    return write


def result_of(value: Any, structure: Any, leaves: list[Any], chance: random.Random) -> Result:
    paths = list(leaf_paths(structure))
    fresh: list[Result] = []
    for i, (found, path) in enumerate(zip(leaves, paths, strict=True)):
        type_ = dataclasses.replace if False else type_of_leaf(found)
        kept = isinstance(found, cr.Tensor) and chance.random() < 0.3
        fresh.append(Kept(path) if kept else Fresh(type_, len(leaves) + i))
    return arranged(structure, fresh)


def look(result: Any) -> Any:
    """What can be compared: the structure, and a first element and identity of every leaf."""
    leaves, structure = flatten(result)
    seen = []
    for found in leaves:
        if isinstance(found, cr.Tensor):
            value = found.node.value
            first = None if value.size == 0 else np.asarray(value).ravel()[0]
            seen.append((found.node.type, type(value), first, found.requires_grad))
        else:
            seen.append(found)
    return structure, seen


@pytest.mark.parametrize("seed", range(40))
def test_random_pytrees(seed: int) -> None:
    chance = random.Random(seed)
    args = tuple(tree(chance, 3) for _ in range(chance.randrange(1, 4)))
    leaves, structure = flatten(args)
    result = result_of(args, structure, leaves, chance)
    donated = tuple(i for i in range(len(leaves)) if chance.random() < 0.3)

    def slow(*given: Any) -> Any:
        return "slow"

    spec = describe(total(leaves), args, result, donated, fresh=len(leaves), slow=slow)
    native, python = make_door(spec, args), python_door(spec)
    assert type(native) is type(len)
    taken = 0
    for turn in range(30):
        given = args
        for _ in range(turn % 3):
            given = changed(given, chance)
        if type(given) is not tuple:
            given = (given,)
        expected = python(*given)
        found = native(*given)
        assert (found == "slow") == (expected == "slow") if isinstance(found, str) else True
        if not isinstance(found, str):
            taken += 1
            assert look(found) == look(expected)
        else:
            assert expected == "slow"
    assert taken or donated or isinstance(result, Made)
