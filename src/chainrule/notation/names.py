"""Names of variables: how they are written, and the one name that all spellings share.

``α``, ``alpha`` and ``\\alpha`` are one variable, called ``alpha``; ``x₁``, ``x1``, ``x_1`` and
``x_{1}`` are ``x_1``; ``ŷ``, ``y_hat`` and ``\\hat{y}`` are ``y_hat``.
"""

from __future__ import annotations

import keyword
import re
import unicodedata

__all__ = ["ACCENTS", "GREEK", "LETTERS", "canonical", "keyword_name", "latex_name", "letter"]

_SMALL = """
    alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi omicron pi rho sigma
    tau upsilon phi chi psi omega
"""
_LARGE = "Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"

GREEK = frozenset(_SMALL.split() + _LARGE.split())
"""English names of the Greek letters that look different from Latin ones."""

LETTERS = dict(zip("αβγδεζηθικλμνξοπρστυφχψω", _SMALL.split(), strict=True)) | dict(
    zip("ΓΔΘΛΞΠΣΥΦΨΩ", _LARGE.split(), strict=True)
)
"""Greek letters and their names."""

ACCENTS = {"hat": "\u0302", "bar": "\u0304", "tilde": "\u0303", "dot": "\u0307"}
"""Accents that become part of a name, and their combining characters."""

_MARKS = {mark: name for name, mark in ACCENTS.items()}
SUBSCRIPTS = str.maketrans("₀₁₂₃₄₅₆₇₈₉", "0123456789")
_SUBSCRIPT = re.compile(
    r"_\{([A-Za-z0-9]+(?:[,_][A-Za-z0-9]+)*)\}|_?([0-9]+)|_([A-Za-z]+[0-9]*)|([₀-₉]+)"
)


def letter(character: str) -> str:
    """The name that a single character stands for: ``x``, ``alpha``, ``y_hat``; or ``""``.

    Look-alikes, such as the italic letters of mathematical alphabets, count as the letter.
    """
    decomposed = unicodedata.normalize("NFKD", character)
    base, marks = decomposed[:1], decomposed[1:]
    if len(marks) > 1 or any(mark not in _MARKS for mark in marks):
        return ""
    name = base if base.isascii() and base.isalpha() else LETTERS.get(base, "")
    return name + "".join(f"_{_MARKS[mark]}" for mark in marks) if name else ""


def subscripts(text: str, position: int) -> tuple[str, int]:
    """The subscripts and combining accents that begin at ``position``, and where they end."""
    found = ""
    while position < len(text):
        if text[position] in _MARKS:
            found += f"_{_MARKS[text[position]]}"
            position += 1
            continue
        match = _SUBSCRIPT.match(text, position)
        if match is None:
            break
        part = next(group for group in match.groups() if group is not None)
        found += "_" + part.translate(SUBSCRIPTS).replace(",", "_")
        position = match.end()
    return found, position


def canonical(name: str) -> str:
    """The name of a variable under any of its spellings; the text itself if it is none.

    >>> canonical("α"), canonical("x₁"), canonical("w_{12}"), canonical("ŷ")
    ('alpha', 'x_1', 'w_12', 'y_hat')
    """
    name = name.strip().removeprefix("\\")
    if name in {f"{greek}_" for greek in GREEK if keyword.iskeyword(greek)}:
        return name[:-1]
    head = re.match(r"[A-Za-z]+", name)
    if head is not None:
        base, end = head.group(), head.end()
    else:
        base, end = letter(name[:1]) if name else "", 1
    if len(base) > 1 and base not in GREEK and "_" not in base:
        return name  # a word: it is known only where it was declared, exactly as it is
    below, end = subscripts(name, end)
    return base + below if base and end == len(name) else name


def keyword_name(name: str) -> str:
    """A valid parameter name for a variable: ``lambda`` becomes ``lambda_``.

    Anything else that Python takes for no identifier has its other characters replaced.
    """
    name = re.sub(r"\W", "_", name)
    return f"{name}_" if keyword.iskeyword(name) else name


def latex_name(name: str) -> str:
    r"""The name as LaTeX: ``\theta_{1}``, ``\hat{y}``, ``\mathrm{rate}``."""
    base, *parts = name.split("_")
    if base in GREEK:
        base = f"\\{base}"
    elif len(base) != 1:
        return rf"\mathrm{{{name}}}"
    while parts and parts[0] in ACCENTS:
        base = rf"\{parts.pop(0)}{{{base}}}"
    return f"{base}_{{{','.join(parts)}}}" if parts else base
