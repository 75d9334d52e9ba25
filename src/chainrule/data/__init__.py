"""Data: arrays of examples, batches, and the data sets that come with the package."""

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
