"""Pytrees: nested tuples, lists, dicts, dataclasses and registered classes, with leaves."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from chainrule.core.errors import TreeError

__all__ = ["Tree", "flatten", "flatten_as", "identical", "map_tree", "paths", "register"]

Children = tuple[Sequence[tuple[str, Any]], Any]
"""Named children, and what else is needed to rebuild the container (hashable or comparable)."""

_registered: dict[type, tuple[Callable[[Any], Children], Callable[[Any, list[Any]], Any]]] = {}


def register(
    cls: type,
    take_apart: Callable[[Any], Children],
    put_together: Callable[[Any, list[Any]], Any],
) -> None:
    """Make a class a pytree container.

    Args:
        cls: the class; its subclasses are not included.
        take_apart: gives ``([(name, child), …], static)``.
        put_together: ``put_together(static, children)`` rebuilds the container.
    """
    _registered[cls] = (take_apart, put_together)


@dataclasses.dataclass(frozen=True)
class Tree:
    """The structure of a pytree, without its leaves. ``kind`` is None for a leaf."""

    kind: type | None
    static: Any = None
    names: tuple[str, ...] = ()
    children: tuple[Tree, ...] = ()

    @property
    def leaves(self) -> int:
        """How many leaves the structure has."""
        return 1 if self.kind is None else sum(child.leaves for child in self.children)

    def build(self, leaves: Iterable[Any]) -> Any:
        """The pytree with these leaves."""
        iterator = iter(leaves)
        built = self._build(iterator)
        if next(iterator, _END) is not _END:
            raise TreeError(f"too many leaves for a structure of {self.leaves}")
        return built

    def _build(self, leaves: Any) -> Any:
        if self.kind is None:
            leaf = next(leaves, _END)
            if leaf is _END:
                raise TreeError("too few leaves for the structure")
            return leaf
        children = [child._build(leaves) for child in self.children]
        if self.kind in _registered:
            return _registered[self.kind][1](self.static, children)
        return _rebuild(self.kind, self.static, self.names, children)

    def __str__(self) -> str:
        if self.kind is None:
            return "*"
        inner = ", ".join(
            f"{name}: {child}" for name, child in zip(self.names, self.children, strict=True)
        )
        return f"{self.kind.__name__}({inner})"


_END = object()
_LEAF = Tree(None)


def _children(value: Any) -> Children | None:
    cls = type(value)
    if cls in _registered:
        return _registered[cls][0](value)
    if value is None:
        return [], None
    if isinstance(value, (tuple, list)):
        return [(str(index), child) for index, child in enumerate(value)], None
    if isinstance(value, dict):
        try:
            keys = sorted(value)
        except TypeError:
            keys = list(value)
        return [(str(key), value[key]) for key in keys], tuple(keys)
    if dataclasses.is_dataclass(value):
        fields = [field for field in dataclasses.fields(value) if field.init]
        dynamic = [f for f in fields if not f.metadata.get("static", False)]
        static = [(f.name, getattr(value, f.name)) for f in fields if f not in dynamic]
        return [(f.name, getattr(value, f.name)) for f in dynamic], tuple(static)
    return None


def _rebuild(kind: type, static: Any, names: Sequence[str], children: list[Any]) -> Any:
    if kind is type(None):
        return None
    if issubclass(kind, tuple):
        return kind(*children) if hasattr(kind, "_fields") else kind(children)
    if issubclass(kind, list):
        return kind(children)
    if issubclass(kind, dict):
        return kind(zip(static, children, strict=True))
    return kind(**dict(zip(names, children, strict=True)), **dict(static))


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves of a pytree, depth first, and its structure. Dicts are taken in key order."""
    taken = _children(value)
    if taken is None:
        return [value], _LEAF
    named, static = taken
    leaves: list[Any] = []
    trees = []
    for _, child in named:
        inner, tree = flatten(child)
        leaves += inner
        trees.append(tree)
    names = tuple(name for name, _ in named)
    return leaves, Tree(type(value), static, names, tuple(trees))


def flatten_as(structure: Tree, value: Any) -> list[Any]:
    """The parts of ``value`` that stand where ``structure`` has its leaves.

    A part may itself be a container, such as a list of numbers in place of an array.

    Raises:
        TreeError: if ``value`` does not have the structure.
    """
    if structure.kind is None:
        return [value]
    taken = _children(value)
    names = () if taken is None else tuple(name for name, _ in taken[0])
    if taken is None or type(value) is not structure.kind or names != structure.names:
        raise TreeError(f"expected the structure {structure}, got {flatten(value)[1]}")
    return [
        leaf
        for child, (_, part) in zip(structure.children, taken[0], strict=True)
        for leaf in flatten_as(child, part)
    ]


def identical(a: Tree, b: Tree) -> bool:
    """Whether two structures are equal and their static parts of the same types, bit by bit.

    ``==`` takes 1, 1.0 and True for equal, and 0.0 and -0.0.

    >>> a, b = (Tree(list, static) for static in (1, True))
    >>> a == b, identical(a, b)
    (True, False)
    """
    return (
        a.kind is b.kind
        and a.names == b.names
        and _same_static(a.static, b.static)
        and len(a.children) == len(b.children)
        and all(map(identical, a.children, b.children))
    )


def _same_static(a: Any, b: Any) -> bool:
    if a is b:
        return True
    if type(a) is not type(b):
        return False
    if isinstance(a, float):
        return bool(a.hex() == b.hex())
    if isinstance(a, (tuple, list)):
        return len(a) == len(b) and all(map(_same_static, a, b))
    if isinstance(a, dict):
        return list(a) == list(b) and all(map(_same_static, a.values(), b.values()))
    return bool(a == b)


def map_tree(function: Callable[..., Any], tree: Any, *rest: Any) -> Any:
    """Apply ``function`` to corresponding leaves of one or more pytrees of one structure.

    Raises:
        TreeError: if the structures differ.
    """
    leaves, structure = flatten(tree)
    columns = [leaves]
    for other in rest:
        other_leaves, other_structure = flatten(other)
        if other_structure != structure:
            raise TreeError(f"pytrees differ: {structure} against {other_structure}")
        columns.append(other_leaves)
    return structure.build([function(*row) for row in zip(*columns, strict=True)])


def paths(value: Any, prefix: str = "") -> list[tuple[str, Any]]:
    """Every leaf with its dotted path, such as ``("layers.0.weight", leaf)``."""
    taken = _children(value)
    if taken is None:
        return [(prefix, value)]
    found = []
    for name, child in taken[0]:
        found += paths(child, f"{prefix}.{name}" if prefix else name)
    return found
