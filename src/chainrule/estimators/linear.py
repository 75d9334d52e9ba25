"""Linear regression, plain or with a penalty."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.estimators.checks import at_least, one_of, unit, warn_not_converged, weights_of
from chainrule.estimators.proximal import lasso, quadratic

__all__ = ["LinearRegression"]


class LinearRegression(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """ŷ = X w + b by least squares.

    The penalties have the objectives of scikit-learn's classes for them, with n examples:

    ==============  ================  =============================================================
    penalty         like              minimised
    ==============  ================  =============================================================
    None            LinearRegression  ‖y − ŷ‖²; of several minima the one with the shortest w
    "l2"            Ridge             ‖y − ŷ‖² + α‖w‖²
    "l1"            Lasso             ‖y − ŷ‖²/(2n) + α‖w‖₁
    "elasticnet"    ElasticNet        ‖y − ŷ‖²/(2n) + αρ‖w‖₁ + α(1 − ρ)/2·‖w‖²
    ==============  ================  =============================================================

    The first two are solved in closed form, the others to the condition of a minimum.

    Args:
        penalty: see above.
        alpha: α, the strength of the penalty.
        l1_ratio: ρ, between 0 and 1.
        fit_intercept: whether there is a b; it is not penalised.
        max_iter: most steps of the methods that take steps.
        tol: how far the slopes may miss the condition of a minimum, as a share of the largest slope
            at w = 0.

    Attributes:
        coef_: w, shape (features,) or (outputs, features).
        intercept_: b, a number or shape (outputs,).
        n_iter_: steps done.
        n_features_in_, feature_names_in_: of the inputs.

    >>> import numpy as np
    >>> from chainrule import train
    >>> model = train.LinearRegression().fit([[0.0], [1.0], [2.0]], [1.0, 3.0, 5.0])
    >>> model.coef_.round(6), round(float(model.intercept_), 6)
    (array([2.]), 1.0)
    """

    def __init__(
        self,
        penalty: str | None = None,
        *,
        alpha: float = 1.0,
        l1_ratio: float = 0.5,
        fit_intercept: bool = True,
        max_iter: int = 10_000,
        tol: float = 1e-9,
    ) -> None:
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.fit_intercept = fit_intercept
        self.max_iter = max_iter
        self.tol = tol

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the coefficients.

        Args:
            X: inputs, shape (n, features).
            y: targets, shape (n,) or (n, outputs).
            sample_weight: how much each example counts, shape (n,).

        Raises:
            DomainError: if an argument is out of range.
        """
        one_of(self, "penalty", (None, "l2", "l1", "elasticnet"))
        at_least(self, 0, "alpha", "tol")
        at_least(self, 1, "max_iter", whole=True)
        unit(self, "l1_ratio")
        X, y = validate_data(
            self, X, y, y_numeric=True, multi_output=True, dtype=(np.float64, np.float32)
        )
        dtype = X.dtype
        weights = weights_of(sample_weight, X)
        X, targets = X.astype(np.float64), y.reshape(len(y), -1).astype(np.float64)
        middle, height = np.zeros(X.shape[1]), np.zeros(targets.shape[1])
        if self.fit_intercept:
            middle = np.average(X, axis=0, weights=weights)
            height = np.average(targets, axis=0, weights=weights)
        X, targets = X - middle, targets - height
        total = float(len(X))
        if weights is not None:
            root = np.sqrt(weights)[:, None]
            X, targets, total = X * root, targets * root, float(weights.sum())
        coefficients = self._solved(X, targets, total)
        intercepts = height - coefficients @ middle
        if y.ndim == 1:
            coefficients, intercepts = coefficients[0], intercepts[0]
        self.coef_ = coefficients.astype(dtype)
        self.intercept_ = intercepts.astype(dtype) if self.fit_intercept else dtype.type(0)
        return self

    def predict(self, X: Any) -> np.ndarray:
        """ŷ, shape (n,) or (n, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        found: np.ndarray = X @ self.coef_.T + self.intercept_
        return found

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.multi_output = True
        tags.target_tags.single_output = True
        return tags

    def _solved(self, X: np.ndarray, targets: np.ndarray, total: float) -> np.ndarray:
        """The coefficients (outputs, features) for centred data, whose rows have a total weight."""
        self.n_iter_ = 1
        if self.penalty in (None, "l2"):
            if self.penalty == "l2":  # as further examples, so that nothing is squared
                root = np.sqrt(self.alpha) * np.eye(X.shape[1])
                X = np.vstack([X, root])
                targets = np.vstack([targets, np.zeros((len(root), targets.shape[1]))])
            shortest: np.ndarray = np.linalg.lstsq(X, targets, rcond=None)[0].T
            return shortest
        share = 1.0 if self.penalty == "l1" else self.l1_ratio
        matrix = X.T @ X / total + self.alpha * (1 - share) * np.eye(X.shape[1])
        lipschitz = max(float(np.linalg.eigvalsh(matrix)[-1]), np.finfo(np.float64).tiny)
        penalties = np.full(X.shape[1], self.alpha * share)
        ends = []
        for column in (X.T @ targets / total).T:
            start, tol = np.zeros(X.shape[1]), self.tol * np.abs(column).max()
            ends.append(
                lasso(quadratic(matrix, column), start, penalties, lipschitz, tol, self.max_iter)
            )
        self.n_iter_ = max(end.steps for end in ends)
        if not all(end.converged for end in ends):
            warn_not_converged(self, self.n_iter_, depth=2)
        return np.stack([end.w for end in ends])
