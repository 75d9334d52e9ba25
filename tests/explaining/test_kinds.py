"""Which kind of explanation an input calls for, and options that contradict each other."""

import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.errors import ArgumentError
from chainrule.explaining.kinds import KINDS, kind_of


@pytest.mark.parametrize(
    ("f", "args", "options", "kind"),
    [
        ("x^2", (), {}, "derivative"),
        ("x^2", (1.0,), {"kind": "limit"}, "limit"),
        ("x^2 + y^2 = 25", (), {}, "implicit"),
        ("x^3 + y^3 = 6 x y", (), {}, "implicit"),
        (cr.parse("x = y^2"), (), {}, "implicit"),
        ("x^2, y = 3", (), {}, "derivative"),
        ("x y", (), {"direction": (3, 4)}, "directional"),
        (lambda x: x, (np.ones(3),), {}, "arrays"),
        (lambda x: x, (), {"at": {"x": np.ones(3)}}, "arrays"),
        (lambda x: x, ([1.0, 2.0],), {}, "arrays"),
        (lambda x: x, (np.float64(3),), {}, "derivative"),
        (cr.nn.ReLU(), (), {}, "arrays"),
        ("(w x - y)^2", (1.0, 2.0, 3.0), {"kind": "graph"}, "graph"),
    ],
)
def test_kind_of(f: Any, args: Any, options: dict[str, Any], kind: str) -> None:
    at, asked, direction = (options.get(name) for name in ("at", "kind", "direction"))
    assert kind_of(f, args, at, asked, direction) == kind


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kind": "integral"}, "no kind 'integral'; the kinds are 'derivative', 'limit'"),
        ({"kind": ["limit"]}, "no kind ['limit']"),
        ({"kind": "limit", "direction": 1}, "not with kind='limit'"),
        ({"kind": "directional"}, "direction=(3, 4)"),
        ({"order": 0}, "at least 1"),
        ({"order": True}, "at least 1"),
        ({"order": 1.0, "kind": "taylor"}, "at least 1"),
    ],
)
def test_contradictions(options: dict[str, Any], words: str) -> None:
    with pytest.raises(ArgumentError) as caught:
        cr.explain("x^2", **options)
    assert words in str(caught.value)
    if "integral" in words:
        assert all(repr(kind) in str(caught.value) for kind in KINDS)


@pytest.mark.parametrize("room", ["arrays", "graph", "graph.matrices", "arrays.derive"])
def test_each_room_may_be_imported_first(room: str) -> None:
    code = f"import chainrule.explaining.{room}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_definitions_are_a_graph() -> None:
    text, at = "z = w x, L = (z - y)^2", {"w": 1.0, "x": 2.0, "y": 3.0}
    assert cr.explain(text, at=at) == cr.explain(text, at=at, kind="graph")
    assert cr.explain("x^2 y, x + y").kind == "derivative"
    assert cr.explain("y = x^2").kind == "implicit"
