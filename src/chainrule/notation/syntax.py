"""Syntax trees of formulas, and errors that point into the text."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from chainrule.core.errors import ParseError

__all__ = ["Apply", "Number", "Tree", "Variable", "failure", "postorder"]

WIDTH = 72  # of the excerpt that an error shows


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    """A constant: a number, or a truth value. ``start`` is where it begins in the text."""

    value: float | bool
    start: int


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    """An argument of the formula, under its canonical name."""

    name: str
    start: int


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Apply:
    """A function of `functions.lookup` applied to operands, with static parameters."""

    function: str
    operands: tuple[Tree, ...]
    start: int
    argument: tuple[Any, ...] = ()


Tree = Number | Variable | Apply


def postorder(root: Tree) -> Iterator[Tree]:
    """Every part of a tree, operands before what is applied to them; iterative."""
    stack: list[tuple[Tree, bool]] = [(root, False)]
    while stack:
        tree, opened = stack.pop()
        if opened or not isinstance(tree, Apply):
            yield tree
        else:
            stack.append((tree, True))
            stack.extend((operand, False) for operand in reversed(tree.operands))


def failure(text: str, position: int, reason: str) -> ParseError:
    """A `ParseError` that says ``reason`` and shows the place in the text with a caret."""
    if not text.strip():
        return ParseError(reason)
    begin = max(text.rfind("\n", 0, position), text.rfind("\r", 0, position)) + 1
    line = text[begin:].splitlines()[0] if text[begin:] else ""
    column = min(position - begin, len(line))
    left = max(0, min(column - WIDTH // 2, len(line) - WIDTH))
    shown = "".join(c if c.isprintable() else " " for c in line[left : left + WIDTH])
    before, after = "…" if left else "", "…" if left + WIDTH < len(line) else ""
    caret = " " * (column - left + len(before)) + "^"
    return ParseError(f"{reason}\n  {before}{shown}{after}\n  {caret}")
