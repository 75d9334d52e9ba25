"""What stands in a box and on an edge: formulas of one line, short values, and their widths."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import NotationError
from chainrule.core.node import LITERAL, Node, topological
from chainrule.explaining.collect import collected
from chainrule.explaining.expression import Expression, Number, Symbol
from chainrule.explaining.reading import is_scalar, read
from chainrule.explaining.styles import TEXT

__all__ = [
    "formula",
    "local",
    "name_text",
    "norm",
    "number",
    "short",
    "summary",
    "width",
    "wrapped",
]

SUM, PRODUCT, POWER, ATOM = range(4)
"""How tightly formulas bind."""

Written = tuple[str, int]

_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_INFIX = {
    "equal": "=",
    "not_equal": "≠",
    "less": "<",
    "less_equal": "≤",
    "greater": ">",
    "greater_equal": "≥",
}
_CALLED = {"sigmoid": "σ", "log": "ln", "maximum": "max", "minimum": "min"}


def name_text(name: str) -> str:
    """A name as it is shown: ``w_1`` as w₁."""
    return TEXT.symbol(name)


# -- values ----------------------------------------------------------------------------------------


def number(value: Any) -> str:
    """Four digits, with a proper minus sign.

    >>> number(-0.123456), number(1.5e-7), number(True)
    ('−0.1235', '1.5·10⁻⁷', 'true')
    """
    item = np.asarray(value).reshape(()).item()
    if isinstance(item, bool):
        return "true" if item else "false"
    if isinstance(item, complex) or not math.isfinite(item):
        return str(item).replace("inf", "∞").replace("-", "−")
    mantissa, e, exponent = f"{item + 0.0:.4g}".partition("e")
    scale = f"·10{str(int(exponent)).translate(_SUPERSCRIPTS)}" if e else ""
    return mantissa.replace("-", "−") + scale


def summary(value: Any) -> str:
    """A number as it is, an array as its shape and norm.

    >>> summary(np.eye(3)), summary(np.arange(4)), summary(2.0)
    ('[3×3] norm 1.732', '[4] integers 0 to 3', '2')
    """
    if not isinstance(value, (np.ndarray, np.generic, float, int)):
        return f"{len(value)} arrays" if isinstance(value, (tuple, list)) else "no value"
    found = np.asarray(value)
    if found.size == 1:
        return number(found)
    shape = f"[{'×'.join(map(str, found.shape))}]"
    if not found.size:
        return f"{shape} empty"
    if found.dtype.kind == "b":
        return f"{shape} {int(found.sum())} true"
    if found.dtype.kind in "iu":
        return f"{shape} integers {found.min()} to {found.max()}"
    return f"{shape} norm {number(norm(found))}"


def norm(value: Any) -> float:
    """√Σx², also where the squares would be too large or too small."""
    found = np.abs(np.asarray(value, np.float64)).ravel()
    largest = float(found.max(initial=0.0))
    if largest == 0.0 or not math.isfinite(largest):
        return largest
    return largest * float(np.sqrt(np.sum((found / largest) ** 2)))


# -- formulas --------------------------------------------------------------------------------------


def formula(root: Node, names: Mapping[Node, str], inside: Collection[Node] = ()) -> str:
    """What a node is computed by, in terms of named nodes; those in ``inside`` are written out."""
    done: dict[Node, Written] = {}
    stop = _named([root] if root not in names else root.sources, names, inside)
    for node in topological([root], stop=stop):
        if node in stop:
            done[node] = (name_text(names[node]), ATOM)
        elif node.primitive is LITERAL:
            text = number(node.value)
            done[node] = (text, SUM if text.startswith("−") else ATOM)
        elif node.sources:
            done[node] = _applied(node, [done[source] for source in node.sources])
        else:
            done[node] = (summary(node.value) if is_scalar(node) else "constant", ATOM)
    text = done[root][0]
    if root.sources and root.sources[0] in stop and text == done[root.sources[0]][0]:
        return f"{text} as {'×'.join(map(str, root.shape)) or 'a number'}"
    return text


def _named(roots: Iterable[Node], names: Mapping[Node, str], inside: Collection[Node]) -> set[Node]:
    """The nearest nodes with names, but for those in ``inside``, that the roots depend on."""
    found, seen = set(), set()
    stack = list(roots)
    while stack:
        node = stack.pop()
        if node in names and node not in inside:
            found.add(node)
        elif node not in seen:
            seen.add(node)
            stack.extend(node.sources)
    return found


def _applied(node: Node, operands: Sequence[Written]) -> Written:
    name = node.primitive.name
    if name in _FORMS:
        return _FORMS[name](node, *operands)
    if name in _INFIX:
        a, b = operands
        return f"{_within(a, SUM)} {_INFIX[name]} {_within(b, SUM)}", SUM
    inner = ", ".join(text for text, _ in operands)
    return f"{_CALLED.get(name, name)}({inner})", ATOM


def _within(part: Written, level: int) -> str:
    return part[0] if part[1] >= level else f"({part[0]})"


def _add(node: Node, a: Written, b: Written) -> Written:
    if b[0].startswith("−"):
        return f"{a[0]} − {b[0][1:]}", SUM
    return f"{a[0]} + {b[0]}", SUM


def _mul(node: Node, a: Written, b: Written) -> Written:
    if not any(map(is_scalar, node.sources)):
        return f"{_within(a, PRODUCT)} ⊙ {_within(b, PRODUCT)}", PRODUCT
    if node.sources[1].primitive is LITERAL:
        a, b = b, a
    first, second = _within(a, PRODUCT), _within(b, POWER)
    dot = " · " if second[0].isdigit() or second[0] == "(" else " "
    return f"{first}{dot}{second}", PRODUCT


def _power(node: Node, a: Written) -> Written:
    (n,) = node.argument
    return f"{_within(a, ATOM)}{str(n).translate(_SUPERSCRIPTS)}", POWER


def _contract(node: Node, a: Written, b: Written) -> Written:
    """A product of matrices where it is one, with the transposes that it takes."""
    left, right, out = node.argument
    summed = [label for label in left if label in right and label not in out]
    first, second = _within(a, PRODUCT), _within(b, POWER)
    if len(summed) == 1:
        if _is_product(left, right, out, summed[0]):
            return _product(first, second, left, right, summed[0])
        if _is_product(right, left, out, summed[0]):
            return _product(_within(b, PRODUCT), _within(a, POWER), right, left, summed[0])
    if len(left) == len(right) == 1 and tuple(out) == (*left, *right):
        return f"{first} {second}ᵀ", PRODUCT
    return f"einsum({a[0]}, {b[0]})", ATOM


def _is_product(left: Sequence[int], right: Sequence[int], out: Sequence[int], label: int) -> bool:
    """Whether it is a product of the last two axes, in this order."""
    rest = [k for k in left if k != label] + [k for k in right if k != label and k not in left]
    return label in left[-2:] and label in right[-2:] and list(out) == rest


def _product(
    first: str, second: str, left: Sequence[int], right: Sequence[int], label: int
) -> Written:
    if len(left) == 1 and len(right) == 1:
        return f"{first}ᵀ {second}", PRODUCT
    if len(left) > 1 and left[-1] != label:
        first += "ᵀ"
    if len(right) > 1 and right[-1] == label:
        second += "ᵀ"
    if len(left) == 1:
        first += "ᵀ"
    return f"{first} {second}", PRODUCT


def _sum(node: Node, a: Written) -> Written:
    axes, _ = node.argument
    if len(axes) == len(node.sources[0].shape):
        return f"sum({a[0]})", ATOM
    return f"sum({a[0]}, axis {', '.join(map(str, axes))})", ATOM


def _permute(node: Node, a: Written) -> Written:
    (axes,) = node.argument
    n = len(axes)
    if n >= 2 and tuple(axes) == (*range(n - 2), n - 1, n - 2):
        return f"{_within(a, ATOM)}ᵀ", POWER
    return f"permute({a[0]})", ATOM


def _slice(node: Node, a: Written) -> Written:
    starts, stops, steps = node.argument
    parts = []
    for start, stop, step, extent in zip(starts, stops, steps, node.sources[0].shape, strict=True):
        if stop - start == 1 and extent > 1:
            parts.append(f"{start}")
        elif (start, stop, step) == (0, extent, 1):
            parts.append(":")
        else:
            parts.append(f"{start}:{stop}" + (f":{step}" if step != 1 else ""))
    while len(parts) > 1 and parts[-1] == ":":
        parts.pop()
    return f"{_within(a, ATOM)}[{', '.join(parts)}]", ATOM


def _where(node: Node, condition: Written, a: Written, b: Written) -> Written:
    return f"{a[0]} if {condition[0]} else {b[0]}", SUM


def _reshape(node: Node, a: Written) -> Written:
    """Leading axes of one element come and go without a word: they broadcast."""
    silent = _stripped(node.sources[0].shape) == _stripped(node.shape)
    return a if silent else (f"({a[0]} as {'×'.join(map(str, node.shape))})", ATOM)


def _stripped(shape: Sequence[int]) -> list[int]:
    """A shape without leading ones."""
    found = list(shape)
    while found and found[0] == 1:
        found.pop(0)
    return found


_FORMS: dict[str, Callable[..., Written]] = {
    "add": _add,
    "sub": lambda node, a, b: (f"{a[0]} − {_within(b, PRODUCT)}", SUM),
    "neg": lambda node, a: (f"−{_within(a, PRODUCT)}", SUM),
    "mul": _mul,
    "div": lambda node, a, b: (f"{_within(a, PRODUCT)} / {_within(b, POWER)}", PRODUCT),
    "integer_pow": _power,
    "pow": lambda node, a, b: (f"{_within(a, ATOM)}^{_within(b, ATOM)}", POWER),
    "sqrt": lambda node, a: (f"√{_within(a, ATOM)}", POWER),
    "abs": lambda node, a: (f"|{a[0]}|", ATOM),
    "contract": _contract,
    "sum": _sum,
    "permute": _permute,
    "slice": _slice,
    "where": _where,
    "reshape": _reshape,
    "broadcast_to": lambda node, a: a,
}


def local(derivative: Node, names: Mapping[Node, str]) -> tuple[str, str]:
    """A local derivative that is a number, as a formula and as a number; both may be equal."""
    value = number(derivative.value)
    named = filter(is_scalar, _named([derivative], names, ()))
    known: dict[Node, Expression] = {node: Symbol(names[node]) for node in named}
    try:
        found = collected(read(derivative, known))
    except NotationError:
        return value, value
    return (value if isinstance(found, Number) else TEXT(found).replace("-", "−")), value


# -- widths ----------------------------------------------------------------------------------------

_NARROW = {
    **dict.fromkeys("ijl|'.,:;()[] f!/\\", 0.42),
    **dict.fromkeys("rtI-·ᵀ", 0.5),
    **dict.fromkeys("₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹⁻", 0.45),
    **dict.fromkeys("mwMW%@←→↑↓…", 1.02),
    **dict.fromkeys("+−=<>≤≥≠×∞⊙⊗", 0.87),
}
"""Widths of characters in ems, as wide as the widest of the usual fonts makes them."""


def width(text: str, size: float) -> float:
    """How wide a line is at most, in a sans-serif font of this size."""
    return size * sum(_NARROW.get(c, 0.66 if c.islower() or c.isdigit() else 0.8) for c in text)


def wrapped(text: str, size: float, room: float) -> list[str]:
    """The text in lines of at most this width, broken between words."""
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(f"{lines[-1]} {word}", size) <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


def short(text: str, most: int) -> str:
    """The text, cut to so many characters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"
