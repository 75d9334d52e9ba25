"""The command: train with each contestant in turn, print, keep as JSON."""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from time import perf_counter
from typing import Any

from rich.console import Console

from bench.__main__ import show
from bench.common import Row, machine, peer
from bench.native import ROOT, THREADS, environment
from bench.tasks.task import COMPILED, OWN, PLAIN, Point, Task

RESULTS = Path(__file__).parents[1] / "results"
TIMEOUT = 1200.0


def main(arguments: list[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    if peer("torch") is None or peer("sklearn") is None:
        print("the tasks need PyTorch and scikit-learn: pip install 'chainrule[bench]'")
        return 1
    from bench.tasks.tables import every

    tasks = every()
    if options.list:
        for task in tasks.values():
            print(f"{task.name:24} {task.title}")
        return 0
    unknown = [name for name in options.tasks if name not in tasks]
    if unknown:
        print(f"no task {', '.join(unknown)}; --list shows them", file=sys.stderr)
        return 2
    console = Console(width=max(Console().width, 140))
    described = machine() | {"threads": str(THREADS)}
    show(console, "Machine", [{"what": what, "is": text} for what, text in described.items()])
    contestants = [OWN, PLAIN, *([COMPILED] if options.compiled else [])]
    whole = not options.tasks and not options.quick
    path = RESULTS / ("tasks.json" if whole else "tasks_selected.json")
    RESULTS.mkdir(exist_ok=True)
    start = perf_counter()
    entries: list[dict[str, Any]] = []
    for name in options.tasks or tasks:
        entries.append(_measured(tasks[name], contestants, options.quick, options.seeds))
        kept = {"name": "tasks", "machine": described, "tasks": entries}
        path.write_text(json.dumps(kept, indent=2) + "\n")
        console.print(f"{name}: done after {perf_counter() - start:.0f} s")
    show(console, "Seconds to a score", [row for entry in entries for row in rows(entry)])
    for entry in entries:
        if entry["note"]:
            console.print(f"{entry['name']}: {entry['note']}")
    # torch.compile cannot take every loop as it is
    return 0 if all(entry["courses"][name] for entry in entries for name in (OWN, PLAIN)) else 1


def _measured(task: Task, contestants: list[str], quick: bool, seeds: int) -> dict[str, Any]:
    """All courses of a task: in each round every contestant trains once, from the same seed."""
    length = task.quick if quick else task.length
    courses: dict[str, list[dict[str, Any]]] = {name: [] for name in contestants}
    for seed in range(seeds):
        for name in contestants if seed % 2 == 0 else reversed(contestants):
            found = _run(task.name, name, length, seed)
            if found is not None:
                points = [Point(*point) for point in found["points"]]
                reached = task.reached(points)
                found["to target"] = None if reached is None else reached.seconds
                courses[name].append(found)
    return {
        "name": task.name,
        "title": task.title,
        "measure": task.measure,
        "better": task.better,
        "target": task.target,
        "length": f"{length:,} {task.unit}",
        "note": task.note,
        "courses": courses,
    }


def _run(name: str, contestant: str, length: int, seed: int) -> dict[str, Any] | None:
    """A course; or None, where there is none, for a reason that is printed."""
    with tempfile.TemporaryDirectory() as empty:  # so that compilation is paid for
        done = subprocess.run(
            [sys.executable, "-m", "bench.tasks.child", name, contestant, str(length), str(seed)],
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            timeout=TIMEOUT,
            env=environment(CHAINRULE_CACHE_DIR=empty, TORCHINDUCTOR_CACHE_DIR=empty),
        )
    if done.returncode:
        print(f"{name}: {contestant} failed", file=sys.stderr)
        return None
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def rows(entry: dict[str, Any]) -> list[Row]:
    """A row for each contestant, with medians over the seeds."""
    sign = "≥" if entry["better"] == "above" else "≤"
    found: list[Row] = []
    for name, courses in entry["courses"].items():
        row: Row = {
            "task": entry["name"],
            "length": entry["length"],
            "by": name,
            "score": "failed",
            "measure": entry["measure"],
            "target": f"{sign} {entry['target']:g}",
        }
        if courses:
            seconds = [course["points"][-1][1] for course in courses]
            score = statistics.median(course["points"][-1][2] for course in courses)
            row["score"] = f"{score:.4g}"
            row["s to target"] = _target_cell(courses)
            row["s in all"] = statistics.median(seconds)
            if name == OWN:
                row["s compiling"] = statistics.median(c["compiling"] for c in courses)
        found.append(row)
    return found


def _target_cell(courses: list[dict[str, Any]]) -> str:
    """The median of the seconds to the target; where some seeds miss it, how many do not."""
    reached = [course["to target"] for course in courses if course["to target"] is not None]
    if not reached:
        return "not reached"
    text = f"{statistics.median(reached):.3g}"
    return text if len(reached) == len(courses) else f"{text} ({len(reached)} of {len(courses)})"


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m bench tasks", description=__doc__)
    parser.add_argument("tasks", nargs="*", help="names; all of them by default")
    parser.add_argument("--list", action="store_true", help="list the tasks")
    parser.add_argument("--quick", action="store_true", help="a few epochs or steps of each")
    parser.add_argument("--seeds", type=int, default=1, help="how often each is trained")
    parser.add_argument(
        "--compiled",
        action="store_true",
        help="also the same loop with torch.compile of the model",
    )
    return parser


if __name__ == "__main__":
    raise SystemExit(main())
