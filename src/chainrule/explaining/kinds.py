"""Which kind of explanation is asked for, and the room that gives it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import import_module
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError
from chainrule.explaining.explanation import Explanation
from chainrule.explaining.scalar import explain_scalar
from chainrule.nn.module import Module
from chainrule.notation import Formula, parse_many
from chainrule.notation.syntax import Apply, Variable

__all__ = ["KINDS", "explained", "is_program", "kind_of"]

KINDS = ("derivative", "limit", "implicit", "directional", "taylor", "graph", "arrays")
"""What `explain` takes as ``kind``."""


def explained(
    f: Any,
    args: Sequence[Any],
    wrt: Any,
    order: int,
    at: Any,
    kind: str | None,
    direction: Any,
    loss: Any = None,
    seed: Any = None,
) -> Explanation:
    """See `explain`."""
    chosen = kind_of(f, args, at, kind, direction)
    if chosen != "arrays" and (loss is not None or seed is not None):
        raise ArgumentError(
            "loss= and seed= go with functions of arrays and with modules, not with "
            f"kind={chosen!r}"
        )
    if not isinstance(order, int) or isinstance(order, bool) or order < 1:
        raise ArgumentError(f"order: an integer of at least 1 is needed, not {order!r}")
    with np.errstate(all="ignore"):  # at some of the points that are tried nothing is finite
        if chosen == "arrays":
            from chainrule.explaining.arrays import explain_arrays

            return explain_arrays(f, args, wrt, order, at, seed=seed, loss=loss)
        return _explained(chosen, f, args, wrt, order, at, direction)


def _explained(
    chosen: str, f: Any, args: Sequence[Any], wrt: Any, order: int, at: Any, direction: Any
) -> Explanation:
    if chosen == "derivative":
        return explain_scalar(f, args, wrt, order, at)
    room = import_module(f"chainrule.explaining.{chosen}")
    more = (direction,) if chosen == "directional" else ()
    found: Explanation = getattr(room, f"explain_{chosen}")(f, args, wrt, order, at, *more)
    return found


def kind_of(f: Any, args: Sequence[Any], at: Any, kind: str | None, direction: Any) -> str:
    """The kind asked for, or the one that the input calls for.

    Raises:
        ArgumentError: if there is no such kind, or it does not go with ``direction``.
    """
    if kind is not None and kind not in KINDS:
        listed = ", ".join(map(repr, KINDS))
        raise ArgumentError(f"kind: there is no kind {kind!r}; the kinds are {listed}")
    if direction is not None:
        if kind not in (None, "directional"):
            raise ArgumentError(
                f"direction= goes with kind='directional' only, not with kind={kind!r}; leave "
                "one of them out"
            )
        return "directional"
    if kind == "directional":
        raise ArgumentError(
            "kind='directional' needs a direction, one number for each variable: direction=(3, 4)"
        )
    if kind is not None:
        return kind
    if _has_arrays(f, args, at):
        return "arrays"
    if is_program(f):
        return "graph"
    return "implicit" if _is_equation(f) else "derivative"


def _has_arrays(f: Any, args: Sequence[Any], at: Any) -> bool:
    given = [*args, *(at.values() if isinstance(at, Mapping) else [])]
    given += [] if isinstance(at, Mapping) else at if isinstance(at, (tuple, list)) else [at]
    return any(map(_is_array, given)) or any(isinstance(one, Module) for one in (f, *args))


def _is_array(value: Any) -> bool:
    """Whether a value has an axis, or holds values that may have."""
    return getattr(value, "ndim", 0) > 0 or isinstance(value, (tuple, list, dict))


def is_program(f: Any) -> bool:
    """Whether ``f`` is several formulas that begin with a definition: z = w x, L = (z - y)^2."""
    found = parse_many(f) if isinstance(f, str) else f
    if not isinstance(found, list) or len(found) < 2 or not isinstance(found[0], Formula):
        return False
    tree = found[0].tree
    if not isinstance(tree, Apply) or tree.function != "equal":
        return False
    return isinstance(tree.operands[0], Variable)


def _is_equation(f: Any) -> bool:
    """Whether ``f`` is one formula of the form left side = right side."""
    if isinstance(f, str):
        found = parse_many(f)
        return len(found) == 1 and _is_equation(found[0])
    if not isinstance(f, Formula):
        return False
    return isinstance(f.tree, Apply) and f.tree.function == "equal"
