"""The pattern behind every derivative: fresh variables in, the function run, its graph read."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

from chainrule.core.errors import DTypeError, GradientError, ShapeError, TreeError
from chainrule.core.graph import replace
from chainrule.core.node import VARIABLE, Node, array
from chainrule.core.tree import Tree, flatten, flatten_as
from chainrule.lift import as_node
from chainrule.modes import mode, watching_conversions
from chainrule.ops.calls import fresh_variable
from chainrule.rules.reach import between, dependents, must_record
from chainrule.tensor import Tensor, wrap, zeros_for

Function = Callable[..., Any]
Argnums = int | tuple[int, ...]


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
        if not callable(f):
            raise GradientError(
                f"{name} takes a function, not {f!r}"
                + ("; make one with cr.parse" if isinstance(f, str) else "")
            )
        self.name = name
        chosen = (argnums,) if isinstance(argnums, int) else argnums
        if not isinstance(chosen, (tuple, list)) or not all(isinstance(i, int) for i in chosen):
            raise GradientError(
                f"{name}: argnums is the number of an argument, or several, not {argnums!r}"
            )
        for index in chosen:
            if not -len(args) <= index < len(args):
                raise GradientError(
                    f"{name}: argnums names argument {index}, but there are {len(args)} arguments"
                )
        picked = [args[index] for index in chosen]
        leaves, self.structure = flatten(picked[0] if isinstance(argnums, int) else tuple(picked))
        network = any(hasattr(argument, "parameters") for argument in picked)
        given = [floating_node(name, leaf, network) for leaf in leaves]
        self.variables = [fresh_variable(node) for node in given]
        self._constants = {
            variable: node
            for variable, node in zip(self.variables, given, strict=True)
            if variable.primitive is VARIABLE
        }
        replaced = self.structure.build(map(Tensor, self.variables))
        full_args = [_own(arg) for arg in args]
        for index, value in zip(
            chosen, (replaced,) if isinstance(argnums, int) else replaced, strict=True
        ):
            full_args[index] = value
        with mode(grad=True), watching_conversions() as converted:
            result = f(*full_args)
        self.aux = None
        if has_aux:
            if not isinstance(result, tuple) or len(result) != 2:
                raise TreeError(f"{name}(has_aux=True): the function must return (result, aux)")
            result, self.aux = result
        results, self.result = flatten(result)
        self.outputs = [as_node(leaf) for leaf in results]
        self.record = self._must_record(self.outputs)
        if converted and not self._depends():
            raise GradientError(
                f"{name}: the result does not depend on the arguments through any recorded "
                "operation, but a value was taken out of a tensor on the way (float(), item(), "
                "numpy(), math.sin, …). Use chainrule's functions, such as cr.sin for math.sin; "
                "what is meant to be constant can be marked by cr.stop_gradient."
            )

    def _must_record(self, nodes: Sequence[Node]) -> bool:
        variables = frozenset(self.variables)
        order = between(nodes, variables)
        return must_record(order, dependents(order, variables), variables)

    def _depends(self) -> bool:
        variables = frozenset(self.variables)
        flows = dependents(between(self.outputs, variables), variables)
        return any(output in flows for output in self.outputs)

    def primals(self, nodes: Sequence[Node]) -> list[Tensor]:
        """Results of the function, cut off from the variables of this run.

        Where a later derivative may look into them the graph is kept; elsewhere only the values.
        """
        if self._must_record(nodes):
            return self.derived(nodes)
        return [
            wrap(array(node.value) if node.tracked and node.value is not None else node)
            for node in nodes
        ]

    def derived(self, nodes: Sequence[Node]) -> list[Tensor]:
        """Derivatives; what they still depend on, such as a tracked tangent, stays attached."""
        if any(node.value is None for node in nodes):
            # a graph may not keep the variables, which exist only in this run; a recorded value
            # may, since nothing can ask for a derivative with respect to them
            nodes = replace(nodes, self._constants)
        return [wrap(node) for node in nodes]

    def value(self) -> Any:
        """The pytree of results."""
        return self.result.build(self.primals(self.outputs))

    def auxiliary(self) -> Any:
        """What the function returned beside its result, cut off like the result."""
        leaves, structure = flatten(self.aux)
        kept = iter(self.primals([leaf.node for leaf in leaves if isinstance(leaf, Tensor)]))
        return structure.build(next(kept) if isinstance(leaf, Tensor) else leaf for leaf in leaves)

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
        return self.structure.build(self.derived(self.dense(found)))

    def dense(self, found: Sequence[Node | None]) -> list[Node]:
        """Derivatives with respect to the variables, with zeros in place of None."""
        return [
            zeros_for(v.type) if node is None else node
            for v, node in zip(self.variables, found, strict=True)
        ]


def _own(argument: Any) -> Any:
    """The argument with tensors of its own, so that ``x[i] = v`` in the function stays there."""
    leaves, structure = flatten(argument)
    return structure.build(Tensor(x.node) if type(x) is Tensor else x for x in leaves)


def floating_node(name: str, leaf: Any, of_network: bool = False) -> Node:
    """The node of an argument that is to be differentiated with respect to.

    Args:
        name: of the transformation.
        leaf: the argument, or a leaf of it.
        of_network: whether it is a leaf of a network, which may have others that are trained.

    Raises:
        DTypeError: if it is not floating-point.
    """
    node = as_node(leaf)
    if not node.type.is_float:
        number = type(leaf) is int
        hint = f"write {leaf}.0 instead of {leaf}" if number else "cast with .astype('float64')"
        if of_network:
            hint = (
                "it is a buffer of a network (a key, a counter): give the parameters alone, "
                f"cr.{name}(lambda p: loss(model.replace(p)))(model.parameters())"
            )
        raise DTypeError(
            f"{name} differentiates with respect to floating-point arguments, this one is "
            f"{node.dtype.name}; {hint}, or choose other arguments with argnums"
        )
    return node


def with_keywords(f: Function, kwargs: dict[str, Any]) -> Function:
    """``f`` with keyword arguments that are not differentiated."""
    return functools.partial(f, **kwargs) if kwargs else f


def as_arguments(primals: Any, tangents: Any) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """Both as tuples of arguments; a single argument may be given by itself."""
    if isinstance(primals, (tuple, list)):
        return tuple(primals), tuple(tangents)
    return (primals,), (tangents,)


def tangents_for(name: str, given: Any, nodes: Sequence[Node], structure: Tree) -> list[Node]:
    """Nodes of the tangents in ``given``, checked against the values they belong to."""
    try:
        leaves = flatten_as(structure, given)
    except TreeError as error:
        raise TreeError(f"{name}: {error.args[0].splitlines()[0]}") from None
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
