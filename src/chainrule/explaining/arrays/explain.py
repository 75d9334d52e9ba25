"""`explain` for functions of vectors and matrices."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule import nn
from chainrule.core.errors import ArgumentError, DomainError, DTypeError, GradientError
from chainrule.core.node import Node
from chainrule.explaining.arrays.backpropagation import equations, read_network
from chainrule.explaining.arrays.derive import Deriver, Found
from chainrule.explaining.arrays.expression import ONE, Term, symbol
from chainrule.explaining.arrays.lines import Closed, forward_rule, line_of, named, numbers, step_of
from chainrule.explaining.explanation import Explanation, Result, Section
from chainrule.explaining.graph.recording import Recording, record
from chainrule.explaining.steps import Named, Step
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.lift import to_numpy
from chainrule.nn.module import Module

__all__ = ["explain_arrays", "explained_recording"]

KEPT = 4096
"""Gradients of so many numbers are kept with the explanation."""

Textbook = Mapping[str, Callable[[Mapping[str, Term]], Term]]


def explain_arrays(
    f: Any,
    args: Sequence[Any],
    wrt: Any = None,
    order: int = 1,
    at: Any = None,
    *,
    seed: Any = None,
    loss: Any = None,
    dims: Mapping[str, int] | None = None,
    textbook: Textbook | None = None,
    notes: tuple[str, ...] = (),
) -> Explanation:
    """How the derivatives of a scalar function of arrays are found, line by line.

    Args:
        f: a function of arrays (or pytrees of arrays, such as modules) with one result; or a
            module, which is explained by the four equations of backpropagation where it is a
            multilayer perceptron, like any function that computes one.
        args: its arguments; of a module with a loss ``x`` and ``y``.
        wrt: names of the arguments to differentiate by; by default all floats, and only the
            parameters of modules where there are any.
        order: 1.
        at: the arguments by their names, instead of ``args``.
        seed: ∂L/∂Y, if the result Y is no scalar; shown as G.
        loss: for a module, a function of output and target, or its name in `chainrule.nn`.
        dims: letters for extents, such as ``{"n": 4}``; no two letters for one extent.
        textbook: closed forms by the names of arguments, as functions of all terms by name; each
            has to equal what the engine computed, and is then the last line.
        notes: what is said before.

    Raises:
        GradientError: if the result is no scalar and there is no seed, or depends on no float.
        ArgumentError: if a name is not known, or the arguments do not fit.
        DTypeError: if all arguments are integers.
    """
    if order != 1:
        raise ArgumentError(
            f"order: of functions of arrays the first derivative is explained, not order {order}; "
            "explain the gradient, as in cr.explain(cr.grad(f), x, seed=v), for the second"
        )
    if not callable(f):
        raise ArgumentError(
            f"explain takes a function of the arrays, not {type(f).__name__}; for example "
            "cr.explain(lambda X, W: (X @ W).sum(), X, W)"
        )
    chosen = _names(wrt)
    if isinstance(f, Module):
        args = (f, *_arguments(f, args, at))
        chosen = chosen or ["model"]
        f = _with_loss(f, loss, len(args))
    elif loss is not None:
        raise ArgumentError("loss= goes with a module; a function returns its loss itself")
    else:
        args = _arguments(f, args, at)
        chosen = chosen or _modules(f, args)
    _check_floats(args)
    recording = record(f, *args, wrt=chosen, seed=seed)
    _check_finite(recording)
    if recording.output.node.shape and seed is None:
        shape = recording.output.node.shape
        raise GradientError(
            f"the result has shape {shape}; a derivation needs a scalar, such as a loss (of a "
            "module, loss='mse'), or the derivative of one with respect to the result: seed=G, "
            f"an array of shape {shape}"
        )
    modules = any(isinstance(one, Module) for one in args)
    least = 1 if modules else 2
    found = explained_recording(recording, seed is not None, dims, least, textbook)
    return replace(found, notes=(*notes, *found.notes))


def _check_finite(recording: Recording) -> None:
    """Refuse a point at which the function or its derivative does not exist."""
    result = recording.output.name if recording.output.own else "L"
    nodes = {vertex.name: vertex.node for vertex in recording.wrt}
    values = {result: recording.output.node}
    values |= {
        f"∂{result}/∂{name}": recording.cotangents[node]
        for name, node in nodes.items()
        if node in recording.cotangents
    }
    for name, node in values.items():
        if not np.all(np.isfinite(np.asarray(node.value))):
            raise DomainError(
                f"{name} is not finite at these arguments; derivations are held against numbers, "
                "so give a point of the domain"
            )


def _with_loss(model: Module, loss: Any, count: int) -> Callable[..., Any]:
    """A module as a function of itself, its input, and a target where there is a loss."""
    if loss is None:
        if count != 2:
            raise ArgumentError(
                f"a module is explained at its input, and with loss= at an input and a target; "
                f"got {count - 1} arguments; for example cr.explain(model, x, y, loss='mse')"
            )
        return lambda model, x: model(x)
    if isinstance(loss, str):
        found = getattr(nn, loss, None) if loss in nn.__all__ and loss.islower() else None
        if found is None:
            raise ArgumentError(
                f"loss: there is no loss {loss!r}; for example 'mse', 'cross_entropy' or "
                "'bce_with_logits', or a function of output and target"
            )
        loss = found
    if count != 3:
        raise ArgumentError(
            f"with loss= a module takes an input and a target, got {count - 1} arguments"
        )
    chosen = loss
    return lambda model, x, y: chosen(model(x), y)


def _arguments(f: Callable[..., Any], args: Sequence[Any], at: Any) -> Sequence[Any]:
    if at is None:
        return [_as_array(value) for value in args]
    if args:
        raise ArgumentError("give the arguments once: after the function, or as at=")
    if not isinstance(at, Mapping):
        given = at if isinstance(at, (tuple, list)) else (at,)
        return [_as_array(value) for value in given]
    names = list(inspect.signature(f).parameters)
    unknown = [name for name in at if name not in names]
    missing = [name for name in names if name not in at]
    if unknown or missing:
        what = f"no argument {unknown[0]!r}" if unknown else f"no value for {missing[0]}"
        raise ArgumentError(f"at: {what}; the arguments are {', '.join(names)}")
    return [_as_array(at[name]) for name in names]


def _as_array(value: Any) -> Any:
    """Rows of numbers as an array; a tree of arrays stays one."""
    if not isinstance(value, (list, tuple)) or not value:
        return value
    pending = list(value)
    while pending:
        item = pending.pop()
        if isinstance(item, (list, tuple)):
            pending.extend(item)
        elif not isinstance(item, (int, float)):
            return value
    try:
        return np.asarray(value)
    except ValueError:  # rows of several lengths
        return value


def _modules(f: Callable[..., Any], args: Sequence[Any]) -> list[str] | None:
    """The names of the arguments that are modules, if there are any."""
    try:
        names = list(inspect.signature(f).parameters)
    except (TypeError, ValueError):
        return None
    pairs = zip(names, args, strict=False)
    return [name for name, value in pairs if isinstance(value, Module)] or None


def _check_floats(args: Sequence[Any]) -> None:
    from chainrule.core import tree

    leaves, _ = tree.flatten(tuple(args))
    kinds = [to_numpy(leaf).dtype for leaf in leaves]
    if kinds and not any(kind.kind == "f" for kind in kinds):
        raise DTypeError(
            f"all arguments are {kinds[0].name}; derivatives are with respect to floats: "
            "X.astype(float)"
        )


def _names(wrt: Any) -> list[str] | None:
    if wrt is None:
        return None
    found = wrt.replace(",", " ").split() if isinstance(wrt, str) else [str(one) for one in wrt]
    return found or None


def explained_recording(
    recording: Recording,
    seeded: bool = False,
    dims: Mapping[str, int] | None = None,
    least: int = 2,
    textbook: Textbook | None = None,
) -> Explanation:
    """The explanation of a recording; of a network with ``least`` layers by the four equations."""
    output = recording.output
    letters = {extent: letter for letter, extent in (dims or {}).items()}
    result = "L" if seeded or not output.own else output.name
    seed = symbol("G", output.node.shape) if seeded else ONE
    network = None if seeded else read_network(recording, letters, result, least)
    if network is not None:
        deriver = network.deriver
    else:
        own = {} if seeded and output.own else {output.node: "Y" if seeded else result}
        deriver = Deriver(recording, names=own, dims=letters, result=result)
    if seeded:
        deriver.values[seed] = np.asarray(recording.seed.value)
    found = deriver.run(seed)
    closed: Closed = {}
    forms = _closed_forms(deriver, textbook or {}, seed)
    steps = [
        step_of(deriver, one, closed, index, forms.get(one.node))
        for index, one in enumerate(found, 1)
    ]
    sections = [Section(_words("forward pass"), _forward_steps(deriver))]
    if network is not None:
        sections += equations(network, found, steps)
    else:
        sections.append(Section(_words("backward pass"), tuple(steps)))
    by_node = {one.node: one for one in found}
    results = tuple(
        _result(deriver, by_node[vertex.node], closed, forms.get(vertex.node))
        for vertex in recording.wrt
        if vertex.node in by_node
    )
    name = deriver.name_of(output.node)
    whole = next((line.term for line in deriver.forward if line.node is output.node), seed)
    return Explanation(
        name=Named(TEXT.symbol(name), LATEX.symbol(name)),
        function=whole,
        variables=tuple(deriver.name_of(vertex.node) for vertex in recording.inputs),
        wrt=tuple(deriver.name_of(vertex.node) for vertex in recording.wrt),
        order=1,
        sections=tuple(sections),
        results=results,
        notes=_notes(deriver, seeded, dims),
        kind="arrays",
    )


def _closed_forms(deriver: Deriver, textbook: Textbook, seed: Term) -> dict[Node, Term]:
    """The forms of a textbook, by nodes."""
    if not textbook:
        return {}
    vertices = deriver.recording.vertices
    known = {deriver.name_of(v.node): deriver.symbol_of(v.node) for v in vertices}
    known |= {letter: symbol(letter) for letter in deriver.dims.values()}
    if seed.kind == "symbol":
        known[seed.argument[0]] = seed
    return {deriver.recording[name].node: form(known) for name, form in textbook.items()}


def _notes(deriver: Deriver, seeded: bool, dims: Mapping[str, int] | None) -> tuple[str, ...]:
    notes = []
    if dims:
        notes.append(", ".join(f"{letter} = {extent}" for letter, extent in dims.items()))
    if seeded:
        shown = TEXT.symbol(deriver.name_of(deriver.output))
        notes.append(f"G = ∂L/∂{shown} is the derivative of a scalar L by the result {shown}")
    return tuple(notes)


def _words(text: str) -> Named:
    return Named(text, rf"\text{{{text}}}")


def _forward_steps(deriver: Deriver) -> tuple[Step, ...]:
    return tuple(
        Step(
            rule=forward_rule(line.rules),
            subject=named(line.name),
            lines=(line_of(deriver, line.term, forward_rule(line.rules)),),
        )
        for line in deriver.forward
    )


def _result(deriver: Deriver, found: Found, closed: Closed, form: Term | None) -> Result:
    term = form if form is not None else closed.get(found.name, found.term)
    value = deriver.engine(found.node)
    small = numbers(value) is not None
    return Result(
        named(found.name),
        term,
        named(found.name) if small else None,
        _tuples(value.tolist()) if value.size <= KEPT else None,
    )


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
