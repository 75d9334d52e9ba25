"""The native benchmark: agreement, timing, figures, documents."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from bench.native import fresh, report, steady
from bench.native.agreement import changes, disagreement
from bench.native.limits import Level, Limits
from bench.native.timing import interleaved
from bench.native.workload import Fresh, Outcome, Runner, Steady, Work
from bench.native.workloads import every

LIMITS = Limits(
    single=1e9,
    double=5e8,
    levels=(Level("L2", 1e6, 1e9), Level("memory", float("inf"), 1e8)),
)


# -- agreement -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("found", "agrees"),
    [
        ([1.0, 2.0], True),
        ([1.0, 2.0 + 1e-6], True),
        ([1.0, 2.1], False),
        ([1.0, np.nan], False),
        ([1.0, 2.0, 3.0], False),
    ],
)
def test_disagreement_of_values(found: list[float], agrees: bool) -> None:
    expected = {"loss": np.array([1.0, 2.0])}
    _, text = disagreement({"loss": np.array(found)}, expected, 1e-5, 1e-2)
    assert (not text) == agrees


def test_a_missing_array_disagrees() -> None:
    worst, text = disagreement({}, {"loss": np.array(1.0)}, 1e-5, 1e-2)
    assert worst == np.inf
    assert "loss" in text


def test_changes_have_a_tolerance_of_their_own() -> None:
    before = {"w": np.array([100.0, 100.0])}
    expected = changes(before, {"w": np.array([100.1, 100.1])})
    near = changes(before, {"w": np.array([100.1, 100.1001])})
    far = changes(before, {"w": np.array([100.1, 100.11])})
    assert not disagreement(near, expected, 0.0, 1e-2)[1]
    assert "change of w" in disagreement(far, expected, 0.0, 1e-2)[1]


def test_zero_agrees_with_zero_only() -> None:
    expected = {"g": np.zeros(3)}
    assert disagreement({"g": np.zeros(3)}, expected, 1e-5, 1e-2) == (0.0, "")
    assert disagreement({"g": np.full(3, 1e-9)}, expected, 1e-5, 1e-2)[1]


# -- timing ----------------------------------------------------------------------------------------


def _counter(value: float) -> tuple[Runner, list[int]]:
    """A contestant that works for a moment, and how often it was called since its reset."""
    calls = [0]

    def call() -> None:
        calls[0] += 1
        np.sort(np.arange(3000.0)[::-1])

    def reset() -> None:
        calls[0] = 0

    return Runner(call, lambda: {"value": np.array(value)}, reset), calls


def _broken() -> Runner:
    def call() -> None:
        raise ValueError("no such operation\nmore about it")

    return Runner(call, dict)


def _steady(contestants: dict[str, Callable[[], Runner]], floor: float | None = 2.0) -> Steady:
    return Steady(
        "example", "an example", floor, contestants=lambda: contestants, work=Work(1e3, 1e3)
    )


def test_samples_start_from_the_same_state() -> None:
    runner, calls = _counter(1.0)
    outcome = interleaved({"a": runner}, 0.0)["a"]
    assert 0 < outcome.minimum <= outcome.median
    assert calls[0] * outcome.minimum > 1e-3  # the last sample alone, since its reset


def test_one_that_fails_while_timed_is_left_out() -> None:
    outcomes = interleaved({"good": _counter(1.0)[0], "bad": _broken()}, 0.0)
    assert outcomes["bad"].failed == "ValueError: no such operation"
    assert outcomes["good"].minimum > 0


def test_a_workload_times_only_those_that_agree() -> None:
    outcomes = steady.measure(
        _steady(
            {
                "chainrule": lambda: _counter(1.0)[0],
                "right": lambda: _counter(1.0 + 1e-7)[0],
                "wrong": lambda: _counter(1.1)[0],
                "broken": _broken,
                "unwanted": _broken,
            }
        ),
        seconds=0.0,
        skip=["unwanted"],
    )
    assert [name for name, outcome in outcomes.items() if outcome.minimum] == [
        "chainrule",
        "right",
    ]
    assert outcomes["wrong"].failed.startswith("disagrees: value by 1.0e-01")
    assert outcomes["broken"].failed == "ValueError: no such operation"
    assert outcomes["unwanted"].failed == "skipped"


def test_the_peers_decide_what_is_right() -> None:
    outcomes = steady.measure(
        _steady({"chainrule": lambda: _counter(2.0)[0], "peer": lambda: _counter(1.0)[0]}),
        seconds=0.0,
    )
    assert outcomes["chainrule"].failed
    assert outcomes["peer"].minimum > 0


def test_processes_are_timed_from_their_start() -> None:
    def program(text: str) -> tuple[str, ...]:
        return ("-c", f"import json; print(json.dumps({text}))")

    workload = Fresh(
        "example",
        "an example",
        commands=lambda: {
            "a": program("{'result': 1.0, 'seconds': 2e-6}"),
            "b": program("{'result': 1.0, 'seconds': 1e-6}"),
            "wrong": program("{'result': 2.0}"),
            "broken": ("-c", "raise SystemExit('it broke')"),
        },
        rounds=1,
    )
    outcomes = fresh.measure(workload)
    assert outcomes["a"].minimum > 1e-3
    assert outcomes["wrong"].failed.startswith("disagrees")
    assert outcomes["broken"].failed == "it broke"


# -- limits ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("work", "seconds", "by"),
    [
        (Work(flops=1e9, bytes=10), 1.0, "arithmetic"),
        (Work(flops=1e9, bytes=10, double=True), 2.0, "arithmetic"),
        (Work(flops=10, bytes=5e5), 5e-4, "L2"),
        (Work(flops=10, bytes=1e8), 1.0, "memory"),
    ],
)
def test_limits(work: Work, seconds: float, by: str) -> None:
    found, name = LIMITS.seconds(work)
    assert found == pytest.approx(seconds)
    assert name == by


def test_workloads_state_their_work() -> None:
    workloads = every()
    for workload in workloads.values():
        if isinstance(workload, Steady):
            assert workload.work.flops > 0
            assert workload.work.bytes > 0
    assert {"mlp_tiny", "gmm", "start_small", "matmul"} <= set(workloads)


# -- figures and documents -------------------------------------------------------------------------


def _record() -> report.Record:
    outcomes = {
        "chainrule": Outcome(1e-3, 2e-3),
        "A": Outcome(4e-3, 5e-3),
        "B": Outcome(3e-3, 8e-3),
        "C": Outcome(failed="disagrees: loss | by a lot"),
    }
    entries = [report.entry(_steady({}), outcomes, LIMITS, 1.0)]
    starting = Fresh("start", "a start", at_most=0.5, commands=dict, note="cold")
    cold_and_warm = {
        "chainrule, cold cache": Outcome(1.0, 1.0),
        "chainrule, warm cache": Outcome(0.25, 0.25),
        "A": Outcome(2.0, 2.0),
    }
    entries.append(report.entry(starting, cold_and_warm, LIMITS, 3.0))
    record = {
        "date": "2026-01-31",
        "machine": {"processor": "example"},
        "limits": {"float32": "1 GFLOP/s"},
        "workloads": entries,
    }
    kept: report.Record = json.loads(json.dumps(record))
    return kept


def test_figures() -> None:
    example, start = _record()["workloads"]
    assert report.best_peer(example) == ("B", 3e-3)
    assert report.speed_ups(example) == {"chainrule": pytest.approx(3.0)}
    assert report.speed_ups(example, "median") == {"chainrule": pytest.approx(2.5)}
    assert report.floor(example) == 2.0
    assert report.floor(start) == pytest.approx(4.0)  # 0.5 s, where the peer takes 2 s
    assert report.speed_ups(start)["chainrule, warm cache"] == pytest.approx(8.0)


def test_figures_without_peers() -> None:
    entry = report.entry(_steady({}), {"chainrule": Outcome(1.0, 1.0)}, LIMITS)
    assert report.best_peer(entry) is None
    assert report.speed_ups(entry) == {}
    assert [row[3] for row in report.rows(entry)] == [""]


def test_terminal() -> None:
    text = io.StringIO()
    for entry in _record()["workloads"]:
        report.show(Console(file=text, width=150), entry)
    for part in ("3x", "best peer", "disagrees: loss", "wanted: 500 ms", "3.0 times as long"):
        assert part in text.getvalue()


def test_document() -> None:
    text = report.markdown(_record(), "benchmarks.png")
    assert "![Speed-up of chainrule over its best peer](benchmarks.png)" in text
    assert "| an example | 1 ms | 3 ms (B) | 3x | 2.5x | 2x |" in text
    assert "| a start (warm cache) | 250 ms | 2 s (A) | 8x | 8x | 500 ms |" in text
    assert "| date | 2026-01-31 |" in text
    tables = [line for line in text.splitlines() if line.startswith("|")]
    assert all("disagrees: loss / by a lot" in t for t in tables if "disagrees" in t)


def test_picture(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib")
    from bench.native.picture import draw

    draw(_record(), tmp_path / "speed.png")
    assert (tmp_path / "speed.png").read_bytes().startswith(b"\x89PNG")
