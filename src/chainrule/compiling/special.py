"""One program of a compiled function: for arguments of one structure and of certain types."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.compiling.binding import Bound, StatusError
from chainrule.compiling.finite import blame, blame_index
from chainrule.compiling.purity import unchanging, watched
from chainrule.core.errors import ArgumentError, IndexingError, TraceError
from chainrule.core.graph import Graph
from chainrule.core.node import VARIABLE, Node, array, variable
from chainrule.core.tree import Tree, flatten
from chainrule.core.types import ArrayType
from chainrule.door.native import make_door
from chainrule.door.spec import Argument, DoorSpec, Fresh, Kept, Launch, Made, Result, Reused
from chainrule.lift import as_node
from chainrule.lower.llvm.machine import host
from chainrule.lower.llvm.program import FAILED, Program, write_program
from chainrule.lower.llvm.runtime.lock import REENTERED, ReenteredError
from chainrule.lower.llvm.runtime.pool import MAX_THREADS, pool
from chainrule.rewrite.simplify import FAST, NATIVE, simplify
from chainrule.tensor import Tensor
from chainrule.tracing import Program as Traced
from chainrule.tracing import trace_types

if TYPE_CHECKING:
    from chainrule.compiling.compiled import Compiled

__all__ = ["Specialized", "specialize"]


def specialize(
    compiled: Compiled,
    args: tuple[Any, ...],
    structure: Tree,
    types: Sequence[ArrayType],
    numbers: Sequence[bool],
) -> Specialized:
    """Trace and compile for arguments like ``args``; ``numbers`` tells Python numbers."""
    with watched(compiled.function):
        traced = trace_types(unchanging(compiled.function), structure, types, numbers)
    for node in traced.graph.constants:
        if node.primitive is VARIABLE:
            raise TraceError(
                f"the function uses a tensor of type {node.type!r} that requires a gradient and is "
                "no argument: its value would be fixed at this moment. Pass it, or the model "
                "that it belongs to, as an argument, or use its .detach()ed value."
            )
    arity = len(args)
    for index in compiled.donate:
        if not -arity <= index < arity:
            raise ArgumentError(
                f"compile: donate names argument {index}, there are {arity} arguments"
            )
    donate = tuple(index % arity for index in compiled.donate)
    graph, _ = simplify(traced.graph, FAST if compiled.accuracy == "fast" else NATIVE)
    donated = _leaves_of(structure, donate)
    if compiled.check_finite:
        donated = frozenset()
    plan = _Donation(structure, traced.result, graph, donated, donate)
    program = write_program(
        graph,
        host(),
        threads=min(compiled.threads or _processors(), MAX_THREADS),
        accuracy=compiled.accuracy,
        in_place=plan.in_place,
        memory=compiled.memory,
    )
    return Specialized(compiled, traced, program, structure, plan, donated, tuple(numbers))


def _processors() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _leaves_of(structure: Tree, arguments: Sequence[int]) -> frozenset[int]:
    """The numbers of the leaves of some arguments."""
    found: set[int] = set()
    first = 0
    for index, child in enumerate(structure.children):
        if index in arguments:
            found |= set(range(first, first + child.leaves))
        first += child.leaves
    return frozenset(found)


class _Donation:
    """Which result takes over the memory of which donated leaf.

    Attributes:
        in_place: for each result leaf the number of an input leaf, or None.
        result: the shape of what is returned, in which leaves are (result leaf number).
        whole: for each part of the result that is an argument as a whole: its path there.
    """

    def __init__(
        self,
        structure: Tree,
        result: Tree,
        graph: Graph,
        donated: frozenset[int],
        arguments: Sequence[int],
    ) -> None:
        self.in_place: list[int | None] = [None] * len(graph.outputs)
        self.kept: dict[tuple[int, ...], int] = {}
        self._structure = structure
        self._graph = graph
        free = set(donated)
        starts = []
        first = 0
        for child in structure.children:
            starts.append(first)
            first += child.leaves
        candidates: list[tuple[tuple[int, ...], Tree, int]] = [((), result, 0)]
        if result.kind is tuple:
            place = 0
            for index, child in enumerate(result.children):
                candidates.append(((index,), child, place))
                place += child.leaves
        if donated:
            for path, tree, place in candidates:
                for index in arguments:
                    own = range(starts[index], starts[index] + tree.leaves)
                    if (
                        tree == structure.children[index]
                        and tree.leaves
                        and free.issuperset(own)
                        and all(
                            graph.inputs[i].type is graph.outputs[place + i - own.start].type
                            for i in own
                        )
                    ):
                        self.kept[path] = index
                        for i in own:
                            self.in_place[place + i - own.start] = i
                        free -= set(own)
                        break
        for place, node in enumerate(graph.outputs):
            if self.in_place[place] is None:
                donor = next((i for i in sorted(free) if graph.inputs[i].type is node.type), None)
                if donor is not None:
                    self.in_place[place] = donor
                    free.discard(donor)


class Specialized:
    """A native program and what it takes to call it.

    Attributes:
        program: the program.
        traced: what it was made from.
    """

    def __init__(
        self,
        compiled: Compiled,
        traced: Traced,
        program: Program,
        structure: Tree,
        plan: _Donation,
        donated: frozenset[int],
        numbers: tuple[bool, ...],
    ) -> None:
        self.numbers = numbers
        self.compiled = compiled
        self.traced = traced
        self.program = program
        self.structure = structure
        self.donated = donated
        self.plan = plan
        self.bound = Bound(program, host())

    def door(
        self, args: tuple[Any, ...], otherwise: Callable[..., Any]
    ) -> Callable[..., Any] | None:
        """How Python calls the program with arguments like these, and ``otherwise`` with others.

        None where results have to be looked at.
        """
        if self.compiled.check_finite:
            return None
        return make_door(self._spec(otherwise), args)

    def _spec(self, otherwise: Callable[..., Any]) -> DoorSpec:
        program, bound = self.program, self.bound
        leaves = tuple(
            Argument(node.type, slot, index in self.donated, self.numbers[index])
            for index, (node, slot) in enumerate(
                zip(program.frame.graph.inputs, program.inputs, strict=True)
            )
        )
        launch = None
        if bound.threads > 1:
            workers = pool()
            launch = Launch(
                workers.launch_adaptive_address,
                workers.state_address,
                bound.threads,
                bound.policy,
            )
        return DoorSpec(
            name=getattr(self.compiled.function, "__name__", "compiled"),
            arguments=self.structure,
            leaves=leaves,
            result=self._result(),
            table=bound.table,
            program=bound.address,
            slow=otherwise,
            failed=self._failed,
            status=1,
            launch=launch,
            lock=bound.lock,
            keep=(bound, self),
        )

    def _result(self) -> Result:
        paths = _leaf_paths(self.structure)
        place = 0

        def part(tree: Tree, path: tuple[int, ...]) -> Result:
            nonlocal place
            kept = self.plan.kept.get(path)
            if kept is not None:
                place += tree.leaves
                return Kept((kept,))
            if tree.kind is None:
                donor = self.plan.in_place[place]
                node = self.program.frame.graph.outputs[place]
                slot = self.program.outputs[place]
                place += 1
                return Fresh(node.type, slot) if donor is None else Reused(paths[donor])
            children = tuple(part(c, (*path, i)) for i, c in enumerate(tree.children))
            return Made(tree, children)

        return part(self.traced.result, ())

    def __call__(self, args: tuple[Any, ...], leaves: Sequence[Any], nodes: Sequence[Node]) -> Any:
        """Run on arguments of the right types, however they lie in memory."""
        arrays: list[np.ndarray[Any, Any]] = []
        for index, node in enumerate(nodes):
            value = np.asarray(node.value)
            if index in self.donated and not _can_be_overwritten(value):
                value = np.array(value, order="C")
            arrays.append(np.require(value, requirements=["C", "ALIGNED"]).reshape(node.shape))
        for index in _overlapping(arrays, self.donated):
            arrays[index] = arrays[index].copy()  # what is overwritten is no other argument
        try:
            with nullcontext() if self.bound.lock is None else self.bound.lock:
                results = self.bound.run(arrays)
        except StatusError as error:
            return self._failed(error.status, *args)
        except ReenteredError:
            return self._failed(REENTERED, *args)
        if self.compiled.check_finite:
            blame(self.traced.graph, arrays, results)
        tensors = []
        for place, value in enumerate(results):
            donor = self.plan.in_place[place]
            tensors.append(_tensor(value, None if donor is None else leaves[donor]))
        return self.traced.result.build(tensors)

    def _failed(self, status: int, *args: Any) -> Any:
        """Raise what went wrong in a run; one inside of another one is left to the function."""
        if status == REENTERED:
            return self.compiled.function(*args)
        if status == FAILED:
            error = self.bound.take_error()
            assert error is not None
            raise error
        values = [np.asarray(as_node(leaf).value) for leaf in flatten(args)[0]]
        blame_index(self.traced.graph, values)
        lookup = self.program.lookups[status - FAILED - 1]
        raise IndexingError(
            f"an index is outside an axis of size {lookup.extent}: the indices are a "
            f"{lookup.node.type!r}. Indices go from {-lookup.extent} to {lookup.extent - 1}."
        )


def _can_be_overwritten(value: np.ndarray[Any, Any]) -> bool:
    return bool(value.flags.writeable and value.flags.c_contiguous and value.flags.aligned)


def _overlapping(arrays: Sequence[np.ndarray[Any, Any]], donated: frozenset[int]) -> set[int]:
    """The donated arrays that share memory with another one."""
    spans = sorted(
        (value.ctypes.data, value.ctypes.data + value.nbytes, index)
        for index, value in enumerate(arrays)
        if value.nbytes
    )
    found: set[int] = set()
    end, owner = 0, -1
    for first, last, index in spans:
        if first < end:
            found |= {index, owner} & donated
        if last > end:
            end, owner = last, index
    return found


def _tensor(value: np.ndarray[Any, Any], donor: Any) -> Tensor:
    """A result; where it takes over a leaf that requires a gradient, it is such a leaf again."""
    if isinstance(donor, Tensor) and donor.node.primitive is VARIABLE:
        return Tensor(variable(value, donor._cell()))
    if donor is None and value.ndim == 0:
        return Tensor(array(value[()]))
    return Tensor(array(value))


def _leaf_paths(tree: Tree, path: tuple[int, ...] = ()) -> list[tuple[int, ...]]:
    if tree.kind is None:
        return [path]
    return [p for i, child in enumerate(tree.children) for p in _leaf_paths(child, (*path, i))]
