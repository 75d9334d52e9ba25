"""`chainrule train tabular`: convex models of tables, to the last digit.

Their losses have one minimum, so that any two programs that look for it must agree. Each is found
here from its formula and compared with scikit-learn's, which looks for it in another way.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

import chainrule as cr
from chainrule import nn, optim
from chainrule.cli import output
from chainrule.cli.train.options import guarded
from chainrule.core.errors import MissingExtraError
from chainrule.tensor import Tensor

__all__ = ["EXAMPLE", "Fit", "fits", "hinge_objective", "logistic_objective", "tabular"]

EXAMPLE = "chainrule train tabular"

Affine = dict[str, Tensor]
"""Weights ``w`` and an intercept ``b``."""


class Fit(NamedTuple):
    """A model that was found twice.

    Attributes:
        model, data: what they are called.
        ours, theirs: the value of the objective at the two results.
        difference: the largest difference of a coefficient, relative to the largest coefficient.
        score: what the score says on the data, such as "98.8 % right".
        how: how each was found.
    """

    model: str
    data: str
    ours: float
    theirs: float
    difference: float
    score: str
    how: str


# -- objectives ------------------------------------------------------------------------------------


def scores(model: Affine, x: Tensor) -> Tensor:
    """x·w + b, shape (n,)."""
    found: Tensor = x @ model["w"] + model["b"]
    return found


def logistic_objective(model: Affine, x: Tensor, y: Tensor, strength: float = 1.0) -> Tensor:
    """½‖w‖² + C·Σ log(1 + exp(−y·f)) for classes 0 and 1; C is ``strength``."""
    lost = nn.bce_with_logits(scores(model, x), y, reduction="sum")
    total: Tensor = model["w"] @ model["w"] / 2 + strength * lost
    return total


def hinge_objective(model: Affine, x: Tensor, sign: Tensor, width: Tensor | float) -> Tensor:
    """½‖w‖² + Σ max(0, 1 − y·f) for classes ±1, its kink rounded off over a ``width`` τ.

    max(0, z) becomes τ·log(1 + exp(z/τ)), which is at most τ·log 2 larger (C. Chen and
    O. L. Mangasarian 1996, Computational Optimization and Applications 5).
    """
    short = 1 - sign * scores(model, x)
    lost = (width * cr.softplus(short / width)).sum()
    total: Tensor = model["w"] @ model["w"] / 2 + lost
    return total


def squared_objective(
    model: Affine, x: Tensor, y: Tensor, strength: Tensor | float = 0.0
) -> Tensor:
    """‖y − f‖² + α‖w‖²; α is ``strength``."""
    error = scores(model, x) - y
    total: Tensor = error @ error + strength * (model["w"] @ model["w"])
    return total


# -- the fits --------------------------------------------------------------------------------------


def fits() -> Iterator[Fit]:
    """Fit every model, one after the other.

    Raises:
        MissingExtraError: without scikit-learn, which has the data.
    """
    try:
        from sklearn.datasets import load_breast_cancer, load_diabetes
    except ImportError:
        raise MissingExtraError("scikit-learn", "data") from None
    cancer = load_breast_cancer()
    x = (cancer.data - cancer.data.mean(axis=0)) / cancer.data.std(axis=0)
    yield _logistic(x, cancer.target)
    yield _machine(x, cancer.target)
    diabetes = load_diabetes()
    x = diabetes.data / diabetes.data.std(axis=0)
    yield _linear(x, diabetes.target)
    yield _ridge(x, diabetes.target)
    yield _lasso(x, diabetes.target)


def _start(columns: int) -> Affine:
    return {"w": cr.zeros(columns, dtype="float64"), "b": cr.tensor(0.0)}


def _affine(weights: Any, intercept: Any) -> Affine:
    return {
        "w": cr.tensor(np.asarray(weights).ravel()),
        "b": cr.tensor(float(np.squeeze(intercept))),
    }


def _compared(
    model: str, data: str, found: Affine, theirs: Affine, value: Any, score: str, how: str
) -> Fit:
    """The fit with ``value(model)`` of both."""
    coefficients = [np.append(m["w"].numpy(), m["b"].numpy()) for m in (found, theirs)]
    difference = np.abs(coefficients[0] - coefficients[1]).max() / np.abs(coefficients[1]).max()
    return Fit(
        model, data, float(value(found)), float(value(theirs)), float(difference), score, how
    )


def _logistic(x: np.ndarray, y: np.ndarray) -> Fit:
    from sklearn.linear_model import LogisticRegression

    features, target = cr.tensor(x), cr.tensor(y.astype(float))
    found = optim.minimize(
        logistic_objective, _start(x.shape[1]), args=(features, target), tolerance=1e-9
    ).x
    reference = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(x, y)
    right = ((scores(found, features).numpy() > 0) == y).mean()
    return _compared(
        "logistic regression",
        "breast cancer",
        found,
        _affine(reference.coef_, reference.intercept_),
        lambda model: logistic_objective(model, features, target),
        f"{right:.2%} right",
        "L-BFGS",
    )


def _machine(x: np.ndarray, y: np.ndarray) -> Fit:
    from sklearn.svm import SVC

    sign = 2.0 * y - 1
    features, signs = cr.tensor(x), cr.tensor(sign)
    found = _start(x.shape[1])
    width = 1.0
    while width > 1e-7:  # each minimum is a good start for the next, sharper objective
        found = optim.minimize(
            hinge_objective,
            found,
            optim.newton(),
            args=(features, signs, cr.tensor(width)),
            tolerance=1e-9,
        ).x
        width /= 8
    reference = SVC(kernel="linear", tol=1e-10).fit(x, y)

    def objective(model: Affine) -> float:
        weights = model["w"].numpy()
        short = 1 - sign * scores(model, features).numpy()
        return float(weights @ weights / 2 + np.maximum(short, 0).sum())

    right = ((scores(found, features).numpy() > 0) == y).mean()
    return _compared(
        "support vector machine",
        "breast cancer",
        found,
        _affine(reference.coef_, reference.intercept_),
        objective,
        f"{right:.2%} right",
        "Newton, sharper and sharper hinges",
    )


def _linear(x: np.ndarray, y: np.ndarray) -> Fit:
    from sklearn.linear_model import LinearRegression

    reference = LinearRegression().fit(x, y)
    return _regression(
        "linear regression", x, y, 0.0, _affine(reference.coef_, reference.intercept_)
    )


def _ridge(x: np.ndarray, y: np.ndarray) -> Fit:
    from sklearn.linear_model import Ridge

    reference = Ridge(alpha=10.0).fit(x, y)
    theirs = _affine(reference.coef_, reference.intercept_)
    return _regression("ridge", x, y, 10.0, theirs)


def _regression(name: str, x: np.ndarray, y: np.ndarray, strength: float, theirs: Affine) -> Fit:
    features, target = cr.tensor(x), cr.tensor(y)
    args = features, target, cr.tensor(strength)
    found = optim.minimize(
        squared_objective, _start(x.shape[1]), optim.newton(), args=args, tolerance=1e-6
    ).x
    explained = cr.train.r2(scores(found, features), target)
    return _compared(
        name,
        "diabetes",
        found,
        theirs,
        lambda model: squared_objective(model, *args),
        f"R² {float(explained):.4f}",
        "Newton",
    )


def _lasso(x: np.ndarray, y: np.ndarray) -> Fit:
    from sklearn.linear_model import Lasso

    ours = cr.train.LinearRegression(penalty="l1", alpha=1.0).fit(x, y)
    reference = Lasso(alpha=1.0, tol=1e-12, max_iter=100_000).fit(x, y)

    def objective(model: Affine) -> float:
        error = scores(model, cr.tensor(x)).numpy() - y
        return float(error @ error / (2 * len(y)) + np.abs(model["w"].numpy()).sum())

    kept = np.count_nonzero(ours.coef_)
    return _compared(
        "lasso",
        "diabetes",
        _affine(ours.coef_, ours.intercept_),
        _affine(reference.coef_, reference.intercept_),
        objective,
        f"R² {ours.score(x, y):.4f}, {kept} of {x.shape[1]} weights",
        "proximal gradient",
    )


# -- the command -----------------------------------------------------------------------------------


def tabular() -> None:
    """Fit convex models to tables, and compare them with scikit-learn's.

    Logistic regression and a support vector machine (hinge loss) tell benign from malignant breast
    tumours, 569 patients and 30 features; linear, ridge and lasso regression predict the course of
    diabetes, 442 patients and 10 features. Scores are those on the data that they were fitted to:
    what is shown is that the minimum is found. Coefficients differ by so much at most, relative to
    the largest of them. Needs scikit-learn, which has the data.
    """
    with guarded(None):
        console = output.console()
        table = output.table(
            console, "model", "objective", "scikit-learn's", "coefficients differ by"
        )
        table.add_column("score")
        table.add_column("found by")
        for fit in fits():
            console.print(f"fitted     {fit.model}, {fit.data}")
            table.add_row(
                fit.model,
                f"{fit.ours:.9g}",
                f"{fit.theirs:.9g}",
                f"{fit.difference:.1e}",
                fit.score,
                fit.how,
            )
        console.print()
        console.print(table)
