"""Formulas: functions read from text."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from chainrule.core.errors import ArgumentError, ParseError
from chainrule.core.node import LITERAL, Node, input_node, literal
from chainrule.core.types import DTYPES, array_type
from chainrule.lift import as_node, floating, promote
from chainrule.notation import functions
from chainrule.notation.latex import to_latex
from chainrule.notation.names import canonical, keyword_name
from chainrule.notation.parser import parse_trees
from chainrule.notation.syntax import Apply, Number, Tree, Variable, failure, postorder
from chainrule.tensor import Tensor, wrap

__all__ = ["Formula", "parse", "parse_many"]

FLOAT = DTYPES["float64"]
BOOL = DTYPES["bool"]


class Formula:
    """A function of named numbers or arrays, read from a text by `parse`.

    Call it with its arguments in the order of ``names``, or by name. They broadcast together, and
    integers count as float64. The result is a `Tensor`.

    Attributes:
        text: the text it was read from.
        names: its arguments, in order of first appearance.
    """

    __slots__ = ("__name__", "__signature__", "__weakref__", "names", "text", "tree")

    def __init__(self, text: str, tree: Tree, names: Sequence[str]) -> None:
        self.text = text
        self.tree = tree
        self.names = tuple(names)
        self.__name__ = "formula"
        self.__signature__ = inspect.Signature(
            [
                inspect.Parameter(keyword_name(name), inspect.Parameter.POSITIONAL_OR_KEYWORD)
                for name in self.names
            ]
        )

    def __call__(self, *args: Any, **kwargs: Any) -> Tensor:
        """The value of the formula.

        Raises:
            ArgumentError: if an argument is missing, unknown or given twice.
        """
        values = self._bind(args, kwargs)
        truths = {n: as_node(v) for n, v in values.items() if _is_truth(v)}
        numbers = [name for name in self.names if name not in truths]
        nodes = dict(zip(numbers, promote(*[values[name] for name in numbers]), strict=True))
        return wrap(self.node({name: floating(node) for name, node in nodes.items()} | truths))

    def _bind(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> dict[str, Any]:
        takes = f"the formula {self.text!r} takes {', '.join(self.names) or 'no arguments'}"
        if len(args) > len(self.names):
            raise ArgumentError(f"{takes}; {len(args)} positional arguments were given")
        values = dict(zip(self.names, args, strict=False))
        for given, value in kwargs.items():
            name = canonical(given)
            if name not in self.names:
                raise ArgumentError(f"{takes}; it has no argument {given!r}")
            if name in values:
                raise ArgumentError(f"{takes}; {name} was given twice")
            values[name] = value
        missing = [name for name in self.names if name not in values]
        if missing:
            raise ArgumentError(f"{takes}; missing: {', '.join(missing)}")
        return values

    def node(self, arguments: Mapping[str, Node]) -> Node:
        """The result as a node, from a node for each name; all numbers have one float dtype."""
        dtype = next((n.dtype for n in arguments.values() if n.type.is_float), FLOAT)
        stack: list[Node] = []
        for tree in postorder(self.tree):
            if isinstance(tree, Number):
                stack.append(literal(tree.value, BOOL if isinstance(tree.value, bool) else dtype))
            elif isinstance(tree, Variable):
                stack.append(arguments[tree.name])
            else:
                first = len(stack) - len(tree.operands)
                operands = stack[first:]
                del stack[first:]
                stack.append(_apply(tree, operands))
        return stack.pop()

    def to_latex(self) -> str:
        """The formula as LaTeX, which `parse` reads back."""
        inputs = {name: input_node(array_type((), FLOAT)) for name in self.names}
        return to_latex(self.node(inputs), {node: name for name, node in inputs.items()})

    def _repr_latex_(self) -> str:
        return f"${self.to_latex()}$"

    def __repr__(self) -> str:
        return f"parse({self.text!r})"

    def __str__(self) -> str:
        return self.text

    def __reduce__(self) -> Any:
        return parse, (self.text, self.names)


def _apply(tree: Apply, operands: Sequence[Node]) -> Node:
    function = functions.lookup(tree.function)
    assert function is not None, tree.function
    node = function.build(*tree.argument, *operands)
    if not node.sources and all(operand.primitive is LITERAL for operand in operands):
        return literal(node.value.item(), node.dtype)  # computed from numbers, so a number again
    return node


def _is_truth(value: Any) -> bool:
    return isinstance(value, bool) or getattr(value, "dtype", None) == BOOL


def parse(text: str, names: Iterable[str] | None = None) -> Formula:
    """Read a formula in the notation of a textbook; nothing in the text is ever executed.

    Plain text (``3x^2 + 2xy``, ``log(1 + exp(-y*w*x))``, ``|x|``, ``w_1``), Unicode (``σ(x)``,
    ``x²``, ``√x``, ``2·α``) and LaTeX (``\\frac{1}{1 + e^{-x}}``) may be mixed. An unknown word is
    a product of letters, ``log`` is the natural logarithm, ``e`` and ``pi`` are constants,
    ``1/2 x`` is ``(1/2) x``, and ``sin 2x cos x`` is ``sin(2x) cos(x)``; see `notation.parser` for
    all rules.

    Args:
        text: the formula.
        names: the names of its arguments, in the order wanted. Names of several letters are
            possible only if they are given here. By default every variable in the text, in order
            of first appearance.

    Raises:
        ParseError: if the text is no formula, or has a variable that is not among ``names``.

    >>> import chainrule as cr
    >>> f = cr.parse("3x^2 + 2xy + y^3")
    >>> f.names, f(1.0, y=2.0)
    (('x', 'y'), tensor(15.))
    >>> cr.grad(f, argnums=(0, 1))(1.0, 2.0)
    (tensor(10.), tensor(14.))
    >>> cr.parse("rate * sin(2 pi t)", names=("t", "rate"))(0.25, rate=3.0)
    tensor(3.)
    """
    return _read(text, names, many=False)[0]


def parse_many(text: str, names: Iterable[str] | None = None) -> list[Formula]:
    """Read several formulas with commas or semicolons between them; all take the same arguments.

    >>> [str(f) for f in parse_many("x*y, x + y")]
    ['x*y', 'x + y']
    """
    return _read(text, names, many=True)


def _read(text: str, names: Iterable[str] | None, many: bool) -> list[Formula]:
    if not isinstance(text, str):
        raise ParseError(f"a formula is read from a str, not from {type(text).__name__}")
    declared = None if names is None else tuple(map(_declared, names))
    trees = parse_trees(text, declared or (), many=many)
    found: dict[str, None] = {}
    for tree, _ in trees:
        for part in postorder(tree):
            if isinstance(part, Variable):
                if declared is not None and part.name not in declared:
                    known = ", ".join(declared) or "none"
                    reason = f"unknown variable {part.name!r}; the variables are {known}"
                    raise failure(text, part.start, reason)
                found[part.name] = None
    order = tuple(found) if declared is None else declared
    return [Formula(part, tree, order) for tree, part in trees]


def _declared(name: str) -> str:
    found = canonical(name)
    if not (found.isascii() and found.isidentifier()):
        raise ParseError(f"{name!r} cannot be the name of a variable")
    return found
