"""From the description of a door to the records that the native function reads."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

from chainrule.core import tree as trees
from chainrule.core.tree import Tree
from chainrule.door.layout import UnknownLayout, dict_offset, slot_offset
from chainrule.door.spec import DoorSpec, Path
from chainrule.lower.llvm.door.words import Container, Static
from chainrule.tensor import Tensor

__all__ = ["ContainerRecord", "Plan", "Unsupported"]


class Unsupported(Exception):  # noqa: N818, an answer rather than an error
    """Containers that the native door cannot take apart; the one in Python can."""


@dataclasses.dataclass(frozen=True)
class ContainerRecord:
    """Take the objects inside of object ``source`` and number them from ``target`` on."""

    kind: Container
    source: int
    type: type
    count: int
    target: int
    keys: tuple[Any, ...]  # offsets for `Container.SLOTS`
    dict_at: int = 0


class Plan:
    """How the leaves are found in the arguments. Objects have numbers: the arguments from 1 on.

    How a registered class is taken apart is code of its own, so an example is asked for: children
    that are found among the attributes of the example, or in lists, tuples and dicts there, will
    be there in other instances with otherwise the same attributes.

    Attributes:
        objects: how many numbers were given.
        containers: outer before inner.
        statics: objects that must be what they were.
        leaves: the paths of the leaves, in order.
        places: the number of the object at each path.
        only_tensors: paths of leaves that may be nothing but tensors.

    Raises:
        Unsupported: for a container of a kind that is not known.
    """

    def __init__(self, spec: DoorSpec, example: tuple[Any, ...]) -> None:
        self.objects = 1 + len(example)
        self.containers: list[ContainerRecord] = []
        self.statics: list[tuple[int, Any, Static]] = []
        self.leaves: list[Path] = []
        self.places: dict[Path, int] = {}
        self.only_tensors: set[Path] = set()
        for index, (child, value) in enumerate(zip(spec.arguments.children, example, strict=True)):
            self._visit(child, value, 1 + index, (index,))

    def _visit(self, tree: Tree, value: Any, place: int, path: Path) -> None:
        self.places[path] = place
        kind = tree.kind
        if kind is None:
            self.leaves.append(path)
        elif kind in trees._registered:
            self._visit_registered(tree, value, place, path)
        elif kind is type(None):
            self._static(place, None)
        elif kind is dict:
            keys = _plain_keys(value)
            first = self._open(Container.DICT, value, place, keys)
            for index, (key, child) in enumerate(zip(tree.static, tree.children, strict=True)):
                self._visit(child, value[key], first + keys.index(key), (*path, index))
        elif kind is list or _is_plain_tuple(kind):
            first = self._open_sequence(value, place)
            self._children(tree, value, first, path)
        elif dataclasses.is_dataclass(kind):
            self._visit_fields(tree, value, place, path)
        else:
            raise Unsupported(kind.__name__)

    def _children(self, tree: Tree, values: Sequence[Any], first: int, path: Path) -> None:
        for index, (child, value) in enumerate(zip(tree.children, values, strict=True)):
            self._visit(child, value, first + index, (*path, index))

    def _open(self, kind: Container, value: Any, place: int, keys: tuple[Any, ...]) -> int:
        first = self.objects
        dict_at = dict_offset(value) if kind in (Container.VARS, Container.FIELDS) else 0
        record = ContainerRecord(kind, place, type(value), len(keys), first, keys, dict_at)
        self.containers.append(record)
        self.objects += len(keys)
        return first

    def _open_sequence(self, value: Any, place: int) -> int:
        kind = Container.LIST if type(value) is list else Container.TUPLE
        return self._open(kind, value, place, (None,) * len(value))

    def _static(self, place: int, value: Any) -> None:
        if type(value) in (int, str, bytes):
            how = Static.EQUAL
        else:
            how = Static.BITS if type(value) is float else Static.IDENTICAL
        self.statics.append((place, value, how))

    def _only_tensor(self, value: Any, path: Path) -> None:
        # were it of another type, it might be no child but static
        if type(value) is not Tensor:
            raise Unsupported(f"a {type(value).__name__} as a child")
        self.only_tensors.add(path)

    def _visit_fields(self, tree: Tree, value: Any, place: int, path: Path) -> None:
        """A dataclass: fields in slots or in the instance's dict."""
        cls = type(value)
        static = dict(tree.static)
        names = (*tree.names, *static)
        if any("__getattribute__" in vars(base) for base in cls.__mro__[:-1]):
            raise Unsupported(cls.__name__)
        held = vars(value) if hasattr(value, "__dict__") else {}
        in_dict = tuple(name for name in names if name in held and not _descriptor(cls, name))
        in_slots = tuple(name for name in names if name not in in_dict)
        try:
            offsets = tuple(slot_offset(cls, name) for name in in_slots)
        except UnknownLayout as error:
            raise Unsupported(f"{error} is computed") from None
        number: dict[str, int] = {}
        for kind, found, keys in (
            (Container.FIELDS, in_dict, in_dict),
            (Container.SLOTS, in_slots, offsets),
        ):
            if found or (kind is Container.SLOTS and not in_dict):  # at least the type is compared
                first = self._open(kind, value, place, keys)
                number |= {name: first + index for index, name in enumerate(found)}
        for name, expected in static.items():
            self._static(number[name], expected)
        for index, (name, child) in enumerate(zip(tree.names, tree.children, strict=True)):
            self._visit(child, getattr(value, name), number[name], (*path, index))

    def _visit_registered(self, tree: Tree, value: Any, place: int, path: Path) -> None:
        taken = trees._children(value)
        if taken is None or not hasattr(value, "__dict__"):
            raise Unsupported(type(value).__name__)
        children = [child for _, child in taken[0]]
        wanted = _Wanted(tree, path, children)
        attributes = vars(value)
        first = self._open(Container.VARS, value, place, _plain_keys(attributes))
        self._search_all(attributes.values(), first, wanted)
        if wanted.found != len(children):
            raise Unsupported(type(value).__name__)

    def _search_all(self, values: Iterable[Any], first: int, wanted: _Wanted) -> None:
        for place, value in enumerate(values, first):
            self._search(value, place, wanted)

    def _search(self, value: Any, place: int, wanted: _Wanted) -> None:
        """Look for children of a registered container; what is none of them is static."""
        kind = type(value)
        if id(value) in wanted.addresses:
            index = wanted.next_is(value)
            path = (*wanted.path, index)
            if wanted.tree.children[index].kind is None:
                self._only_tensor(value, path)
            self._visit(wanted.tree.children[index], value, place, path)
        elif kind is dict:
            first = self._open(Container.ITEMS, value, place, _plain_keys(value))
            self._search_all(value.values(), first, wanted)
        elif kind is list or _is_plain_tuple(kind):
            self._search_all(value, self._open_sequence(value, place), wanted)
        elif isinstance(value, (dict, list, tuple)):
            raise Unsupported(kind.__name__)
        else:
            self._static(place, value)


class _Wanted:
    """The children of a registered container, to be met in order."""

    def __init__(self, tree: Tree, path: Path, children: list[Any]) -> None:
        self.tree = tree
        self.path = path
        self.addresses = set(map(id, children))
        self.found = 0
        self._children = children

    def next_is(self, value: Any) -> int:
        """The index of this child, which must be the next."""
        index = self.found
        if index == len(self._children) or self._children[index] is not value:
            raise Unsupported("children in another order than attributes")
        self.found += 1
        return index


def _is_plain_tuple(kind: type) -> bool:
    """A tuple or named tuple."""
    return kind is tuple or (issubclass(kind, tuple) and hasattr(kind, "_fields"))


def _plain_keys(keys: Any) -> tuple[Any, ...]:
    """Keys whose comparison runs no code of the user."""
    found = tuple(keys)
    if any(type(key) not in (str, int) for key in found):
        raise Unsupported("keys of a dict")
    return found


def _descriptor(cls: type, name: str) -> bool:
    """Whether the class has an attribute of this name that comes before that of the instance."""
    found = next((vars(c)[name] for c in cls.__mro__ if name in vars(c)), None)
    return hasattr(type(found), "__set__") or hasattr(type(found), "__delete__")
