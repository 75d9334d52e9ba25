"""First derivatives, and derivatives of a function of one variable: grad, vjp, jvp, derivative."""

from __future__ import annotations

import functools
from typing import Any

from chainrule.calculus.linearize import (
    Argnums,
    Function,
    Linearization,
    as_arguments,
    tangents_for,
    with_keywords,
)
from chainrule.core.errors import GradientError
from chainrule.core.node import literal
from chainrule.core.types import ArrayType, array_type
from chainrule.lift import FLOAT
from chainrule.rules.jvp import push
from chainrule.rules.vjp import pull
from chainrule.tensor import zeros_for


def value_and_grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """A function that returns ``(f(*args), gradient)``, both from one run of ``f``.

    Args:
        f: a function with one scalar result (or ``(scalar, aux)`` with ``has_aux``).
        argnums: which positional arguments to differentiate with respect to; pytrees are allowed.
            An int gives one gradient, a tuple a tuple of gradients.
        has_aux: whether ``f`` returns ``(result, aux)``; then the value is ``(result, aux)``.

    Raises:
        GradientError: if the result is not a scalar.
        DTypeError: if a chosen argument is not floating-point.

    >>> import chainrule as cr
    >>> cr.value_and_grad(lambda x: x**2)(3.0)
    (tensor(9.), tensor(6.))
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        run = Linearization("grad", with_keywords(f, kwargs), args, argnums, has_aux)
        output = run.scalar()
        found = pull([output], [literal(1.0, output.dtype)], run.variables, record=run.record)
        (value,) = run.primals([output])
        return ((value, run.auxiliary()) if has_aux else value), run.derivatives(found)

    return wrapped


def grad(f: Function, argnums: Argnums = 0, has_aux: bool = False) -> Function:
    """The gradient of a scalar function, by one reverse pass; see `value_and_grad`.

    With ``has_aux`` the new function returns ``(gradient, aux)``.

    >>> import chainrule as cr
    >>> cr.grad(lambda x, y: 3 * x**2 + 2 * x * y + y**3, argnums=(0, 1))(1.0, 2.0)
    (tensor(10.), tensor(14.))
    """
    both = value_and_grad(f, argnums, has_aux)

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return wrapped


def vjp(f: Function, *primals: Any) -> tuple[Any, Function]:
    """The value of ``f`` and its pullback, which maps a cotangent of the result to Jᵀ·cotangent.

    The pullback returns a tuple with one cotangent for each primal.

    >>> import chainrule as cr
    >>> value, pullback = cr.vjp(lambda x: x**2, cr.tensor([1.0, 2.0]))
    >>> pullback([1.0, 10.0])
    (tensor([ 2., 40.]),)
    """
    run = Linearization("vjp", f, primals, tuple(range(len(primals))))

    def pullback(cotangent: Any) -> Any:
        cts = tangents_for("pullback", cotangent, run.outputs, run.result)
        return run.derivatives(pull(run.outputs, cts, run.variables, record=run.record))

    return run.value(), pullback


def jvp(f: Function, primals: Any, tangents: Any) -> tuple[Any, Any]:
    """The value of ``f`` and its directional derivative J·tangents, by forward mode.

    Args:
        f: any function of floating-point pytrees.
        primals: a tuple with its arguments, or the only argument itself.
        tangents: a tuple of directions, of the same structure and shapes.

    >>> import chainrule as cr
    >>> cr.jvp(cr.sin, (0.0,), (2.0,))
    (tensor(0.), tensor(2.))
    """
    primals, tangents = as_arguments(primals, tangents)
    run = Linearization("jvp", f, primals, tuple(range(len(primals))))
    directions = tangents_for("jvp", tangents, run.variables, run.structure)
    moved = push(run.outputs, dict(zip(run.variables, directions, strict=True)), record=run.record)
    dense = [
        t if t is not None and output.type.is_float else zeros_for(_tangent_type(output.type))
        for output, t in zip(run.outputs, moved, strict=True)
    ]
    return run.value(), run.result.build(run.derived(dense))


def _tangent_type(type: ArrayType) -> ArrayType:
    """Tangents of integers and booleans are zeros of float64."""
    return type if type.is_float else array_type(type.shape, FLOAT)


def directional_derivative(f: Function, x: Any, v: Any) -> Any:
    """∇f(x)·v: the rate of change of ``f`` at ``x`` as it moves along ``v`` (not normalised).

    >>> import chainrule as cr
    >>> cr.directional_derivative(lambda x: (x**2).sum(), cr.tensor([1.0, 2.0]), [3.0, 4.0])
    tensor(22.)
    """
    return jvp(f, (x,), (v,))[1]


def derivative(f: Function, n: int = 1) -> Function:
    """The n-th derivative of a function of one scalar, by n forward passes over one graph.

    Args:
        f: from a scalar (and further arguments, held constant) to an array.
        n: the order, n ≥ 0.

    For high orders `taylor` is cheaper: its cost grows with n², that of nesting exponentially.

    >>> import chainrule as cr
    >>> cr.derivative(lambda x: x**4, n=3)(2.0)
    tensor(48.)
    """
    if not isinstance(n, int) or n < 0:
        raise GradientError(f"derivative: the order is an integer of at least 0, not {n!r}")

    @functools.wraps(f)
    def wrapped(x: Any, *args: Any, **kwargs: Any) -> Any:
        run = Linearization("derivative", with_keywords(f, kwargs), (x, *args), 0)
        if len(run.variables) != 1 or run.variables[0].shape != ():
            raise GradientError(
                "derivative is for functions of one scalar; use cr.grad, cr.jacobian or cr.hessian "
                "for arrays, or cr.vmap(cr.derivative(f)) for many points"
            )
        (variable,) = run.variables
        nodes = list(run.outputs)
        one = literal(1.0, variable.dtype)
        for step in range(n):
            moved = push(nodes, {variable: one}, record=run.record or step < n - 1)
            nodes = [
                zeros_for(node.type) if t is None else t
                for node, t in zip(nodes, moved, strict=True)
            ]
        return run.result.build(run.derived(nodes) if n else run.primals(nodes))

    return wrapped
