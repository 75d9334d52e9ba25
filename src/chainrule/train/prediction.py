"""What a network says about many inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, ShapeError
from chainrule.core.tree import map_tree
from chainrule.lift import to_numpy
from chainrule.nn.module import Module
from chainrule.tensor import no_grad, tensor

__all__ = ["predict"]


def predict(model: Module, inputs: Any, *, batch_size: int = 1024) -> Any:
    """The outputs of a network for all inputs, in evaluation mode and without gradients.

    Args:
        model: the network; it stays in its mode.
        inputs: one row an example, shape (n, …): an array, a mapped file, or a tensor.
            Floating-point values are cast to the dtype of the parameters.
        batch_size: how many examples to run at a time.

    Returns:
        A tensor with n rows, or a pytree of such, as the network gives it.

    Raises:
        ShapeError: if there is no example.
        DomainError: if ``batch_size`` is below 1.

    >>> import numpy as np, chainrule as cr
    >>> model = cr.nn.Linear(3, 2, key=cr.random.key(0))
    >>> cr.train.predict(model, np.ones((5, 3)), batch_size=2).shape
    (5, 2)
    """
    if batch_size < 1:
        raise DomainError(f"predict: batch_size is at least 1, not {batch_size}")
    rows = inputs if isinstance(inputs, np.ndarray) else to_numpy(inputs)
    if not rows.ndim or not len(rows):
        raise ShapeError(f"predict: inputs have one row an example, these have shape {rows.shape}")
    dtype = next((p.dtype for p in model.parameters().values()), np.dtype("float32"))
    training = {module: module.training for _, module in model.modules()}
    model.eval()
    try:
        with no_grad():
            found = [
                model(tensor(batch.astype(dtype) if batch.dtype.kind == "f" else batch))
                for batch in np.split(rows, range(batch_size, len(rows), batch_size))
            ]
    finally:
        for module, mode in training.items():
            module.training = mode
    return map_tree(lambda *parts: functions.concat(parts, axis=0), *found)
