"""Making a failing case small: the same kind of failure with as little around it as can be."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

from tests.fuzz.case import Case, Leaf, Step, arguments, run_steps
from tests.fuzz.draw import without_unused

Outcome = Callable[[Case], str | None]

TRIES = 400


def shrunk(case: Case, outcome: Outcome) -> Case:
    """A smaller case with an outcome of the same kind (its first word)."""
    kind = _kind(outcome(case))
    if not kind:
        return case
    tries = 0
    while True:
        for smaller in _smaller(case):
            tries += 1
            if tries > TRIES:
                return case
            if _kind(outcome(smaller)) == kind:
                case = smaller
                break
        else:
            return case


def _kind(text: str | None) -> str:
    return "" if text is None else text.split(":")[0].rstrip("0123456789- ")


def _smaller(case: Case) -> Iterator[Case]:
    for place in range(len(case.outputs)):
        if len(case.outputs) > 1:
            outputs = case.outputs[:place] + case.outputs[place + 1 :]
            yield without_unused(dataclasses.replace(case, outputs=outputs))
    for field, value in (
        ("transform", "value"),
        ("threads", 1),
        ("machine", "host"),
        ("small", False),
        ("memory", False),
        ("donate", ()),
    ):
        if getattr(case, field) != value:
            yield dataclasses.replace(case, **{field: value})
    yield from _with_results_as_arguments(case)
    yield from _with_bypass(case)
    for place, leaf in enumerate(case.leaves):
        for style, layout in (("normal", leaf.layout), (leaf.style, "C")):
            if "," not in leaf.style and (style, layout) != (leaf.style, leaf.layout):
                new = Leaf(leaf.shape, leaf.dtype, style, layout)
                leaves = (*case.leaves[:place], new, *case.leaves[place + 1 :])
                yield dataclasses.replace(case, leaves=leaves)


def _with_results_as_arguments(case: Case) -> Iterator[Case]:
    """Each step in turn replaced by an argument of its type."""
    if case.transform == "vmap":
        return
    try:
        from chainrule.lift import as_node

        values = run_steps(case.steps, [as_node(x) for x in arguments(case)])
    except Exception:
        return
    count = len(case.leaves)
    for place in range(len(case.steps) - 1, -1, -1):
        node = values[count + place]
        if node.value is None or isinstance(node.value, tuple) or not hasattr(node.type, "shape"):
            continue
        if case.steps[place].op in ("literal",):
            continue
        leaf = Leaf(node.shape, node.dtype.name)
        if node.dtype.kind in "iu":
            low, high = (
                (int(node.value.min()), int(node.value.max())) if node.value.size else (0, 1)
            )
            leaf = Leaf(node.shape, node.dtype.name, f"{low},{high + 1}")

        def moved(i: int, place: int = place) -> int:
            return count if i == count + place else i + (i >= count)

        steps = [Step(s.op, tuple(moved(i) for i in s.sources), s.argument) for s in case.steps]
        outputs = tuple(moved(i) for i in case.outputs)
        yield without_unused(
            dataclasses.replace(
                case, leaves=(*case.leaves, leaf), steps=tuple(steps), outputs=outputs
            )
        )


def _with_bypass(case: Case) -> Iterator[Case]:
    """Each step in turn left out: its users take one of its sources."""
    count = len(case.leaves)
    for place in range(len(case.steps) - 1, -1, -1):
        for source in dict.fromkeys(case.steps[place].sources):

            def moved(i: int, place: int = place, source: int = source) -> int:
                return source if i == count + place else i

            steps = tuple(
                Step(s.op, tuple(moved(i) for i in s.sources), s.argument) for s in case.steps
            )
            outputs = tuple(moved(i) for i in case.outputs)
            yield without_unused(dataclasses.replace(case, steps=steps, outputs=outputs))
