"""The symbols and LaTeX commands that formulas may use, and the kinds of token they become."""

from __future__ import annotations

__all__ = ["ACCENTED", "CASES", "COMMANDS", "FONTS", "INVISIBLE", "SYMBOLS", "VARIANTS", "WORDS"]


def _all(words: str, kind: str | None = None) -> dict[str, str]:
    """Each of the words with this kind, or with itself as its kind."""
    return {word: kind or word for word in words.split()}


WORDS = _all("and or not xor mod otherwise")

SYMBOLS = (
    _all("+ - * / ^ , ; ( ) [ ] { } | < <= > >= = != & √")
    | _all("** ", "^")
    | _all("· × ⋅ ∙ ∗ •", "*")
    | _all("÷ ∕ ⁄", "/")
    | _all("− –", "-")
    | _all("∣", "|")
    | _all("==", "=")
    | _all("&& ∧", "and")
    | _all("∨", "or")
    | _all("¬", "not")
    | _all("⊕", "xor")
    | {"≤": "<=", "≥": ">=", "≠": "!=", "\\{": "{", "\\}": "}"}
    | {"⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil"}
)
"""Symbols of one or two characters."""

COMMANDS = (
    _all("lvert rvert lfloor rfloor lceil rceil sqrt")
    | _all("frac dfrac tfrac", "frac")
    | _all("cdot times ast", "*")
    | _all("vert mid", "|")
    | _all("le leq leqslant", "<=")
    | _all("ge geq geqslant", ">=")
    | _all("ne neq", "!=")
    | _all("land wedge", "and")
    | _all("lor vee", "or")
    | _all("lnot neg", "not")
    | _all("oplus veebar", "xor")
    | _all("bmod mod", "mod")
    | {"lbrace": "{", "rbrace": "}", "lt": "<", "gt": ">", "div": "/"}
)
r"""LaTeX commands that are symbols: ``\cdot`` is ``*``."""

CASES = {"\\begin{cases}": "cases", "\\end{cases}": "end of cases", "\\\\": "row"}

INVISIBLE = frozenset(
    _all(
        "left right mleft mright big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr "
        "quad qquad displaystyle textstyle limits nolimits mathopen mathclose"
    )
)
"""LaTeX commands that only shape what is seen."""

FONTS = frozenset(
    _all("operatorname mathrm mathit mathbf mathsf mathtt mathcal boldsymbol bm text textrm textbf")
)
"""LaTeX commands that set a name in some font."""

ACCENTED = _all("hat bar tilde dot") | {"widehat": "hat", "overline": "bar", "widetilde": "tilde"}
"""LaTeX commands that put an accent over a name, and how the name spells it."""

VARIANTS = {"varepsilon": "epsilon", "vartheta": "theta", "varphi": "phi", "varrho": "rho"}
