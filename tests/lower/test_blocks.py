"""Rows in blocks: sums along rows, what follows for each row, and sums across rows in one run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.lower.llvm.machine import MACHINES, host
from chainrule.lower.llvm.plan.group import Group
from chainrule.lower.llvm.plan.schedule import Schedule
from chainrule.lower.llvm.program import write_program
from chainrule.lower.llvm.runtime.jit import compile_object
from chainrule.rewrite.simplify import simplify
from tests.fuzz.draw import draw
from tests.fuzz.hunt import outcome
from tests.lower.programs import Array, Native

LOSSES: dict[str, Callable[[Any, Any], Any]] = {
    "logistic": lambda z, y: cr.softplus(z) - y * z,
    "squares": lambda z, y: (z - y) ** 2,
    "poisson": lambda z, y: cr.exp(z) - y * z,
    "hinge": lambda z, y: cr.relu(1 - (2 * y - 1) * z),
}


def regression(name: str) -> Callable[..., Any]:
    """Value and both gradients of a mean loss of x w + b, with a penalty."""

    def loss(w: Any, b: Any, x: Any, y: Any) -> Any:
        return LOSSES[name](x @ w + b, y).mean() + 0.1 * (w * w).sum()

    def f(*arguments: Any) -> Any:
        value, slopes = cr.value_and_grad(loss, argnums=(0, 1))(*arguments)
        return value, *slopes

    return f


def data(rows: int, columns: int, dtype: Any = np.float32) -> list[Array]:
    rng = np.random.default_rng(rows + columns)
    w, b = 0.1 * rng.normal(size=columns), np.asarray(0.3)
    x, y = rng.normal(size=(rows, columns)), rng.integers(2, size=rows)
    return [a.astype(dtype) for a in (w, b, x, y)]


def graph_of(f: Callable[..., Any], arguments: list[Array]) -> Any:
    return simplify(cr.trace(f, *map(cr.tensor, arguments)).graph)[0]


def groups_of(f: Callable[..., Any], arguments: list[Array]) -> list[Group]:
    """The groups that go through an array as large as the largest argument."""
    largest = max(a.size for a in arguments)
    program = write_program(graph_of(f, arguments), host())
    return [step.group for step in program.frame.steps if step.group.size >= largest]


def agrees(f: Callable[..., Any], arguments: list[Array], tolerance: float | None = None) -> None:
    """The program computes what eager evaluation does in float64, within rounding."""
    native = Native(graph_of(f, arguments))
    wide = [a.astype(np.float64) if a.dtype.kind == "f" else a for a in arguments]
    wanted = f(*map(cr.tensor, wide))
    wanted = wanted if isinstance(wanted, tuple) else (wanted,)
    single = any(a.dtype == np.float32 for a in arguments)
    for found, y in zip(native(*arguments), wanted, strict=True):
        scale = max(1.0, float(np.max(np.abs(y.numpy()), initial=0.0)))
        limit = tolerance or (2e-5 if single else 1e-12)
        np.testing.assert_allclose(found, y.numpy(), atol=limit * scale, rtol=0)


@pytest.mark.parametrize("name", LOSSES)
def test_value_and_gradient_are_one_run_over_the_data(name: str) -> None:
    (group,) = groups_of(regression(name), data(1000, 100))
    assert group.in_blocks
    assert {node.shape for node in group.across} == {(), (100,)}
    assert not any(node.type.size == 1000 for node in group.stored), "no row is written to memory"


def test_where_rows_are_few_or_long_they_are_worked_on_one_by_one() -> None:
    for rows, columns in ((12, 100), (8, 4096), (2000, 4)):
        groups = groups_of(regression("logistic"), data(rows, columns))
        assert not any(group.in_blocks for group in groups)


@pytest.mark.parametrize(
    ("shape", "one_pass", "several"),
    [
        ((32, 10), True, True),
        ((512, 256), True, True),
        ((512, 257), False, False),
        ((40, 25, 10), False, True),  # 9 of 25 rows are left over
        ((256, 4, 64), False, False),
    ],
)
def test_short_rows_are_worked_on_together(
    shape: tuple[int, ...], one_pass: bool, several: bool
) -> None:
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    for f, wanted in (
        (lambda x: (x * x).sum(axis=-1), one_pass),
        (lambda x: cr.softmax(x, axis=-1), several),
    ):
        (group,) = groups_of(f, [x])
        assert group.in_blocks == wanted
        agrees(f, [x])


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_regressions(name: str, dtype: Any) -> None:
    for rows, columns in ((1023, 17), (512, 32), (165, 100), (33, 500), (1000, 129)):
        agrees(regression(name), data(rows, columns, dtype))


@pytest.mark.parametrize("rows", [0, 1, 2, 15, 16, 17, 31, 33])
def test_few_rows(rows: int) -> None:
    """Also where blocks are forced upon them, see the next test, the last part is short."""
    if rows:
        agrees(regression("logistic"), data(rows, 512))
    else:
        w, b, x, y = data(0, 100)
        total = lambda *a: LOSSES["logistic"](a[2] @ a[0] + a[1], a[3]).sum()
        found = Native(graph_of(cr.grad(total), [w, b, x, y]))(w, b, x, y)
        np.testing.assert_array_equal(found[0], np.zeros(100, np.float32))


def could(group: Group) -> bool:
    """`Group.fits_blocks` without regard to what pays."""
    return group.reduced is not None and group.axes[-1] in group.reduced and group.kept_size > 1


@settings(max_examples=12)
@given(st.integers(2, 70), st.integers(2, 70), st.sampled_from([np.float32, np.float64]))
def test_all_shapes(rows: int, columns: int, dtype: Any) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Group, "fits_blocks", property(could))
        groups = groups_of(regression("logistic"), data(rows, columns, dtype))
        assert [group.in_blocks for group in groups].count(True) == 1
        agrees(regression("logistic"), data(rows, columns, dtype))


@pytest.mark.parametrize("first", [0, pytest.param(400, marks=pytest.mark.slow)])
def test_random_programs(first: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every group that can is worked on in blocks, and sums across rows join wherever they can."""
    plain, done = Schedule.__init__, 0

    def planned(schedule: Schedule, *arguments: Any) -> None:
        nonlocal done
        plain(schedule, *arguments)
        for group in schedule.groups:
            group.in_blocks |= group.kind == "loop" and could(group)
            done += group.in_blocks

    monkeypatch.setattr(Schedule, "__init__", planned)
    monkeypatch.setattr(Group, "fits_blocks", property(could))
    monkeypatch.setattr("chainrule.lower.llvm.plan.group.LARGE", 2)
    for number in range(first, first + (25 if first == 0 else 400)):
        assert outcome(draw(11, number)) in (None, "invalid"), number
    assert done


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_threads_do_not_change_a_bit(dtype: Any) -> None:
    arguments = data(1003, 67, dtype)
    graph = graph_of(regression("logistic"), arguments)
    wanted = Native(graph)(*arguments)
    for threads in (1, 2, 3):
        native = Native(graph, threads)
        for _ in range(3):
            for x, y in zip(native(*arguments), wanted, strict=True):
                assert x.tobytes() == y.tobytes()


@pytest.mark.parametrize("machine", MACHINES)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_object_code_for_every_processor(machine: str, dtype: Any) -> None:
    graph = graph_of(regression("logistic"), data(523, 37, dtype))
    for accuracy in ("default", "fast"):
        program = write_program(graph, MACHINES[machine], threads=2, accuracy=accuracy)
        assert any(step.group.in_blocks for step in program.frame.steps)
        assert b"program" in compile_object(program.text, MACHINES[machine])


# -- what else rows can have one of ----------------------------------------------------------------


def rows(f: Callable[..., Any]) -> Callable[[Callable[[], list[Array]]], Any]:
    """A case: a function, and its arguments."""
    return lambda arguments: pytest.param(f, arguments(), id=f.__name__)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape)


def log_softmax_and_its_columns(x: Any) -> Any:
    y = x - cr.logsumexp(x, axis=1, keepdims=True)
    return y, y.sum(axis=0), (y * y).sum(axis=0)


def several_passes(x: Any, v: Any) -> Any:
    mean = x.mean(axis=1, keepdims=True)
    spread = cr.exp(-((x - mean) ** 2).mean(axis=1, keepdims=True)) * v[:, None]
    score = cr.tanh((x * spread).sum(axis=1))
    return (x * score[:, None]).sum(axis=0), score, (score * v).sum(), spread[:, 0]


def two_kept_axes(x: Any, w: Any, shift: Any, mask: Any) -> Any:
    gate = cr.sigmoid((x * w).sum(axis=2) + shift)
    weight = gate * mask[:, None]
    return (x * weight[..., None]).sum(axis=(0, 1)), weight.sum(), gate


def conditions_on_rows(x: Any, v: Any) -> Any:
    before = cr.concatenate([cr.zeros(1, dtype=v.dtype), v])
    gate = cr.sigmoid((x**2).mean(axis=1) - before)
    longer = cr.pad(x[1:], ((1, 0), (0, 0)))
    return (longer * gate[:, None]).sum(axis=0), (gate * before).sum()


def conditions_along_rows(x: Any, v: Any) -> Any:
    wide = cr.concatenate([cr.exp(v)[:, None], x[:, 1:]], axis=1)
    gate = cr.sigmoid(wide.sum(axis=1) / 9)
    return (wide * gate[:, None]).sum(axis=0), gate.sum()


def booleans_and_extremes(x: Any, v: Any) -> Any:
    high, any_high = x.max(axis=1), (x > 2.5).any(axis=1)
    gate = cr.where(any_high, cr.exp(-high), v)
    return (x * gate[:, None]).sum(axis=0), gate.sum(), any_high, cr.where(any_high[:, None], x, 0)


def look_ups(table: Any, ids: Any, w: Any) -> Any:
    x = table[ids]
    gate = cr.sigmoid(x @ w)
    return (x * gate[:, None]).sum(axis=0), (gate * w[ids % 40]).sum()


CASES = [
    rows(log_softmax_and_its_columns)(lambda: [normal(700, 25)]),
    rows(several_passes)(lambda: [normal(421, 40), normal(421, seed=1)]),
    rows(two_kept_axes)(
        lambda: [normal(13, 37, 41), normal(41, seed=1), normal(37, seed=2), normal(13, seed=3)]
    ),
    rows(conditions_on_rows)(lambda: [normal(600, 33), normal(599, seed=1)]),
    rows(conditions_along_rows)(lambda: [normal(600, 33), normal(600, seed=1)]),
    rows(booleans_and_extremes)(lambda: [normal(600, 40), normal(600, seed=1)]),
    rows(look_ups)(
        lambda: [
            normal(50, 40),
            np.random.default_rng(1).integers(-50, 50, size=450),
            normal(40, seed=2),
        ]
    ),
]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize(("f", "arguments"), CASES)
def test_rows(f: Callable[..., Any], arguments: list[Array], dtype: Any) -> None:
    arguments = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arguments]
    program = write_program(graph_of(f, arguments), host())
    assert any(step.group.in_blocks for step in program.frame.steps)
    agrees(f, arguments)


def test_a_look_up_outside_of_the_table_is_an_error() -> None:
    table, ids, w = (normal(50, 40), np.zeros(450, np.int64), normal(40, seed=2))
    compiled = cr.compile(look_ups)
    compiled(table, ids, w)
    for place in (0, 449):
        wrong = ids.copy()
        wrong[place] = 50
        with pytest.raises(cr.IndexingError):
            compiled(table, wrong, w)


def test_rows_may_overwrite_what_was_donated() -> None:
    """Each element is read before it is written, also by the other rows of its block."""

    def f(x: Any, v: Any) -> Any:
        gate = cr.sigmoid((x * x).mean(axis=1) + v)
        return x * gate[:, None], gate, (x * gate[:, None]).sum(axis=0)

    x, v = normal(500, 40), normal(500, seed=1)
    for found, wanted in zip(cr.compile(f, donate=(0, 1))(x, v), f(x, v), strict=True):
        np.testing.assert_allclose(found.numpy(), wanted, atol=1e-12)


def test_what_no_row_has_is_not_read() -> None:
    """The first row has no index; before the indices lies one that would be an error."""

    def f(x: Any, v: Any, ids: Any) -> Any:
        gate = cr.sigmoid((x * x).mean(axis=1))
        shifted = cr.pad(x[1:] * v[ids][:, None], ((1, 0), (0, 0)))
        return (shifted * gate[:, None]).sum(axis=0)

    x, v, memory = normal(500, 40), normal(7, seed=1), np.full(500, 10**6)
    memory[1:] = np.arange(499) % 7
    arguments = [x, v, memory[1:]]
    assert [group.in_blocks for group in groups_of(f, arguments)] == [True]
    native = Native(graph_of(f, arguments))
    (found,) = native(*arguments)
    assert native.status == 0
    np.testing.assert_allclose(found, f(*map(cr.tensor, arguments)).numpy(), atol=1e-12)
