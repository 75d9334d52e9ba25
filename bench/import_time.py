"""Wall-clock time of a fresh Python that imports NumPy, or chainrule.

The processes alternate, so that both meet the same machine. Byte code is compiled beforehand, as it
is after the first import of any installed package.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile

from bench.common import Row, interleaved

STATEMENTS = ("import numpy", "import chainrule")


def run() -> list[Row]:
    """One row for each import, and one for what chainrule takes beyond NumPy."""
    with tempfile.TemporaryDirectory() as cache:
        environment = {**os.environ, "PYTHONPYCACHEPREFIX": cache}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)

        def start(statement: str) -> None:
            subprocess.run([sys.executable, "-c", statement], check=True, env=environment)

        found = interleaved({s: lambda s=s: start(s) for s in STATEMENTS}, rounds=25)
    rows: list[Row] = [
        {"statement": s, "median ms": t.median * 1e3, "least ms": t.minimum * 1e3}
        for s, t in found.items()
    ]
    numpy, own = (found[statement] for statement in STATEMENTS)
    rows.append(
        {
            "statement": "beyond NumPy",
            "median ms": (own.median - numpy.median) * 1e3,
            "least ms": (own.minimum - numpy.minimum) * 1e3,
        }
    )
    return rows
