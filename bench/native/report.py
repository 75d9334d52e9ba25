"""What was measured, as a record for JSON, as a table for the terminal and as a document."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.table import Table

from bench.native.limits import Limits
from bench.native.workload import OWN, Outcome, Steady, Workload

Entry = dict[str, Any]
"""One workload with its outcomes; everything in it is JSON."""
Record = dict[str, Any]
"""A whole run: date, machine, limits and entries."""


def entry(
    workload: Workload, outcomes: Mapping[str, Outcome], limits: Limits, slowdown: float = 1.0
) -> Entry:
    """The record of one workload; see `limits.slowdown`."""
    least = limits.seconds(workload.work) if isinstance(workload, Steady) else None
    return {
        "name": workload.name,
        "title": workload.title,
        "note": workload.note,
        "floor": workload.floor,
        "at_most": workload.at_most,
        "limit": least[0] if least else None,
        "limited_by": least[1] if least else "",
        "slowdown": slowdown,
        "contestants": {name: asdict(outcome) for name, outcome in outcomes.items()},
    }


# -- figures from entries --------------------------------------------------------------------------


def timed(entry: Entry, own: bool, figure: str = "minimum") -> dict[str, float]:
    """Seconds of chainrule's contestants, or of the peers, that were timed."""
    return {
        name: outcome[figure]
        for name, outcome in entry["contestants"].items()
        if name.startswith(OWN) == own and not outcome["failed"]
    }


def best_peer(entry: Entry) -> tuple[str, float] | None:
    """The fastest peer by minima, and its seconds."""
    peers = timed(entry, own=False)
    return min(peers.items(), key=lambda item: item[1]) if peers else None


def speed_ups(entry: Entry, figure: str = "minimum") -> dict[str, float]:
    """How many times faster than the best peer each of chainrule's contestants is."""
    peers = timed(entry, own=False, figure=figure)
    if not peers:
        return {}
    best = min(peers.values())
    return {name: best / seconds for name, seconds in timed(entry, True, figure).items()}


def floor(entry: Entry) -> float | None:
    """The least speed-up that was asked for; a limit in seconds is turned into one."""
    peer = best_peer(entry)
    if entry["at_most"] is not None:
        return float(peer[1] / entry["at_most"]) if peer else None
    return None if entry["floor"] is None else float(entry["floor"])


def duration(seconds: float) -> str:
    """Seconds for people, with three digits.

    >>> duration(1.1e-6), duration(0.00273), duration(12.0), duration(0.0)
    ('1.1 µs', '2.73 ms', '12 s', '0 s')
    """
    for unit, size in (("s", 1.0), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= 0.9995 * size or unit == "µs":
            value = seconds / size
            break
    if seconds == 0:
        return "0 s"
    return f"{value:.0f} {unit}" if value >= 100 else f"{value:.3g} {unit}"


def ratio(value: float | None) -> str:
    """A speed-up for people.

    >>> ratio(79.4), ratio(2.13), ratio(0.0512), ratio(None)
    ('79x', '2.13x', '0.0512x', '')
    """
    if value is None or math.isnan(value):
        return ""
    return f"{value:.0f}x" if value >= 10 else f"{value:.3g}x"


def wanted(entry: Entry) -> str:
    """The floor as it was asked for."""
    if entry["at_most"] is not None:
        return duration(entry["at_most"])
    return ratio(entry["floor"])


# -- terminal --------------------------------------------------------------------------------------


def rows(entry: Entry) -> Iterator[tuple[str, ...]]:
    """Contestant, least time, median, speed-up over the best peer, share of the limit, remark."""
    peer = best_peer(entry)
    for name, outcome in entry["contestants"].items():
        if outcome["failed"]:
            yield name, "", "", "", "", outcome["failed"]
            continue
        least = outcome["minimum"]
        remark = "best peer" if peer and name == peer[0] else ""
        yield (
            name,
            duration(least),
            duration(outcome["median"]),
            ratio(peer[1] / least) if peer else "",
            f"{entry['limit'] / least:.1%}" if entry["limit"] else "",
            remark,
        )


BUSY = 1.25
"""From which slowdown on a reader is told."""


def _busy(entry: Entry) -> str:
    return f"other processes were busy: two threads took {entry['slowdown']:.1f} times as long"


HEADINGS = ("contestant", "least", "median", "vs best peer", "of the limit", "remark")


def show(console: Console, entry: Entry) -> None:
    """Print one workload."""
    aims = []
    if wanted(entry):
        aims.append(f"wanted: {wanted(entry)}")
    if entry["limit"]:
        aims.append(f"physical limit: {duration(entry['limit'])} ({entry['limited_by']})")
    if entry["slowdown"] > BUSY:
        aims.append(_busy(entry))
    title = f"{entry['name']}: {entry['title']}"
    table = Table(title=title, title_justify="left", caption="; ".join(aims))
    for number, heading in enumerate(HEADINGS):
        table.add_column(heading, justify="right" if 0 < number < 5 else "left")
    for row in rows(entry):
        table.add_row(*row, style="bold" if row[0].startswith(OWN) else None)
    console.print(table)


# -- document --------------------------------------------------------------------------------------


def markdown(record: Record, picture: str) -> str:
    """The document of a run; ``picture`` is the path of its picture from there."""
    entries = record["workloads"]
    parts = [
        "# Benchmarks",
        _INTRODUCTION,
        f"![Speed-up of chainrule over its best peer]({picture})",
        "## Summary",
        _table(
            ("workload", "chainrule", "best peer", "speed-up", "by medians", "wanted", "of limit"),
            (row for entry in entries for row in _summary(entry)),
        ),
        "## Machine",
        _table(("what", "is"), [("date", record["date"]), *record["machine"].items()]),
        _table(("limit", "measured"), record["limits"].items()),
        "## All contestants",
    ]
    for entry in entries:
        limit = entry["limit"]
        said = [f"Physical limit {duration(limit)} ({entry['limited_by']})."] if limit else []
        said += (
            [f"{_busy(entry)[0].upper()}{_busy(entry)[1:]}."] if entry["slowdown"] > BUSY else []
        )
        said += [f"{entry['note'][0].upper()}{entry['note'][1:]}."] if entry["note"] else []
        parts += [f"### {entry['name']}", f"{entry['title']}. {' '.join(said)}".strip()]
        parts.append(_table(HEADINGS, rows(entry)))
    return "\n\n".join(parts) + "\n"


_INTRODUCTION = """\
Whole programs: chainrule beside the libraries that are usually taken for the same work. Run
`python -m bench native` to measure again and `python -m bench native --write docs/benchmarks.md`
to rewrite this document; all of it is output of that command.

Before anything is timed, all contestants start from the same parameters and must arrive at the same
numbers. They are timed in one process with two threads, in a random order in every round; a sample
consists of as many calls as fit into at least 2 ms, after 10 ms of calls that are not timed. Times
are the least and the median over the rounds, ratios are those of the least times. Each library is
used in the form that was fastest for it: PyTorch with fused optimizers and under `torch.compile` as
one graph with the optimizer inside, JAX under `jit` with donated state.

The physical limit is the larger of arithmetic over the measured peak of multiply-adds and
compulsory traffic (each input read and each output written once) over the measured bandwidth of
the smallest memory that holds it, with two threads. It leaves out everything else, such as the call
from Python, so that tiny programs cannot come near it."""


def _summary(entry: Entry) -> Iterator[tuple[str, ...]]:
    peer, medians = best_peer(entry), speed_ups(entry, "median")
    own = timed(entry, own=True)
    for name, found in speed_ups(entry).items():
        kind = name.removeprefix(OWN).strip(", ()")
        yield (
            entry["title"] + (f" ({kind})" if kind else ""),
            duration(own[name]),
            f"{duration(peer[1])} ({peer[0]})" if peer else "",
            ratio(found),
            ratio(medians[name]),
            wanted(entry),
            f"{entry['limit'] / own[name]:.0%}" if entry["limit"] else "",
        )


def _table(headings: tuple[str, ...], lines: Any) -> str:
    texts = [headings, ("---",) * len(headings), *lines]
    return "\n".join(f"| {' | '.join(cell.replace('|', '/') for cell in row)} |" for row in texts)
