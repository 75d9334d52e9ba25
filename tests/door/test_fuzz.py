"""The native door against the one in Python, on random pytrees and random changes to them."""

from __future__ import annotations

import copy
import dataclasses
import random
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.tree import flatten
from chainrule.door.native import make_door
from chainrule.door.spec import DoorSpec, Fresh, Kept, Result, arranged, leaf_paths
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
    return chance.choice([None, 2, 2.5, "text", True, cr.tanh, (2, "a"), [2.0], {"k": 2}])


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
        return Point(inner(), inner(), chance.choice(["", 1.5, "name", None]))
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


def first_elements(leaves: list[Any], kept: set[int]) -> Any:
    """A program that puts an element of each leaf that is not kept into the result for it."""

    def write(f: Function) -> None:
        for i, found in enumerate(leaves):
            type_ = type_of_leaf(found)
            if type_.size and i not in kept:
                kind = LAYOUTS[type_.dtype.name]
                value = f.load(kind, f.load("ptr", f.params[0].offset(i, "ptr")))
                f.store(value, f.load("ptr", f.params[0].offset(len(leaves) + i, "ptr")))

    return write


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


def described(args: tuple[Any, ...], chance: random.Random) -> DoorSpec:
    leaves, structure = flatten(args)
    kept = {i for i, x in enumerate(leaves) if type(x) is cr.Tensor and chance.random() < 0.3}
    donated = tuple(i for i in range(len(leaves)) if chance.random() < 0.1)
    parts: list[Result] = [
        Kept(path) if i in kept else Fresh(type_of_leaf(leaf), len(leaves) + i)
        for i, (leaf, path) in enumerate(zip(leaves, leaf_paths(structure), strict=True))
    ]
    return describe(
        first_elements(leaves, kept),
        args,
        arranged(structure, parts),
        donated,
        fresh=len(leaves),
        slow=lambda *given: "slow",
    )


def test_random_pytrees() -> None:
    taken = refused = 0
    for seed in range(60):
        chance = random.Random(seed)
        args = tuple(tree(chance, 3) for _ in range(chance.randrange(1, 4)))
        spec = described(args, chance)
        native, python = make_door(spec, args), python_door(spec)
        assert type(native) is type(len)
        for turn in range(20):
            given: Any = args
            for _ in range(turn % 3):
                given = changed(given, chance)
            if type(given) is not tuple:
                given = (given,)
            found, expected = native(*given), python(*given)
            if isinstance(expected, str):
                refused += 1
                assert isinstance(found, str), f"seed {seed}, turn {turn}"
            else:
                taken += 1
                assert look(found) == look(expected), f"seed {seed}, turn {turn}"
    assert min(taken, refused) > 200
