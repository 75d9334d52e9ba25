r"""Styles of writing: plain text, LaTeX and MathML. `cr.parse` reads the first two back."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from chainrule.explaining.expression import Apply, Constant, Expression, Number, Power, Symbol
from chainrule.explaining.writing import ATOM, FRACTION, POWER, PRODUCT, Piece, Style
from chainrule.notation.functions import APPLIED
from chainrule.notation.names import ACCENTS, GREEK, LETTERS, latex_name
from chainrule.ops.table import PRIMITIVES

__all__ = ["LATEX", "MATHML", "TEXT"]

_LETTER = {name: letter for letter, name in LETTERS.items()}
_NAMES = {
    "log": "ln",
    "sigmoid": "σ",
    "sign": "sgn",
    "asin": "arcsin",
    "acos": "arccos",
    "atan": "arctan",
    "asinh": "arsinh",
    "acosh": "arcosh",
    "atanh": "artanh",
    "maximum": "max",
    "minimum": "min",
    "remainder": "mod",
    "stop_gradient": "stop",
}
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


def text_name(name: str) -> str:
    """``alpha`` as α, ``w_1`` as w₁, ``y′`` as it is; other names as they are."""
    if name.endswith("′"):
        return text_name(name[:-1]) + "′"
    base, *below = name.split("_")
    letter = _LETTER.get(base, base)
    if not below:
        return letter
    if len(letter) == 1 and len(below) == 1 and below[0].isdecimal():
        return letter + below[0].translate(_SUBSCRIPTS)
    if len(letter) == 1 and not any(part in ACCENTS for part in below):
        inner = ",".join(below)
        return f"{letter}_{inner}" if len(below) == 1 else f"{letter}_{{{inner}}}"
    return name


class _Text(Style):
    """One line in Unicode: ``12(3x + 1)³``."""

    def symbol(self, name: str) -> str:
        return text_name(name)

    def constant(self, name: str) -> str:
        return {"pi": "π", "inf": "∞"}.get(name, name)

    def digits(self, text: str) -> Piece:
        mantissa, e, exponent = text.partition("e")
        if not e:
            return Piece(text)
        power = "10" + str(int(exponent)).translate(_SUPERSCRIPTS)
        return Piece(power, POWER) if mantissa == "1" else Piece(f"{mantissa} · {power}", PRODUCT)

    def brackets(self, inner: str) -> str:
        return f"({inner})"

    def minus(self, inner: str) -> str:
        return f"-{inner}"

    def infix(self, sign: str, a: str, b: str) -> str:
        return f"{a} {sign} {b}"

    def beside(self, a: str, b: str, first: Expression, second: Expression) -> str:
        if isinstance(first, Number) and a[-1].isascii():
            single = (b[0] in "(√" and a[-1] != ")") or (
                b[0] != "e" and not b[1:2].isalpha() and b[0].isalpha()
            )
            return f"{a}{b}" if single else f"{a} {b}"
        if b[0] == "(" and _called(first):
            return f"{a} · {b}"
        return f"{a} {b}"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        top = above.text if above.level >= PRODUCT else f"({above.text})"
        return Piece(f"{top}/{self._tight(below)}", FRACTION)

    def raised(self, base: str, exponent: Piece) -> str:
        if exponent.text.isdecimal():
            return base + exponent.text.translate(_SUPERSCRIPTS)
        return f"{base}^{self._simple(exponent)}"

    def root(self, inner: Piece) -> str:
        return f"√{self._simple(inner)}"

    def exponential(self, exponent: Piece) -> str:
        return self.raised("e", exponent)

    def function(self, name: str, argument: Sequence[int], operands: Sequence[str]) -> Piece:
        if name == "polygamma" and argument == (0,):
            return Piece(f"ψ({operands[0]})")
        inner = ", ".join([*map(str, argument), *operands])
        return Piece(f"{_NAMES.get(name, name)}({inner})")

    def function_power(self, name: str, exponent: Piece, operand: str) -> str:
        return f"{self.raised(_NAMES.get(name, name), exponent)}({operand})"

    def cases(self, condition: str, then: str, otherwise: str) -> Piece:
        return Piece(f"where({condition}, {then}, {otherwise})")

    def absolute(self, inner: str) -> str:
        return f"abs({inner})" if "|" in inner else f"|{inner}|"  # bars inside bars are ambiguous

    def partial(self, of: str, by: str, d: str) -> Piece:
        return Piece(f"{d}{of}/{d}{by}", FRACTION)

    def array(self, shape: Sequence[int], norm: str) -> Piece:
        return Piece(f"{'×'.join(map(str, shape))}, norm {norm}")

    def vector(self, entries: Sequence[str]) -> str:
        return f"({', '.join(entries)})"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        return f"[{'; '.join(', '.join(row) for row in rows)}]"

    def _simple(self, e: Piece) -> str:
        simple = e.level == ATOM and (len(e.text) == 1 or e.text.isdecimal())
        return e.text if simple else f"({e.text})"

    def _tight(self, e: Piece) -> str:
        return e.text if e.level > FRACTION else f"({e.text})"


class _Latex(Style):
    r"""LaTeX in the subset that KaTeX and MathJax share: ``12\left(3 x + 1\right)^{3}``."""

    def symbol(self, name: str) -> str:
        if name.endswith("′"):
            return self.symbol(name[:-1]) + "'"
        return latex_name(name) if len(name.split("_")[0]) == 1 or _is_letter(name) else _word(name)

    def constant(self, name: str) -> str:
        return {"pi": r"\pi", "inf": r"\infty"}.get(name, name)

    def digits(self, text: str) -> Piece:
        mantissa, e, exponent = text.partition("e")
        if not e:
            return Piece(text)
        power = rf"10^{{{int(exponent)}}}"
        if mantissa == "1":
            return Piece(power, POWER)
        return Piece(rf"{mantissa} \cdot {power}", PRODUCT)

    def brackets(self, inner: str) -> str:
        return rf"\left({inner}\right)"

    def minus(self, inner: str) -> str:
        return f"-{inner}"

    def infix(self, sign: str, a: str, b: str) -> str:
        signs = {"·": r"\cdot", "≠": r"\ne", "≤": r"\le", "≥": r"\ge", "<": r"\lt", ">": r"\gt"}
        words = {"and": r"\land", "or": r"\lor", "xor": r"\oplus"}
        return f"{a} {(signs | words).get(sign, sign)} {b}"

    def beside(self, a: str, b: str, first: Expression, second: Expression) -> str:
        if (b.startswith(r"\left(") or b[0] == "(") and _called(first):
            return rf"{a} \cdot {b}"
        return f"{a} {b}"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        return Piece(rf"\frac{{{above.text}}}{{{below.text}}}", FRACTION)

    def raised(self, base: str, exponent: Piece) -> str:
        return f"{base}^{{{exponent.text}}}"

    def root(self, inner: Piece) -> str:
        return rf"\sqrt{{{inner.text}}}"

    def exponential(self, exponent: Piece) -> str:
        return f"e^{{{exponent.text}}}"

    def function(self, name: str, argument: Sequence[int], operands: Sequence[str]) -> Piece:
        if name == "polygamma" and tuple(argument) == (0,):
            return Piece(rf"\psi({operands[0]})")
        record = PRIMITIVES[name]
        template = getattr(record, "latex", "")
        if template:
            parameters = dict(zip(record.parameters, argument, strict=True))
            ordinary = name not in ("softplus", "remainder", "logical_not")
            if ordinary:
                return Piece(template.format(*operands, **parameters))
        inner = ", ".join([*map(str, argument), *operands])
        return Piece(rf"{_word(_NAMES.get(name, name))}({inner})")

    def function_power(self, name: str, exponent: Piece, operand: str) -> str:
        return rf"\{name}^{{{exponent.text}}}({operand})"

    def cases(self, condition: str, then: str, otherwise: str) -> Piece:
        rows = rf"{then} & \text{{if }} {condition} \\ {otherwise} & \text{{otherwise}}"
        return Piece(rf"\begin{{cases}} {rows} \end{{cases}}", POWER)

    def absolute(self, inner: str) -> str:
        return rf"\left|{inner}\right|"

    def partial(self, of: str, by: str, d: str) -> Piece:
        sign = "d" if d == "d" else r"\partial"
        return Piece(rf"\frac{{{sign} {of}}}{{{sign} {by}}}", FRACTION)

    def array(self, shape: Sequence[int], norm: str) -> Piece:
        size = r" \times ".join(map(str, shape))
        return Piece(rf"{size} \text{{, norm }} {norm}")

    def vector(self, entries: Sequence[str]) -> str:
        return r"\begin{pmatrix} " + r" \\ ".join(entries) + r" \end{pmatrix}"

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        inner = r" \\ ".join(" & ".join(row) for row in rows)
        return rf"\begin{{bmatrix}} {inner} \end{{bmatrix}}"


def _called(e: Expression) -> bool:
    """Whether a name would be read as a function beside a bracket: σ, Γ, and words."""
    name = e.name.split("_")[0].rstrip("′") if isinstance(e, (Symbol, Constant)) else ""
    return name in APPLIED or (len(name) > 1 and name not in GREEK and name != "pi")


def _is_letter(name: str) -> bool:
    return name.split("_")[0] in GREEK


def _word(name: str) -> str:
    return rf"\operatorname{{{name}}}".replace("_", r"\_")


class _MathML(Style):
    """MathML Core, which browsers show by themselves."""

    def symbol(self, name: str) -> str:
        if name.endswith("′"):
            return f'<mrow>{self.symbol(name[:-1])}<mo lspace="0" rspace="0">′</mo></mrow>'
        base, _, below = text_name_parts(name)
        inner = f"<mi>{escape(base)}</mi>"
        return f"<msub>{inner}<mi>{escape(below)}</mi></msub>" if below else inner

    def constant(self, name: str) -> str:
        return f"<mi>{ {'pi': 'π', 'inf': '∞'}.get(name, name) }</mi>"

    def digits(self, text: str) -> Piece:
        mantissa, e, exponent = text.partition("e")
        if not e:
            return Piece(f"<mn>{text}</mn>")
        scale = f"<msup><mn>10</mn><mn>{int(exponent)}</mn></msup>"
        return Piece(f"<mn>{mantissa}</mn><mo>·</mo>{scale}", PRODUCT)

    def brackets(self, inner: str) -> str:
        tall = any(tag in inner for tag in ("<mfrac", "<mtable", "<msqrt"))
        left, right = (f"<mo{'' if tall else _SMALL}>{bracket}</mo>" for bracket in "()")
        return f"<mrow>{left}{inner}{right}</mrow>"

    def minus(self, inner: str) -> str:
        return f'<mo form="prefix">−</mo>{inner}'

    def infix(self, sign: str, a: str, b: str) -> str:
        if sign.isalpha():
            return f"{a}<mtext>&nbsp;{sign}&nbsp;</mtext>{b}"
        return f"{a}<mo>{escape(sign.replace('-', '−'))}</mo>{b}"

    def beside(self, a: str, b: str, first: Expression, second: Expression) -> str:
        space = ' lspace=".17em"' if _is_word(first) or _is_word(second) else ""
        return f"{a}<mo{space}>&#x2062;</mo>{b}"

    def fraction(self, above: Piece, below: Piece) -> Piece:
        inner = f"<mrow>{above.text}</mrow><mrow>{below.text}</mrow>"
        return Piece(f"<mfrac>{inner}</mfrac>", FRACTION)

    def raised(self, base: str, exponent: Piece) -> str:
        return f"<msup><mrow>{base}</mrow><mrow>{exponent.text}</mrow></msup>"

    def root(self, inner: Piece) -> str:
        return f"<msqrt>{inner.text}</msqrt>"

    def exponential(self, exponent: Piece) -> str:
        return self.raised("<mi>e</mi>", exponent)

    def function(self, name: str, argument: Sequence[int], operands: Sequence[str]) -> Piece:
        if name == "polygamma":
            primes = f"<mo>(</mo><mn>{argument[0]}</mn><mo>)</mo>" if argument[0] else ""
            head = self.raised("<mi>ψ</mi>", Piece(primes)) if primes else "<mi>ψ</mi>"
            return Piece(f"{head}<mo>&#x2061;</mo>{self.brackets(operands[0])}")
        inner = "<mo>,</mo>".join([*(f"<mn>{n}</mn>" for n in argument), *operands])
        return Piece(f"{self._called(name)}<mo>&#x2061;</mo>{self.brackets(inner)}")

    def function_power(self, name: str, exponent: Piece, operand: str) -> str:
        head = self.raised(self._called(name), exponent)
        return f"{head}<mo>&#x2061;</mo>{self.brackets(operand)}"

    def cases(self, condition: str, then: str, otherwise: str) -> Piece:
        rows = ((then, f"<mtext>if&nbsp;</mtext>{condition}"), (otherwise, "<mtext>else</mtext>"))
        cells = "".join(f"<mtr>{_left(value)}{_left(when)}</mtr>" for value, when in rows)
        return Piece(f"<mrow><mo>{{</mo><mtable>{cells}</mtable></mrow>", POWER)

    def absolute(self, inner: str) -> str:
        return f"<mrow><mo>|</mo>{inner}<mo>|</mo></mrow>"

    def partial(self, of: str, by: str, d: str) -> Piece:
        above, below = (f"<mrow><mi>{d}</mi>{name}</mrow>" for name in (of, by))
        return Piece(f"<mfrac>{above}{below}</mfrac>", FRACTION)

    def array(self, shape: Sequence[int], norm: str) -> Piece:
        size = "<mo>×</mo>".join(f"<mn>{length}</mn>" for length in shape)
        return Piece(f"{size}<mtext>, norm&nbsp;</mtext>{norm}")

    def vector(self, entries: Sequence[str]) -> str:
        return self.brackets("<mo>,</mo>".join(entries))

    def matrix(self, rows: Sequence[Sequence[str]]) -> str:
        cells = ("".join(f"<mtd><mrow>{entry}</mrow></mtd>" for entry in row) for row in rows)
        inner = "".join(f"<mtr>{row}</mtr>" for row in cells)
        return f"<mrow><mo>[</mo><mtable>{inner}</mtable><mo>]</mo></mrow>"

    def _called(self, name: str) -> str:
        return f"<mi>{escape(_NAMES.get(name, name))}</mi>"


_SMALL = ' stretchy="false"'


def _left(inner: str) -> str:
    return f'<mtd style="text-align: left"><mrow>{inner}</mrow></mtd>'


def _is_word(e: Expression) -> bool:
    """Whether a factor is a function with a name of several letters: sin(x), sin²(x)."""
    base = e.base if isinstance(e, Power) else e
    return isinstance(base, Apply) and base.function not in ("exp", "sigmoid", "abs", "where")


def text_name_parts(name: str) -> tuple[str, str, str]:
    """A name as its letter and its subscript."""
    base, line, below = name.partition("_")
    return _LETTER.get(base, base), line, below.replace("_", ",")


TEXT = _Text()
LATEX = _Latex()
MATHML = _MathML()
