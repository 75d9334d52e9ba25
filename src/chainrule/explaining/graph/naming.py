"""The user's own names: ``z1 = w1 * x`` calls a node z₁.

While a function runs, its local variables are looked at after every line. This is what a debugger
does, so a debugger or a coverage tool that watches the same function pauses meanwhile.
"""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.core.source import PACKAGE
from chainrule.tensor import Tensor

__all__ = ["Names", "named_locals"]


_LIBRARIES = tuple({sysconfig.get_path(kind) + os.sep for kind in ("stdlib", "purelib", "platlib")})

_EXAMPLES = str(Path(__file__).parent.parent / "arrays" / "catalogue")
"""Functions of the package's own that are explained like those of users."""


@dataclass
class Names:
    """Names that lines of the user's code gave to nodes.

    Attributes:
        found: for each node its names, as (depth of the frame, name); a smaller depth is nearer
            to the function itself.
        arrays: NumPy arrays that were at hand, such as data captured by a closure, with their
            names; by identity.
    """

    found: dict[Node, list[tuple[int, str]]] = field(default_factory=dict)
    arrays: dict[int, tuple[str, np.ndarray[Any, Any]]] = field(default_factory=dict)

    def of(self, node: Node) -> str | None:
        """The outermost name of a node; of several the one given first."""
        names = self.found.get(node)
        return min(names, key=lambda pair: pair[0])[1] if names else None

    def of_array(self, value: Any) -> str | None:
        """The name of an array with these entries."""
        for name, array in self.arrays.values():
            if array.shape == np.shape(value) and np.array_equal(array, value):
                return name
        return None

    def beside(self, known: AbstractSet[Node]) -> tuple[str, ...]:
        """The names of what was computed from variables and is not among the nodes ``known``."""
        others = [node for node in self.found if node.sources and node.tracked]
        found = [self.of(node) for node in others if node not in known]
        return tuple(dict.fromkeys(filter(None, found)))

    def look(self, depth: int, variables: dict[str, Any]) -> None:
        """Take the names of one frame."""
        for name, value in variables.items():
            if isinstance(value, Tensor):
                names = self.found.setdefault(value.node, [])
                if not any(name == known for _, known in names):
                    names.append((depth, name))
            elif isinstance(value, np.ndarray):
                self.arrays.setdefault(id(value), (name, value))


@contextmanager
def named_locals(names: Names) -> Iterator[None]:
    """Within the block, note the local variables of the user's code that runs.

    The user's code is all that belongs neither to chainrule nor to an installed library.
    """
    before = sys.gettrace()
    outermost = _depth(sys._getframe())

    def enter(frame: FrameType, event: str, argument: Any) -> Any:
        file = frame.f_code.co_filename
        module = frame.f_globals.get("__name__", "")
        if module.startswith("namedtuple_"):  # the code that a named tuple is given has no file
            return None
        if file.startswith((PACKAGE, *_LIBRARIES)) and not file.startswith(_EXAMPLES):
            return None
        depth = _depth(frame) - outermost

        def follow(frame: FrameType, event: str, argument: Any) -> Any:
            if event in ("line", "return"):
                names.look(depth, frame.f_locals)
            return follow

        return follow

    sys.settrace(enter)
    try:
        yield
    finally:
        sys.settrace(before)


def _depth(frame: FrameType | None) -> int:
    depth = 0
    while frame is not None:
        depth += 1
        frame = frame.f_back
    return depth
