"""Graphs: closed, printable, evaluable."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ShapeError, TraceError, TreeError
from chainrule.core.graph import Graph, close
from chainrule.core.node import array, input_node, variable
from chainrule.core.types import DTYPES, array_type

F64 = DTYPES["float64"]


def test_printed_graph_is_readable() -> None:
    program = cr.trace(lambda x, w: {"y": (x * w + 2.0) ** 2}, np.ones(3), 2.0)
    lines = str(program).splitlines()
    assert lines[0] == "inputs  x: float64[3], w: float64[]"
    assert lines[1].startswith("%1 = mul(x, w): float64[3]")
    assert lines[2].startswith("%2 = add(%1, 2.0): float64[3]")
    assert lines[3].startswith("%3 = integer_pow(%2, n=2): float64[3]")
    assert lines[-1] == "outputs %3"


def test_source_lines_are_kept_beside_the_graph() -> None:
    def f(x):
        y = x * x
        return y + x * x

    program = cr.trace(f, 1.0)
    product = next(n for n in program.graph.nodes if n.primitive.name == "mul")
    lines = {note.text for note in program.graph.notes[product]}
    assert lines == {"y = x * x", "return y + x * x"}, "one node, both lines that wrote it"
    assert all(note.function == "f" for note in program.graph.notes[product])


def test_program_evaluates_on_new_values() -> None:
    program = cr.trace(lambda p: p["a"] * p["b"], {"a": 1.0, "b": 2.0})
    assert program({"a": 3.0, "b": 4.0}).item() == 12.0
    with pytest.raises(TreeError):
        program(3.0)
    with pytest.raises(ShapeError, match="traced with shape"):
        program({"a": np.ones(2), "b": 1.0})


def test_graph_must_be_closed() -> None:
    x, y = (input_node(array_type((), F64)) for _ in range(2))
    with pytest.raises(TraceError, match="not one of its inputs"):
        Graph([x], [x * y])


def test_tensor_used_after_tracing() -> None:
    kept = []

    def f(x):
        kept.append(x)
        return x * 2.0

    cr.trace(f, 1.0)
    with pytest.raises(TraceError, match="traced"):
        float(kept[0] + 1.0)
    with pytest.raises(TraceError, match="kept from another trace"):
        cr.trace(lambda x: x + kept[0], 1.0)


def test_value_asked_of_a_traced_tensor() -> None:
    def f(x):
        if x > 0:
            return x
        return -x

    with pytest.raises(TraceError, match=r"cr\.where") as caught:
        cr.trace(f, 1.0)
    assert "if x > 0:" in str(caught.value), "the message shows the user's line"


def test_evaluate_frees_and_computes() -> None:
    x = input_node(array_type((2,), F64))
    y = x
    for _ in range(50):
        y = y * x + array(np.ones(2))
    graph = Graph([x], [y, x])
    value = np.array([0.5, -1.0])
    wanted = value
    for _ in range(50):
        wanted = wanted * value + 1.0
    found, same = graph.evaluate([value])
    np.testing.assert_array_equal(found, wanted)
    assert same is value


def test_close_captures_what_may_be_differentiated() -> None:
    x = input_node(array_type((), F64))
    w, c = variable(np.asarray(2.0)), array(np.asarray(3.0))
    graph, captured = close([x], [x * (w * c) + c])
    assert [node.value for node in captured] == [6.0], "the whole outer part is one input"
    assert len(graph.inputs) == 2
    assert graph.evaluate([np.asarray(5.0), np.asarray(6.0)]) == [33.0]
