"""Multilayer perceptrons as estimators."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.metrics import accuracy_score, r2_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.multiclass import (
    check_classification_targets,
    type_of_target,
    unique_labels,
)
from sklearn.utils.validation import validate_data

from chainrule.core.errors import DomainError
from chainrule.estimators.checks import one_of
from chainrule.estimators.perceptron import Perceptron, unless_lbfgs
from chainrule.estimators.stochastic import Data, wrapped

__all__ = ["MLPClassifier", "MLPRegressor"]


class MLPClassifier(ClassifierMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for classes, trained by native programs.

    It minimises what `sklearn.neural_network.MLPClassifier` does, the mean cross-entropy plus
    α/(2n)·Σ‖W‖² with n the examples of a batch, from the same first coefficients and in the same
    order for the same ``random_state``. float32 inputs are trained on in float32, which is faster.

    Args:
        hidden_layer_sizes: widths of the hidden layers.
        activation: "relu", "tanh", "logistic" or "identity".
        solver: "adam", "sgd", or "lbfgs", which takes all data in every step.
        alpha: α, the strength of the L2 penalty on the weights.
        batch_size: examples in a step of adam and sgd; "auto" is 200, or all if there are fewer.
        learning_rate: of sgd: "constant"; "invscaling", divided by (t + 1)^power_t after t
            examples; or "adaptive", divided by 5 when the training stagnates.
        learning_rate_init, power_t: the first learning rate, and how fast it falls.
        max_iter: most passes over the data, or most steps of lbfgs.
        shuffle: whether every pass has an order of its own.
        random_state: a seed, or a generator of NumPy.
        tol: improvements below it count as none; for lbfgs the largest slope at the end.
        verbose: whether to print the loss of every pass.
        warm_start: whether `fit` goes on from the coefficients that there are.
        momentum, nesterovs_momentum: of sgd.
        early_stopping: hold out ``validation_fraction`` of the data, stop when their score
            stagnates, and keep the best coefficients.
        validation_fraction: the share that is held out.
        beta_1, beta_2, epsilon: of adam.
        n_iter_no_change: passes without improvement after which the training stagnates.

    Attributes:
        classes_: the classes.
        coefs_, intercepts_: weights (inputs, outputs) and biases of each layer.
        loss_, best_loss_, loss_curve_: the last, the least and all losses of the passes.
        n_iter_, t_: passes or steps done, and examples seen.
        validation_scores_, best_validation_score_: the accuracy on what was held out.
        n_layers_, n_outputs_, out_activation_: of the network.
        n_features_in_, feature_names_in_: of the inputs.

    >>> from chainrule import data, train
    >>> train_set, test_set = data.load_digits().split()
    >>> model = train.MLPClassifier((32,), solver="lbfgs", random_state=0, tol=1e-2)
    >>> model = model.fit(train_set.inputs, train_set.targets)
    >>> model.score(test_set.inputs, test_set.targets) > 0.9
    True
    """

    @unless_lbfgs
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One pass over some data, from the coefficients that there are.

        Args:
            X, y, sample_weight: as for `fit`.
            classes: all classes that there will be; needed in the first call.

        Raises:
            DomainError: if they are not given then, or differ later.
        """
        if not hasattr(self, "classes_"):
            if classes is None:
                raise DomainError("partial_fit: the first call needs classes=, all that there are")
            kind = type_of_target(y)
            self._set_classes(y if kind.startswith("multilabel") else np.unique(classes))
        elif classes is not None and not np.array_equal(np.unique(classes), self.classes_):
            raise DomainError(
                f"partial_fit: classes={classes!r} differ from those of the first call, "
                f"{self.classes_!r}"
            )
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """The most likely class of each example, shape (n,); or 0 and 1 for each label."""
        return self._decided(self._forward(X))

    def predict_proba(self, X: Any) -> np.ndarray:
        """The probability of each class, shape (n, classes)."""
        found = self._forward(X)
        return np.hstack([1 - found, found]) if self._is_binary() else found

    def predict_log_proba(self, X: Any) -> np.ndarray:
        """The logarithm of `predict_proba`."""
        with np.errstate(divide="ignore"):
            logarithms: np.ndarray = np.log(self.predict_proba(X))
        return logarithms

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags

    def _checked_data(
        self, X: Any, y: Any, fresh: bool, incremental: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(
            self, X, y, multi_output=True, dtype=(np.float64, np.float32), reset=fresh
        )
        check_classification_targets(y)
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if fresh and not incremental:
            self._set_classes(y)
        else:
            unknown = np.setdiff1d(unique_labels(y), self.classes_)
            if len(unknown):
                raise DomainError(
                    f"y has the classes {unknown}, which are not among {self.classes_}, those of "
                    "the fit before"
                )
        if self._binarizer.y_type_.startswith("multilabel"):
            return X, np.asarray(y)
        return X, np.searchsorted(self.classes_, y)

    def _set_classes(self, y: Any) -> None:
        self._binarizer = LabelBinarizer().fit(y)
        self.classes_ = self._binarizer.classes_

    def _is_binary(self) -> bool:
        return bool(self.n_outputs_ == 1)

    def _outputs(self, y: np.ndarray) -> int:
        return len(self.classes_) if y.ndim == 2 or len(self.classes_) > 2 else 1

    def _out_activation(self) -> str:
        return "softmax" if self._binarizer.y_type_ == "multiclass" else "logistic"

    def _loss(self) -> str:
        return str(self.out_activation_)

    def _data(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> Data:
        if self.out_activation_ == "logistic":
            y = y.reshape(len(y), -1).astype(X.dtype)
        return Data(wrapped(X), wrapped(y), None if weights is None else wrapped(weights))

    def _decided(self, activated: np.ndarray) -> np.ndarray:
        scores = activated[:, 0] if self._is_binary() else activated
        decided: np.ndarray = self._binarizer.inverse_transform(scores)
        return decided

    def _score(self, y: np.ndarray, activated: np.ndarray, weights: np.ndarray | None) -> float:
        if not np.isfinite(activated).all():
            return float("nan")
        right = y if y.ndim == 2 else self.classes_[y]
        return float(accuracy_score(right, self._decided(activated), sample_weight=weights))


class MLPRegressor(RegressorMixin, Perceptron):  # type: ignore[misc]
    """A multilayer perceptron for numbers, trained by native programs.

    It minimises what `sklearn.neural_network.MLPRegressor` does: half of the mean squared error (or
    of the Poisson deviance of exp(z) with z the output) plus α/(2n)·Σ‖W‖². Of several outputs the
    errors are summed, also in ``loss_``.

    Args:
        loss: "squared_error", or "poisson" for counts, which are at least 0.
        others: as for `MLPClassifier`. The score of ``early_stopping`` is R².

    Attributes:
        coefs_, …: as for `MLPClassifier`.

    >>> import numpy as np
    >>> from chainrule import train
    >>> x = np.linspace(-2, 2, 50)[:, None]
    >>> model = train.MLPRegressor(
    ...     hidden_layer_sizes=(20,), activation="tanh", solver="lbfgs", random_state=0
    ... )
    >>> model.fit(x, np.sin(2 * x[:, 0])).score(x, np.sin(2 * x[:, 0])) > 0.99
    True
    """

    def __init__(
        self,
        loss: str = "squared_error",
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
        super().__init__(
            hidden_layer_sizes,
            activation,
            solver=solver,
            alpha=alpha,
            batch_size=batch_size,
            learning_rate=learning_rate,
            learning_rate_init=learning_rate_init,
            power_t=power_t,
            max_iter=max_iter,
            shuffle=shuffle,
            random_state=random_state,
            tol=tol,
            verbose=verbose,
            warm_start=warm_start,
            momentum=momentum,
            nesterovs_momentum=nesterovs_momentum,
            early_stopping=early_stopping,
            validation_fraction=validation_fraction,
            beta_1=beta_1,
            beta_2=beta_2,
            epsilon=epsilon,
            n_iter_no_change=n_iter_no_change,
        )
        self.loss = loss

    @unless_lbfgs
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """One pass over some data, from the coefficients that there are; arguments as for `fit`."""
        return self._fit(X, y, sample_weight, incremental=True)

    def predict(self, X: Any) -> np.ndarray:
        """The predicted targets, shape (n,) or (n, outputs)."""
        return self._shaped(self._forward(X))

    def _check_arguments(self) -> None:
        super()._check_arguments()
        one_of(self, "loss", ("squared_error", "poisson"))

    def _checked_data(
        self, X: Any, y: Any, fresh: bool, incremental: bool
    ) -> tuple[np.ndarray, np.ndarray]:
        X, y = validate_data(
            self,
            X,
            y,
            multi_output=True,
            y_numeric=True,
            dtype=(np.float64, np.float32),
            reset=fresh,
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if self.loss == "poisson" and (y < 0).any():
            raise DomainError('MLPRegressor: targets of loss="poisson" are at least 0')
        return X, y.astype(X.dtype, copy=False)

    def _outputs(self, y: np.ndarray) -> int:
        return 1 if y.ndim == 1 else int(y.shape[1])

    def _out_activation(self) -> str:
        return "exp" if self.loss == "poisson" else "identity"

    def _loss(self) -> str:
        return str(self.loss)

    def _data(self, X: np.ndarray, y: np.ndarray, weights: np.ndarray | None) -> Data:
        targets = wrapped(y.reshape(len(y), -1))
        return Data(wrapped(X), targets, None if weights is None else wrapped(weights))

    def _shaped(self, activated: np.ndarray) -> np.ndarray:
        return activated[:, 0] if self.n_outputs_ == 1 else activated

    def _score(self, y: np.ndarray, activated: np.ndarray, weights: np.ndarray | None) -> float:
        if not np.isfinite(activated).all():
            return float("nan")
        return float(r2_score(y, self._shaped(activated), sample_weight=weights))
