"""One workload in a process of its own, so that a crash or a setting stays with it.

``python -m bench.native.single NAME FILE SECONDS [SKIPPED …]`` writes the outcomes as JSON.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from bench.native import ROOT, THREADS, environment, fresh, steady
from bench.native.workload import OWN, Fresh, Outcome, Steady
from bench.native.workloads import every


def in_process(name: str, seconds: float, skip: Sequence[str]) -> dict[str, Outcome]:
    """The outcomes of a workload, measured in a new process; if it dies, in another without
    chainrule."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "outcomes.json"
        command = [
            sys.executable,
            "-m",
            "bench.native.single",
            name,
            str(path),
            str(seconds),
            *skip,
        ]
        status = subprocess.run(command, env=environment(), cwd=ROOT).returncode
        if status:
            failed = {OWN: Outcome(failed=f"the process ended with status {status}")}
            return failed if OWN in skip else {**in_process(name, seconds, (*skip, OWN)), **failed}
        kept = json.loads(path.read_text())
    return {contestant: Outcome(**figures) for contestant, figures in kept.items()}


def main(name: str, path: str, seconds: str, *skip: str) -> None:
    if hasattr(os, "sched_setaffinity"):  # JAX takes as many threads as there are processors
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    workload = every()[name]
    if isinstance(workload, Steady):
        outcomes = steady.measure(workload, float(seconds), skip)
    else:
        assert isinstance(workload, Fresh)
        outcomes = fresh.measure(workload, skip)
    found = {contestant: asdict(outcome) for contestant, outcome in outcomes.items()}
    Path(path).write_text(json.dumps(found))


if __name__ == "__main__":
    main(*sys.argv[1:])
