"""The columns of a data frame as arrays of numbers.

Nothing of pandas or Polars is imported: a frame is what has ``columns`` and gives a column for its
name, and a column what has ``to_numpy``.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import ArgumentError, DomainError, DTypeError
from chainrule.core.types import as_dtype

__all__ = ["columns_of"]

Names = Hashable | Sequence[Hashable]


def columns_of(
    frame: Any, target: Names, inputs: Sequence[Hashable] | None, dtype: Any
) -> tuple[np.ndarray, np.ndarray]:
    """Inputs (n, columns) and targets (n,), or (n, columns) for several, from a data frame.

    Raises: as `Dataset.from_frame`.
    """
    try:
        names = list(frame.columns)
    except (AttributeError, TypeError):
        raise ArgumentError(
            f"from_frame takes a data frame of pandas or Polars, not a {type(frame).__name__}"
        ) from None
    wanted = list(target) if isinstance(target, list) else [target]
    chosen = [name for name in names if name not in wanted] if inputs is None else list(inputs)
    for name in [*wanted, *chosen]:
        if names.count(name) != 1:
            raise DomainError(
                f"from_frame: the frame has {names.count(name) or 'no'} column"
                f"{'s' if names.count(name) else ''} {name!r}; its columns are "
                f"{', '.join(map(repr, names))}"
            )
    if not chosen:
        raise DomainError("from_frame: there is no column of inputs beside the target")
    columns = [_column(frame, name) for name in chosen]
    if dtype is None:
        dtype = np.result_type(*columns)
        dtype = dtype if dtype.kind == "f" else np.float64
    common = as_dtype(dtype)
    if common.kind != "f":
        raise DTypeError(f"from_frame: dtype is a floating-point one, not {common.name}")
    targets = [_column(frame, name) for name in wanted]
    targets = [
        values.astype(np.int64) if values.dtype.kind == "b" else values for values in targets
    ]
    return (
        np.stack(columns, axis=1).astype(common, copy=False),
        np.stack(targets, axis=1) if isinstance(target, list) else targets[0],
    )


def _column(frame: Any, name: Hashable) -> np.ndarray:
    series = frame[name]
    kind = str(series.dtype)
    values = np.asarray(series.to_numpy())
    if values.dtype.kind == "O" and not kind.lower().startswith(("categor", "enum")):
        try:  # numbers with a mark for those that are missing
            missing = np.array([value is None or value != value for value in values.tolist()])
        except TypeError:  # the mark of pandas is neither equal to itself nor different
            missing = np.asarray(series.isna())
        known = values[~missing]
        if len(known) and all(isinstance(v, (bool, int, float, np.number)) for v in known):
            values = np.where(missing, np.nan, values).astype(np.float64)
    if kind.lower().startswith(("categor", "enum")) or values.dtype.kind not in "biuf":
        example = next((repr(v) for v in values.tolist() if v is not None), "nothing")
        raise DTypeError(
            f"from_frame: column {name!r} is {kind} and holds no numbers ({example}). "
            "Give each category a column of 0 and 1 (pandas.get_dummies, or to_dummies of Polars), "
            "classes a number (np.unique(labels, return_inverse=True)[1]), and times a number of "
            "seconds; or leave the column out with inputs=[…]."
        )
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        bad = np.flatnonzero(~np.isfinite(values))
        raise DomainError(
            f"from_frame: column {name!r} has {len(bad)} missing or infinite values, the first in "
            f"row {bad[0]}. Fill them, or drop their rows, before training."
        )
    return values
