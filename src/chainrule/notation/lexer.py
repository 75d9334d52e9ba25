"""Tokens of formulas: plain text, Unicode mathematics and LaTeX become the same symbols."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from chainrule.notation import functions
from chainrule.notation.names import GREEK, letter, subscripts
from chainrule.notation.syntax import failure
from chainrule.notation.vocabulary import (
    ACCENTED,
    CASES,
    COMMANDS,
    FONTS,
    INVISIBLE,
    SYMBOLS,
    VARIANTS,
    WORDS,
)

__all__ = ["Token", "tokens"]


@dataclass(frozen=True, slots=True)
class Token:
    """A symbol of a formula.

    Attributes:
        kind: ``number``, ``constant``, ``name``, ``function``, ``superscript``, ``end``, or the
            symbol itself.
        value: the number, or the name.
        start: where it begins in the text.
        end: where it ends.
    """

    kind: str
    value: Any
    start: int
    end: int


_SPACE = re.compile(r"(?:\s|~|\\[,;:!> ]|[\u200b-\u200f\u2061-\u2064\ufeff])+")
_NUMBER = re.compile(r"(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"[A-Za-z]+")
_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9]*(?:_[A-Za-z0-9]+)*")
_SUBSCRIBED = re.compile(r"[A-Za-z]{3,}(?:_[A-Za-z]{2,}[0-9]*)+")
_COMMAND = re.compile(r"\\([A-Za-z]+)\*?")
_BASE = re.compile(r"\s*_(?:\{\s*([0-9]+)\s*\}|([0-9]+))|\s*([₀-₉]+)")
_BRACED = re.compile(r"\s*\{\s*(\\?[A-Za-z][A-Za-z0-9_]*)\s*\}")
_BAR = re.compile(r"\\(?:(left|mleft|[bB]igg?l)|right|mright|[bB]igg?r)\s*(\||\.)")
_DERIVATIVE = re.compile(  # d/dx and \frac{d}{dx}
    r"d\s*/\s*d\s*[^\W\d_](?![^\W\d_])"
    r"|\\[dt]?frac\s*\{\s*d\s*[^\W\d_]?\s*\}\s*\{\s*d\s*\\?[^\W\d_]+\s*\}"
)
_NO_DERIVATIVES = "a formula holds no derivatives, take them with cr.derivative or cr.grad"
_SUPERSCRIPT = re.compile(r"([⁺⁻]?)([⁰¹²³⁴⁵⁶⁷⁸⁹]+)")
_DIGITS = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹₀₁₂₃₄₅₆₇₈₉", "01234567890123456789")


def tokens(text: str, declared: Iterable[str] = ()) -> list[Token]:
    """The symbols of ``text``, closed by a token of kind ``end``.

    Args:
        text: a formula.
        declared: names of variables; they may be words.

    Raises:
        ParseError: at the first place that begins no symbol.
    """
    return _Lexer(text, frozenset(declared)).run()


class _Lexer:
    def __init__(self, text: str, declared: frozenset[str]) -> None:
        self.text = text
        self.declared = declared
        self.position = 0
        self.found: list[Token] = []

    def run(self) -> list[Token]:
        text = self.text
        while self.position < len(text):
            space = _SPACE.match(text, self.position)
            if space is not None:
                self.position = space.end()
            elif "d" not in self.declared and _DERIVATIVE.match(text, self.position):
                self.fail(_NO_DERIVATIVES)
            elif not (self.number() or self.word() or self.command() or self.symbol()):
                self.unknown_character()
        self.emit("end", None, len(text))
        return self.found

    def emit(self, kind: str, value: Any, end: int) -> bool:
        self.found.append(Token(kind, value, self.position, end))
        self.position = end
        return True

    def fail(self, reason: str, position: int | None = None) -> NoReturn:
        raise failure(self.text, self.position if position is None else position, reason)

    # -- numbers -----------------------------------------------------------------------------------

    def number(self) -> bool:
        match = _NUMBER.match(self.text, self.position)
        if match is not None:
            return self.emit("number", self.finite(match.group()), match.end())
        match = _SUPERSCRIPT.match(self.text, self.position)
        if match is None:
            return False
        value = self.finite(match.group(2).translate(_DIGITS))
        return self.emit("superscript", -value if match.group(1) == "⁻" else value, match.end())

    def finite(self, digits: str) -> float:
        value = float(digits)
        if math.isinf(value):
            self.fail("this number is too large for a 64-bit float (about 1.8e308)")
        return value

    # -- words -------------------------------------------------------------------------------------

    def word(self) -> bool:
        text, start = self.text, self.position
        identifier = _IDENTIFIER.match(text, start)
        if identifier is None:
            name = letter(text[start])
            return bool(name) and self.name(name, start + 1)
        whole = identifier.group()
        if whole in self.declared:
            return self.name(whole, identifier.end())  # x₁ also where x is declared
        if not whole.isalpha() and functions.lookup(whole) is not None:
            return self.emit("function", whole, identifier.end())
        match = _WORD.match(text, start)
        assert match is not None
        run, end = match.group(), match.end()
        if run in self.declared:
            return self.name(run, end)
        if run in WORDS:
            return self.emit(WORDS[run], None, end)
        if self.function(run, end):
            return True
        if len(run) == 1 or run in GREEK or run in functions.CONSTANTS:
            return self.name(run, end)
        self.refuse_word(run, end)
        for index, character in enumerate(run, start + 1):
            self.name(character, index)
        return True

    def function(self, run: str, end: int) -> bool:
        """A known function, with the base of a logarithm."""
        if functions.lookup(run) is None or run in functions.APPLIED:
            return False
        base = _BASE.match(self.text, end)
        if base is None:
            return self.emit("function", run, end)
        if functions.resolve(run) != "log":
            self.fail(f"only log takes a subscript, not {run}", end)
        digits = next(group for group in base.groups() if group is not None).translate(_DIGITS)
        name = f"log_{digits}"
        if functions.lookup(name) is None:
            self.fail(f"{digits} cannot be the base of a logarithm", end)
        return self.emit("function", name, base.end())

    def name(self, name: str, end: int) -> bool:
        """A variable with its subscripts, or a constant if it has none."""
        below, end = subscripts(self.text, end)
        if not below and name not in self.declared and name in functions.CONSTANTS:
            return self.emit("constant", functions.CONSTANTS[name], end)
        return self.emit("name", name + below, end)

    def refuse_word(self, run: str, end: int) -> None:
        """Refuse a word that looks like a misspelt function rather than a product of letters."""
        if len(run) < 3:
            return
        if len(run) > functions.LONGEST:
            self.fail(f"a word of {len(run)} letters is no name; write products with *")
        if run in functions.FOREIGN:
            self.fail(f"{run!r} is not available; {functions.FOREIGN[run]}")
        longer = _SUBSCRIBED.match(self.text, self.position)
        if longer is not None:
            name = longer.group()
            self.fail(
                f"unknown name {name!r}: a variable has one letter, as in "
                f"{run[0]}{name[len(run) :]} (or declare the name with names=)"
            )
        near = functions.nearest(run)
        applied = self.text[end:].lstrip()[:1] in ("(", "[")
        parts = _segments(run)
        hidden = parts[-1] if applied else max(parts, key=len)
        if len(hidden) > 2 or (len(hidden) > 1 and not applied):
            self.fail(f"unknown name {run!r}; did you mean {' '.join(parts)!r}?")
        if near is None and not applied:
            return
        offer = "" if near is None else f"; did you mean {near!r}?"
        product = "*".join(run) if len(run) <= 6 else f"{run[0]}*{run[1]}*…"
        self.fail(f"unknown function {run!r}{offer} (for a product of letters write {product})")

    # -- LaTeX and symbols -------------------------------------------------------------------------

    def command(self) -> bool:
        bar = _BAR.match(self.text, self.position)
        if bar is not None:
            if bar.group(2) == ".":
                self.fail("an invisible bracket (\\left. or \\right.) has no meaning here")
            return self.emit("lvert" if bar.group(1) else "rvert", None, bar.end())
        for spelling, kind in CASES.items():
            if self.text.startswith(spelling, self.position):
                return self.emit(kind, None, self.position + len(spelling))
        match = _COMMAND.match(self.text, self.position)
        if match is None:
            return False
        name, end = match.group(1), match.end()
        name = VARIANTS.get(name, name)
        if name in INVISIBLE:
            self.position = end
            return True
        if name in COMMANDS:
            return self.emit(COMMANDS[name], None, end)
        if name in FONTS or name in ACCENTED:
            return self.wrapped(name, end)
        if name in functions.CONSTANTS or name in GREEK:
            return self.name(name, end)
        if self.function(name, end):
            return True
        near = functions.nearest(name, (*COMMANDS, *GREEK), cutoff=0.6)
        offer = f"; did you mean \\{near}?" if near else ""
        raise failure(self.text, self.position, f"unknown LaTeX command \\{name}{offer}")

    def wrapped(self, command: str, end: int) -> bool:
        r"""A name in braces: ``\operatorname{relu}``, ``\mathbf{w}``, ``\hat{y}``."""
        match = _BRACED.match(self.text, end)
        if match is None:
            self.fail(f"\\{command} needs a name in braces, such as \\{command}{{x}}", end)
        name, end = match.group(1).removeprefix("\\"), match.end()
        name = VARIANTS.get(name, name)
        if command in ACCENTED:
            return self.name(f"{name}_{ACCENTED[command]}", end)
        if name == "if":  # before the condition of a case
            self.position = end
            return True
        if name in WORDS:
            return self.emit(WORDS[name], None, end)
        return self.function(name, end) or self.name(name, end)

    def symbol(self) -> bool:
        for length in (2, 1):
            spelling = self.text[self.position : self.position + length]
            if spelling in SYMBOLS:
                return self.emit(SYMBOLS[spelling], None, self.position + len(spelling))
        if self.text[self.position] == "∞":
            return self.emit("constant", math.inf, self.position + 1)
        return False

    def unknown_character(self) -> NoReturn:
        character = self.text[self.position]
        hints = {
            **dict.fromkeys("'′∂", f"; {_NO_DERIVATIVES}"),
            "∫": "; a formula holds no integrals",
            "!": "; for the factorial of n write exp(lgamma(n + 1))",
            "%": "; for a remainder write remainder(a, b)",
            "_": "; a subscript follows a variable directly, as in w_1 or w_{12}",
            "\\": "; a LaTeX command is a backslash and letters, as in \\frac",
        }
        shown = repr(character) if character.isprintable() else f"U+{ord(character):04X}"
        self.fail(f"{shown} is not part of the notation{hints.get(character, '')}")


def _segments(run: str) -> list[str]:
    """A word cut into the functions and Greek names in it and single letters between them."""
    known = [name for name in (*functions.known_names(), *GREEK) if name.isalpha()]
    usable = {name for name in known if len(name) > 2}
    parts: list[str] = []
    position = 0
    while position < len(run):
        longest = min(len(run) - position, 12)
        sizes = range(longest, 2, -1)
        size = next((n for n in sizes if run[position : position + n] in usable), 1)
        if position == 0 and size == 1:  # short names are only seen at the front: ln x, pi r
            size = next((2 for name in ("ln", "pi", "mu", "nu", "xi") if run.startswith(name)), 1)
        parts.append(run[position : position + size])
        position += size
    return parts
