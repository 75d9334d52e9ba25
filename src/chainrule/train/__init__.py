"""Training: the loop, its record, progress, saved models and pictures."""

from chainrule.train.evaluation import evaluate
from chainrule.train.guard import NonFiniteError
from chainrule.train.loop import fit
from chainrule.train.metrics import accuracy
from chainrule.train.plots import plot_curves, plot_mistakes
from chainrule.train.progress import ProgressBar
from chainrule.train.run import Callback, Epoch, Run
from chainrule.train.files import SavedModelError
from chainrule.train.saving import load, read_metadata, save
from chainrule.train.step import Step, make_step

__all__ = [
    "Callback",
    "Epoch",
    "NonFiniteError",
    "ProgressBar",
    "Run",
    "SavedModelError",
    "Step",
    "accuracy",
    "evaluate",
    "fit",
    "load",
    "make_step",
    "plot_curves",
    "plot_mistakes",
    "read_metadata",
    "save",
]
