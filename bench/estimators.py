"""Multilayer perceptrons of chainrule.train and scikit-learn: the same fit, to the same score.

Both begin with the same coefficients and take the same batches in the same order, so that they have
the same validation score after every epoch, up to rounding; the rows give both scores. A fit takes
a fixed number of epochs, enough for the score to settle. The times are seconds of whole fits;
``first`` is that of a first fit of a process whose program is on the disk already, ``compiled`` of
one for which nothing is.
"""

from __future__ import annotations

import os
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import perf_counter
from typing import Any

import numpy as np

from bench.common import Row, interleaved, peer

EPOCHS = 60
ROUNDS = 7
CACHE = "CHAINRULE_CACHE_DIR"


def _digits() -> tuple[Any, Any, Any, Any]:
    """1,438 images of 64 pixels to train on, and 359 held out."""
    from chainrule import data

    train, test = data.load_digits().split(test=0.2, seed=0)
    return train.inputs, train.targets, test.inputs, test.targets


def _synthetic() -> tuple[Any, Any, Any, Any]:
    """10,000 examples of 100 features in 10 classes, and 2,000 held out."""
    from sklearn.datasets import make_classification

    X, y = make_classification(
        12_000, 100, n_informative=30, n_classes=10, class_sep=2.0, random_state=0
    )
    X = (X / X.std(axis=0)).astype(np.float32)
    return X[:10_000], y[:10_000], X[10_000:], y[10_000:]


CASES: tuple[tuple[str, Callable[[], tuple[Any, Any, Any, Any]], tuple[int, ...], int], ...] = (
    ("digits", _digits, (100,), EPOCHS),
    ("synthetic", _synthetic, (256, 128), 10),
)


def run() -> list[Row]:
    """Seconds of whole fits, and the validation scores that they reach."""
    if peer("sklearn") is None:
        return []
    with _one_processor():
        return [
            _measured(name, make(), widths, epochs, dtype)
            for name, make, widths, epochs in CASES
            for dtype in ("float32", "float64")
        ]


@contextmanager
def _one_processor() -> Iterator[None]:
    """Programs that are compiled meanwhile have one thread, like the peer's."""
    if not hasattr(os, "sched_setaffinity"):
        yield
        return
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def _measured(
    name: str, data: tuple[Any, Any, Any, Any], widths: tuple[int, ...], epochs: int, dtype: str
) -> Row:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.neural_network import MLPClassifier

    from chainrule import train
    from chainrule.estimators import stochastic

    X, y, held_X, held_y = data
    X, held_X = X.astype(dtype), held_X.astype(dtype)
    options = {
        "hidden_layer_sizes": widths,
        "max_iter": epochs,
        "n_iter_no_change": epochs,
        "random_state": 0,
    }
    models = {
        "chainrule": train.MLPClassifier(**options),
        "scikit-learn": MLPClassifier(**options),
    }

    def timed() -> float:
        stochastic._compiled.cache_clear()
        start = perf_counter()
        models["chainrule"].fit(X, y)
        return perf_counter() - start

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        times = interleaved(
            {name: lambda model=model: model.fit(X, y) for name, model in models.items()}, ROUNDS
        )
        first = min(timed() for _ in range(3))
        compiled = _without_cache(timed)
    scores = {name: model.score(held_X, held_y) for name, model in models.items()}
    return {
        "data": name,
        "dtype": dtype,
        "layers": "-".join(map(str, (X.shape[1], *widths, 10))),
        "epochs": epochs,
        "chainrule": times["chainrule"].median,
        "least": times["chainrule"].minimum,
        "sklearn": times["scikit-learn"].median,
        "least ": times["scikit-learn"].minimum,
        "ratio": times["scikit-learn"].minimum / times["chainrule"].minimum,
        "first": first,
        "compiled": compiled,
        "score": scores["chainrule"],
        "its score": scores["scikit-learn"],
    }


def _without_cache(timed: Callable[[], float]) -> float:
    """Seconds with an empty cache on the disk."""
    before = os.environ.get(CACHE)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[CACHE] = folder
        try:
            return timed()
        finally:
            if before is None:
                del os.environ[CACHE]
            else:
                os.environ[CACHE] = before
