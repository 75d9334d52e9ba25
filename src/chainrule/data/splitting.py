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
    orders = [
        rows[random.permutation(random.fold_in(key, number), len(rows)).numpy()]
        for number, rows in enumerate(groups)
    ]
    sizes = np.array([len(rows) for rows in groups])
    taken = np.zeros_like(sizes)
    for place, (what, share) in enumerate(shares.items()):
        ties = random.permutation(random.fold_in(key, len(groups) + place), len(groups)).numpy()
        counts = _apportioned(share, sizes, sizes - taken, ties)
        for order, first, count in zip(orders, taken, counts, strict=True):
            masks[what][order[first : first + count]] = True
        taken += counts
    training = ~np.any(list(masks.values()), axis=0)
    sets = {"training": training} | masks
    for what, mask in sets.items():
        if not mask.any():
            given = ", ".join(f"{name}={share}" for name, share in shares.items())
            raise DomainError(
                f"split: {given} of {len(targets)} examples leaves the {what} set empty"
            )
    return sets


def _apportioned(share: float, sizes: np.ndarray, left: np.ndarray, ties: np.ndarray) -> np.ndarray:
    """How many examples of each class a set gets, shape (classes,), ``round(share·n)`` in all.

    By largest remainders: each class gets its share rounded down, and what is missing goes to those
    that rounding took most from. To round each by itself would leave classes of one or two
    examples, such as integers that are measured and not counted, out of every set.

    Args:
        share: of the set.
        sizes: examples of each class, shape (classes,).
        left: those that no set has yet.
        ties: which of equal remainders comes first, a permutation of the classes.
    """
    ideal = share * sizes
    counts: np.ndarray = np.minimum(np.floor(ideal).astype(sizes.dtype), left)
    missing = round(share * int(sizes.sum())) - int(counts.sum())
    remainders = np.where(counts < left, ideal - counts, -1.0)
    first = np.lexsort((ties, -remainders))[: max(missing, 0)]
    counts[first] += remainders[first] >= 0
    return counts
