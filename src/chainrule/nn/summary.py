"""The table of a network's layers."""

from __future__ import annotations

from typing import Any

from chainrule.core import tree
from chainrule.nn.module import Module, observe
from chainrule.tensor import Tensor, no_grad

__all__ = ["summarize"]

_HEADINGS = ("path", "layer", "output", "parameters")


def summarize(model: Module, *inputs: Any) -> str:
    """One line for each layer in the order of calls: path, layer, output shape, own parameters."""
    paths = {id(module): path for path, module in model.modules()}
    rows: list[tuple[str, ...]] = []
    shapes: dict[int, str] = {}

    def note(module: Module, output: Any) -> None:
        shapes[id(module)] = _shape(output)
        inside = [child for path, child in module.modules() if path]
        own = _count(module) - sum(_count(child) for child in inside if _is_direct(module, child))
        if id(module) in paths and (not inside or own):
            path = paths[id(module)] or "(model)"
            name = repr(module) if not inside else type(module).__name__
            rows.append((path, name, _shape(output), f"{own:,}"))

    with no_grad(), observe(note):
        model(*inputs)
    total = f"{_count(model):,}"
    rows.append(("total", type(model).__name__, shapes.get(id(model), ""), total))
    table = [_HEADINGS, *rows]
    widths = [max(len(row[column]) for row in table) for column in range(len(_HEADINGS))]
    return "\n".join(
        "  ".join(
            cell.rjust(width) if column == "parameters" else cell.ljust(width)
            for cell, width, column in zip(row, widths, _HEADINGS, strict=True)
        )
        for row in table
    )


def _count(module: Module) -> int:
    return sum(parameter.size for parameter in module.parameters().values())


def _is_direct(module: Module, child: Module) -> bool:
    """Whether ``child`` is inside ``module`` with no other module between them."""
    between = [inner for path, inner in module.modules() if path and inner is not child]
    return not any(child is deeper for inner in between for _, deeper in inner.modules())


def _shape(output: Any) -> str:
    shapes = [str(leaf.shape) for leaf in tree.flatten(output)[0] if isinstance(leaf, Tensor)]
    return ", ".join(shapes)
