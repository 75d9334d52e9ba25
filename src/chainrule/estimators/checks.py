"""Checks of the arguments of estimators, made when they are fitted, as scikit-learn wants it."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.exceptions import ConvergenceWarning

from chainrule.core.errors import DomainError, ShapeError

__all__ = ["at_least", "below_one", "one_of", "unit", "warn_not_converged", "weights_of"]


def one_of(estimator: Any, name: str, values: Sequence[Any]) -> None:
    """Raise unless an argument is one of these values.

    Raises:
        DomainError: naming the argument, what it is and what it may be.
    """
    given = getattr(estimator, name)
    if not any(given is value or (isinstance(given, str) and given == value) for value in values):
        listed = ", ".join(map(repr, values))
        raise DomainError(f"{type(estimator).__name__}: {name} is one of {listed}, not {given!r}")


def at_least(estimator: Any, least: float, *names: str, whole: bool = False) -> None:
    """Raise unless arguments are numbers from ``least`` on.

    Raises:
        DomainError: likewise.
    """
    for name in names:
        given = getattr(estimator, name)
        kinds = (int, np.integer) if whole else (int, float, np.number)
        if not isinstance(given, kinds) or isinstance(given, bool) or not given >= least:
            raise DomainError(
                f"{type(estimator).__name__}: {name} is a {'whole ' if whole else ''}number of at "
                f"least {least}, not {given!r}"
            )


def below_one(estimator: Any, *names: str) -> None:
    """Raise unless arguments are numbers from 0 on and below 1.

    Raises:
        DomainError: likewise.
    """
    for name in names:
        given = getattr(estimator, name)
        if not isinstance(given, (int, float, np.number)) or not 0 <= given < 1:
            raise DomainError(
                f"{type(estimator).__name__}: {name} is at least 0 and below 1, not {given!r}"
            )


def unit(estimator: Any, *names: str) -> None:
    """Raise unless arguments are numbers from 0 to 1.

    Raises:
        DomainError: likewise.
    """
    for name in names:
        given = getattr(estimator, name)
        if not isinstance(given, (int, float, np.number)) or not 0 <= given <= 1:
            raise DomainError(f"{type(estimator).__name__}: {name} is from 0 to 1, not {given!r}")


def weights_of(sample_weight: Any, X: np.ndarray) -> np.ndarray | None:
    """The weights of the examples as float64, shape (n,), or None where there are none.

    Raises:
        ShapeError: if there is not one for each example.
        DomainError: if one is negative, NaN or infinite, or all are 0.
    """
    if sample_weight is None:
        return None
    weights = np.asarray(sample_weight, dtype=np.float64)
    if weights.ndim == 0:
        weights = np.full(len(X), weights)
    if weights.shape != (len(X),):
        raise ShapeError(
            f"sample_weight: expected one weight for each of {len(X)} examples, got the shape "
            f"{weights.shape}"
        )
    if not np.isfinite(weights).all() or (weights < 0).any() or not weights.any():
        raise DomainError(
            "sample_weight: weights are finite, none below 0 and not all of them zero"
        )
    return weights


def warn_not_converged(estimator: Any, steps: int, depth: int) -> None:
    """Warn that ``max_iter`` ended the fit, at the line that called it: ``depth`` calls further up
    than the caller."""
    warnings.warn(
        f"{type(estimator).__name__}: not converged after {steps} iterations (max_iter); scale the "
        "data to about 1, or raise max_iter",
        ConvergenceWarning,
        stacklevel=2 + depth,
    )
