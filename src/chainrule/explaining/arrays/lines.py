"""The lines of one cotangent: by the rule, with slopes written out, contracted, and as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.explaining.arrays.derive import Deriver, Found
from chainrule.explaining.arrays.expression import (
    Term,
    apply,
    number,
    power,
    size,
    substitute,
    times,
    walk,
)
from chainrule.explaining.arrays.notation import shape_text
from chainrule.explaining.arrays.simplify import expanded
from chainrule.explaining.expression import Expression, Vector
from chainrule.explaining.printers.outline import rounded
from chainrule.explaining.steps import Line, Named, Step
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["Closed", "forward_rule", "line_of", "named", "numbers", "rule_of", "step_of"]

SMALL, ROW = 24, 10
"""Matrices, and vectors, of so many numbers are shown."""

CLOSED = 22
"""A closed form may be so long."""

Closed = dict[Term, Term]
"""For each cotangent the shortest form that needs no other, where there is one."""


def named(term: Term) -> Named:
    """A term as the name of a quantity."""
    return Named(TEXT(term), LATEX(term))


def numbers(value: Any) -> Expression | None:
    """A small array as numbers to four digits; None if it is too large."""
    found = np.asarray(value, np.float64)
    longest = SMALL if found.ndim == 2 else ROW
    if found.ndim > 2 or not 0 < found.size <= longest or not np.all(np.isfinite(found)):
        return None
    return _nested(found.tolist())


def _nested(value: Any) -> Expression:
    return Vector(tuple(map(_nested, value))) if isinstance(value, list) else rounded(value)


def line_of(deriver: Deriver, term: Term, reason: str) -> Line:
    """A line with its shape."""
    return Line(term, reason, deriver.shape(term.shape))


def step_of(
    deriver: Deriver, found: Found, closed: Closed, index: int, textbook: Term | None = None
) -> Step:
    """The step of a cotangent; what it is in closed form is kept in ``closed``."""
    term = found.term
    expected = deriver.engine(found.node)
    rule = rule_of(deriver, found)
    lines = [line_of(deriver, term, ", ".join(found.rules) or rule)]
    shown = {TEXT(term)}
    for form, why in (*_with_slopes(deriver, term), *_contracted(deriver, term, closed)):
        deriver.claim(form, expected)
        if TEXT(form) not in shown:
            shown.add(TEXT(form))
            lines.append(line_of(deriver, form, why))
    if textbook is not None:
        deriver.claim(textbook, expected)
        if TEXT(textbook) not in shown:
            lines.append(line_of(deriver, textbook, "the closed form of textbooks"))
    best = min((line.expression for line in lines), key=_cost)
    open_ = any(deriver.is_cotangent(part) for part in walk(best))  # type: ignore[arg-type]
    if found.name.kind == "cotangent" and not open_:
        closed[found.name] = best  # type: ignore[assignment]
    values = numbers(expected)
    if values is not None:
        lines.append(Line(values, "in numbers", deriver.shape(found.node.shape)))
    if len(lines) == 1 and rule == "chain rule":
        rule = f"chain rule: {', '.join(found.rules)}"
    return Step(
        rule=rule,
        subject=named(found.name),
        lines=tuple(lines),
        notes=_notes(deriver, found, term),
        number=index,
        named=found.named,
    )


def _cost(term: Any) -> tuple[bool, bool, int]:
    kinds = {part.kind for part in walk(term)}
    return "cotangent" in kinds, "prime" in kinds, size(term)


# -- slopes and closed forms -----------------------------------------------------------------------


def _with_slopes(deriver: Deriver, term: Term) -> Sequence[tuple[Term, str]]:
    """φ′(Z) written out."""
    names = {line.term: line.name for line in deriver.forward}
    after = _opened(term, names)
    if after == term:
        return ()
    opened = deriver.simple(after)
    short = deriver.simple(expanded(opened, deriver.count))
    found = [(opened, "the slope written out")]
    if size(short) < size(opened):
        found.append((short, "multiplied out"))
    return found


def _opened(term: Term, names: Mapping[Term, Term]) -> Term:
    changes: dict[Term, Term] = {}
    for part in walk(term):
        if part.kind == "prime" and part.argument[0] in _SLOPES:
            (x,) = part.operands
            y = apply(part.argument[0], x)
            changes[part] = _SLOPES[part.argument[0]](x, names.get(y, y))
    return substitute(term, changes) if changes else term


def _sigmoid(x: Term) -> Term:
    return apply("sigmoid", x)


_SLOPES: Mapping[str, Any] = {
    "tanh": lambda x, y: 1 - power(y, 2),
    "sigmoid": lambda x, y: times(y, 1 - y),
    "relu": lambda x, y: Term(
        "where", (apply("greater", x, number(0)), number(1), number(0)), (), x.shape
    ),
    "softplus": lambda x, y: _sigmoid(x),
    "log_sigmoid": lambda x, y: 1 - _sigmoid(x),
    "silu": lambda x, y: _sigmoid(x) + times(y, 1 - _sigmoid(x)),
}
"""φ′ in terms of the argument x and the value y."""


def _contracted(deriver: Deriver, term: Term, closed: Closed) -> Sequence[tuple[Term, str]]:
    """The cotangents inside put in, if something simple comes out."""
    used = [part for part in walk(term) if part in closed]
    if not used:
        return ()
    names = {line.term: line.name for line in deriver.forward}
    whole = _opened(substitute(term, {part: closed[part] for part in used}), names)
    forms = [deriver.simple(whole)]
    forms.append(deriver.simple(expanded(forms[0], deriver.count)))
    best = min(forms, key=size)
    if size(best) > CLOSED:
        return ()
    listed = ", ".join(dict.fromkeys(TEXT(part) for part in used))
    return [(best, f"{listed} put in")]


# -- words -----------------------------------------------------------------------------------------


_OF_A_LAYER = {"sum rule", "matrix product", "transpose", "reshape"}


def rule_of(deriver: Deriver, found: Found) -> str:
    """The name of the rule, or of the chain of rules."""
    rules = set(found.rules)
    term = found.term
    if not found.rules:
        return "seed"
    if (
        rules <= {"sum rule", "matrix product", "transpose", "reshape"}
        and "matrix product" in rules
    ):
        return "linear layer rule" if "sum rule" in rules else "matrix product rule"
    if rules <= {"sum rule", "broadcast", "reshape", "difference rule"} and _has_total(term):
        return "bias rule: sum over the broadcast axis"
    if len(rules) == 1:
        (rule,) = rules
        if any(part.kind == "prime" for part in walk(term)):
            return f"elementwise rule: ⊙ {rule}′"
        named_so = rule.endswith("rule") or rule.startswith("rule of")
        return rule if named_so else f"{rule} rule"
    return "chain rule"


def forward_rule(rules: Sequence[str]) -> str:
    """What a line of the forward pass computes, in words."""
    if {"matrix product"} <= set(rules) <= _OF_A_LAYER:
        return "linear layer" if "sum rule" in rules else "matrix product"
    return ", ".join(rule.removesuffix(" rule") for rule in rules) or "given"


def _has_total(term: Term) -> bool:
    return any(part.kind == "total" for part in walk(term))


def _notes(deriver: Deriver, found: Found, term: Term) -> tuple[str, ...]:
    notes = [*found.laws, *_dims(deriver, term), *found.conventions]
    if not found.named:
        notes.append("one of the rules has no textbook name; D stands for what the engine computed")
    return tuple(notes)


def _dims(deriver: Deriver, term: Term) -> list[str]:
    """How the shapes of a matrix product fit: (n×d)ᵀ (n×k) = (d×k)."""
    for part in walk(term):
        if part.kind != "matmul" or any(factor.ndim not in (1, 2) for factor in part.operands):
            continue
        texts = []
        for factor in part.operands:
            inner = factor.operands[0] if factor.kind == "transpose" else factor
            mark = "ᵀ" if factor.kind == "transpose" else ""
            texts.append(shape_text(deriver.shape(inner.shape)) + mark)
        return [f"shapes: {' '.join(texts)} = {shape_text(deriver.shape(part.shape))}"]
    return []
