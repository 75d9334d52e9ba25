"""Derivatives of Python functions: grad, jvp, vjp, jacobian, hessian, taylor, vmap.

Each follows one pattern: put fresh variables in place of the arguments, run the function, and read
the graph that it left behind.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.core.errors import DTypeError, GradientError, ShapeError, TreeError
from chainrule.core.node import Node, array, literal, topological, variable
from chainrule.core.tree import Tree, flatten
from chainrule.ops.shape import alias
from chainrule.rules.jvp import push
from chainrule.rules.reach import must_record
from chainrule.rules.vjp import pull
from chainrule.tensor import Tensor, as_node, mode, zeros_for

__all__ = [
    "derivative",
    "directional_derivative",
    "grad",
    "hessian",
    "hvp",
    "jacobian",
    "jvp",
    "value_and_grad",
    "vjp",
    "vmap",
]

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


# -- variables and results -------------------------------------------------------------------------


class Linearization:
    """One run of a function on fresh variables.

    Attributes:
        variables: the nodes put in place of the leaves of the chosen arguments.
        structure: the pytree of the chosen arguments.
        outputs: the nodes of the results.
        result: the pytree of the results.
        aux: what the function returned beside its result.
        record: whether a later derivative may look into this one.
    """

    def __init__(
        self, name: str, f: Function, args: Sequence[Any], argnums: Argnums, has_aux: bool = False
    ) -> None:
        self.name = name
        chosen = (argnums,) if isinstance(argnums, int) else tuple(argnums)
        for index in chosen:
            if not -len(args) <= index < len(args):
                raise GradientError(
                    f"{name}: argnums names argument {index}, but there are {len(args)} arguments"
                )
        picked = [args[index] for index in chosen]
        leaves, self.structure = flatten(picked[0] if isinstance(argnums, int) else tuple(picked))
        self.variables = [_fresh(name, leaf, self.structure) for leaf in leaves]
        replaced = self.structure.build(map(Tensor, self.variables))
        full_args = list(args)
        for index, value in zip(
            chosen, (replaced,) if isinstance(argnums, int) else replaced, strict=True
        ):
            full_args[index] = value
        with mode(grad=True):
            result = f(*full_args)
        self.aux = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TreeError(f"{name}(has_aux=True): the function must return (result, aux)")
            result, self.aux = result
        results, self.result = flatten(result)
        self.outputs = [as_node(leaf) for leaf in results]
        self.record = must_record(
            topological(self.outputs, stop=self.variables), frozenset(self.variables)
        )

    def tensor(self, node: Node) -> Tensor:
        """A result; cut off from the variables of this run unless someone may look into it."""
        if not self.record and node.tracked and node.value is not None:
            node = array(node.value)
        return Tensor(node)

    def value(self) -> Any:
        """The pytree of results."""
        return self.result.build(map(self.tensor, self.outputs))

    def auxiliary(self) -> Any:
        """What the function returned beside its result, cut off like the result."""
        leaves, structure = flatten(self.aux)
        return structure.build(
            self.tensor(leaf.node) if isinstance(leaf, Tensor) else leaf for leaf in leaves
        )

    def scalar(self) -> Node:
        """The one scalar result.

        Raises:
            GradientError: if the function returned anything else.
        """
        if len(self.outputs) != 1 or self.result.kind is not None:
            raise GradientError(
                f"{self.name} needs a function with one scalar result, this one returns "
                f"{self.result}. Return the loss alone, or use has_aux=True for (loss, more)."
            )
        (output,) = self.outputs
        if output.shape != ():
            raise GradientError(
                f"{self.name} needs a function with a scalar result, this one returns shape "
                f"{output.shape}. Reduce it, for example with .sum(), or use cr.jacobian."
            )
        if not output.type.is_float:
            raise GradientError(f"{self.name}: the result is {output.dtype}, which has no slope")
        return output

    def derivatives(self, found: Sequence[Node | None]) -> Any:
        """The pytree of derivatives with respect to the variables; zero where None."""
        return self.structure.build(
            self.tensor(zeros_for(v.type) if node is None else node)
            for v, node in zip(self.variables, found, strict=True)
        )


def _fresh(name: str, leaf: Any, structure: Tree) -> Node:
    node = as_node(leaf)
    if not node.type.is_float:
        hint = "write 3.0 instead of 3" if type(leaf) is int else "cast with .astype('float64')"
        raise DTypeError(
            f"{name} differentiates with respect to floating-point arguments, this one is "
            f"{node.dtype.name}; {hint}, or choose other arguments with argnums"
        )
    if node.tracked or node.value is None:
        return alias(node, token=object())
    return variable(node.value)


def _tangents(name: str, given: Any, nodes: Sequence[Node], structure: Tree) -> list[Node]:
    leaves, found = flatten(given)
    if len(leaves) != len(nodes) or found != structure:
        raise TreeError(f"{name}: expected the structure {structure}, got {found}")
    tangents = []
    for leaf, node in zip(leaves, nodes, strict=True):
        tangent = as_node(leaf, node.dtype)
        if tangent.shape != node.shape:
            raise ShapeError(
                f"{name}: a value of shape {node.shape} was given a (co)tangent of shape "
                f"{tangent.shape}; they must be equal"
            )
        tangents.append(tangent)
    return tangents


# -- first derivatives -----------------------------------------------------------------------------


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
        run = Linearization("grad", functools.partial(f, **kwargs), args, argnums, has_aux)
        output = run.scalar()
        found = pull([output], [literal(1.0, output.dtype)], run.variables, record=run.record)
        value = run.tensor(output)
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
        cts = _tangents("pullback", cotangent, run.outputs, run.result)
        return run.derivatives(pull(run.outputs, cts, run.variables, record=run.record))

    return run.value(), pullback


def jvp(f: Function, primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """The value of ``f`` and its directional derivative J·tangents, by forward mode.

    Args:
        f: any function of floating-point pytrees.
        primals: a tuple with its arguments.
        tangents: a tuple of directions, of the same structure and shapes.

    >>> import chainrule as cr
    >>> cr.jvp(cr.sin, (0.0,), (2.0,))
    (tensor(0.), tensor(2.))
    """
    primals, tangents = tuple(primals), tuple(tangents)
    run = Linearization("jvp", f, primals, tuple(range(len(primals))))
    directions = _tangents("jvp", tangents, run.variables, run.structure)
    moved = push(run.outputs, dict(zip(run.variables, directions, strict=True)), record=run.record)
    return run.value(), run.result.build(
        run.tensor(zeros_for(output.type) if t is None else t)
        for output, t in zip(run.outputs, moved, strict=True)
    )


def directional_derivative(f: Function, x: Any, v: Any) -> Any:
    """∇f(x)·v: the rate of change of ``f`` at ``x`` as it moves along ``v`` (not normalised).

    >>> import chainrule as cr
    >>> cr.directional_derivative(lambda x: (x**2).sum(), cr.tensor([1.0, 2.0]), [3.0, 4.0])
    tensor(22.)
    """
    return jvp(f, (x,), (v,))[1]
