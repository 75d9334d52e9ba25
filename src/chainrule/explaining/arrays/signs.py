"""The signs of array notation in text, LaTeX and MathML."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape

__all__ = ["FUNCTIONS", "LATEX_SIGNS", "MATHML_SIGNS", "NAMES", "TEXT_SIGNS", "Signs"]


@dataclass(frozen=True)
class Signs:
    """What the operations of arrays look like in a style.

    Attributes:
        transposed, inverse, both: marks behind an array.
        raised: ``raised(base, mark)``.
        ones: the vector of ones.
        hadamard: an infix sign.
        gap: between factors of a matrix product.
        called: ``called(name, operands)``.
        bars: ``bars(inner)`` for a norm.
        partial: ``partial(result, name)`` for ∂L/∂Z.
        rows: ``rows(cells)`` for a table of numbers.
        over: ``over(below, inner)`` for a sum with something under the sign.
        quotient: an infix sign, of elementwise division.
        exponent: the mark of an elementwise power.
        indicator: around a condition, 1 where it holds.
        aside: ``aside(words)``, behind the operands of a function.
        verbatim: ``verbatim(text)``, an index as it is.
        brackets: around an index.
        product: around and between the operands of an inner product.
    """

    transposed: str
    inverse: str
    raised: Callable[[str, str], str]
    ones: str
    hadamard: str
    gap: str
    called: Callable[[str, list[str]], str]
    bars: Callable[[str], str]
    partial: Callable[[str, str], str]
    rows: Callable[[list[list[str]]], str]
    over: Callable[[str, str], str]
    both: str
    quotient: str
    exponent: Callable[[str], str]
    indicator: tuple[str, str]
    product: tuple[str, str, str]
    aside: Callable[[str], str]
    verbatim: Callable[[str], str]
    brackets: tuple[str, str]


def _text_rows(rows: list[list[str]]) -> str:
    inner = ["[" + ", ".join(row) + "]" for row in rows]
    return inner[0] if len(inner) == 1 else "[" + ", ".join(inner) + "]"


def _latex_rows(rows: list[list[str]]) -> str:
    inner = r" \\ ".join(" & ".join(row) for row in rows)
    return rf"\begin{{pmatrix}} {inner} \end{{pmatrix}}"


def _mathml_rows(rows: list[list[str]]) -> str:
    cells = "".join(
        "<mtr>" + "".join(f"<mtd><mtext>{cell}</mtext></mtd>" for cell in row) + "</mtr>"
        for row in rows
    )
    return f"<mrow><mo>(</mo><mtable>{cells}</mtable><mo>)</mo></mrow>"


TEXT_SIGNS = Signs(
    transposed="ᵀ",
    inverse="⁻¹",
    raised=lambda base, mark: base + mark,
    ones="1",
    hadamard=" ⊙ ",
    gap=" ",
    called=lambda name, operands: f"{name}({', '.join(operands)})",
    bars=lambda inner: f"‖{inner}‖",
    partial=lambda result, name: f"∂{result}/∂{name}",
    rows=_text_rows,
    over=lambda below, inner: f"Σ_{below} {inner}",
    both="⁻ᵀ",
    quotient=" ⊘ ",
    exponent=lambda text: f"^⊙{text}",
    indicator=("1[", "]"),
    product=("⟨", ", ", "⟩"),
    aside=lambda words: f"; {words}",
    verbatim=str,
    brackets=("[", "]"),
)
_LATEX_NAMES = {"σ": r"\sigma", "σ'": r"\sigma'", "ln σ": r"\ln \sigma"}


def _latex_name(name: str) -> str:
    plain = name.replace("_", r"\_").replace(" ", r"\ ")
    return _LATEX_NAMES.get(name, rf"\operatorname{{{plain}}}")


LATEX_SIGNS = Signs(
    transposed=r"\top",
    inverse="-1",
    raised=lambda base, mark: f"{base}^{{{mark}}}",
    ones=r"\mathbf{1}",
    hadamard=r" \odot ",
    gap=r" \, ",
    called=lambda name, operands: rf"{_latex_name(name)}\left({', '.join(operands)}\right)",
    bars=lambda inner: rf"\left\lVert {inner} \right\rVert",
    partial=lambda result, name: rf"\frac{{\partial {result}}}{{\partial {name}}}",
    rows=_latex_rows,
    over=lambda below, inner: rf"\sum_{{{below}}} {inner}",
    both=r"-\top",
    quotient=r" \oslash ",
    exponent=lambda text: rf"\odot {text}",
    indicator=(r"\mathbf{1}[", "]"),
    product=(r"\langle ", ", ", r" \rangle"),
    aside=lambda words: rf";\ \text{{{words}}}",
    verbatim=str,
    brackets=("[", "]"),
)
MATHML_SIGNS = Signs(
    transposed="<mo>⊤</mo>",
    inverse="<mn>−1</mn>",
    raised=lambda base, mark: f"<msup><mrow>{base}</mrow>{mark}</msup>",
    ones='<mn mathvariant="bold">1</mn>',
    hadamard="<mo>⊙</mo>",
    gap='<mo>&#x2062;</mo><mspace width=".15em"></mspace>',
    called=lambda name, operands: (
        f"<mi>{escape(name)}</mi><mo>&#x2061;</mo><mrow><mo>(</mo>"
        + "<mo>,</mo>".join(operands)
        + "<mo>)</mo></mrow>"
    ),
    bars=lambda inner: f"<mrow><mo>‖</mo>{inner}<mo>‖</mo></mrow>",
    partial=lambda result, name: (
        f"<mfrac><mrow><mo>∂</mo>{result}</mrow><mrow><mo>∂</mo>{name}</mrow></mfrac>"
    ),
    rows=_mathml_rows,
    over=lambda below, inner: f"<munder><mo>∑</mo><mrow>{below}</mrow></munder>{inner}",
    both="<mo>−⊤</mo>",
    quotient="<mo>⊘</mo>",
    exponent=lambda text: f"<mrow><mo>⊙</mo><mn>{text.replace('-', '−')}</mn></mrow>",
    indicator=("<mn>1</mn><mo>[</mo>", "<mo>]</mo>"),
    product=("<mo>⟨</mo>", "<mo>,</mo>", "<mo>⟩</mo>"),
    aside=lambda words: f"<mo>;</mo><mtext>{escape(words)}</mtext>",
    verbatim=lambda text: f"<mtext>{escape(text)}</mtext>",
    brackets=("<mo>[</mo>", "<mo>]</mo>"),
)

FUNCTIONS: Mapping[str, str] = {
    "log": "ln",
    "sigmoid": "σ",
    "sign": "sgn",
    "maximum": "max",
    "minimum": "min",
    "max": "max",
    "triangle": "triangle",
    "gelu_tanh": "gelu",
    "leaky_relu": "leaky relu",
    "log_sigmoid": "ln σ",
    "sliding_windows": "windows",
    "overlap_add": "overlap add",
    "scatter_add": "scatter",
    "stop_gradient": "stop",
}
"""What elementwise functions and primitives are called."""

NAMES: Mapping[str, str] = {
    "log_softmax": "log softmax",
    "variance": "var",
    "standardized": "normalised",
    "trace": "tr",
    "log_det": "ln det",
    "one_hot": "onehot",
}
"""What other kinds of terms are called."""
