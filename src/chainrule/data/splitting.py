"""Which examples are held out."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from chainrule import random
from chainrule.core.errors import DomainError, DTypeError
from chainrule.tensor import Tensor

__all__ = ["held_out"]


def held_out(
    targets: np.ndarray, shares: Mapping[str, float], key: Tensor, stratify: bool | None
) -> dict[str, np.ndarray]:
    """Which examples belong to each set, masks of shape (n,), by name.

    Args:
        targets: one an example.
        shares: of each held-out set by name; a set does not depend on those after it.
        key: which of the many splits.
        stratify: whether each set has the same share of each class; None does so for classes.

    Raises:
        DomainError, DTypeError: as `Dataset.split`.
    """
    for what, share in shares.items():
        if not 0 < share < 1:
            raise DomainError(f"split: {what} is the share held out, between 0 and 1, not {share}")
    classes = targets.dtype.kind in "iub" and targets.ndim == 1
    if stratify and not classes:
        raise DTypeError(
            f"split: equal shares of each class need one integer target an example, these are "
            f"{targets.dtype.name} of shape {targets.shape}"
        )
    groups = [np.arange(len(targets))]
    if classes if stratify is None else stratify:
        labels = np.asarray(targets)
        groups = [np.flatnonzero(labels == label) for label in np.unique(labels)]
    masks = {what: np.zeros(len(targets), dtype=bool) for what in shares}
    for number, rows in enumerate(groups):
        order = rows[random.permutation(random.fold_in(key, number), len(rows)).numpy()]
        for what, share in shares.items():
            count = round(share * len(rows))
            masks[what][order[:count]] = True
            order = order[count:]
    training = ~np.any(list(masks.values()), axis=0)
    sets = {"training": training} | masks
    for what, mask in sets.items():
        if not mask.any():
            given = ", ".join(f"{name}={share}" for name, share in shares.items())
            raise DomainError(
                f"split: {given} of {len(targets)} examples leaves the {what} set empty"
            )
    return sets
