"""Convex models of tables, to the last digit: `chainrule train tabular`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import torch
from torch.nn import functional

import chainrule as cr
from bench.tasks.task import Course, Ready, Task
from chainrule import optim
from chainrule.cli.train.tabular import logistic_objective, squared_objective

TOLERANCE = 1e-9
MEMORY = 10
STRENGTH = 10.0


class Table(NamedTuple):
    """What is minimised.

    Attributes:
        x, y: features and targets.
        ours, theirs: the objective ``(model, x, y)`` with chainrule and with PyTorch.
        best: its minimum, by scikit-learn.
    """

    x: np.ndarray
    y: np.ndarray
    ours: Callable[..., Any]
    theirs: Callable[..., torch.Tensor]
    best: float


def cancer() -> Table:
    """Logistic regression on 569 tumours."""
    from sklearn.datasets import load_breast_cancer
    from sklearn.linear_model import LogisticRegression

    table = load_breast_cancer()
    x = (table.data - table.data.mean(axis=0)) / table.data.std(axis=0)
    y = table.target.astype(float)
    found = LogisticRegression(solver="newton-cholesky", tol=1e-12).fit(x, table.target)
    return _with_best(x, y, logistic_objective, logistic, found.coef_[0], found.intercept_[0])


def diabetes() -> Table:
    """Ridge regression on 442 patients."""
    from sklearn.datasets import load_diabetes
    from sklearn.linear_model import Ridge

    table = load_diabetes()
    x, y = table.data / table.data.std(axis=0), table.target
    found = Ridge(alpha=STRENGTH).fit(x, y)
    return _with_best(x, y, ridge_objective, ridge, found.coef_, found.intercept_)


def _with_best(
    x: np.ndarray, y: np.ndarray, ours: Any, theirs: Any, weights: Any, intercept: Any
) -> Table:
    best = theirs(*(torch.tensor(part) for part in (weights, intercept, x, y)))
    return Table(x, y, ours, theirs, best.item())


def ridge_objective(model: Any, x: Any, y: Any) -> Any:
    return squared_objective(model, x, y, STRENGTH)


def logistic(w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """As `logistic_objective`."""
    lost = functional.binary_cross_entropy_with_logits(x @ w + b, y, reduction="sum")
    return w @ w / 2 + lost


def ridge(w: torch.Tensor, b: torch.Tensor, x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """As `squared_objective`."""
    error = x @ w + b - y
    return error @ error + STRENGTH * (w @ w)


def ours(table: Table, steps: int, seed: int) -> Course:
    features, target = cr.tensor(table.x), cr.tensor(table.y)
    start = {"w": cr.zeros(table.x.shape[1], dtype="float64"), "b": cr.tensor(0.0)}
    course = Course(lambda: found.value / table.best - 1)
    with course.timed():
        found = optim.minimize(
            table.ours,
            start,
            optim.lbfgs(memory=MEMORY),
            args=(features, target),
            tolerance=TOLERANCE,
            max_steps=steps,
        )
        course.look(found.steps)
    return course


def theirs(table: Table, steps: int, seed: int, ready: Ready) -> Course:
    x, y = torch.tensor(table.x), torch.tensor(table.y)
    w = torch.zeros(x.shape[1], dtype=torch.float64, requires_grad=True)
    b = torch.zeros((), dtype=torch.float64, requires_grad=True)
    optimizer = torch.optim.LBFGS(
        [w, b],
        max_iter=steps,
        max_eval=25 * steps,
        tolerance_grad=TOLERANCE,
        tolerance_change=0.0,
        history_size=MEMORY,
        line_search_fn="strong_wolfe",
    )
    course = Course(lambda: objective(w, b, x, y).item() / table.best - 1)
    with course.timed():
        objective = ready(table.theirs)

        def closure() -> torch.Tensor:
            optimizer.zero_grad()
            loss = objective(w, b, x, y)
            loss.backward()
            return loss

        optimizer.step(closure)
        course.look(optimizer.state[w]["n_iter"])
    return course


def _task(make: Callable[[], Table], name: str, title: str) -> Task:
    return Task(
        name=name,
        title=title,
        measure="above the minimum",
        better="below",
        target=1e-6,
        length=1000,
        unit="steps",
        quick=1000,
        ours=lambda length, seed: ours(make(), length, seed),
        theirs=lambda length, seed, ready: theirs(make(), length, seed, ready),
        note="scored once, where L-BFGS has converged; chainrule computes the steps in one program",
    )


TASKS = (
    _task(cancer, "cancer", "breast cancer, logistic regression"),
    _task(diabetes, "diabetes", "diabetes, ridge regression"),
)
