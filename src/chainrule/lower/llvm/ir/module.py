"""Modules: functions, constants, and the declarations that they need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from chainrule.lower.llvm.ir.function import Function
from chainrule.lower.llvm.ir.types import Number, scalar_text, with_element

__all__ = ["Module"]


class Module:
    """A set of functions. `str` gives the text.

    Args:
        attributes: appended to every function's, such as ``"nounwind"``.
    """

    def __init__(self, attributes: str = "nounwind") -> None:
        self.functions: list[Function] = []
        self.attributes = attributes
        self._declared: dict[str, str] = {}
        self._shared: set[str] = set()
        self._globals: list[str] = []
        self.calls: dict[str, int] = {}

    def function(
        self,
        name: str,
        params: Sequence[tuple[str, str]],
        result: str = "void",
        attributes: str = "",
        internal: bool = True,
    ) -> Function:
        return Function(
            self, name, params, result, f"{attributes} {self.attributes}".strip(), internal
        )

    def declare(self, name: str, result: str, params: Sequence[str]) -> None:
        """Make an external function or an intrinsic known; once is enough."""
        self._declared.setdefault(name, f"declare {result} @{name}({', '.join(params)})")

    def masked(self, name: str, type: str, kind: str) -> None:
        mask = with_element(type, "i1")
        if kind == "load":
            self.declare(name, type, ["ptr", mask, type])
        else:
            self.declare(name, "void", [type, "ptr", mask])

    def table(self, scalar: str, values: Sequence[Number], align: int = 64) -> str:
        """The name of a constant array in memory."""
        name = f"table{len(self._globals)}"
        text = ", ".join(f"{scalar} {scalar_text(scalar, v)}" for v in values)
        self._globals.append(
            f"@{name} = internal constant [{len(values)} x {scalar}] [{text}], align {align}"
        )
        return name

    def shared(self, name: str, build: Callable[[], Any]) -> str:
        """The name of a function that ``build`` writes the first time it is asked for."""
        if name not in self._shared:
            self._shared.add(name)
            build()
        return name

    def __str__(self) -> str:
        bodies = ["\n".join(f.body.lines()) for f in self.functions]
        total = sum(map(len, bodies))
        written = [
            f.definition(body, total) for f, body in zip(self.functions, bodies, strict=True)
        ]
        return "\n\n".join([*self._globals, *self._declared.values(), *written])
