"""What the multilayer perceptrons among the estimators share."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core.errors import DomainError, NonFiniteError
from chainrule.core.tree import map_tree
from chainrule.estimators.checks import (
    at_least,
    below_one,
    one_of,
    warn_not_converged,
    weights_of,
)
from chainrule.estimators.objective import ACTIVATIONS, OUTPUTS, Layers, network, penalised
from chainrule.estimators.stochastic import Carry, Data, Epochs, Method, is_worthwhile, wrapped
from chainrule.optim.minimize import minimize
from chainrule.tensor import Tensor, no_grad

__all__ = ["Perceptron", "unless_lbfgs"]

LEAST_RATE = 1e-6
"""An adaptive learning rate ends the training instead of falling below."""


def _can_go_on(estimator: Any) -> bool:
    if estimator.solver == "lbfgs":
        raise AttributeError('partial_fit is for solver="adam" and "sgd", not "lbfgs"')
    return True


unless_lbfgs: Callable[[Any], Any] = available_if(_can_go_on)


class Perceptron(BaseEstimator):  # type: ignore[misc]
    """What classifier and regressor share; they say what targets, losses and scores are."""

    def __init__(
        self,
        hidden_layer_sizes: int | Sequence[int] = (100,),
        activation: str = "relu",
        *,
        solver: str = "adam",
        alpha: float = 1e-4,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 1e-3,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: bool = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: int = 10,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change

    # -- fitting -----------------------------------------------------------------------------------

    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on the data.

        Args:
            X: inputs, shape (n, features).
            y: targets, shape (n,) or (n, outputs).
            sample_weight: how much each example counts, shape (n,).

        Raises:
            DomainError: if an argument is out of range.
            NonFiniteError: if the training led to coefficients that are not finite.
        """
        return self._fit(X, y, sample_weight, incremental=False)

    def _fit(self, X: Any, y: Any, sample_weight: Any, incremental: bool) -> Self:
        self._check_arguments()
        fresh = not hasattr(self, "coefs_") or not (self.warm_start or incremental)
        X, y = self._checked_data(X, y, fresh, incremental)
        weights = weights_of(sample_weight, X)
        weights = None if weights is None else weights.astype(X.dtype)
        self._random = check_random_state(self.random_state)
        if fresh:
            self._start(X, y)
        if self.solver == "lbfgs":
            self._fit_lbfgs(X, y, weights)
        else:
            self._fit_stochastic(X, y, weights, incremental)
        if not all(np.isfinite(values).all() for values in [*self.coefs_, *self.intercepts_]):
            raise NonFiniteError(
                f"{type(self).__name__}: the training led to coefficients that are not finite; "
                "scale the data to about 1, or take a smaller learning_rate_init"
            )
        return self

    def _check_arguments(self) -> None:
        one_of(self, "activation", tuple(ACTIVATIONS))
        one_of(self, "solver", ("adam", "sgd", "lbfgs"))
        one_of(self, "learning_rate", ("constant", "invscaling", "adaptive"))
        at_least(self, 1, "max_iter", whole=True)
        at_least(self, 1, "n_iter_no_change")
        at_least(self, 0, "alpha", "tol", "power_t", "learning_rate_init", "epsilon")
        below_one(self, "momentum", "beta_1", "beta_2", "validation_fraction")
        if self.batch_size != "auto":
            at_least(self, 1, "batch_size", whole=True)
        widths = self._widths()
        if not all(isinstance(width, (int, np.integer)) and width > 0 for width in widths):
            raise DomainError(
                f"{type(self).__name__}: hidden_layer_sizes are whole numbers above 0, not "
                f"{self.hidden_layer_sizes!r}"
            )

    def _widths(self) -> list[int]:
        sizes = self.hidden_layer_sizes
        return list(sizes) if hasattr(sizes, "__iter__") else [sizes]

    def _start(self, X: np.ndarray, y: np.ndarray) -> None:
        """Draw the first coefficients; Glorot and Bengio 2010, equation 16."""
        self.n_outputs_ = self._outputs(y)
        self.out_activation_ = self._out_activation()
        units = [X.shape[1], *self._widths(), self.n_outputs_]
        self.n_layers_ = len(units)
        self.coefs_: list[np.ndarray] = []
        self.intercepts_: list[np.ndarray] = []
        for inputs, outputs in pairwise(units):
            bound = np.sqrt((2 if self.activation == "logistic" else 6) / (inputs + outputs))
            for values, shape in ((self.coefs_, (inputs, outputs)), (self.intercepts_, outputs)):
                values.append(self._random.uniform(-bound, bound, shape).astype(X.dtype))
        self.t_ = 0
        self.loss_curve_: list[float] = []
        self._carry: Carry | None = None
        self.best_loss_: Any = None if self.early_stopping else np.inf
        self.validation_scores_: list[float] | None = [] if self.early_stopping else None
        self.best_validation_score_ = -np.inf if self.early_stopping else None
        self._unimproved = 0

    def _layers(self) -> Layers:
        pairs = zip(self.coefs_, self.intercepts_, strict=True)
        return [(wrapped(weight), wrapped(bias)) for weight, bias in pairs]

    def _keep(self, layers: Layers) -> None:
        self.coefs_ = [np.array(weight.numpy()) for weight, _ in layers]
        self.intercepts_ = [np.array(bias.numpy()) for _, bias in layers]

    def _fit_lbfgs(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> None:
        activation, loss = self.activation, self._loss()

        def objective(layers: Layers, data: Data, alpha: Tensor) -> Tensor:
            return penalised(layers, *data, alpha, activation, loss)

        layers = self._layers()
        found = minimize(
            objective,
            layers,
            args=(self._data(X, y, weights), float(self.alpha)),
            max_steps=self.max_iter,
            tolerance=self.tol,
            compile=is_worthwhile(layers, len(X), self.max_iter),
        )
        self._keep(found.x)
        self.n_iter_, self.loss_ = found.steps, found.value
        if found.reason == "max_steps":
            warn_not_converged(self, found.steps, depth=3)

    def _fit_stochastic(
        self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None, incremental: bool
    ) -> None:
        held_out = None
        if self.early_stopping:
            if incremental:
                raise DomainError("partial_fit takes one step at a time; early_stopping is for fit")
            X, y, weights, held_out = self._held_out(X, y, weights)
        count = len(X)
        batch_size = min(200, count) if self.batch_size == "auto" else int(self.batch_size)
        if batch_size > count:
            warnings.warn(
                f"batch_size={batch_size} is larger than the number of examples; {count} is taken",
                stacklevel=4,
            )
            batch_size = count
        layers, rate = self._layers(), self.learning_rate_init
        steps = -(-count // batch_size) * (1 if incremental else self.max_iter)
        epochs = Epochs(
            self._method(),
            layers,
            self._data(X, y, weights),
            self.alpha,
            is_worthwhile(layers, batch_size, steps),
            self._carry if incremental else None,
        )
        best = None
        order = np.arange(count)
        self.n_iter_ = 0
        try:
            for _ in range(1 if incremental else self.max_iter):
                if self.shuffle:
                    places = np.arange(count)
                    self._random.shuffle(places)
                    order = order[places]
                self.loss_ = epochs.take(order, batch_size, rate)
                self.n_iter_ += 1
                self.t_ += count
                self.loss_curve_.append(self.loss_)
                if self.verbose:
                    print(f"Iteration {self.n_iter_}, loss = {self.loss_:.8f}")
                if held_out is None:
                    self._look_at_loss()
                elif self._look_at_score(epochs.carry.layers, held_out):
                    best = map_tree(
                        lambda leaf: wrapped(np.array(leaf.numpy())), epochs.carry.layers
                    )
                if self.solver == "sgd" and self.learning_rate == "invscaling":
                    rate = self.learning_rate_init / (self.t_ + 1) ** self.power_t
                if self._unimproved > self.n_iter_no_change:
                    adaptive = self.solver == "sgd" and self.learning_rate == "adaptive"
                    if not adaptive or rate <= LEAST_RATE:
                        break
                    rate, self._unimproved = rate / 5, 0
            else:
                if not incremental:
                    warn_not_converged(self, self.n_iter_, depth=3)
        except KeyboardInterrupt:
            warnings.warn("the training was interrupted; what was learned is kept", stacklevel=4)
        self._keep(epochs.carry.layers if best is None else best)
        self._carry = epochs.carry

    def _method(self) -> Method:
        return Method(
            self.activation,
            self._loss(),
            self.solver,
            float(self.momentum),
            bool(self.nesterovs_momentum) and self.momentum > 0,
            float(self.beta_1),
            float(self.beta_2),
            float(self.epsilon),
        )

    def _held_out(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> Any:
        """The training examples, and validation data: inputs, targets and weights."""
        arrays = [X, y] if weights is None else [X, y, weights]
        parts = train_test_split(
            *arrays,
            random_state=self._random,
            test_size=self.validation_fraction,
            stratify=y if is_classifier(self) and y.ndim == 1 else None,
        )
        if len(parts[1]) < 2:
            raise DomainError(
                f"{type(self).__name__}: validation_fraction={self.validation_fraction} of "
                f"{len(X)} examples leaves fewer than two to validate on"
            )
        training, held = parts[::2], parts[1::2]
        if weights is None:
            training, held = [*training, None], [*held, None]
        return (*training, held)

    def _look_at_loss(self) -> None:
        loss = self.loss_curve_[-1]
        self._unimproved = self._unimproved + 1 if loss > self.best_loss_ - self.tol else 0
        self.best_loss_ = min(loss, self.best_loss_)

    def _look_at_score(self, layers: Layers, held_out: Any) -> bool:
        """Score the validation data; whether that is the best so far."""
        inputs, targets, weights = held_out
        score = self._score(targets, self._activated(self._outputs_of(layers, inputs)), weights)
        assert self.validation_scores_ is not None
        assert self.best_validation_score_ is not None
        self.validation_scores_.append(score)
        if self.verbose:
            print(f"Validation score: {score:.6f}")
        better = score >= self.best_validation_score_ + self.tol
        self._unimproved = 0 if better else self._unimproved + 1
        if not score > self.best_validation_score_:
            return False
        self.best_validation_score_ = score
        return True

    # -- use ---------------------------------------------------------------------------------------

    def _forward(self, X: Any) -> np.ndarray:
        """The activated outputs, shape (n, outputs)."""
        check_is_fitted(self)
        X = validate_data(self, X, reset=False)
        dtype = self.coefs_[0].dtype
        inputs = X.astype(dtype, copy=False) if X.dtype.kind != "f" else X
        return self._activated(self._outputs_of(self._layers(), inputs))

    def _outputs_of(self, layers: Layers, X: np.ndarray) -> Tensor:
        with no_grad(), np.errstate(all="ignore"):
            return network(layers, wrapped(X), self.activation)

    def _activated(self, outputs: Tensor) -> np.ndarray:
        found: np.ndarray = OUTPUTS[self.out_activation_](outputs).numpy()
        return found
