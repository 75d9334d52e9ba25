"""A listener: writes down a formula that is read aloud, with brackets everywhere.

It knows the grammar of `printers.speech` and nothing else; what it cannot understand in one way it
refuses.
"""

import re

FUNCTIONS = {
    "natural log": "ln",
    "log base 2": "log_2",
    "log base 10": "log_10",
    "sine": "sin",
    "cosine": "cos",
    "tangent": "tan",
    "arc sine": "arcsin",
    "arc cosine": "arccos",
    "arc tangent": "arctan",
    "hyperbolic sine": "sinh",
    "hyperbolic cosine": "cosh",
    "hyperbolic tangent": "tanh",
    "inverse hyperbolic sine": "arsinh",
    "inverse hyperbolic cosine": "arcosh",
    "inverse hyperbolic tangent": "artanh",
    "sigmoid": "sigma",
    "sign": "sgn",
    "error function": "erf",
    "complementary error function": "erfc",
    "inverse error function": "erfinv",
    "log gamma": "lgamma",
    "digamma": "digamma",
    "stopped value": "stop",
    "ceiling": "ceil",
    "the square root": "sqrt",
    "the absolute value": "abs",
}
FUNCTIONS |= {name: name for name in ("relu", "softplus", "floor", "round", "trunc")}
PARTS = {"one half": "1/2", "one third": "1/3", "two thirds": "2/3"}
PARTS |= {"one quarter": "1/4", "three quarters": "3/4"}
RELATIONS = {
    "equals": "=",
    "is not equal to": "!=",
    "is less than": "<",
    "is at most": "<=",
    "is greater than": ">",
    "is at least": ">=",
}
PAIRS = {"maximum": "max", "minimum": "min", "remainder": "mod", "angle": "atan2"}


def heard(words: str) -> str:
    """The formula, for `cr.parse`."""
    listener = _Listener(words.replace(",", ""))
    found = listener.choice()
    if listener.rest:
        raise ValueError(f"not understood: {listener.rest!r}")
    return found


class _Listener:
    def __init__(self, words: str) -> None:
        self.rest = words

    def take(self, phrase: str) -> bool:
        if self.rest == phrase or self.rest.startswith(phrase + " "):
            self.rest = self.rest[len(phrase) :].lstrip()
            return True
        return False

    def need(self, phrase: str) -> None:
        if not self.take(phrase):
            raise ValueError(f"{phrase!r} is missing before {self.rest!r}")

    def choice(self) -> str:
        value = self.sum()
        if not self.take("if"):
            return value
        condition = self.condition()
        self.need("otherwise")
        return f"where({condition}, {value}, {self.sum()})"

    def condition(self) -> str:
        found = self.comparison()
        while True:
            word = next((w for w in ("and", "or", "xor") if self.take(w)), None)
            if word is None:
                return found
            found = f"{found} {word} {self.comparison()}"

    def comparison(self) -> str:
        left = self.sum()
        relation = next((sign for phrase, sign in RELATIONS.items() if self.take(phrase)), None)
        if relation is None:
            raise ValueError(f"no relation before {self.rest!r}")
        return f"{left} {relation} {self.sum()}"

    def sum(self) -> str:
        found = f"(-{self.product()})" if self.take("minus") else self.product()
        while True:
            if self.take("plus"):
                found = f"({found} + {self.product()})"
            elif self.take("minus"):
                found = f"({found} - {self.product()})"
            else:
                return found

    def product(self) -> str:
        found = self.factor()
        while self.take("times"):
            sign = "-" if self.take("minus") else ""
            found = f"({found} * ({sign}{self.factor()}))"
        return found

    def factor(self) -> str:
        above = self.letters()
        if not above:
            return self.function()
        if not self.take("over"):
            return above
        below = self.letters()
        if not below:
            raise ValueError(f"nothing below the bar before {self.rest!r}")
        return f"({above}/{below})"

    def letters(self) -> str:
        """Numbers and letters side by side; a power other than a square or cube ends them."""
        found: list[str] = []
        while letter := self.letter():
            if self.take("to the power"):
                if found:
                    raise ValueError("a power among letters")
                return f"({letter}^({self.exponent()}))"
            for word, n in (("squared", 2), ("cubed", 3)):
                if self.take(word):
                    letter = f"({letter}^{n})"
            found.append(letter)
        return f"({' * '.join(found)})" if found else ""

    def letter(self) -> str:
        for words, fraction in PARTS.items():
            if self.take(words):
                return f"({fraction})"
        number = re.match(r"\d+(\.\d+)?(?= |$)", self.rest)
        if number:
            self.take(number.group())
            return number.group()
        name = re.match(r"[A-Za-z]+(?= |$)", self.rest)
        if name is None:
            return ""
        word = name.group()
        greek = word in ("alpha", "beta", "gamma", "delta", "epsilon", "eta", "theta", "lambda")
        more = ("mu", "nu", "rho", "sigma", "tau", "phi", "omega", "pi", "infinity", "log")
        if len(word) > 1 and not greek and word not in more:
            return ""
        if word == "log" and not self.rest.startswith("log sub"):
            return ""
        self.take(word)
        if self.take("hat"):
            word += "_hat"
        if self.take("sub"):
            below = re.match(r"\w+", self.rest)
            assert below is not None
            self.take(below.group())
            word += "_" + below.group()
        return {"infinity": "inf"}.get(word, word)

    def exponent(self) -> str:
        if self.take("the quantity"):
            return self.closed("quantity")
        sign = "-" if self.take("minus") else ""
        found = []
        while letter := self.letter():
            found.append(letter)
        if not found:
            raise ValueError(f"no exponent before {self.rest!r}")
        return f"{sign}({' * '.join(found)})"

    def closed(self, end: str) -> str:
        found = self.choice()
        self.need(f"end {end}")
        return f"({found})"

    def function(self) -> str:
        if self.take("the quantity"):
            inner = self.closed("quantity")
            for word, n in (("squared", 2), ("cubed", 3)):
                if self.take(word):
                    return f"({inner}^{n})"
            return f"({inner}^({self.exponent()}))" if self.take("to the power") else inner
        if self.take("the fraction"):
            above = self.sum()
            self.need("all over")
            return f"({above}/{self.closed('fraction')})"
        if self.take("the case"):
            return self.closed("case")
        for name, function in PAIRS.items():
            if self.take(f"the {name} of"):
                first = self.sum()
                self.need("and")
                second = self.sum()
                self.need(f"end {name}")
                return f"{function}({first}, {second})"
        return self.called()

    def called(self) -> str:
        for name in sorted(FUNCTIONS, key=len, reverse=True):
            for word, n in (("", 1), (" squared", 2), (" cubed", 3)):
                if self.take(f"{name}{word} of"):
                    inner = self.letters() or self.function()
                    found = f"{FUNCTIONS[name]}({inner})"
                    return found if n == 1 else f"({found}^{n})"
        raise ValueError(f"not understood: {self.rest!r}")
