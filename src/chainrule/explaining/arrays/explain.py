"""`explain` for functions of vectors and matrices."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError, DTypeError, GradientError
from chainrule.explaining.arrays.derive import Deriver
from chainrule.explaining.arrays.expression import ONE, symbol
from chainrule.explaining.arrays.lines import Closed, forward_rule, line_of, named, step_of
from chainrule.explaining.explanation import Explanation, Result, Section
from chainrule.explaining.graph.recording import Recording, record
from chainrule.explaining.steps import Named, Step
from chainrule.explaining.styles import LATEX, TEXT
from chainrule.lift import to_numpy

__all__ = ["explain_arrays", "explained_recording"]


def explain_arrays(
    f: Any,
    args: Sequence[Any],
    wrt: Any = None,
    order: int = 1,
    at: Any = None,
    *,
    seed: Any = None,
    dims: Mapping[str, int] | None = None,
    title: str = "",
) -> Explanation:
    """How the derivatives of a scalar function of arrays are found, line by line.

    Args:
        f: a function of arrays (or pytrees of arrays, such as modules) with one result.
        args: its arguments.
        wrt: names of the arguments to differentiate by; by default all floats.
        order: 1.
        at: the arguments by their names, instead of ``args``.
        seed: ∂L/∂Y, if the result Y is no scalar; shown as G.
        dims: letters for extents, such as ``{"n": 4}``; no two letters for one extent.
        title: what the explanation is called.

    Raises:
        GradientError: if the result is no scalar and there is no seed, or depends on no float.
        ArgumentError: if a name is not known, or the arguments do not fit.
        DTypeError: if all arguments are integers.
    """
    if order != 1:
        raise ArgumentError(
            f"order: of functions of arrays the first derivative is explained, not order {order}; "
            "explain the gradient, as in cr.explain(cr.grad(f), x), for the second"
        )
    if not callable(f):
        raise ArgumentError(
            f"explain takes a function of the arrays, not {type(f).__name__}; for example "
            "cr.explain(lambda X, W: (X @ W).sum(), X, W)"
        )
    args = _arguments(f, args, at)
    _check_floats(args)
    chosen = _names(wrt)
    recording = record(f, *args, wrt=chosen, seed=seed)
    if recording.output.node.shape and seed is None:
        shape = recording.output.node.shape
        raise GradientError(
            f"the result has shape {shape}; derivations need a scalar, such as a loss, or the "
            f"derivative of one with respect to it: seed=G, an array of shape {shape}"
        )
    return explained_recording(recording, f, seed is not None, dims, title)


def _arguments(f: Callable[..., Any], args: Sequence[Any], at: Any) -> Sequence[Any]:
    if at is None:
        return args
    if args:
        raise ArgumentError("give the arguments once: after the function, or as at=")
    if not isinstance(at, Mapping):
        return at if isinstance(at, (tuple, list)) else (at,)
    names = list(inspect.signature(f).parameters)
    unknown = [name for name in at if name not in names]
    missing = [name for name in names if name not in at]
    if unknown or missing:
        what = f"no argument {unknown[0]!r}" if unknown else f"no value for {missing[0]}"
        raise ArgumentError(f"at: {what}; the arguments are {', '.join(names)}")
    return [at[name] for name in names]


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
    f: Any,
    seeded: bool = False,
    dims: Mapping[str, int] | None = None,
    title: str = "",
) -> Explanation:
    """The explanation of a recording."""
    output = recording.output
    letters = {extent: letter for letter, extent in (dims or {}).items()}
    if seeded:
        result, seed = "L", symbol("G", output.node.shape)
        own = {} if output.own else {output.node: "Y"}
    else:
        result, seed = output.name if output.own else "L", ONE
        own = {output.node: result}
    deriver = Deriver(recording, names=own, dims=letters, result=result)
    if seeded:
        deriver.values[seed] = np.asarray(recording.seed.value)
    found = deriver.run(seed)
    closed: Closed = {}
    steps = [step_of(deriver, one, closed, index) for index, one in enumerate(found, 1)]
    by_node = {one.node: (one, step) for one, step in zip(found, steps, strict=True)}
    results = tuple(
        _result(deriver, vertex.node, by_node, closed)
        for vertex in recording.wrt
        if vertex.node in by_node
    )
    name = title or deriver.name_of(output.node)
    notes = []
    if letters:
        listed = ", ".join(f"{letter} = {extent}" for letter, extent in (dims or {}).items())
        notes.append(listed)
    if seeded:
        shown = TEXT.symbol(deriver.name_of(output.node))
        notes.append(f"G = ∂L/∂{shown} is the derivative of a scalar L by the result {shown}")
    whole = next((line.term for line in deriver.forward if line.node is output.node), seed)
    return Explanation(
        name=Named(TEXT.symbol(name), LATEX.symbol(name)) if not title else _words(title),
        function=whole,
        variables=tuple(vertex.name for vertex in recording.inputs),
        wrt=tuple(vertex.name for vertex in recording.wrt),
        order=1,
        sections=(
            Section(_words("forward pass"), _forward_steps(deriver)),
            Section(_words("backward pass"), tuple(steps)),
        ),
        results=results,
        notes=tuple(notes),
        kind="arrays",
    )


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


def _result(deriver: Deriver, node: Any, by_node: Mapping[Any, Any], closed: Closed) -> Result:
    found, _ = by_node[node]
    term = closed.get(found.name, found.term)
    value = deriver.engine(node)
    small = value.size <= 24 and value.ndim <= 2
    return Result(
        named(found.name),
        term,
        named(found.name) if small else None,
        _tuples(value.tolist()),
    )


def _tuples(value: Any) -> Any:
    return tuple(map(_tuples, value)) if isinstance(value, list) else value
