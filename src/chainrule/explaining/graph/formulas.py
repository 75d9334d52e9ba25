"""Formulas as text, as a function whose intermediate results have names."""

from __future__ import annotations

import inspect
from collections.abc import Sequence

from chainrule.core.errors import ArgumentError
from chainrule.core.node import Node
from chainrule.explaining.graph.naming import Names
from chainrule.lift import as_node, floating
from chainrule.notation import Formula, parse_many
from chainrule.notation.names import keyword_name
from chainrule.notation.syntax import Apply, Tree, Variable, postorder
from chainrule.tensor import Tensor

__all__ = ["Program"]


class Program:
    """Definitions, and a result: ``z = w x + b, a = tanh(z), L = (a - y)²``.

    What is not defined is an argument. The last formula is the result.

    Attributes:
        names: the arguments, in order of first appearance.
        given: what the nodes of the last call are called.

    Raises:
        ParseError: if the text is no formula.
        ArgumentError: if an equation is no definition, or a name is defined twice or too late.
    """

    def __init__(self, text: str | Sequence[Formula]) -> None:
        formulas = parse_many(text) if isinstance(text, str) else text
        self.given = Names()
        self._lines: list[tuple[str | None, Formula]] = []
        arguments: dict[str, None] = {}
        defined: set[str] = set()
        for formula in formulas:
            name, right = _definition(formula)
            parts = (part for part in postorder(right) if isinstance(part, Variable))
            used = list(dict.fromkeys(part.name for part in parts))
            arguments.update(dict.fromkeys(n for n in used if n not in defined))
            if name is not None and (name in defined or name in arguments):
                what = "twice" if name in defined else "after it is used"
                raise ArgumentError(f"{name} is defined {what}; every name is defined once, first")
            if name is not None:
                defined.add(name)
            self._lines.append((name, Formula(formula.text, right, used)))
        self.names = tuple(arguments)
        kind = inspect.Parameter.POSITIONAL_OR_KEYWORD
        self.__signature__ = inspect.Signature(
            [inspect.Parameter(keyword_name(n), kind) for n in self.names]
        )

    def __call__(self, *values: Tensor) -> Tensor:
        """The result; all definitions are evaluated on the way."""
        self.given = Names()
        nodes = [floating(as_node(value)) for value in values]
        known: dict[str, Node] = dict(zip(self.names, nodes, strict=True))
        result = None
        for name, formula in self._lines:
            result = formula.node({n: known[n] for n in formula.names})
            if name is not None:
                known[name] = result
                self.given.look(0, {name: Tensor(result)})
        assert result is not None
        return Tensor(result)


def _definition(formula: Formula) -> tuple[str | None, Tree]:
    """The name that a formula defines, if it does, and what it is."""
    tree = formula.tree
    if not isinstance(tree, Apply) or tree.function != "equal":
        return None, tree
    left, right = tree.operands
    if not isinstance(left, Variable):
        raise ArgumentError(
            f"{formula.text!r} defines no name; in a graph an equation is a definition, such as "
            "z_1 = w x + b, of one letter, since words are read as products"
        )
    return left.name, right
