"""The workloads, by family. A module imports the libraries that it compares only when asked to."""

from __future__ import annotations

import importlib

from bench.native.workload import Workload

FAMILIES = (
    "mlp",
    "cnn",
    "lstm",
    "transformer",
    "adam",
    "logistic",
    "gmm",
    "rosenbrock",
    "softmax",
    "layer_norm",
    "starting",
    "large",
    "shapes",
)


def every() -> dict[str, Workload]:
    """All workloads by name, in the order in which they are shown."""
    found: dict[str, Workload] = {}
    for family in FAMILIES:
        module = importlib.import_module(f"bench.native.workloads.{family}")
        found |= {workload.name: workload for workload in module.WORKLOADS}
    return found
