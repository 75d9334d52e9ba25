"""Taylor polynomials, by Taylor-mode propagation."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from chainrule.calculus.linearize import Function, Linearization, floating_node
from chainrule.calculus.matrices import jacobian
from chainrule.core.errors import GradientError, ShapeError
from chainrule.core.node import Node, literal
from chainrule.lift import as_node
from chainrule.rules.taylor import series
from chainrule.tensor import Tensor, zeros_for


class TaylorPolynomial:
    """Σ_k c_k (x − x₀)ᵏ, the Taylor polynomial of a function; made by `taylor`.

    Attributes:
        center: the point of expansion x₀.
        order: the highest power.
    """

    def __init__(self, f: Function, center: Tensor, order: int) -> None:
        self.center = center
        self.order = order
        self._f = f
        self._scalar: list[Tensor] | None = None
        if center.shape == ():
            self._scalar = self._along(literal(1.0, center.dtype))

    def _along(self, direction: Node) -> list[Tensor]:
        """Coefficients in s of f(x₀ + s·direction)."""
        run = Linearization("taylor", self._f, (self.center,), 0)
        if run.result.kind is not None:
            raise GradientError(f"taylor needs a function that returns one array, not {run.result}")
        (variable,), (output,) = run.variables, run.outputs
        rest: list[Node | None] = [None] * (self.order - 1)
        (found,) = series([output], {variable: [direction, *rest]}, self.order)
        rest_nodes = [zeros_for(output.type) if c is None else c for c in found]
        return [*run.primals([output]), *run.derived(rest_nodes)]

    @property
    def coefficients(self) -> list[Tensor]:
        """c_0 … c_order. For scalar x₀ numbers (or arrays of f's shape); for an array x₀ the
        tensors f(x₀), ∇f(x₀), ∇²f(x₀)/2!, …, of shape ``f.shape + k · x₀.shape``."""
        if self._scalar is not None:
            return list(self._scalar)
        found, f = [], self._f
        for k in range(self.order + 1):
            value = f(self.center)
            found.append(Tensor(as_node(value)) / math.factorial(k))
            f = jacobian(f)
        return found

    def __call__(self, x: Any) -> Tensor:
        """The value of the polynomial at ``x``, of the shape of x₀ (any shape for scalar x₀)."""
        step = Tensor(as_node(x, self.center.dtype)) - self.center
        if self._scalar is not None:
            total = self._scalar[-1]
            for coefficient in reversed(self._scalar[:-1]):
                total = total * step + coefficient
            return total
        if step.shape != self.center.shape:
            raise ShapeError(
                f"the polynomial is centred at shape {self.center.shape}, x has {step.shape}"
            )
        first, *rest = self._along(step.node)
        return sum(rest, start=first)

    def __repr__(self) -> str:
        if self._scalar is None or self._scalar[0].shape != () or self._scalar[0].is_traced:
            return f"TaylorPolynomial(order={self.order}, center={self.center!r})"
        x0 = self.center.item()
        shifted = "x" if x0 == 0 else f"(x {'-' if x0 > 0 else '+'} {abs(x0):g})"
        text = ""
        for k, coefficient in enumerate(self._scalar):
            c = coefficient.item()
            if c == 0 and (text or k < self.order):
                continue
            power = "" if k == 0 else shifted if k == 1 else f"{shifted}^{k}"
            size = f"{abs(c):.6g}" + (f" {power}" if power else "")
            text += (f" {'-' if c < 0 else '+'} " if text else "-" * (c < 0)) + size
        return f"TaylorPolynomial({text})"


def taylor(f: Function, x0: Any, order: int) -> TaylorPolynomial:
    """The Taylor polynomial of ``f`` around ``x0``, as a callable with ``coefficients``.

    All coefficients come from one propagation of power series, whose cost grows with the square
    of the order (see `rules.taylor`).

    Args:
        f: a function from one floating-point array to one array.
        x0: the point of expansion. For an array the polynomial is evaluated along x − x₀, which
            gives the multivariate Taylor polynomial of total degree ``order``.
        order: the highest power, at least 1.

    >>> import chainrule as cr
    >>> p = cr.taylor(cr.exp, 0.0, 4)
    >>> p
    TaylorPolynomial(1 + 1 x + 0.5 x^2 + 0.166667 x^3 + 0.0416667 x^4)
    >>> round(p(0.1).item(), 6)
    1.105171
    """
    if not isinstance(order, (int, np.integer)) or order < 1:
        raise GradientError(f"taylor: the order must be an integer of at least 1, not {order!r}")
    center = Tensor(floating_node("taylor", x0))
    return TaylorPolynomial(f, center, int(order))
