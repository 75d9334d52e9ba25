r"""Lessons as LaTeX, to be set inside a document (with amsmath)."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator

from chainrule.lessons import blocks as kinds
from chainrule.lessons.blocks import Block
from chainrule.notation.names import ACCENTS, LETTERS

__all__ = ["plain", "to_latex"]


def to_latex(blocks: Iterable[Block]) -> str:
    """The blocks as lines of LaTeX."""
    return "\n".join(line for block in blocks for line in _lines(block)) + "\n"


def _lines(block: Block) -> Iterator[str]:
    match block:
        case kinds.Heading(text=text, level=level):
            yield rf"\{'sub' * (level - 1)}section*{{{plain(text)}}}"
        case kinds.Words(text=text, label=label):
            yield (rf"\paragraph{{{plain(label)}}} " if label else "") + plain(text)
            yield ""
        case kinds.Display(equation=equation, name=name):
            note = rf" \tag*{{{plain(name)}}}" if name else ""
            yield rf"\[ {equation.latex}{note} \]"
        case kinds.Steps(found=found):
            yield found.latex().rstrip("\n")
        case kinds.Figure(picture=picture):
            yield rf"\begin{{quote}}\emph{{{plain(picture.text)}}}\end{{quote}}"
        case kinds.Rows(headings=headings, rows=rows):
            yield rf"\begin{{tabular}}{{{'l' * len(headings)}}}"
            if any(headings):
                yield " & ".join(map(plain, headings)) + r" \\ \hline"
            yield from (" & ".join(map(plain, row)) + r" \\" for row in rows)
            yield r"\end{tabular}"
            yield ""
        case kinds.Hidden(ask=ask, answer=answer):
            yield rf"\paragraph{{{plain(ask)}}} {plain(answer)}"
            yield ""
        case kinds.Links(label=label, kind=kind, keys=keys):
            names = ", ".join(rf"\texttt{{chainrule {kind} {key}}}" for key in keys)
            yield rf"\paragraph{{{plain(label)}}} {names}"
            yield ""


_TEXT = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "_": r"\_",
    "^": r"\^{}",
    "&": r"\&",
    "%": r"\%",
    "#": r"\#",
    "$": r"\$",
    "~": r"\textasciitilde{}",
    "’": "'",
    "“": "``",
    "”": "''",
    "–": "--",
    "—": "---",
    "…": r"\dots{}",
    "°": r"\textdegree{}",
    "é": r"\'e",
    "ö": r"\"o",
    "ü": r"\"u",
}
_MATH = {
    "∇": r"\nabla",
    "∂": r"\partial",
    "√": r"\surd",
    "‖": r"\|",
    "|": "|",
    "·": r"\cdot",
    "⊙": r"\odot",
    "∘": r"\circ",
    "×": r"\times",
    "±": r"\pm",
    "−": "-",
    "→": r"\to",
    "←": r"\leftarrow",
    "↦": r"\mapsto",
    "⇒": r"\Rightarrow",
    "⇔": r"\Leftrightarrow",
    "≤": r"\le",
    "≥": r"\ge",
    "≠": r"\ne",
    "≈": r"\approx",
    "∝": r"\propto",
    "∈": r"\in",
    "⊥": r"\perp",
    "∞": r"\infty",
    "∑": r"\sum",
    "Σ": r"\Sigma",
    "Π": r"\Pi",
    "ℝ": r"\mathbb{R}",
    "𝔼": r"\mathbb{E}",
    "ℓ": r"\ell",
    "′": "'",
    "″": "''",
    "‴": "'''",
    "½": r"\tfrac{1}{2}",
    "¼": r"\tfrac{1}{4}",
    "¾": r"\tfrac{3}{4}",
    "⅓": r"\tfrac{1}{3}",
    "✓": r"\surd",
    "✗": r"\times",
    "<": "<",
    ">": ">",
    **{letter: rf"\{name}" for letter, name in LETTERS.items() if name != "omicron"},
}
_ACCENT = {mark: rf"\{name}" for name, mark in ACCENTS.items()}


def plain(words: str) -> str:
    r"""Prose with mathematical signs as LaTeX of ASCII characters alone.

    >>> print(plain("50 % of ∇f, w₁² and ŷ"))
    50 \% of $\nabla$f, w$_{1}$$^{2}$ and $\hat{y}$
    """
    found: list[str] = []
    for letter in unicodedata.normalize("NFC", words):
        base, *marks = list(unicodedata.normalize("NFD", letter))
        if letter.isascii() and letter not in _TEXT and letter not in _MATH:
            found.append(letter)
        elif letter in _TEXT:
            found.append(_TEXT[letter])
        elif letter in _MATH:
            found.append(f"${_MATH[letter]}$")
        elif letter in _ACCENT:
            found[-1] = f"${_ACCENT[letter]}{{{found[-1].strip('$')}}}$"
        elif marks and marks[0] in _ACCENT:
            found.append(f"${_ACCENT[marks[0]]}{{{base}}}$")
        else:
            found.append(_script(letter))
    return "".join(found)


def _script(letter: str) -> str:
    """A superscript or subscript character."""
    kind, *rest = unicodedata.decomposition(letter).split()
    below = {"<super>": "^", "<sub>": "_"}.get(kind)
    if below is None:
        return letter
    inner = "".join(chr(int(code, 16)) for code in rest)
    return f"${below}{{{_MATH.get(inner, inner)}}}$"
