"""The command: measure, print, keep as JSON, draw, write the document."""

from __future__ import annotations

import argparse
import datetime
import json
import sys
from pathlib import Path
from typing import Any

from rich.console import Console

from bench.common import machine
from bench.native import limits, picture, report, single
from bench.native.workloads import every

RESULTS = Path(__file__).parents[1] / "results"


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    workloads = every()
    if options.list:
        for workload in workloads.values():
            print(f"{workload.name:12} {workload.title}")
        return 0
    unknown = [name for name in options.workloads if name not in workloads]
    if unknown:
        print(f"no workload {', '.join(unknown)}; --list shows them", file=sys.stderr)
        return 2
    console = Console(width=max(Console().width, 120))
    if options.read:
        record = json.loads(options.read.read_text())
        for entry in record["workloads"]:
            report.show(console, entry)
    else:
        record = _measure(console, options)
    if options.write:
        drawing = options.write.with_suffix(".png")
        picture.draw(record, drawing)
        options.write.write_text(report.markdown(record, drawing.name))
    return 0


def _measure(console: Console, options: Any) -> report.Record:
    workloads = every()
    reached = limits.measure()
    record: report.Record = {
        "date": datetime.date.today().isoformat(),
        "machine": machine(),
        "limits": _described(reached),
        "workloads": [],
    }
    for heading in ("machine", "limits"):
        console.print(heading, *(f"  {k}: {v}" for k, v in record[heading].items()), sep="\n")
    RESULTS.mkdir(exist_ok=True)
    stem = RESULTS / ("native_selected" if options.workloads else "native")
    for name in options.workloads or workloads:
        before = limits.slowdown(reached)
        outcomes = single.in_process(name, options.seconds, options.skip)
        busy = max(before, limits.slowdown(reached))
        entry = report.entry(workloads[name], outcomes, reached, busy)
        record["workloads"].append(entry)
        report.show(console, entry)
        stem.with_suffix(".json").write_text(json.dumps(record, indent=2) + "\n")
    picture.draw(record, stem.with_suffix(".png"))
    return record


def _described(reached: limits.Limits) -> dict[str, str]:
    bandwidths = {
        f"bandwidth of {level.name}": f"{level.bandwidth / 1e9:.0f} GB/s"
        for level in reached.levels
    }
    return {
        "float32 multiply-adds": f"{reached.single / 1e9:.0f} GFLOP/s",
        "float64 multiply-adds": f"{reached.double / 1e9:.0f} GFLOP/s",
        **bandwidths,
    }


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench native", description=__doc__)
    parser.add_argument("workloads", nargs="*", help="names; all of them by default")
    parser.add_argument("--list", action="store_true", help="list the workloads")
    parser.add_argument("--seconds", type=float, default=12.0, help="to time each workload for")
    parser.add_argument(
        "--skip", action="append", default=[], help="leave a contestant out, such as torch.compile"
    )
    parser.add_argument("--write", type=Path, help="write a document, and a picture beside it")
    parser.add_argument("--read", type=Path, help="take this JSON instead of measuring")
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
