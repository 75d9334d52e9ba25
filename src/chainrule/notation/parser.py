r"""The grammar: from tokens to a syntax tree.

From loose to tight binding::

    or  xor  and  not  < ≤ = ≠ ≥ >   + -   * / and implicit products   sign   ^

* ``^`` and ``**`` group from the right and bind tighter than a sign on their left: ``-x^2`` is
  ``-(x^2)``; ``2^-1`` is allowed.
* An implicit product binds like ``*``: ``1/2 x`` is ``(1/2) x``, and ``x y^2`` is ``x (y^2)``.
* A function without brackets takes the product of numbers and variables that follows it:
  ``sin 2x cos y`` is ``sin(2x) cos(y)``, ``sin x^2`` is ``sin(x^2)``; a bracket ends it, except
  after a number: ``sin x (y+1)`` is ``sin(x) (y+1)``, ``sin 2(x+1)`` is ``sin(2(x+1))``.
* ``sin^2 x`` is ``(sin x)^2``; ``sin^{-1} x`` is the inverse function ``asin x``.
* A bar opens an absolute value where an operand may begin, and closes the innermost open one
  where an operand has just ended: ``||x| - 1|`` and ``|x| |y|`` mean what they seem to.
"""

from __future__ import annotations

from typing import NoReturn

from chainrule.notation import functions
from chainrule.notation.functions import INVERSES
from chainrule.notation.lexer import Token, tokens
from chainrule.notation.syntax import Apply, Number, Tree, Variable, failure

__all__ = ["DEPTH", "LENGTH", "parse_trees"]

DEPTH = 100
"""How deep brackets, powers and functions may be nested."""

LENGTH = 100_000
"""How many characters a formula may have."""

_OR, _XOR, _AND, _NOT, _COMPARISON, _SUM, _PRODUCT, _SIGN, _POWER = range(1, 10)
_INFIX = {
    "or": (_OR, "logical_or"),
    "xor": (_XOR, "logical_xor"),
    "and": (_AND, "logical_and"),
    "=": (_COMPARISON, "equal"),
    "!=": (_COMPARISON, "not_equal"),
    "<": (_COMPARISON, "less"),
    "<=": (_COMPARISON, "less_equal"),
    ">": (_COMPARISON, "greater"),
    ">=": (_COMPARISON, "greater_equal"),
    "+": (_SUM, "add"),
    "-": (_SUM, "sub"),
    "*": (_PRODUCT, "mul"),
    "/": (_PRODUCT, "div"),
    "mod": (_PRODUCT, "remainder"),
}
_CLOSING = {"(": ")", "[": "]", "{": "}", "lvert": "rvert"}
_ENCLOSED = {"lfloor": ("rfloor", "floor"), "lceil": ("rceil", "ceil")}
_STARTS = {
    "number",
    "constant",
    "name",
    "function",
    "√",
    "sqrt",
    "frac",
    "cases",
    *_CLOSING,
    *_ENCLOSED,
}
_SPELT = {"lvert": "|", "rvert": "|", "lfloor": "⌊", "rfloor": "⌋", "lceil": "⌈", "rceil": "⌉"}


def parse_trees(
    text: str, declared: tuple[str, ...] = (), *, many: bool = False
) -> list[tuple[Tree, str]]:
    """The formulas in ``text`` as trees, each with its part of the text.

    Args:
        text: one formula, or with ``many`` several with commas or semicolons between them.
        declared: names of variables that may be words.
        many: whether there may be several formulas.

    Raises:
        ParseError: if the text is no formula; it points at the place.
    """
    if len(text) > LENGTH:
        raise failure(text, LENGTH, f"a formula may have {LENGTH} characters, not {len(text)}")
    return _Parser(text, tokens(text, declared)).run(many)


class _Parser:
    def __init__(self, text: str, symbols: list[Token]) -> None:
        self.text = text
        self.symbols = symbols
        self.index = 0
        self.depth = 0
        self.open: list[Token] = []  # brackets and bars that wait for their partner

    def run(self, many: bool) -> list[tuple[Tree, str]]:
        if self.next.kind == "end":
            self.fail("the formula is empty; write for example 3x^2 + 2xy")
        found = []
        while True:
            start = self.next.start
            tree = self.expression(_OR)
            found.append((tree, self.text[start : self.symbols[self.index - 1].end]))
            if self.next.kind == "end":
                return found
            if not (many and self.next.kind in (",", ";")):
                self.unexpected("an operator or the end of the formula")
            self.take()

    # -- tokens ------------------------------------------------------------------------------------

    @property
    def next(self) -> Token:
        return self.symbols[self.index]

    def take(self) -> Token:
        token = self.next
        self.index += 1
        return token

    def follows(self, *kinds: str) -> bool:
        """Whether the next tokens are of these kinds."""
        ahead = self.symbols[self.index : self.index + len(kinds)]
        return [token.kind for token in ahead] == list(kinds)

    def fail(self, reason: str, at: Token | Tree | None = None) -> NoReturn:
        raise failure(self.text, (at or self.next).start, reason)

    def unexpected(self, wanted: str) -> NoReturn:
        """Refuse the next token."""
        token = self.next
        if token.kind == "end":
            for bracket in reversed(self.open):
                self.fail(f"{self.spelling(bracket)!r} is never closed", bracket)
            self.fail(f"the formula ends too early; expected {wanted}")
        if token.kind in (*_CLOSING.values(), "rfloor", "rceil"):
            if self.open:
                opened = self.spelling(self.open[-1])
                if _CLOSING.get(self.open[-1].kind) == token.kind:
                    self.fail(f"expected {wanted} before {self.spelling(token)!r}")
                self.fail(f"unexpected {self.spelling(token)!r} inside {opened!r}")
            self.fail(f"{self.spelling(token)!r} closes nothing")
        hint = " (several formulas are not possible here)" if token.kind in (",", ";") else ""
        self.fail(f"unexpected {self.spelling(token)!r}; expected {wanted}{hint}")

    def spelling(self, token: Token) -> str:
        return _SPELT.get(token.kind) or self.text[token.start : token.end]

    def close(self, opened: Token, kind: str) -> None:
        if self.next.kind != kind:
            self.unexpected(f"an operator or {_SPELT.get(kind, kind)!r}")
        self.take()
        self.open.pop()

    # -- expressions -------------------------------------------------------------------------------

    def expression(self, level: int) -> Tree:
        """An expression of operators that bind at least as tightly as ``level``."""
        self.depth += 1
        if self.depth > DEPTH:
            self.fail(f"the formula is nested more than {DEPTH} levels deep")
        left = self.prefix(level)
        while True:
            token = self.next
            if token.kind in _INFIX:
                binding, function = _INFIX[token.kind]
                if binding < level:
                    break
                self.take()
                if binding == _COMPARISON and _is_condition(left):
                    self.fail("comparisons do not chain; write 0 < x and x < 1", token)
                left = self.apply(function, (left, self.expression(binding + 1)), token)
            elif token.kind in ("^", "superscript"):
                left = self.power(left)  # the tightest: whoever is asked for an operand takes it
            elif level <= _PRODUCT and self.starts_factor():
                if token.kind == "number" and self.symbols[self.index - 1].kind == "number":
                    self.fail("two numbers side by side; write an operator between them")
                left = self.apply("mul", (left, self.expression(_PRODUCT + 1)), token)
            else:
                break
        self.depth -= 1
        return left

    def starts_factor(self) -> bool:
        """Whether an operand begins here, so that a product is meant."""
        kind = self.next.kind
        return kind in _STARTS or (kind == "|" and not (self.open and self.open[-1].kind == "|"))

    def prefix(self, level: int) -> Tree:
        """A sign or negation with its operand, or an atom."""
        token = self.next
        if token.kind in ("-", "+"):
            self.take()
            operand = self.expression(_SIGN)
            self.check("neg", (operand,))
            if token.kind == "+":
                return operand
            if isinstance(operand, Number):
                return Number(-operand.value, token.start)
            return self.apply("neg", (operand,), token)
        if token.kind == "not":
            self.take()
            return self.apply("logical_not", (self.expression(_NOT),), token)
        return self.atom()

    def power(self, base: Tree) -> Tree:
        token = self.take()
        if token.kind == "superscript":
            exponent: Tree = Number(token.value, token.start)
            if self.next.kind in ("^", "superscript"):
                self.fail("two exponents in a row; use brackets")
        else:
            exponent = self.expression(_POWER)
        return self.raised(base, exponent, token)

    def raised(self, base: Tree, exponent: Tree, token: Token) -> Tree:
        if isinstance(base, Number) and base.value == functions.CONSTANTS["e"]:
            return self.apply("exp", (exponent,), token)
        n = _integer(exponent)
        if n is None:
            return self.apply("power", (base, exponent), token)
        return self.apply("integer_pow", (base,), token, (n,))

    def atom(self) -> Tree:
        token = self.next
        if token.kind in ("number", "constant"):
            self.take()
            return Number(token.value, token.start)
        if token.kind == "name":
            self.take()
            if token.value in functions.APPLIED and self.next.kind == "(":
                return self.call(token, functions.APPLIED[token.value], self.arguments())
            if token.value == "psi" and self.follows(*"^{(", "number", *")}("):
                order = self.symbols[self.index + 3]  # of the derivative in ψ^{(n)}(x)
                self.index += 6
                n = Number(order.value, order.start)
                return self.call(token, "polygamma", [n, *self.arguments()])
            return Variable(token.value, token.start)
        if token.kind == "function":
            return self.function()
        if token.kind == "mod" and self.follows("mod", "("):
            self.take()
            return self.call(token, "remainder", self.arguments())
        if token.kind == "√":
            self.take()
            operand = self.group() if self.next.kind in _CLOSING else self.expression(_POWER)
            return self.apply("sqrt", (operand,), token)
        if token.kind == "sqrt":
            return self.root()
        if token.kind == "frac":
            self.take()
            return self.apply("div", (self.braced(), self.braced()), token)
        if token.kind in _CLOSING or token.kind == "|":
            return self.group()
        if token.kind in _ENCLOSED:
            closing, function = _ENCLOSED[token.kind]
            return self.apply(function, (self.enclosed(closing),), token)
        if token.kind == "cases":
            return self.cases()
        self.unexpected("a number, a variable, a function or '('")
        return None

    # -- brackets ----------------------------------------------------------------------------------

    def enclosed(self, closing: str) -> Tree:
        """The expression between an opening symbol, which comes next, and ``closing``."""
        opening = self.take()
        self.open.append(opening)
        inner = self.expression(_OR)
        self.close(opening, closing)
        return inner

    def group(self) -> Tree:
        token = self.next
        if token.kind == "|":
            return self.apply("abs", (self.enclosed("|"),), token)
        inner = self.enclosed(_CLOSING[token.kind])
        return self.apply("abs", (inner,), token) if token.kind == "lvert" else inner

    def braced(self) -> Tree:
        if self.next.kind != "{":
            self.unexpected("'{', as in \\frac{a}{b}")
        return self.enclosed("}")

    def root(self) -> Tree:
        r"""``\sqrt{x}`` and ``\sqrt[n]{x}``."""
        token = self.take()
        if self.next.kind != "[":
            return self.apply("sqrt", (self.braced(),), token)
        degree = self.enclosed("]")
        inverse = self.apply("div", (Number(1.0, token.start), degree), token)
        return self.apply("power", (self.braced(), inverse), token)

    def cases(self) -> Tree:
        r"""``\begin{cases} a & c \\ b & \text{otherwise} \end{cases}``."""
        token = self.take()
        self.open.append(token)
        rows: list[tuple[Tree, Tree]] = []
        while True:
            value = self.expression(_OR)
            if self.next.kind == ",":
                self.take()
            if self.next.kind != "&":
                self.unexpected("'&' and the condition of this case")
            self.take()
            if self.next.kind == "otherwise":
                self.take()
                break
            rows.append((value, self.expression(_OR)))
            if self.next.kind != "row":
                self.unexpected("a last case with \\text{otherwise}")
            self.take()
        if self.next.kind == "row":
            self.take()
        self.close(token, "end of cases")
        for result, condition in reversed(rows):
            value = self.apply("where", (condition, result, value), token)
        return value

    # -- functions ---------------------------------------------------------------------------------

    def function(self) -> Tree:
        """A function with its exponent, if it has one, and its arguments."""
        token = self.take()
        name = functions.resolve(token.value)
        if name == "log" and self.next.value == "Gamma" and self.follows("name", "("):
            self.take()
            return self.call(token, "lgamma", self.arguments())
        exponent: Tree | None = None
        mark = self.next
        if mark.kind == "superscript":
            exponent = Number(self.take().value, mark.start)
        elif mark.kind == "^":
            self.take()
            exponent = self.expression(_POWER)
        if exponent is not None and _integer(exponent) == -1:
            if name not in INVERSES:
                self.fail(
                    f"{token.value}^-1 could mean an inverse or a reciprocal; say which", mark
                )
            name, exponent = INVERSES[name], None
        result = self.call(token, name, self.arguments())
        return result if exponent is None else self.raised(result, exponent, mark)

    def arguments(self) -> list[Tree]:
        """Arguments in brackets, or the product that a bare function name takes."""
        if self.next.kind not in ("(", "[", "{"):
            return [self.bare()]
        opening = self.take()
        self.open.append(opening)
        found = [self.expression(_OR)]
        while self.next.kind in (",", ";"):
            self.take()
            found.append(self.expression(_OR))
        self.close(opening, _CLOSING[opening.kind])
        return found

    def bare(self) -> Tree:
        token = self.next
        if token.kind in ("-", "+"):
            self.depth += 1
            if self.depth > DEPTH:
                self.fail(f"the formula is nested more than {DEPTH} levels deep")
            self.take()
            inner = self.bare()
            self.depth -= 1
            return self.apply("neg", (inner,), token) if token.kind == "-" else inner
        only_numbers = token.kind == "number"
        extends = token.kind in ("number", "constant", "name")
        product = self.expression(_POWER)
        while extends:
            after = self.next
            named = after.kind in ("constant", "name")
            if named or (only_numbers and after.kind == "("):
                only_numbers, extends = False, named
                product = self.apply("mul", (product, self.expression(_POWER)), after)
            else:
                break
        return product

    def call(self, token: Token, name: str, operands: list[Tree]) -> Tree:
        function = functions.lookup(name)
        shown = self.spelling(token)
        if function is None:
            self.fail(f"the function {shown!r} is not available", token)
        least, most = function.least, function.most
        if len(operands) < least or (most is not None and len(operands) > most):
            wanted = str(least) if most == least else f"at least {least}"
            plural = "" if wanted == "1" else "s"
            self.fail(f"{shown} takes {wanted} argument{plural}, not {len(operands)}", token)
        static = []
        for operand in operands[: function.static]:
            n = _integer(operand)
            if n is None or n < 0:
                self.fail(f"{shown} needs a whole number here, not an expression", operand)
            static.append(n)
        return self.apply(name, tuple(operands[function.static :]), token, tuple(static))

    def apply(
        self,
        function: str,
        operands: tuple[Tree, ...],
        token: Token,
        argument: tuple[int, ...] = (),
    ) -> Tree:
        self.check(function, operands)
        return Apply(function, operands, token.start, argument)

    def check(self, function: str, operands: tuple[Tree, ...]) -> None:
        """Refuse a condition where a number belongs, and a number where a condition belongs."""
        for index, operand in enumerate(operands):
            wanted = functions.conditions(function, index)
            if isinstance(operand, Variable) or wanted == _is_condition(operand):
                continue
            if wanted:
                self.fail("expected a condition such as x > 0 here, not a number", operand)
            self.fail("expected a number here, not a condition", operand)


def _is_condition(tree: Tree) -> bool:
    if isinstance(tree, Number):
        return isinstance(tree.value, bool)
    return isinstance(tree, Apply) and functions.yields_condition(tree.function)


def _integer(tree: Tree) -> int | None:
    """The integer that a constant is, if it is one that floats hold exactly."""
    if isinstance(tree, Number) and not isinstance(tree.value, bool):
        value = tree.value
        if abs(value) <= 2**53 and value == int(value):
            return int(value)
    return None
