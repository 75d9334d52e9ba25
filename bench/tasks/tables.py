"""The tasks, by name."""

from __future__ import annotations

import importlib

from bench.tasks.task import Task

MODULES = ("reading", "text", "adding", "burgers", "cartpole", "tabular")


def every() -> dict[str, Task]:
    """All tasks, in the order in which they run."""
    modules = [importlib.import_module(f"bench.tasks.{name}") for name in MODULES]
    return {task.name: task for module in modules for task in module.TASKS}
