r"""Explanations as Markdown and as LaTeX.

Formulas keep to what KaTeX and MathJax share.
"""

from __future__ import annotations

from collections.abc import Iterator

from chainrule.explaining.explanation import Explanation
from chainrule.explaining.printers.outline import Atom, Entry, Row, outline
from chainrule.explaining.steps import Cell, Derivative, Named, Table
from chainrule.explaining.styles import LATEX
from chainrule.explaining.writing import FRACTION
from chainrule.notation.names import LETTERS

__all__ = ["formula", "to_latex", "to_markdown"]


def to_markdown(found: Explanation, limit: int | None = None) -> str:
    """Nested lists; formulas stand between dollar signs."""
    lines: list[str] = []
    for entry in outline(found, limit):
        if entry.kind in ("function", "section", "result", "value") and lines and lines[-1]:
            lines.append("")
        if entry.table is not None:
            lines += ["", *_markdown_table(entry.table, "  " * entry.depth), ""]
            continue
        lines.append(_markdown(entry))
        if entry.kind in ("function", "section") or (entry.kind == "note" and not entry.depth):
            lines.append("")
    return "\n".join(lines).rstrip() + "\n"


def _markdown_table(table: Table, indent: str) -> Iterator[str]:
    line = tuple("---" for _ in table.header)
    for row in (table.header, line, *table.rows):
        yield f"{indent}| {' | '.join(map(_markdown_cell, row))} |"


def _markdown_cell(cell: Cell) -> str:
    return cell if isinstance(cell, str) else f"${formula((cell,))}$".replace("|", r"\vert ")


def _markdown(entry: Entry) -> str:
    item = "  " * entry.depth + "- "
    math = f"${formula(entry.row)}$" if entry.row else ""
    law = f" ({_math(entry.law)})" if entry.law is not None else ""
    number = f"**{entry.number}.** " if entry.number is not None else ""
    match entry.kind:
        case "function":
            return math
        case "result":
            return f"**Result:** {math}"
        case "value":
            return math
        case "section":
            return f"### {math}"
        case "note" | "folded":
            return f"{item if entry.depth else ''}*{_escaped(entry.words)}*"
        case "step":
            return f"{item}{number}**{entry.words}**: {math}{law}"
        case "let":
            return f"{item}let {math}"
        case "see":
            return f"{item}{math} (as in {entry.words})"
        case "claim":
            return f"{item}{number}{math} ({entry.words}{': ' + _math(entry.law) if law else ''})"
        case _:
            return f"{item}{math} ({entry.words})"


def _math(named: Named | None) -> str:
    return "" if named is None else f"${named.latex}$"


def _escaped(words: str) -> str:
    for character in "*_|":
        words = words.replace(character, f"\\{character}")
    return words


def to_latex(found: Explanation, limit: int | None = None) -> str:
    """Nested ``itemize`` lists, to be set inside a document (with amsmath)."""
    return "\n".join(_latex_lines(found, limit)) + "\n"


_DEEPEST = 3  # LaTeX nests four lists


def _latex_lines(found: Explanation, limit: int | None) -> Iterator[str]:
    depth = 0

    def to(level: int) -> Iterator[str]:
        nonlocal depth
        while depth < level:
            depth += 1
            yield r"\begin{itemize}"
        while depth > level:
            depth -= 1
            yield r"\end{itemize}"

    for entry in outline(found, limit):
        listed = entry.kind not in ("function", "section", "result", "value") and (
            entry.kind != "note" or entry.depth > 0
        )
        yield from to(min(entry.depth, _DEEPEST) + 1 if listed else 0)
        yield _latex(entry, listed) if entry.table is None else _latex_table(entry.table)
    yield from to(0)


def _latex_table(table: Table) -> str:
    rows = (
        " & ".join(_plain(c) if isinstance(c, str) else f"${formula((c,))}$" for c in row)
        for row in (table.header, *table.rows)
    )
    head, *body = (rf"{row} \\" for row in rows)
    columns = "l" * len(table.header)
    return "\n".join(
        [rf"\item[] \begin{{tabular}}{{{columns}}}", head, r"\hline", *body, r"\end{tabular}"]
    )


def _latex(entry: Entry, listed: bool) -> str:
    math = f"${formula(entry.row)}$" if entry.row else ""
    law = f" (${entry.law.latex}$)" if entry.law is not None else ""
    number = f"{entry.number}. " if entry.number is not None else ""
    words = _plain(entry.words)
    match entry.kind:
        case "function" | "result" | "value":
            return rf"\[ {formula(entry.row)} \]"
        case "section":
            return rf"\paragraph{{{math}}}"
        case "note" | "folded":
            return (r"\item " if listed else "") + rf"\emph{{{words}}}"
        case "step":
            return rf"\item {number}\textbf{{{words}}}: {math}{law}"
        case "let":
            return rf"\item let {math}"
        case "see":
            return rf"\item {math} (as in {words})"
        case "claim":
            return rf"\item {number}{math} \quad {words}{law}"
        case _:
            return rf"\item {math} \quad ({words})"


_SPECIAL = str.maketrans(
    {letter: rf"$\{name}$" for letter, name in LETTERS.items()}
    | {digit: f"$^{k}$" for k, digit in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")}
    | {digit: f"$_{k}$" for k, digit in enumerate("₀₁₂₃₄₅₆₇₈₉")}
    | {
        "_": r"\_",
        "^": r"\^{}",
        "{": r"\{",
        "}": r"\}",
        "&": r"\&",
        "%": r"\%",
        "#": r"\#",
        "$": r"\$",
        "\\": r"\textbackslash{}",
        "√": r"$\sqrt{\ }$",
        "±": r"$\pm$",
        "∂": r"$\partial$",
        "′": r"$'$",
        "″": r"$''$",
        "·": r"$\cdot$",
        "…": r"\dots",
        "<": "$<$",
        ">": "$>$",
        "|": r"$|$",
        "*": r"$*$",
        "∞": r"$\infty$",
        "∇": r"$\nabla$",
        "→": r"$\to$",
        "≠": r"$\ne$",
        "°": r"$^\circ$",
        "½": r"$\frac{1}{2}$",
        "⁽": "$^($",
        "⁾": "$^)$",
        "ᵗ": "$^t$",
        "ᵤ": "$_u$",
        "–": "--",
        "×": r"$\times$",
        "⊙": r"$\odot$",
        "⊘": r"$\oslash$",
        "−": "$-$",
        "ᵀ": r"$^\top$",
        "⁻": "$^-$",
        "‖": r"$\Vert$",
        "ᵢ": "$_i$",
        "ⱼ": "$_j$",
        "ˡ": r"$^\ell$",
        "ᴸ": "$^L$",
        "σ": r"$\sigma$",
        "φ": r"$\varphi$",
        "δ": r"$\delta$",
        "ε": r"$\varepsilon$",
        "Σ": r"$\Sigma$",
        "≤": r"$\le$",
        "∈": r"$\in$",
        "ℝ": r"$\mathbb{R}$",
    }
)


def _plain(words: str) -> str:
    """Words as LaTeX outside formulas."""
    return words.translate(_SPECIAL)


def formula(row: Row) -> str:
    """A formula as LaTeX."""
    return " ".join(filter(None, map(_atom, row)))


def _atom(atom: Atom) -> str:
    if isinstance(atom, str):
        return rf"\text{{ {atom} }}" if " " in atom else rf"{atom}\quad" if atom == "," else atom
    if isinstance(atom, Named):
        return atom.latex
    if isinstance(atom, Derivative):
        d = r"\partial" if atom.partial else "d"
        return rf"\frac{{{d}}}{{{d} {LATEX.symbol(atom.variable)}}} {_operand(atom)}"
    return LATEX(atom)


def _operand(atom: Derivative) -> str:
    return LATEX.within(atom.of, FRACTION)
