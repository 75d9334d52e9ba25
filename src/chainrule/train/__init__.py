"""Training: the loop, its record, progress, saved models and pictures."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from chainrule.core.elsewhere import in_chainrule
from chainrule.train.callbacks import EarlyStopping, ReduceOnPlateau, StepLimit, TimeLimit
from chainrule.train.checkpoint import CheckpointError, CheckpointWarning
from chainrule.train.evaluation import evaluate
from chainrule.train.files import SavedModelError
from chainrule.train.guard import NonFiniteError
from chainrule.train.keeping import Checkpoints
from chainrule.train.logs import CSVLog, RunLog, TensorBoard
from chainrule.train.loop import fit
from chainrule.train.metrics import (
    accuracy,
    confusion_matrix,
    f1,
    mean_absolute_error,
    mean_squared_error,
    of_mean,
    perplexity,
    precision,
    r2,
    recall,
    roc_auc,
    top_k_accuracy,
    whole,
)
from chainrule.train.plots import plot_curves, plot_mistakes
from chainrule.train.prediction import predict
from chainrule.train.progress import ProgressBar
from chainrule.train.range_test import RangeTest, find_lr
from chainrule.train.run import Best, Callback, Epoch, GradientNorms, Run, Timings
from chainrule.train.saving import load, read_metadata, save
from chainrule.train.step import Step, UnusedParameterWarning, make_step

if TYPE_CHECKING:
    from chainrule.estimators import LinearRegression as LinearRegression
    from chainrule.estimators import LogisticRegression as LogisticRegression
    from chainrule.estimators import MLPClassifier as MLPClassifier
    from chainrule.estimators import MLPRegressor as MLPRegressor

__all__ = [
    "Best",
    "CSVLog",
    "Callback",
    "CheckpointError",
    "CheckpointWarning",
    "Checkpoints",
    "EarlyStopping",
    "Epoch",
    "GradientNorms",
    "NonFiniteError",
    "ProgressBar",
    "RangeTest",
    "ReduceOnPlateau",
    "Run",
    "RunLog",
    "SavedModelError",
    "Step",
    "StepLimit",
    "TensorBoard",
    "TimeLimit",
    "Timings",
    "UnusedParameterWarning",
    "accuracy",
    "confusion_matrix",
    "evaluate",
    "f1",
    "find_lr",
    "fit",
    "load",
    "make_step",
    "mean_absolute_error",
    "mean_squared_error",
    "of_mean",
    "perplexity",
    "plot_curves",
    "plot_mistakes",
    "precision",
    "predict",
    "r2",
    "read_metadata",
    "recall",
    "roc_auc",
    "save",
    "top_k_accuracy",
    "whole",
]

ESTIMATORS = ("LinearRegression", "LogisticRegression", "MLPClassifier", "MLPRegressor")
"""Offered here too, at their first use, since they need scikit-learn."""


def __getattr__(name: str) -> Any:
    if name not in ESTIMATORS:
        hint = in_chainrule(__name__, name)
        raise AttributeError(f"module 'chainrule.train' has no attribute {name!r}{hint}")
    return getattr(import_module("chainrule.estimators"), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *ESTIMATORS})
