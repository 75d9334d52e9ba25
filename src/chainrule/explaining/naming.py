"""What derivatives are called: f′(x), ∂²f/∂x∂y, and with numbers f′(2)."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from chainrule.explaining.reading import constant
from chainrule.explaining.steps import Named
from chainrule.explaining.styles import LATEX, TEXT

__all__ = ["Naming", "lowered", "raised", "superscript"]


@dataclass(frozen=True)
class Naming:
    """The names of a function and of its derivatives.

    Attributes:
        names: the variables.
        symbol: the function itself.

    >>> naming = Naming(("x", "y"))
    >>> naming.label(("x", "y")).text, naming.there("∇f", "", {"x": 1.0, "y": 0.5}).text
    ('∂²f/∂x∂y', '∇f(1, 1/2)')
    """

    names: tuple[str, ...]
    symbol: str = "f"

    def called(self, text: str = "", latex: str = "") -> Named:
        """f(x, y), or another quantity with these arguments."""
        text, latex = text or TEXT.symbol(self.symbol), latex or LATEX.symbol(self.symbol)
        inner, typeset = (", ".join(map(style.symbol, self.names)) for style in (TEXT, LATEX))
        return Named(f"{text}({inner})", f"{latex}({typeset})")

    def there(self, text: str, latex: str, point: Mapping[str, float]) -> Named:
        """A quantity at a point: ∇f(1, 2)."""
        values = [constant(point[name]) for name in self.names]
        inner, typeset = (", ".join(map(style, values)) for style in (TEXT, LATEX))
        return Named(f"{text}({inner})", f"{latex}({typeset})")

    def label(self, wrt: Sequence[str]) -> Named:
        """f′(x), or ∂²f/∂x∂y for several variables."""
        f, typeset = TEXT.symbol(self.symbol), LATEX.symbol(self.symbol)
        if len(self.names) == 1:
            return self.called(f + _primes(len(wrt)), typeset + _marks(len(wrt)))
        runs = [(name, len(list(group))) for name, group in itertools.groupby(wrt)]
        power = {1: ""}.get(len(wrt), str(len(wrt)))
        text = "".join(f"∂{TEXT.symbol(n)}{raised(k)}" for n, k in runs)
        latex = r"\,".join(
            rf"\partial {LATEX.symbol(n)}" + (f"^{{{k}}}" if k > 1 else "") for n, k in runs
        )
        above = rf"\partial^{{{power}}} {typeset}" if power else rf"\partial {typeset}"
        return Named(f"∂{raised(len(wrt))}{f}/{text}", rf"\frac{{{above}}}{{{latex}}}")

    def value(self, wrt: Sequence[str], point: Mapping[str, float]) -> Named:
        """f′(2), or ∂f/∂x (1, 2)."""
        if len(self.names) > 1:
            label = self.label(wrt)
            return self.there(f"{label.text} ", f"{label.latex} ", point)
        f, typeset = TEXT.symbol(self.symbol), LATEX.symbol(self.symbol)
        return self.there(f + _primes(len(wrt)), typeset + _marks(len(wrt)), point)


def _primes(count: int) -> str:
    return {0: "", 1: "′", 2: "″", 3: "‴"}.get(count, f"⁽{superscript(count)}⁾")


def _marks(count: int) -> str:
    return "'" * count if count < 4 else f"^{{({count})}}"


def raised(count: int) -> str:
    """An exponent as superscript digits; nothing for 1."""
    return "" if count == 1 else superscript(count)


def superscript(count: int) -> str:
    """A number as superscript digits."""
    return str(count).translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))


def lowered(count: int) -> str:
    """An index as subscript digits."""
    return str(count).translate(str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉"))
