"""The functions and operators that formulas may use, and how each is built from primitives."""

from __future__ import annotations

import difflib
import functools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from chainrule.core.node import Node
from chainrule.ops.record import Elementwise
from chainrule.ops.table import PRIMITIVES

__all__ = [
    "ALIASES",
    "APPLIED",
    "CONSTANTS",
    "FOREIGN",
    "Function",
    "conditions",
    "lookup",
    "nearest",
    "yields_condition",
]


@dataclass(frozen=True)
class Function:
    """A function of a formula.

    Attributes:
        build: makes the node from the static parameters and the nodes of the operands.
        least: how many operands it needs.
        most: how many it takes; None for any number.
        static: how many leading operands must be integers known in advance.
    """

    build: Callable[..., Node]
    least: int = 1
    most: int | None = 1
    static: int = 0


CONSTANTS: Mapping[str, float | bool] = MappingProxyType(
    {
        "e": math.e,
        "pi": math.pi,
        "inf": math.inf,
        "infty": math.inf,
        "nan": math.nan,
        "true": True,
        "false": False,
    }
)

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        "ln": "log",
        "lg": "log10",
        "arcsin": "asin",
        "arccos": "acos",
        "arctan": "atan",
        "arcsinh": "asinh",
        "arccosh": "acosh",
        "arctanh": "atanh",
        "arsinh": "asinh",
        "arcosh": "acosh",
        "artanh": "atanh",
        "logistic": "sigmoid",
        "swish": "silu",
        "sgn": "sign",
        "ceiling": "ceil",
        "psi": "digamma",
        "loggamma": "lgamma",
        "gammaln": "lgamma",
        "max": "maximum",
        "min": "minimum",
        "pow": "power",
        "mod": "remainder",
        "stop": "stop_gradient",
    }
)
"""Other spellings, and the names of primitives for familiar functions."""

FOREIGN: Mapping[str, str] = MappingProxyType(
    {
        "cbrt": "write x^(1/3) for x > 0, sign(x) |x|^(1/3) for any x",
        "softmax": "it takes an array; write e^x/(e^x + e^y), or see cr.softmax",
        "huber": "write where(|x| < 1, x^2/2, |x| - 1/2)",
        "hinge": "write max(0, 1 - x)",
        "logcosh": "write log(cosh(x))",
        "lim": "formulas hold no limits",
        "der": "formulas hold no derivatives; take them with cr.derivative or cr.grad",
        "diff": "formulas hold no derivatives; take them with cr.derivative or cr.grad",
    }
    | {
        foreign: f"did you mean {own!r}?"
        for foreign, own in (
            ("arctg", "arctan"),
            ("cosec", "csc"),
            ("cotan", "cot"),
            ("cotg", "cot"),
            ("ctg", "cot"),
            ("tgh", "tanh"),
        )
    }
)
"""Names that formulas do not have, and what to do instead."""

APPLIED: Mapping[str, str] = MappingProxyType(
    {"sigma": "sigmoid", "psi": "digamma", "Gamma": "gamma_function"}
)
"""Greek letters that are functions where a bracket follows, and variables elsewhere."""

INVERSES: Mapping[str, str] = MappingProxyType(
    {f: f"a{f}" for f in ("sin", "cos", "tan", "sinh", "cosh", "tanh")} | {"erf": "erfinv"}
)
"""The functions that f^{-1} means; for any other function that notation is refused."""


def _p(name: str) -> Any:
    return PRIMITIVES[name]


def _folded(name: str) -> Callable[..., Node]:
    return lambda *nodes: functools.reduce(_p(name), nodes)


def _power(x: Node, exponent: Node) -> Node:
    return _p("pow")(x, exponent)  # type: ignore[no-any-return]


def _gelu(x: Node) -> Node:
    """x Φ(x), with the normal distribution function Φ written so that small values stay exact."""
    return 0.5 * x * _p("erfc")(x * -math.sqrt(0.5))  # type: ignore[no-any-return]


def _elu(x: Node) -> Node:
    above = _p("greater")(x, 0.0)
    # e^x is only computed for x <= 0, so that its infinite derivative cannot spoil the gradient
    return _p("where")(above, x, _p("expm1")(_p("where")(above, 0.0, x)))  # type: ignore[no-any-return]


def _selu(x: Node) -> Node:
    above = _p("greater")(x, 0.0)
    below = _SELU_ALPHA * _p("expm1")(_p("where")(above, 0.0, x))
    return _SELU_SCALE * _p("where")(above, x, below)  # type: ignore[no-any-return]


def _gamma(x: Node) -> Node:
    """Γ(x) from ln|Γ(x)|; left of 0 its sign changes at every integer."""
    sign = _p("cos")(math.pi * _p("floor")(_p("minimum")(x, 0.0)))
    return sign * _p("exp")(_p("lgamma")(x))  # type: ignore[no-any-return]


_DERIVED: dict[str, Function] = {
    "gamma_function": Function(_gamma),
    "maximum": Function(_folded("maximum"), 2, None),
    "minimum": Function(_folded("minimum"), 2, None),
    "power": Function(_power, 2, 2),
    "integer_pow": Function(lambda n, x: _p("integer_pow")(x, n=n)),
    "polygamma": Function(lambda n, x: _p("polygamma")(x, n=n), 2, 2, static=1),
    "digamma": Function(lambda x: _p("polygamma")(x, n=0)),
    "silu": Function(lambda x: x * _p("sigmoid")(x)),
    "gelu": Function(_gelu),
    "elu": Function(_elu),
    "selu": Function(_selu),
    "leaky_relu": Function(lambda x: _p("where")(_p("greater")(x, 0.0), x, 0.01 * x)),
    "mish": Function(lambda x: x * _p("tanh")(_p("softplus")(x))),
    "softsign": Function(lambda x: x / (1 + _p("abs")(x))),
    "log_sigmoid": Function(lambda x: -_p("softplus")(-x)),
    "sec": Function(lambda x: 1 / _p("cos")(x)),
    "csc": Function(lambda x: 1 / _p("sin")(x)),
    "cot": Function(lambda x: 1 / _p("tan")(x)),
    "sech": Function(lambda x: 1 / _p("cosh")(x)),
    "csch": Function(lambda x: 1 / _p("sinh")(x)),
    "coth": Function(lambda x: 1 / _p("tanh")(x)),
}
_SELU_ALPHA, _SELU_SCALE = 1.6732632423543772, 1.0507009873554805
"""α and λ of Klambauer et al. (2017), equation 14."""

LONGEST = 24
"""More letters than any name has."""

_BASED = re.compile(r"log_([0-9]+)")


def lookup(name: str) -> Function | None:
    """The function called ``name``, or None.

    Every elementwise primitive without parameters is one under its own name; upper and lower case
    are the same in names of three letters or more (``ReLU``).
    """
    name = resolve(name)
    if name in _DERIVED:
        return _DERIVED[name]
    based = _BASED.fullmatch(name)
    if based is not None:
        return _logarithm(int(based.group(1)[:9]))
    record = PRIMITIVES.get(name)
    if isinstance(record, Elementwise) and not record.parameters:
        arity = len(record.domain)
        return Function(record, arity, arity)
    return None


def resolve(name: str) -> str:
    """The name under which a function is found: aliases replaced, letters small."""
    if len(name) > 2 and name not in PRIMITIVES:
        name = name.lower()
    return ALIASES.get(name, name)


def _logarithm(base: int) -> Function | None:
    if base < 2:
        return None
    if base in (2, 10):
        return Function(_p(f"log{base}"))
    return Function(lambda x: _p("log")(x) / math.log(base))


def conditions(name: str, index: int) -> bool:
    """Whether operand ``index`` of the function must be a condition rather than a number."""
    record = PRIMITIVES.get(resolve(name))
    if resolve(name) == "where":
        return index == 0
    return isinstance(record, Elementwise) and record.dtypes == "b"


def yields_condition(name: str) -> bool:
    """Whether the function says true or false."""
    record = PRIMITIVES.get(resolve(name))
    return isinstance(record, Elementwise) and (record.result == "bool" or record.dtypes == "b")


def known_names() -> list[str]:
    """The names of all functions, for suggestions."""
    own = [
        name
        for name, record in PRIMITIVES.items()
        if isinstance(record, Elementwise)
        and not record.parameters
        and not yields_condition(name)  # these are written with symbols
    ]
    return sorted(
        {*own, *ALIASES, *_DERIVED, "sigma"}
        - {"psi", "integer_pow", "power", "pow", "gamma_function"}
    )


def nearest(name: str, more: Iterable[str] = (), cutoff: float = 0.75) -> str | None:
    """The known function, or name in ``more``, that looks most like this one; None if none does."""
    if len(name) > LONGEST:
        return None
    found = difflib.get_close_matches(name.lower(), [*known_names(), *more], n=1, cutoff=cutoff)
    return found[0] if found else None
