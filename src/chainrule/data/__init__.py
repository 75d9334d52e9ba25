"""Data: arrays of examples, batches, and the data sets that come with the package."""

from typing import TYPE_CHECKING, NoReturn

from chainrule.core.elsewhere import in_chainrule
from chainrule.data import augment
from chainrule.data.dataset import Dataset, as_dataset, batches
from chainrule.data.digits import load_digits
from chainrule.data.loader import Loader
from chainrule.data.mapped import open_npy
from chainrule.data.mnist import load_mnist
from chainrule.data.shakespeare import load_shakespeare
from chainrule.data.source import Source
from chainrule.data.stream import Stream

__all__ = [
    "Dataset",
    "Loader",
    "Source",
    "Stream",
    "as_dataset",
    "augment",
    "batches",
    "load_digits",
    "load_mnist",
    "load_shakespeare",
    "open_npy",
]

if not TYPE_CHECKING:  # else every misspelt name would pass for one

    def __getattr__(name: str) -> NoReturn:
        hint = in_chainrule(__name__, name)
        raise AttributeError(f"module 'chainrule.data' has no attribute {name!r}{hint}")
