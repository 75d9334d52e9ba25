"""Whole programs, compiled, beside PyTorch, JAX and others: ``python -m bench native``.

python -m bench native                            every workload
python -m bench native mlp_small gmm              some of them
python -m bench native --write docs/benchmarks.md also the document and its picture
python -m bench native --help                     the other options

Every contestant first computes the same numbers, or it is not timed. All of them run in one
process, in a random order in every round, with two threads. Results go to ``bench/results``.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

THREADS = 2
ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    """Variables for a process that measures: they have to be set before anything is imported.

    OpenBLAS's workers would otherwise keep a core busy for 60 ms after their last product, at the
    cost of whoever is measured next; 2^20 cycles are enough for its own next product.
    """
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    fixed = {**dict.fromkeys(threads, str(THREADS)), "OPENBLAS_THREAD_TIMEOUT": "20"}
    given = {**os.environ, **fixed, **more}
    given.pop("PYTHONDONTWRITEBYTECODE", None)  # users start with byte code
    return given


def main(arguments: Sequence[str]) -> int:
    """Run ``bench.native.__main__`` in a process of its own, which may use two threads."""
    command = [sys.executable, "-m", "bench.native", *arguments]
    return subprocess.run(command, env=environment(), cwd=ROOT).returncode
