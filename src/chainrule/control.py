"""Control flow and recomputation as functions: scan, cond, while_loop, checkpoint, …"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

from chainrule.core.errors import DTypeError, ShapeError, TreeError
from chainrule.core.graph import Graph, close
from chainrule.core.node import Node, input_node, now
from chainrule.core.tree import Tree, flatten
from chainrule.core.types import array_type
from chainrule.lift import BOOL, as_node
from chainrule.ops import branch, recompute
from chainrule.ops.calls import call
from chainrule.ops.exponential import stop_gradient as stop_gradient_
from chainrule.ops.scan import scan as scan_
from chainrule.ops.shape import full
from chainrule.tensor import Tensor, mode, wrap
from chainrule.tracing import Closure, trace_closure, with_captured

__all__ = ["checkpoint", "cond", "custom_gradient", "scan", "stop_gradient", "while_loop"]

Function = Callable[..., Any]


def _nodes(tree: Any) -> tuple[list[Node], Tree]:
    leaves, structure = flatten(tree)
    return [as_node(leaf) for leaf in leaves], structure


def _same(name: str, before: Tree, after: Tree, what: str) -> None:
    if before != after:
        raise TreeError(f"{name}: {what} is {before} before a step and {after} after it")


def _pair(name: str, closure: Closure) -> tuple[Tree, Tree]:
    """The structures of the two things that a step returns."""
    tree = closure.result
    if tree.kind is not tuple or len(tree.children) != 2:
        raise TreeError(f"{name}: a step must return (carry, output), it returned {tree}")
    return tree.children[0], tree.children[1]


def scan(
    f: Function, init: Any, xs: Any = None, length: int | None = None, reverse: bool = False
) -> tuple[Any, Any]:
    """Carry a state through a sequence: ``carry, y = f(carry, x)`` for each slice x of ``xs``.

    Args:
        f: the step, from (carry, slice) to (carry, output). It is traced once, so it must not
            branch on values; the carry keeps its structure, shapes and dtypes.
        init: the first carry, a pytree.
        xs: a pytree of arrays that are sliced along axis 0, or None.
        length: the number of steps; only needed where ``xs`` is None.
        reverse: whether to go from the last slice to the first; outputs keep their places.

    Returns:
        The last carry and the outputs stacked along a new axis 0.

    Raises:
        ShapeError: if the sequences differ in length or the carry changes its type.
        TreeError: if a step does not return (carry, output).

    >>> import chainrule as cr
    >>> cr.scan(lambda total, x: (total + x, total * x), 0.0, cr.tensor([1.0, 2.0, 3.0]))
    (tensor(6.), tensor([0., 2., 9.]))
    """
    carry, carry_tree = _nodes(init)
    slices, slice_tree = _nodes(xs)
    steps = _length(slices, length)
    types = [node.type for node in carry]
    types += [array_type(node.shape[1:], node.dtype) for node in slices]
    closure = trace_closure(f, Tree(tuple, None, ("0", "1"), (carry_tree, slice_tree)), types)
    after, output = _pair("scan", closure)
    _same("scan", carry_tree, after, "the carry")
    (graph,), captured = with_captured([closure], len(types))
    results = call(
        scan_,
        [*captured, *carry, *slices],
        (graph, steps, len(captured), len(carry), reverse),
    )
    tensors = [wrap(node) for node in results]
    return after.build(tensors[: len(carry)]), output.build(tensors[len(carry) :])


def _length(slices: list[Node], length: int | None) -> int:
    for node in slices:
        if not node.shape:
            raise ShapeError("scan: xs holds a 0-dimensional array, which has no slices")
    lengths = {node.shape[0] for node in slices} | (set() if length is None else {length})
    if len(lengths) != 1:
        raise ShapeError(
            "scan needs xs or a length"
            if not lengths
            else f"scan: sequences of different lengths {sorted(lengths)}"
        )
    return lengths.pop()


def cond(predicate: Any, true_fun: Function, false_fun: Function, *operands: Any) -> Any:
    """``true_fun(*operands)`` where ``predicate`` holds, else ``false_fun(*operands)``.

    Only the branch taken is run and differentiated. With a known predicate it is called as Python
    would; under tracing both branches are traced and must return the same structure and types.

    Args:
        predicate: one boolean.
        true_fun: a function of the operands.
        false_fun: another.
        operands: pytrees.

    >>> import chainrule as cr
    >>> cr.grad(lambda x: cr.cond(x > 0, lambda u: u**2, lambda u: -u, x))(-3.0)
    tensor(-1.)
    """
    test = as_node(predicate)
    if test.shape != () or test.dtype != BOOL:
        raise DTypeError(f"cond: the predicate must be one boolean, not {test.type}")
    if test.value is not None:
        return (true_fun if test.value else false_fun)(*operands)
    nodes, structure = _nodes(operands)
    types = [node.type for node in nodes]
    closures = [trace_closure(f, structure, types, lazy=True) for f in (true_fun, false_fun)]
    if closures[0].result != closures[1].result:
        raise TreeError(
            f"cond: the branches return {closures[0].result} and {closures[1].result}; "
            "they must have one structure"
        )
    graphs, captured = with_captured(closures, len(types))
    results = call(branch.cond, [test, *captured, *nodes], tuple(graphs))
    return closures[0].result.build(wrap(node) for node in results)


def while_loop(cond_fun: Function, body_fun: Function, init: Any) -> Any:
    """Repeat ``state = body_fun(state)`` while ``cond_fun(state)`` holds.

    The number of steps depends on values, so only forward mode differentiates it (`jvp`); for
    reverse mode use `scan` with a fixed number of steps.

    Args:
        cond_fun: from the state to one boolean.
        body_fun: from the state to a state of the same structure, shapes and dtypes.
        init: the first state, a pytree.

    >>> import chainrule as cr
    >>> cr.while_loop(lambda x: x < 100.0, lambda x: x * 2.0, 3.0)
    tensor(192.)
    """
    nodes, structure = _nodes(init)
    types = [node.type for node in nodes]
    one = Tree(tuple, None, ("0",), (structure,))
    test = trace_closure(cond_fun, one, types)
    step = trace_closure(body_fun, one, types)
    _same("while_loop", structure, step.result, "the state")
    graphs = [with_captured([closure], len(types))[0][0] for closure in (test, step)]
    results = call(
        branch.while_,
        [*test.captured, *step.captured, *nodes],
        (*graphs, len(test.captured), len(step.captured)),
    )
    return structure.build(wrap(node) for node in results)


def checkpoint(f: Function) -> Function:
    """``f``, whose inner results are not kept for the reverse pass but computed again there.

    The gradient is the same to the last bit; memory is saved at the price of one more forward run.
    Cutting a chain of n layers into √n checkpointed pieces needs memory for about 2√n instead of
    n. (Griewank & Walther, Revolve, 2000; Chen et al., Training deep nets with sublinear memory
    cost, 2016, section 4.)

    >>> import chainrule as cr
    >>> cr.grad(cr.checkpoint(lambda x: cr.sin(cr.sin(x))))(0.5) == cr.grad(
    ...     lambda x: cr.sin(cr.sin(x))
    ... )(0.5)
    tensor(True)
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nodes, structure = _nodes(args)
        closure = trace_closure(
            functools.partial(f, **kwargs), structure, [node.type for node in nodes]
        )
        results = call(recompute.checkpoint, [*nodes, *closure.captured], (closure.graph,))
        return closure.result.build(wrap(node) for node in results)

    return wrapped


def custom_gradient(f: Function) -> Function:
    """A function with a derivative of its author's choice.

    Args:
        f: from arguments to ``(result, pullback)``, where ``pullback(cotangent)`` returns the
            cotangent of the argument, or a tuple with one for each of several arguments. What
            should receive a gradient must be an argument; other tensors that ``f`` uses are
            constants.

    The pullback may use anything that ``f`` computed. Forward mode uses its transpose, and higher
    derivatives differentiate it.

    >>> import chainrule as cr
    >>> @cr.custom_gradient
    ... def clipped_identity(x):
    ...     return x, lambda ct: cr.clip(ct, -1.0, 1.0)
    >>> cr.grad(lambda x: 10 * clipped_identity(x))(2.0)
    tensor(1.)
    """

    @functools.wraps(f)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        nodes, structure = _nodes(args)
        start = now()
        holes = [input_node(node.type) for node in nodes]
        with mode(grad=True, since=start):
            returned = f(*structure.build(map(Tensor, holes)), **kwargs)
            if not isinstance(returned, tuple) or len(returned) != 2 or not callable(returned[1]):
                raise TreeError("custom_gradient: the function must return (result, pullback)")
            outputs, tree = _nodes(returned[0])
            cts = [input_node(node.type) for node in outputs if node.type.is_float]
            given = iter(cts)
            cotangent = tree.build(
                Tensor(next(given)) if node.type.is_float else None for node in outputs
            )
            pulled = _pulled(returned[1](cotangent), holes, len(args))
        # what was captured becomes an input whose cotangent is zero
        closed, captured = close([*holes, *cts], [*outputs, *pulled])
        inputs = (*holes, *closed.inputs[len(holes) + len(cts) :])
        zeros = [full(0, node.type) for node in captured if node.type.is_float]
        graph = Graph(inputs, closed.outputs[: len(outputs)])
        pullback = Graph((*inputs, *cts), (*closed.outputs[len(outputs) :], *zeros))
        results = call(recompute.custom, [*nodes, *captured], (graph, pullback))
        return tree.build(wrap(node) for node in results)

    return wrapped


def _pulled(returned: Any, holes: list[Node], arity: int) -> list[Node]:
    """Cotangents of the floating-point inputs."""
    leaves, _ = flatten(returned if isinstance(returned, tuple) or arity != 1 else (returned,))
    floats = [node for node in holes if node.type.is_float]
    if len(leaves) not in (len(floats), len(holes)):
        raise TreeError(
            f"custom_gradient: the pullback returned {len(leaves)} cotangents for {len(floats)} "
            "arguments"
        )
    if len(leaves) == len(holes):
        leaves = [x for x, node in zip(leaves, holes, strict=True) if node.type.is_float]
    return [as_node(leaf, node.dtype) for leaf, node in zip(leaves, floats, strict=True)]


def stop_gradient(x: Any) -> Any:
    """``x`` (a pytree) as a constant: nothing flows back through it.

    >>> import chainrule as cr
    >>> cr.grad(lambda x: x * cr.stop_gradient(x))(3.0)
    tensor(3.)
    """
    nodes, structure = _nodes(x)
    return structure.build(wrap(stop_gradient_(node)) for node in nodes)
