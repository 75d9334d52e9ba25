"""One training in a process of its own, printed as JSON.

``python -m bench.tasks.child TASK CONTESTANT LENGTH SEED``
"""

from __future__ import annotations

import json
import os
import sys

from bench.native import THREADS
from bench.tasks.tables import every


def main(name: str, contestant: str, length: str, seed: str) -> None:
    if hasattr(os, "sched_setaffinity"):  # chainrule takes every processor that it may use
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:THREADS])
    course = every()[name].train(contestant, int(length), int(seed))
    print(json.dumps({"points": course.points, "compiling": course.compiling}))


if __name__ == "__main__":
    main(*sys.argv[1:])
