"""Every primitive × the law that the native target agrees with the reference."""

import zlib
from collections.abc import Iterator

import numpy as np
import pytest

from chainrule.core.graph import Graph
from chainrule.core.node import Node, apply, input_node
from chainrule.core.types import ArrayType, type_of
from chainrule.lower.llvm import calls
from chainrule.lower.llvm.elementwise import ELEMENTWISE, ulps
from chainrule.lower.llvm.plan.group import REDUCTIONS
from chainrule.lower.llvm.plan.views import VIEWS
from chainrule.lower.llvm.special import SPECIAL
from chainrule.lower.target import NotDefined
from chainrule.ops.calls import item
from chainrule.ops.record import Call, Case, Elementwise, Primitive, Projection, Selection
from chainrule.ops.sampling import cases_of
from chainrule.ops.table import PRIMITIVES
from tests.conformance.laws import require
from tests.lower.programs import Native

EXAMINED = [name for name, record in PRIMITIVES.items() if not isinstance(record, Projection)]

RUNNING = {"cumsum", "cumprod", "linear_recurrence"}
"""Sums and products in a fixed order."""

EXACT = {*VIEWS, *RUNNING, "cast", "max", "min"}
"""Primitives whose bits are those of the reference, beside integers and selections."""

TABLES: dict[str, set[str]] = {
    "views": set(VIEWS),
    "elementwise": set(ELEMENTWISE) - set(VIEWS),
    "reductions": set(REDUCTIONS),
    "loops": {"cast", "logsumexp"},
    "products": {"contract", "conv"},
    "special": set(SPECIAL),
    "calls": {*calls.PLAN, "item"},
}


def _in_precision(case: Case, dtype: type) -> Case:
    values = tuple(v.astype(dtype) if v.dtype.kind == "f" else v for v in case.sources)
    return Case(values, tuple(np.dtype(dtype) if a == np.float64 else a for a in case.argument))


def _results(y: Node) -> list[Node]:
    if isinstance(y.type, ArrayType):
        return [y]
    return [item(y, index=index) for index in range(len(y.type.items))]


def _together(record: Primitive, cases: list[Case]) -> Graph:
    """One graph of all cases, so that they are compiled at once."""
    inputs: list[Node] = []
    outputs: list[Node] = []
    for case in cases:
        own = [input_node(type_of(value)) for value in case.sources]
        inputs += own
        outputs += _results(apply(record, tuple(own), case.argument))
    return Graph(inputs, outputs)


def _references(record: Primitive, cases: list[Case]) -> Iterator[np.ndarray]:
    for case in cases:
        found = record.evaluate(*case.sources, *case.argument)
        yield from map(np.asarray, found if isinstance(found, tuple) else (found,))


def _agree(record: Primitive, found: np.ndarray, wanted: np.ndarray, what: str) -> None:
    if wanted.dtype.kind != "f" or isinstance(record, Selection) or record.name in EXACT:
        require(np.array_equal(found, wanted), f"{what}: {found} instead of {wanted}")
        return
    require(bool(np.all(np.isfinite(found))), f"{what}: {found} is not finite")
    a, b = found.astype(np.float64), wanted.astype(np.float64)
    info = np.finfo(wanted.dtype)
    if isinstance(record, Elementwise):
        step = np.spacing(np.maximum(np.abs(wanted), info.tiny)).astype(np.float64)
        allowed = record.tolerance + ulps(record.name, wanted.dtype)
    else:  # relative to the largest element: terms may cancel
        step = float(info.eps) * np.max(np.abs(b), initial=1.0)
        allowed = 32
    worst = np.max(np.abs(a - b) / step, initial=0.0)
    require(worst <= allowed, f"{what}: off by {worst:.1f} ulps (allowed {allowed}): {a} / {b}")


@pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16])
@pytest.mark.parametrize("name", EXAMINED)
def test_native_agrees_with_the_reference(name: str, dtype: type) -> None:
    record = PRIMITIVES[name]
    rng = np.random.default_rng(zlib.crc32(f"{name} native".encode()))
    cases = [_in_precision(case, dtype) for case in cases_of(record, rng)]
    floats = any(value.dtype.kind == "f" for case in cases for value in case.sources)
    if dtype is not np.float64 and (not floats or isinstance(record, Call)):
        pytest.skip("one precision is all there is")
    if dtype is np.float16 and isinstance(SPECIAL.get(name), NotDefined):
        pytest.skip("LAPACK knows no float16")
    with np.errstate(all="ignore"):
        wanted = list(_references(record, cases))
        found = Native(_together(record, cases))(*(v for case in cases for v in case.sources))
    for a, b in zip(found, wanted, strict=True):
        _agree(record, a, b, f"{name} of {np.dtype(dtype).name}")


def test_every_primitive_is_in_exactly_one_table() -> None:
    for name in PRIMITIVES:
        owners = [table for table, names in TABLES.items() if name in names]
        assert len(owners) == 1, f"{name} is in {owners or 'no table'}"
    assert set().union(*TABLES.values()) == set(PRIMITIVES)


@pytest.mark.parametrize("name", sorted(SPECIAL))
def test_the_reference_is_called_only_where_the_table_says_so(name: str) -> None:
    record = PRIMITIVES[name]
    case = next(cases_of(record, np.random.default_rng(0)))
    program = Native(_together(record, [case])).program
    entry = SPECIAL[name]
    reasons = [fallback.reason for fallback in program.fallbacks]
    assert reasons == ([entry.reason] if isinstance(entry, NotDefined) else [])
