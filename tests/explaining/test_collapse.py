"""Folding large graphs: every node in one box, no cycle, no edge lost, whatever the graph is."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.explaining.graph.drawing.collapse import (
    Box,
    Item,
    Kind,
    collapse,
    opened,
    owners,
)
from chainrule.explaining.graph.drawing.repeats import Run, find_runs
from chainrule.explaining.graph.drawing.scene import Graph
from chainrule.explaining.graph.recording import record


@st.composite
def graphs(draw: st.DrawFn) -> list[Item]:
    """Graphs with names, modules, far and near sources; often with equal stretches."""
    count = draw(st.integers(1, 90))
    pattern = draw(st.integers(1, 7))
    items: list[Item] = []
    for index in range(count):
        leaf = index == 0 or draw(st.integers(0, 5)) == 0
        if draw(st.booleans()):
            sources = tuple(index - k for k in (1, pattern) if index - k >= 0)
        else:
            sources = tuple(draw(st.lists(st.integers(0, max(index - 1, 0)), max_size=3)))
        depth = draw(st.integers(0, 3))
        items.append(
            Item(
                name=f"h_{index}",
                own=draw(st.booleans()),
                structure=index % pattern,
                sources=() if leaf else sources or (0,),
                layer=tuple(f"layers.{index // 9}.{k}" for k in range(depth)) if not leaf else (),
                path=draw(st.sampled_from(["", "x", "model.weight"])) if leaf else "",
                leaf=leaf,
            )
        )
    return items


def laws(items: list[Item], boxes: tuple[Box, ...], members: set[int], limit: int) -> None:
    """What holds of the boxes into which ``members`` are folded."""
    assert len(boxes) <= limit
    assert sorted(m for box in boxes for m in box.members) == sorted(members)
    owner = owners(boxes)
    for index in members:
        for source in set(items[index].sources) & members:
            assert owner[source] <= owner[index], "sources first, so there is no cycle"
    for box in boxes:
        inner = [m for part in box.parts for m in part.members]
        assert not box.parts or sorted(inner) == list(box.members)
        assert box.folded == (len(box.members) > 1)


@settings(max_examples=80)
@given(items=graphs(), limit=st.integers(10, 40))
def test_every_node_is_in_one_box_and_sources_come_first(items: list[Item], limit: int) -> None:
    boxes = collapse(items, limit)
    laws(items, boxes, set(range(len(items))), limit)
    waiting = [box for box in boxes if box.folded]
    seen = 0
    while waiting:
        box = waiting.pop()
        inner = opened(items, box, limit)
        laws(items, inner, set(box.members), limit)
        assert len(inner) > 1, "opening shows something"
        waiting.extend(part for part in inner if part.folded)
        seen += 1
    assert seen <= 3 * len(items)


def test_what_fits_is_not_folded() -> None:
    items = [Item(f"x_{k}", False, "sin", (k - 1,) if k else (), leaf=not k) for k in range(10)]
    assert all(box.kind is Kind.node for box in collapse(items, 10))
    assert any(box.folded for box in collapse([*items, Item("y", True, "sin", (9,))], 10))


def test_unnamed_steps_join_the_named_node_that_alone_uses_them() -> None:
    x = Item("x", True, "input", (), leaf=True)
    shared = Item("v_1", False, "sin", (0,))
    used_by_a = Item("v_2", False, "cos", (1,))
    a = Item("a", True, "mul", (2, 1))
    b = Item("b", True, "add", (1, 3))
    rest = [Item(f"r_{k}", True, "sin" if k % 2 else "exp", (4,)) for k in range(9)]
    boxes = collapse([x, shared, used_by_a, a, b, *rest], 13)
    found = {box.title: box.members for box in boxes}
    assert found["a"] == (2, 3)
    assert found["v_1"] == (1,)


def rnn(x, W, U, b):  # type: ignore[no-untyped-def]
    h = np.zeros(3)
    for t in range(len(x)):
        z = W @ h + U @ x[t] + b
        h = cr.tanh(z)
    L = (h**2).sum()
    return L  # noqa: RET504 - the name of the result


def test_the_steps_of_a_loop_are_one_box_with_their_count() -> None:
    rng = np.random.default_rng(0)
    shapes = ((120, 2), (3, 3), (3, 2), (3,))
    graph = Graph(record(rnn, *[rng.normal(size=shape) for shape in shapes]))
    boxes = collapse(graph.items, 40)
    (turns,) = [box for box in boxes if box.kind is Kind.repeat]
    assert len(turns.parts) >= 118
    assert turns.title == "h_3 … h_121"
    assert {part.kind for part in turns.parts} == {Kind.block}
    assert [box.title for box in boxes][:4] == ["x", "W", "U", "b"]


def test_calls_of_modules_are_boxes_and_equal_layers_repeat() -> None:
    key = cr.random.key(0)
    layers = [
        layer
        for _ in range(20)
        for layer in (cr.nn.Linear(4, 4, key=key), cr.nn.LayerNorm(4), cr.nn.Tanh())
    ]
    model = cr.nn.Sequential(*layers)
    graph = Graph(record(lambda model, x: model(x).sum(), model, np.ones((2, 4))))
    boxes = collapse(graph.items, 60)
    (turns,) = [box for box in boxes if box.kind is Kind.repeat]
    blocks = [part for part in turns.parts if part.kind is Kind.block]
    assert len(blocks) in (19, 20)
    kinds = [part.kind for part in blocks[3].parts]
    assert kinds.count(Kind.module) == 2
    weights = [item.path for item in graph.items if item.path.endswith("weight")]
    shown = {graph.items[box.members[0]].path for box in boxes if box.kind is Kind.node}
    assert len(shown & set(weights)) <= 2, "parameters are in the boxes of their modules"


def test_runs_need_equal_wiring() -> None:
    near = [[(1, k - 1)] for k in range(12)]
    assert find_runs("a" * 12, near) == [Run(0, 1, 12)]
    memory = [[(k, 0)] for k in range(12)]  # each reads the same one
    assert find_runs("a" * 12, memory) == [Run(0, 1, 12)]
    uneven = [[(k % 5, 7 * k)] for k in range(12)]
    assert all(run.period == 5 for run in find_runs("a" * 12, uneven))
