"""Logistic regression for two and more classes."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule import functions
from chainrule.calculus import hessian, value_and_grad, vmap
from chainrule.core.errors import DomainError
from chainrule.estimators.checks import at_least, one_of, unit, warn_not_converged, weights_of
from chainrule.estimators.objective import LOSSES
from chainrule.estimators.proximal import Ended, Smooth, lasso, newton, proximal_newton
from chainrule.optim.minimize import minimize
from chainrule.tensor import Tensor, tensor

__all__ = ["LogisticRegression"]

FEW = 700
"""Up to so many coefficients Newton's method is taken, whose cost is their third power."""

LARGE = 1_000_000
"""From so many numbers in the inputs on, steps of L-BFGS are worth a compilation."""


class LogisticRegression(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """P(y = k | x) = softmax(W x + b)ₖ, and σ(w x + b) for two classes, by maximum likelihood.

    It minimises what `sklearn.linear_model.LogisticRegression` does, the penalty plus C times the
    sum of the negative log-likelihoods. The penalties are, with ρ the ``l1_ratio``,

    ==============  ==============================
    "l2"            ½‖W‖²
    "l1"            ‖W‖₁
    "elasticnet"    ρ‖W‖₁ + (1 − ρ)/2·‖W‖²
    None            0
    ==============  ==============================

    The objective is convex, so that its minimum does not depend on the solver.

    Args:
        penalty: see above; the intercepts are not penalised.
        C: how much the data count against the penalty.
        l1_ratio: ρ, between 0 and 1, of "elasticnet".
        tol: the largest slope of the objective divided by C·n at the end, that is how far it may
            miss the condition of a minimum.
        fit_intercept: whether there is a b.
        class_weight: how much each class counts: None, a dict, or "balanced" for n divided by the
            number of classes and of the examples in the class.
        solver: "newton-cholesky" or "lbfgs", and for "l1" and "elasticnet" "proximal-newton" or
            "fista". The second of each pair is for many coefficients; "auto" chooses.
        max_iter: most steps.
        warm_start: whether `fit` goes on from the coefficients that there are.

    Attributes:
        classes_: the classes.
        coef_: W, shape (classes, features), or (1, features) for two classes.
        intercept_: b, shape (classes,) or (1,); those of more than two classes have the sum 0.
        n_iter_: steps done, shape (1,).
        n_features_in_, feature_names_in_: of the inputs.

    >>> from chainrule import data, train
    >>> digits = data.load_digits()
    >>> few = digits.targets < 3
    >>> model = train.LogisticRegression().fit(digits.inputs[few], digits.targets[few])
    >>> model.score(digits.inputs[few], digits.targets[few]) > 0.99
    True
    """

    def __init__(
        self,
        penalty: str | None = "l2",
        *,
        C: float = 1.0,
        l1_ratio: float = 0.0,
        tol: float = 1e-8,
        fit_intercept: bool = True,
        class_weight: Any = None,
        solver: str = "auto",
        max_iter: int = 1000,
        warm_start: bool = False,
    ) -> None:
        self.penalty = penalty
        self.C = C
        self.l1_ratio = l1_ratio
        self.tol = tol
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.solver = solver
        self.max_iter = max_iter
        self.warm_start = warm_start

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Find the coefficients.

        Args:
            X: inputs, shape (n, features).
            y: the class of each example, shape (n,).
            sample_weight: how much each example counts, shape (n,).

        Raises:
            DomainError: if an argument is out of range, the solver cannot take the penalty, or
                there is but one class.
        """
        self._check_arguments()
        X, y = validate_data(self, X, y, dtype=(np.float64, np.float32))
        check_classification_targets(y)
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DomainError(
                f"LogisticRegression: the data hold one class, {self.classes_[0]!r}; there must be "
                "two or more"
            )
        dtype = X.dtype
        weights = weights_of(sample_weight, X)
        if self.class_weight is not None:
            each = compute_class_weight(
                self.class_weight, classes=self.classes_, y=y, sample_weight=weights
            )
            weights = each[numbers] * (1.0 if weights is None else weights)
        problem = _Problem(
            X.astype(np.float64), numbers, len(self.classes_), weights, self.fit_intercept
        )
        ended = self._ended(problem, self._beginning(problem))
        coefficients, intercepts = problem.taken_apart(ended.w)
        self.coef_, self.intercept_ = coefficients.astype(dtype), intercepts.astype(dtype)
        self.n_iter_ = np.array([ended.steps], dtype=np.int32)
        if not ended.converged:
            warn_not_converged(self, ended.steps, depth=1)
        return self

    def decision_function(self, X: Any) -> np.ndarray:
        """W x + b, shape (n, classes), or (n,) for two classes."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False, dtype=(np.float64, np.float32))
        scores: np.ndarray = X @ self.coef_.T + self.intercept_
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each example, shape (n,)."""
        scores = self.decision_function(X)
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        found: np.ndarray = self.classes_[best]
        return found

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, shape (n, classes)."""
        found: np.ndarray = np.exp(self.predict_log_proba(X))
        return found

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`, also where that is too small for a number."""
        scores = self.decision_function(X)
        if scores.ndim == 1:
            scores = np.stack([np.zeros_like(scores), scores], axis=1)
        found: np.ndarray = functions.log_softmax(tensor(scores), axis=1).numpy()
        return found

    def _check_arguments(self) -> None:
        one_of(self, "penalty", ("l2", "l1", "elasticnet", None))
        one_of(self, "solver", ("auto", "lbfgs", "newton-cholesky", "proximal-newton", "fista"))
        at_least(self, 0, "C", "tol")
        at_least(self, 1, "max_iter", whole=True)
        unit(self, "l1_ratio")
        if not self.C > 0:
            raise DomainError(f"LogisticRegression: C is above 0, not {self.C!r}")
        if self.solver in ("lbfgs", "newton-cholesky") and self._share() > 0:
            raise DomainError(
                f"LogisticRegression: solver={self.solver!r} is for smooth penalties, and "
                f'"{self.penalty}" is none; take "proximal-newton" or "fista"'
            )

    def _share(self) -> float:
        """ρ."""
        return {"l2": 0.0, "l1": 1.0, "elasticnet": float(self.l1_ratio), None: 0.0}[self.penalty]

    def _beginning(self, problem: _Problem) -> np.ndarray:
        if not self.warm_start or not hasattr(self, "coef_"):
            return np.zeros(problem.shape[0] * problem.shape[1])
        before = problem.put_together(
            self.coef_.astype(np.float64), self.intercept_.astype(np.float64)
        )
        if before.shape != problem.shape:
            raise DomainError(
                "LogisticRegression: warm_start needs the features and the number of classes of "
                "the fit before"
            )
        return before.ravel()

    def _ended(self, problem: _Problem, start: np.ndarray) -> Ended:
        strength = 0.0 if self.penalty is None else 1.0 / (self.C * problem.total)
        share = self._share()
        smooth = problem.smooth(strength * (1 - share), tied=strength == 0)
        solver = self.solver
        if solver == "auto":
            few = len(start) <= FEW
            if share > 0:
                solver = "proximal-newton" if few else "fista"
            else:
                solver = "newton-cholesky" if few else "lbfgs"
        if solver == "newton-cholesky":
            return newton(smooth, start, self.tol, self.max_iter)
        penalties = strength * share * problem.penalised()
        if solver == "proximal-newton":
            return proximal_newton(smooth, start, penalties, self.tol, self.max_iter)
        if solver == "fista":
            lipschitz = problem.lipschitz() + strength * (1 - share)
            return lasso(smooth, start, penalties, lipschitz, self.tol, self.max_iter)
        found = minimize(
            problem.objective,
            start,
            args=(*problem.data, strength),
            max_steps=self.max_iter,
            tolerance=self.tol,
            compile=problem.data[0].size > LARGE,
        )
        close = found.reason == "no decrease"  # rounding hides any further one
        return Ended(found.x.numpy(), found.steps, found.converged or close)


class _Problem:
    """The mean loss as a function of a vector w: W and b as a matrix (features + 1, outputs).

    The features are centred, so that b is the output at their mean.
    """

    def __init__(
        self,
        X: np.ndarray,
        labels: np.ndarray,
        classes: int,
        weights: np.ndarray | None,
        intercept: bool,
    ) -> None:
        weights = np.ones(len(X)) if weights is None else weights
        self._middle = np.zeros(X.shape[1])
        if intercept:  # columns about 0 are nearly orthogonal to the last one
            self._middle = np.average(X, axis=0, weights=weights)
            X = np.hstack([X - self._middle, np.ones((len(X), 1))])
        self._X = X
        self._intercept = intercept
        outputs = classes if classes > 2 else 1
        self._loss = LOSSES["softmax" if outputs > 1 else "logistic"]
        targets = labels if outputs > 1 else labels.astype(np.float64)[:, None]
        self.shape = (X.shape[1], outputs)
        self.total = float(weights.sum())
        self._shares = weights / self.total
        self.data = (tensor(X), tensor(targets), tensor(self._shares))

    def put_together(self, coefficients: np.ndarray, intercepts: np.ndarray) -> np.ndarray:
        """The matrix for these W, shape (outputs, features), and intercepts."""
        if coefficients.shape[1] != len(self._middle) or not self._intercept:
            return coefficients.T
        return np.vstack([coefficients.T, intercepts + coefficients @ self._middle])

    def taken_apart(self, w: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """W, shape (outputs, features), and the intercepts."""
        matrix = w.reshape(self.shape).T
        if not self._intercept:
            return matrix, np.zeros(len(matrix))
        coefficients, intercepts = matrix[:, :-1], matrix[:, -1]
        intercepts = intercepts - coefficients @ self._middle
        if len(intercepts) > 1:  # softmax does not see their mean
            intercepts = intercepts - intercepts.mean()
        return coefficients, intercepts

    def penalised(self) -> np.ndarray:
        """1 for each entry of w that is penalised, else 0."""
        mask = np.ones(self.shape)
        if self._intercept:
            mask[-1] = 0
        return mask.ravel()

    def objective(
        self, w: Tensor, X: Tensor, y: Tensor, shares: Tensor, strength: Tensor
    ) -> Tensor:
        """The mean loss plus ``strength``/2·‖W‖²."""
        matrix = w.reshape(self.shape)
        losses = self._loss(X @ matrix, y)
        coefficients = matrix[:-1] if self._intercept else matrix
        return (shares * losses).sum() + 0.5 * strength * (coefficients * coefficients).sum()

    def smooth(self, strength: float, tied: bool) -> Smooth:
        """The objective, its gradient and its Hessian as functions of arrays.

        ``tied`` says that nothing is penalised, so that softmax does not see a number that is added
        to the coefficients of all classes.
        """
        arguments = (*self.data, tensor(strength))
        differentiate = value_and_grad(self.objective)

        def value(w: np.ndarray) -> float:
            return float(self.objective(tensor(w), *arguments).item())

        def slope(w: np.ndarray) -> tuple[float, np.ndarray]:
            found, gradient = differentiate(tensor(w), *arguments)
            return found.item(), gradient.numpy()

        return Smooth(value, slope, lambda w: self._curvature(w, strength, tied))

    def _curvature(self, w: np.ndarray, strength: float, tied: bool) -> np.ndarray:
        """Σ wᵢ xᵢxᵢᵀ ⊗ Hᵢ with the Hessian Hᵢ of the loss of an example in its outputs."""
        features, outputs = self.shape
        X, y, _ = self.data
        scores = X @ tensor(w.reshape(self.shape))

        def loss(z: Tensor, target: Tensor) -> Tensor:
            return self._loss(functions.expand_dims(z, 0), functions.expand_dims(target, 0)).sum()

        each = vmap(hessian(loss))(scores, y).numpy() * self._shares[:, None, None]
        found = np.empty((features, outputs, features, outputs))
        for a in range(outputs):
            for b in range(a + 1):
                block = self._X.T @ (each[:, a, b, None] * self._X)
                found[:, a, :, b] = found[:, b, :, a] = block
        matrix = found.reshape(features * outputs, -1)
        matrix += strength * np.diag(self.penalised())
        if outputs > 1:
            matrix += self._ties(tied)
        return matrix

    def _ties(self, coefficients: bool) -> np.ndarray:
        """A projection onto what softmax does not see, one number added to all outputs, for what is
        not penalised: it makes the matrix regular, and does not change the minimum."""
        features, outputs = self.shape
        seen = np.ones(features) if coefficients else np.zeros(features)
        if self._intercept:
            seen[-1] = 1
        return np.kron(np.diag(seen), np.full((outputs, outputs), 1 / outputs))

    def lipschitz(self) -> float:
        """A bound of the eigenvalues of the Hessian: those of Hᵢ are at most ½, for two classes ¼;
        Böhning 1992."""
        largest = np.linalg.norm(self._X * np.sqrt(self._shares)[:, None], 2) ** 2
        return float(largest * (0.5 if self.shape[1] > 1 else 0.25))
