"""The laws that stand beside the rules: (u v)′ = u′ v + u v′, in text and in LaTeX.

The law of a primitive is read from its record: its local derivative in the letter u.
"""

from __future__ import annotations

from collections.abc import Callable

from chainrule.core.node import Node
from chainrule.explaining.collect import collected
from chainrule.explaining.expression import ONE, Expression, Symbol
from chainrule.explaining.reading import read
from chainrule.explaining.steps import Named
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.explaining.writing import PRODUCT
from chainrule.rules.jvp import Step as Push

__all__ = ["formula", "of", "of_primitive", "rule_name", "trivial"]


def trivial(result: Expression) -> tuple[str, Named]:
    """Name and law for the variable itself, a function of it, and what does not depend on it."""
    if isinstance(result, Symbol):
        return "function of the variable", formula("y = y(x)")
    if result == ONE:
        return "identity rule", formula("x′ = 1")
    return "constant rule", formula("c′ = 0")


_LATEX = {
    "′": "'",
    "ⁿ⁻¹": "^{n-1}",
    "ⁿ": "^{n}",
    "ᵘ": "^{u}",
    "²": "^{2}",
    "·": r"\cdot",
    "∂g/∂u": r"\frac{\partial g}{\partial u}",
    "∂g/∂v": r"\frac{\partial g}{\partial v}",
    "ln": r"\ln",
    "max": r"\max",
    "min": r"\min",
    " if ": r" \text{ if } ",
    " else ": r" \text{ else } ",
    " where ": r" \text{ where } ",
    ": ": r"{:}\ ",
    ", so ": r",\ \text{so } ",
}


def of(rule: Callable[..., object]) -> Named:
    """The law of a rule: its docstring."""
    return formula((rule.__doc__ or "").strip())


def formula(text: str) -> Named:
    """A law written in words and letters, also as LaTeX."""
    latex = text
    for character, command in _LATEX.items():
        latex = latex.replace(character, command)
    return Named(text, latex)


def rule_name(push: Push, index: int) -> str:
    """The rule's own name; that of c^u is the exponential rule."""
    if push.node.primitive.name == "pow" and index == 1:
        return "exponential rule"
    return push.rule


def of_primitive(push: Push, index: int) -> Named:
    """The law of a primitive in one moving argument, from its record: (sin u)′ = cos(u) · u′."""
    node = push.node
    name = node.primitive.name
    if name in ("pow", "integer_pow") and index == 0:
        return formula("(uⁿ)′ = n uⁿ⁻¹ · u′")
    if name == "pow":
        return formula("(cᵘ)′ = cᵘ ln(c) · u′")
    local = push.locals[index]
    assert local is not None
    called: dict[Node, Expression] = {node.sources[index]: Symbol("u")}
    for other, source in enumerate(node.sources):
        if other != index:
            called[source] = Symbol("c")
    outer = collected(read(local, called))
    written = read(node, called)
    text = f"{_prime(TEXT(written))} = {TEXT.within(outer, PRODUCT)} · u′"
    latex = rf"{_prime(LATEX(written))[:-1]}' = {LATEX.within(outer, PRODUCT)} \cdot u'"
    return Named(text, latex)


def _prime(written: str) -> str:
    return f"({written})′"
