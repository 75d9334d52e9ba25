"""Real tasks beside PyTorch's plain loop, to an accuracy: ``python -m bench tasks``.

python -m bench tasks                       every task
python -m bench tasks digits_mlp burgers    some of them
python -m bench tasks --quick               a few epochs, to see that all of it runs
python -m bench tasks --help                the other options

The tasks are those of ``chainrule train``: networks, data and options are taken from there, and the
twin in PyTorch has the same data and split, the same architecture and initial weights, and the same
optimizer, batches and number of steps. Both are measured at the same points, which is not timed.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence

from bench.native import ROOT, environment


def main(arguments: Sequence[str]) -> int:
    """Run ``bench.tasks.__main__`` in a process of its own, which may use two threads."""
    command = [sys.executable, "-m", "bench.tasks", *arguments]
    return subprocess.run(command, env=environment(), cwd=ROOT).returncode
