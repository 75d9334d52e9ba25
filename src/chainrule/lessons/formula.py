r"""Formulas of lessons: written in LaTeX once, shown as Unicode or, on pages, as MathML.

The LaTeX is a small subset: letters, numbers, signs, the symbols below, ``\frac``, ``\sqrt``,
scripts, accents, ``\mathbf``, ``\mathbb``, ``\text``, ``\operatorname``, and the environments
``pmatrix`` and ``cases``. What is not in it is an error when a lesson is loaded.

>>> print(to_text(r"f'(x) = \lim_{h \to 0} \frac{f(x + h) - f(x)}{h}"))
f′(x) = lim (h → 0) (f(x + h) - f(x))/h
>>> to_mathml(r"x^2")
'<math display="block"><msup><mi>x</mi><mn>2</mn></msup></math>'
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from html import escape
from typing import Literal

from chainrule.core.errors import NotationError
from chainrule.notation.names import ACCENTS, GREEK, LETTERS

__all__ = ["check", "to_mathml", "to_text"]

_LETTER = {name: letter for letter, name in LETTERS.items()}
_SPACED = {
    "cdot": "·",
    "odot": "⊙",
    "times": "×",
    "circ": "∘",
    "to": "→",
    "leftarrow": "←",
    "mapsto": "↦",
    "le": "≤",
    "ge": "≥",
    "lt": "<",
    "gt": ">",
    "ne": "≠",
    "approx": "≈",
    "propto": "∝",
    "sim": "~",
    "in": "∈",
    "perp": "⊥",
    "succeq": "⪰",
    "succ": "≻",
    "prec": "≺",
    "pm": "±",
    "ll": "≪",
    "gg": "≫",
    "iff": "⇔",
    "implies": "⇒",
    "bmod": "mod",
}
_SIGNS = {
    "nabla": "∇",
    "partial": "∂",
    "infty": "∞",
    "ell": "ℓ",
    "top": "ᵀ",
    "dots": "…",
    "ldots": "…",
    "cdots": "⋯",
    "vdots": "⋮",
    "ddots": "⋱",
    "lVert": "‖",
    "rVert": "‖",
    "|": "‖",
    "lvert": "|",
    "rvert": "|",
    "langle": "⟨",
    "rangle": "⟩",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "{": "{",
    "}": "}",
    "sum": "Σ",
    "prod": "Π",
    "Delta": "Δ",
}
_FUNCTIONS = frozenset(
    {"ln", "log", "exp", "max", "min", "lim", "det", "tr"}
    | {"sin", "cos", "tan", "sinh", "cosh", "tanh", "arcsin", "arccos", "arctan"}
)
_SPACES = frozenset({",", ";", " ", "quad", "qquad"})
_BLACKBOARD = {"R": "ℝ", "E": "𝔼", "P": "ℙ", "N": "ℕ", "1": "𝟙"}
_BINARY = frozenset("=+-<>*") | frozenset(_SPACED.values()) | frozenset(":")
_OPENING, _CLOSING = frozenset("([{⟨⌊"), frozenset(")]}⟩⌋")
_ABOVE = dict(
    zip(
        "0123456789+-=()abcdefghijklmnoprstuvwxyzTL′*",
        "⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ᵃᵇᶜᵈᵉᶠᵍʰⁱʲᵏˡᵐⁿᵒᵖʳˢᵗᵘᵛʷˣʸᶻᵀᴸ′*",
        strict=True,
    )
) | {"ᵀ": "ᵀ", "ℓ": "ˡ"}
_BELOW = dict(
    zip("0123456789+-=()aeijklmnoprstuvx", "₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑᵢⱼₖₗₘₙₒₚᵣₛₜᵤᵥₓ", strict=True)
)
_UNDER = frozenset({"lim", "max", "min", "Σ", "Π"})
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|[0-9]+(?:\.[0-9]+)?|\S|\s+")


# -- the tree --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Mark:
    """A letter, a number, a sign, the name of a function, words, or a space."""

    text: str
    kind: Literal["letter", "number", "sign", "function", "words", "space"]
    bold: bool = False


@dataclass(frozen=True)
class _Row:
    parts: tuple[_Tree, ...]


@dataclass(frozen=True)
class _Fraction:
    above: _Tree
    below: _Tree


@dataclass(frozen=True)
class _Root:
    inner: _Tree


@dataclass(frozen=True)
class _Scripts:
    base: _Tree
    below: _Tree | None
    above: _Tree | None


@dataclass(frozen=True)
class _Accent:
    base: _Tree
    name: str


@dataclass(frozen=True)
class _Table:
    rows: tuple[tuple[_Tree, ...], ...]
    kind: Literal["pmatrix", "cases"]


_Tree = _Mark | _Row | _Fraction | _Root | _Scripts | _Accent | _Table


# -- reading ---------------------------------------------------------------------------------------


class _Reader:
    def __init__(self, latex: str) -> None:
        self.latex = latex
        self.tokens = _TOKEN.findall(latex)
        self.at = 0

    def fail(self, what: str) -> NotationError:
        return NotationError(f"{what} in the LaTeX {self.latex!r}")

    def peek(self) -> str:
        while self.at < len(self.tokens) and self.tokens[self.at].isspace():
            self.at += 1
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, wanted: str = "") -> str:
        token = self.peek()
        if not token or (wanted and token != wanted):
            before = "".join(self.tokens[: self.at])
            raise self.fail(f"{wanted or 'more'!r} is missing after {before!r}")
        self.at += 1
        return token

    def row(self, *ends: str) -> _Tree:
        parts: list[_Tree] = []
        while self.peek() not in ends:
            if not self.peek():
                raise self.fail(f"{ends[0]!r} is missing")
            parts.append(self.scripted())
        return parts[0] if len(parts) == 1 else _Row(tuple(parts))

    def scripted(self) -> _Tree:
        base = self.atom()
        scripts: dict[str, _Tree] = {}
        primes = 0
        while self.peek() in ("^", "_", "'") and self.peek() not in scripts:
            sign = self.take()
            if sign == "'":
                primes += 1
            else:
                scripts[sign] = self.atom()
        if primes:
            mark = {1: "′", 2: "″", 3: "‴"}.get(primes, "′" * primes)
            base = _Row((base, _Mark(mark, "sign")))
        return _Scripts(base, scripts.get("_"), scripts.get("^")) if scripts else base

    def group(self) -> _Tree:
        self.take("{")
        inner = self.row("}")
        self.take("}")
        return inner

    def words(self) -> str:
        """What stands between braces, with its spaces."""
        self.take("{")
        start = self.at
        while self.at < len(self.tokens) and self.tokens[self.at] != "}":
            self.at += 1
        text = "".join(self.tokens[start : self.at])
        self.take("}")
        return text

    def atom(self) -> _Tree:
        if self.peek() == "{":
            return self.group()
        token = self.take()
        if token.startswith("\\"):
            return self.command(token[1:])
        if token[0].isdigit():
            return _Mark(token, "number")
        if token.isalpha():
            return _Mark(token, "letter")
        if token in "}^_&":
            raise self.fail(f"{token!r} does not belong here")
        return _Mark(token, "sign")

    def command(self, name: str) -> _Tree:
        if name in GREEK and name in _LETTER:
            return _Mark(_LETTER[name], "letter")
        if name in _SPACED or name in _SIGNS:
            return _Mark(_SPACED.get(name) or _SIGNS[name], "sign")
        if name in _FUNCTIONS:
            return _Mark(name, "function")
        if name in _SPACES:
            return _Mark(" ", "space")
        if name in ("left", "right"):
            return self.atom()
        if name == "frac":
            return _Fraction(self.atom(), self.atom())
        if name == "sqrt":
            return _Root(self.atom())
        if name in ACCENTS:
            return _Accent(self.atom(), name)
        if name == "operatorname":
            return _Mark(self.words(), "function")
        if name == "text":
            return _Mark(self.words(), "words")
        if name in ("mathbf", "boldsymbol"):
            return _Mark(self.words(), "letter", bold=True)
        if name == "mathbb" and (letter := self.words()) in _BLACKBOARD:
            return _Mark(_BLACKBOARD[letter], "letter")
        if name == "begin":
            return self.table()
        raise self.fail(rf"\{name} is not known")

    def table(self) -> _Tree:
        kind = self.words()
        if kind not in ("pmatrix", "cases"):
            raise self.fail(f"the environment {kind} is not known")
        rows: list[tuple[_Tree, ...]] = []
        cells: list[_Tree] = []
        while True:
            cells.append(self.row("&", r"\\", r"\end"))
            token = self.take()
            if token == "&":
                continue
            rows.append(tuple(cells))
            cells = []
            if token == r"\end":
                self.words()
                return _Table(tuple(rows), kind)  # type: ignore[arg-type]


@lru_cache(maxsize=512)
def _read(latex: str) -> _Tree:
    return _Reader(latex).row("")


def check(latex: str) -> None:
    """Raise a `NotationError` if this is not LaTeX of the subset."""
    _read(latex)


# -- text ------------------------------------------------------------------------------------------


def to_text(latex: str) -> str:
    """The formula in one line of Unicode.

    Raises:
        NotationError: if it is not in the subset.
    """
    return re.sub(" +", " ", _text(_read(latex))).strip()


def _text(tree: _Tree) -> str:
    match tree:
        case _Mark(text=text, kind="words"):
            return f" {text} "
        case _Mark(text=text):
            return text
        case _Row(parts=parts):
            return _line(parts)
        case _Fraction(above=above, below=below):
            return f"{_bracketed(above)}/{_bracketed(below)}"
        case _Root(inner=inner):
            inside = _text(inner)
            return f"√{inside}" if len(inside) <= 2 else f"√({inside})"
        case _Scripts(base=_Mark(text=text), below=below, above=above) if _is_condition(
            text, below
        ):
            assert below is not None
            last = f" … {_text(above)}" if above is not None else ""
            return f"{text} ({_text(below)}{last}) "
        case _Scripts(base=base, below=below, above=above):
            inside = f"({_text(base)})" if isinstance(base, _Fraction) else _text(base)
            return inside + _script(below, _BELOW, "_") + _script(above, _ABOVE, "^")
        case _Accent(base=base, name=name):
            return _text(base) + ACCENTS[name]
        case _Table(rows=rows, kind="cases"):
            return "{ " + "; ".join(" ".join(map(_text, row)) for row in rows)
        case _Table(rows=rows):
            inside = "; ".join(", ".join(map(_text, row)) for row in rows)
            return f"[{inside}]" if len(rows) > 1 or len(rows[0]) > 1 else f"({inside})"


def _is_condition(name: str, below: _Tree | None) -> bool:
    """Whether what stands below a sign such as lim is shown beside it."""
    return name in _UNDER and below is not None and " " in _text(below)


def _line(parts: Sequence[_Tree]) -> str:
    text = ""
    before = "("
    for part in parts:
        own = _text(part)
        sign = isinstance(part, _Mark) and part.kind == "sign"
        core = part.base if isinstance(part, _Scripts) else part
        name = isinstance(core, _Mark) and core.kind == "function"
        if sign and own in _BINARY and before not in _OPENING and before not in _BINARY:
            text = f"{text.rstrip()} {own} "
        elif sign and own == ",":
            text = f"{text.rstrip()}, "
        elif name:
            text += own if not text or text[-1] in " (" else f" {own}"
        else:
            apart = isinstance(part, _Fraction) and before not in _OPENING
            if (before == "function" and own[0] not in "([") or (apart and text[-1:] != " "):
                text += " "
            text += own
        before = "function" if name else own if sign else "x"
    return text


def _bracketed(tree: _Tree) -> str:
    """A part of a fraction, in brackets unless it reads well without."""
    text = _text(tree)
    single = not isinstance(tree, _Row) or text[0] in "∂d"
    return text if single and " " not in text.strip() and "/" not in text else f"({text.strip()})"


def _script(tree: _Tree | None, letters: dict[str, str], sign: str) -> str:
    if tree is None:
        return ""
    text = _text(tree).strip()
    tight = text.replace(" ", "")
    if all(letter in letters for letter in tight):
        return "".join(letters[letter] for letter in tight)
    return f"{sign}{text}" if text.isalnum() else f"{sign}({text})"


# -- MathML ----------------------------------------------------------------------------------------


def to_mathml(latex: str) -> str:
    """The formula as a ``<math>`` element, which browsers show without any library.

    Raises:
        NotationError: if it is not in the subset.
    """
    return f'<math display="block">{_mathml(_read(latex))}</math>'


def _mathml(tree: _Tree) -> str:
    match tree:
        case _Mark(text=text, kind="words"):
            return f"<mtext>&nbsp;{escape(text.strip())}&nbsp;</mtext>"
        case _Mark(kind="space"):
            return '<mspace width="0.5em"/>'
        case _Mark(text=text, bold=True):
            return f'<mi style="font-weight: bold; font-style: normal">{escape(text)}</mi>'
        case _Mark(text=text, kind=kind):
            tag = {"number": "mn", "sign": "mo"}.get(kind, "mi")
            return f"<{tag}>{escape(text.replace('-', '−'))}</{tag}>"
        case _Row(parts=parts):
            return f"<mrow>{''.join(map(_mathml, parts))}</mrow>"
        case _Fraction(above=above, below=below):
            return f"<mfrac>{_mathml(above)}{_mathml(below)}</mfrac>"
        case _Root(inner=inner):
            return f"<msqrt>{_mathml(inner)}</msqrt>"
        case _Scripts(base=base, below=below, above=above):
            outside = isinstance(base, _Mark) and base.text in _UNDER
            tag = ("munder" if below else "") + ("over" if above else "")
            if outside:
                tag = tag if tag.startswith("m") else f"m{tag}"
            else:
                tag = "m" + ("sub" if below else "") + ("sup" if above else "")
            inside = "".join(_mathml(part) for part in (base, below, above) if part is not None)
            return f"<{tag}>{inside}</{tag}>"
        case _Accent(base=base, name=name):
            mark = {"hat": "^", "bar": "¯", "tilde": "~", "dot": "˙"}[name]
            return f'<mover accent="true">{_mathml(base)}<mo>{mark}</mo></mover>'
        case _Table(rows=rows, kind=kind):
            cells = "".join(
                "<mtr>" + "".join(f"<mtd>{_mathml(cell)}</mtd>" for cell in row) + "</mtr>"
                for row in rows
            )
            opening, closing = ("{", "") if kind == "cases" else ("(", ")")
            end = f"<mo>{closing}</mo>" if closing else ""
            return f"<mrow><mo>{opening}</mo><mtable>{cells}</mtable>{end}</mrow>"
