"""Compiled functions: values, arguments of every kind, retracing, transformations, results."""

from __future__ import annotations

import copy
import pickle
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import chainrule as cr
from chainrule.compiling import compiled as compiled_module
from chainrule.core.tree import flatten


def close(found: Any, wanted: Any, tolerance: float = 2e-5) -> None:
    """Two pytrees with the same structure and nearly the same numbers; NaN equals nothing."""
    (a, structure), (b, other) = flatten(found), flatten(wanted)
    assert structure == other
    for x, y in zip(a, b, strict=True):
        x, y = np.asarray(x.node.value), np.asarray(y.node.value)
        assert x.dtype == y.dtype and x.shape == y.shape
        scale = max(1.0, float(np.max(np.abs(y), initial=0.0)))
        assert np.all(np.abs(x - y) <= tolerance * scale)


def same_bits(found: Any, wanted: Any) -> None:
    for x, y in zip(flatten(found)[0], flatten(wanted)[0], strict=True):
        a, b = np.asarray(x.node.value), np.asarray(y.node.value)
        assert a.tobytes() == b.tobytes() and a.dtype == b.dtype and a.shape == b.shape


def random(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


# -- steps of training -----------------------------------------------------------------------------


def trained(model: Any, loss: Callable[..., Any], *data: Any) -> None:
    """A compiled step of Adam gives what the same step gives uncompiled."""
    optimizer = cr.optim.adam(1e-2)

    def step(model: Any, state: Any, *data: Any) -> Any:
        value, slope = cr.value_and_grad(loss)(model, *data)
        model, state = optimizer.update(slope, state, model)
        return model, state, value

    state = optimizer.init(model)
    compiled = cr.compile(step)
    close(compiled(model, state, *data), step(model, state, *data))
    close(compiled(model, state, *data), step(model, state, *data))


def test_mlp_step() -> None:
    with cr.random.seed(0) if hasattr(cr.random, "seed") else warnings.catch_warnings():
        model = cr.nn.MLP([5, 8, 3]) if hasattr(cr.nn, "MLP") else None
    assert model is not None
    labels = np.array([0, 2, 1, 1])
    trained(model, lambda m, x: cr.nn.cross_entropy(m(x), labels), random(4, 5))
