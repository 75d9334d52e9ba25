"""Run measurements, print them as tables and keep the rows as JSON in ``bench/results``.

python -m bench             all of them
python -m bench nodes       one, by the name of its module
python -m bench native …    whole programs beside every peer, with options of its own
python -m bench tasks …     real tasks beside PyTorch's plain loop, likewise
"""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path

from rich.console import Console
from rich.table import Table

from bench import native, tasks
from bench.common import Row, machine

NAMES = (
    "import_time",
    "eager_overhead",
    "long_chain",
    "nodes",
    "reverse_vs_forward",
    "hvp_cost",
    "taylor_order",
    "checkpoint_memory",
    "vecmath_ulps",
    "gemm",
    "conv",
    "threads",
    "door",
    "estimators",
    "attention",
    "language",
    "native",
    "tasks",
)
OF_THEIR_OWN = {"native": native.main, "tasks": tasks.main}
RESULTS = Path(__file__).parent / "results"


def show(console: Console, title: str, rows: list[Row]) -> None:
    """Print rows as a table; a row without some column leaves it empty."""
    columns = list(dict.fromkeys(column for row in rows for column in row))
    table = Table(title=title, title_justify="left")
    for column in columns:
        words = any(isinstance(row.get(column), str) for row in rows)
        table.add_column(column, justify="left" if words else "right")
    for row in rows:
        table.add_row(*(_cell(row.get(column, "")) for column in columns))
    console.print(table)


def _cell(value: str | int | float) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


def main(chosen: list[str]) -> int:
    if chosen and chosen[0] in OF_THEIR_OWN:
        return OF_THEIR_OWN[chosen[0]](chosen[1:])
    unknown = [name for name in chosen if name not in NAMES]
    if unknown:
        print(f"no measurement {', '.join(unknown)}; there are {', '.join(NAMES)}", file=sys.stderr)
        return 2
    console = Console(width=max(Console().width, 120))  # wide tables also where output is a file
    described = machine()
    show(console, "Machine", [{"what": what, "is": text} for what, text in described.items()])
    RESULTS.mkdir(exist_ok=True)
    for name in chosen or NAMES:
        if name in OF_THEIR_OWN:
            OF_THEIR_OWN[name]([])
            continue
        module = importlib.import_module(f"bench.{name}")
        rows = module.run()
        show(console, f"{name}: {module.__doc__.splitlines()[0]}", rows)
        kept = {"name": name, "machine": described, "rows": rows}
        (RESULTS / f"{name}.json").write_text(json.dumps(kept, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
