"""Explanations: how a derivative is found, step by step, as a teacher would write it.

The steps are those of the engine's own pass over the graph, and every line that is shown was
evaluated and compared with what the engine computed. `explain` is the entrance.

* `expression`, `writing`, `styles`: formulas as people write them, in text, LaTeX and MathML.
* `simplify`, `collect`, `factors`, `changes`: the simplifications that are shown, each a named
  stage.
* `reading`, `plain`: nodes as such formulas; functions without small arrays and guards.
* `steps`: the steps, as data.
* `derive`, `rules`, `laws`, `lines`: from the pass over the graph to steps.
* `check`, `rounding`: holding every line against the engine, within bounds on rounding.
* `kinds`: which kind of explanation is asked for.
* `function`, `partials`, `naming`: functions as graphs, their derivatives and the names of these.
* `scalar`, `point`, `sides`: derivatives, gradients, Jacobians and Hessians, also at a point.
* `directional`: the directional derivative.
* `taylor`, `approximation`, `exact`: Taylor polynomials.
* `implicit`, `equation`, `solving`, `curve`, `tangents`: implicit differentiation.
* `limit`, `difference`, `polynomial`: the limit definition.
* `graph`: the chain rule on a computational graph, as a table and as pictures.
* `arrays`: derivatives of functions of vectors and matrices, and derivations with names.
* `illustration`: the picture of an explanation.
* `printers`, `explanation`: text, words, Markdown, LaTeX, HTML, JSON.
* `methods`: ways to a derivative, side by side.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chainrule.core.later import later
from chainrule.explaining.explanation import Explanation, Result, Section
from chainrule.explaining.kinds import explained
from chainrule.explaining.steps import Derivative, Let, Line, Named, Reference, Step

if TYPE_CHECKING:
    from chainrule.explaining.arrays.catalogue import derivation, derivations
    from chainrule.explaining.methods import MethodComparison, compare_methods

__all__ = [
    "Derivative",
    "Explanation",
    "Let",
    "Line",
    "MethodComparison",
    "Named",
    "Reference",
    "Result",
    "Section",
    "Step",
    "compare_methods",
    "derivation",
    "derivations",
    "explain",
]

later(
    __name__,
    {
        "arrays.catalogue": ("derivation", "derivations"),
        "methods": ("MethodComparison", "compare_methods"),
    },
)


def explain(
    f: Any,
    *args: Any,
    wrt: Any = None,
    order: int = 1,
    at: Any = None,
    kind: str | None = None,
    direction: Any = None,
    loss: Any = None,
    seed: Any = None,
) -> Explanation:
    """How a derivative is found, step by step.

    Args:
        f: a formula as text (see `cr.parse`), several with commas between them, an equation, or a
            Python function. A function that decides by values (``if x > 0``) needs a point, and is
            explained for the branch taken.
        args: a value for each variable: the point at which the derivative is evaluated.
        wrt: the variables to differentiate with respect to, as names (``"x, y"``) or a list; by
            default all. The others are held constant.
        order: how often to differentiate; with a point, the order 2 ends with the
            second-derivative test.
        at: the point, instead of ``args``: a number, a tuple, or ``{"x": 1.0}``.
        kind: ``"derivative"``, ``"limit"``, ``"implicit"``, ``"directional"``, ``"taylor"``,
            ``"graph"`` or ``"arrays"``; by default what the input calls for: an equation is
            differentiated implicitly, a direction asks for the derivative in it, arrays and
            modules for a derivation with shapes.
        direction: for the directional derivative, a number for each variable.
        loss: for a module, which is then called as ``f(x, y)``, a function of output and target, or
            its name in `chainrule.nn`, such as ``"cross_entropy"``.
        seed: for a function of arrays whose result Y is no scalar, ∂L/∂Y of the shape of Y.

    Raises:
        ParseError: if the text is no formula; it points at the place.
        ArgumentError: if a variable or kind is not known, a value is missing, or options
            contradict each other.
        GradientError: if the function is of a kind that is not explained.
        DomainError: if the function has no value at the point.

    >>> import chainrule as cr
    >>> e = cr.explain("(3x + 1)^4")
    >>> e.result
    '12(3x + 1)³'
    >>> print(cr.explain("x sin x", wrt="x").text())
    f(x) = x sin(x)
    <BLANKLINE>
    f′(x)
    1. product rule: d/dx (x sin(x))  [(u v)′ = u′ v + u v′]
      let u = sin(x)
      2. d/dx sin(x) = cos(x)                   sine rule  [(sin(u))′ = cos(u) · u′]
      = 1 · sin(x) + x cos(x)                   product rule
      = sin(x) + x cos(x)                       collect numbers, like terms and powers
    <BLANKLINE>
    f′(x) = sin(x) + x cos(x)
    """
    return explained(f, args, wrt, order, at, kind, direction, loss, seed)
