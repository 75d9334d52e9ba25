"""A scan taken apart, so that its sources, carries and results can be changed one by one."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from chainrule.core.graph import Graph, replace
from chainrule.core.node import Node, input_node, topological
from chainrule.ops.calls import call
from chainrule.ops.scan import scan
from chainrule.ops.shape import broadcast_to


@dataclass
class Built:
    """What a scan gave: by its hole the last value of a carry, by its place an emitted sequence."""

    finals: dict[Node, Node]
    rows: dict[int, Node]


@dataclass(frozen=True)
class Answer:
    """How a result of the original scan follows from what the changed one gives.

    Attributes:
        finals: the holes of the carries whose last value it needs.
        rows: the places of the emitted nodes whose sequences it needs.
        value: the result.
    """

    finals: tuple[Node, ...]
    rows: tuple[int, ...]
    value: Callable[[Built], Node]


@dataclass
class Loop:
    """A scan.

    Attributes:
        constants: for each hole of the body the source that is the same in each step.
        initial: for each carry's hole the source that it starts from.
        after: for each carry's hole its value after a step.
        slices: for each hole the sequence whose slices it stands for.
            A source is None where nobody needs it.
        emitted: what each step may emit; the places in this list do not change.
        length: the number of steps.
        reverse: whether the steps go from the last slice to the first.
        answers: for each result of the original scan how to get it; None where nobody asks.
    """

    constants: dict[Node, Node]
    initial: dict[Node, Node]
    after: dict[Node, Node]
    slices: dict[Node, Node]
    emitted: list[Node]
    length: int
    reverse: bool
    answers: list[Answer | None] = field(default_factory=list)

    @classmethod
    def of(cls, node: Node, sources: Sequence[Node]) -> Loop:
        """The scan ``node``, over ``sources`` in place of its own."""
        body, length, constants, carries, reverse = node.argument
        split = constants + carries
        pairs = list(zip(body.inputs, sources, strict=True))
        holes = body.inputs[constants:split]
        loop = cls(
            dict(pairs[:constants]),
            dict(pairs[constants:split]),
            dict(zip(holes, body.outputs, strict=False)),
            dict(pairs[split:]),
            list(body.outputs[carries:]),
            length,
            reverse,
        )
        loop.answers += [_final(hole) for hole in holes]
        loop.answers += [_row(place) for place in range(len(loop.emitted))]
        return loop

    # -- looking at it -----------------------------------------------------------------------------

    @property
    def holes(self) -> list[Node]:
        """The inputs of the body."""
        return [*self.constants, *self.after, *self.slices]

    @property
    def outputs(self) -> list[Node]:
        """What the body computes."""
        return [*self.after.values(), *self.emitted]

    def order(self) -> list[Node]:
        """The nodes of the body, sources before users."""
        return topological(self.outputs, stop=self.holes)

    def users(self) -> Counter[Node]:
        """How often the body uses each of its nodes, outputs included."""
        users = Counter(self.outputs)
        holes = {*self.holes}
        for node in self.order():
            if node not in holes:
                users.update(node.sources)
        return users

    # -- changing it -------------------------------------------------------------------------------

    def emit(self, node: Node) -> int:
        """The place of ``node`` among what is emitted, where it is put if it is not there yet."""
        if node not in self.emitted:
            self.emitted.append(node)
        return self.emitted.index(node)

    def new_constant(self, source: Node) -> Node:
        """A hole for one more source that is the same in each step."""
        hole = input_node(source.type)
        self.constants[hole] = source
        return hole

    def substitute(self, new: Mapping[Node, Node]) -> None:
        """Put other nodes in the place of some nodes of the body."""
        if new:
            outputs = iter(replace(self.outputs, new))
            self.after = {hole: next(outputs) for hole in self.after}
            self.emitted = list(outputs)

    def share(self) -> None:
        """One hole for sources that are the same; a carry that no step changes is a constant."""
        for hole in [hole for hole, after in self.after.items() if after is hole]:
            self.constants[hole] = self.initial.pop(hole)
            del self.after[hole]
        same: dict[Node, Node] = {}
        for part in (self.constants, self.slices):
            first: dict[Node, Node] = {}
            for hole, source in part.items():
                if source is not None and first.setdefault(source, hole) is not hole:
                    same[hole] = first[source]
        self.substitute(same)

    # -- putting it together -----------------------------------------------------------------------

    def needed(self) -> tuple[list[Node], list[int], list[Node]]:
        """The carries and the places among the emitted nodes that the answers need, and all holes
        on which these depend."""
        answers = [answer for answer in self.answers if answer is not None]
        places = sorted({place for answer in answers for place in answer.rows})
        wanted = {hole for answer in answers for hole in answer.finals}
        roots = [self.emitted[place] for place in places]
        roots += [self.after.get(hole, hole) for hole in wanted]
        holes = {*self.holes}
        reached: set[Node] = set()
        while roots:
            new = {*topological(roots, stop=(*holes, *reached))} - reached
            reached |= new
            found = [hole for hole in self.after if hole in new and hole not in wanted]
            wanted.update(found)
            roots = [self.after[hole] for hole in found]
        reached |= wanted
        return (
            [hole for hole in self.after if hole in wanted],
            places,
            [hole for hole in self.holes if hole in reached],
        )

    @property
    def sources(self) -> list[Node]:
        """The nodes on which the answers depend."""
        given = {**self.constants, **self.initial, **self.slices}
        return [given[hole] for hole in self.needed()[2]]

    def _outer(self, node: Node) -> Node | None:
        """The sequence of what the body computes, where it is known without running it."""
        if node in self.slices:
            return self.slices[node]
        if node in self.after or (node.sources and node not in self.constants):
            return None
        return broadcast_to(self.constants.get(node, node), (self.length, *node.shape))

    def is_minimal(self) -> bool:
        """Whether `build` would give the scan with all of these holes and emitted nodes."""
        carries, places, reached = self.needed()
        emitted = {self.emitted[place] for place in places}
        inside = [node for node in emitted if self._outer(node) is None]
        sizes = len(carries), len(reached), len(inside)
        return sizes == (len(self.after), len(self.holes), len(self.emitted))

    def build(self) -> Built:
        """The scan that gives what the answers need, and nothing else."""
        carries, places, _ = self.needed()
        rows = {place: self._outer(self.emitted[place]) for place in places}
        emitted = [*dict.fromkeys(self.emitted[p] for p, row in rows.items() if row is None)]
        outputs = [*(self.after[hole] for hole in carries), *emitted]
        finals = dict(self.constants)
        if not outputs:
            return Built(finals, {p: row for p, row in rows.items() if row is not None})
        reached = {*topological(outputs, stop=self.holes)}
        constants = [hole for hole in self.constants if hole in reached]
        slices = [hole for hole in self.slices if hole in reached]
        found = call(
            scan,
            [
                *(self.constants[hole] for hole in constants),
                *(self.initial[hole] for hole in carries),
                *(self.slices[hole] for hole in slices),
            ],
            (
                Graph((*constants, *carries, *slices), outputs),
                self.length,
                len(constants),
                len(carries),
                self.reverse,
            ),
        )
        finals.update(zip(carries, found, strict=False))
        made = dict(zip(emitted, found[len(carries) :], strict=True))
        return Built(
            finals,
            {p: made[self.emitted[p]] if row is None else row for p, row in rows.items()},
        )

    def results(self) -> list[Node | None]:
        """The results of the original scan."""
        built = self.build()
        return [None if answer is None else answer.value(built) for answer in self.answers]


def _final(hole: Node) -> Answer:
    return Answer((hole,), (), lambda built: built.finals[hole])


def _row(place: int) -> Answer:
    return Answer((), (place,), lambda built: built.rows[place])
