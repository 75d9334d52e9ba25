"""Penalties: what the size of parameters costs."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule import functions
from chainrule.core.errors import DomainError, TreeError
from chainrule.core.tree import flatten
from chainrule.nn.module import Module
from chainrule.tensor import Tensor, tensor

__all__ = ["elastic_net_penalty", "l1_penalty", "l2_penalty"]


def l1_penalty(tree: Any) -> Tensor:
    """Σ |w| over all elements; drives parameters to exactly 0. Tibshirani 1996 (the lasso).

    Args:
        tree: a pytree of floating-point tensors, such as ``model.parameters()`` or a part of it; or
            a module, of which the parameters count and buffers do not. In a function that is traced
            or differentiated give the parameters themselves, since there nothing tells a parameter
            of a module from a buffer.

    Raises:
        TreeError: if there is no floating-point tensor, or the module is a traced one.

    >>> import chainrule as cr
    >>> cr.nn.l1_penalty({"w": cr.tensor([1.0, -2.0]), "b": cr.tensor(3.0)})
    tensor(6.)
    """
    return _total([functions.abs(w).sum() for w in _weights("l1_penalty", tree)])


def l2_penalty(tree: Any) -> Tensor:
    """½ Σ w² over all elements, whose gradient is w itself. Hoerl and Kennard 1970 (ridge).

    Args:
        tree: as for `l1_penalty`.

    Raises:
        TreeError: if there is no floating-point tensor.

    >>> import chainrule as cr
    >>> cr.nn.l2_penalty(cr.tensor([1.0, -2.0]))
    tensor(2.5)
    """
    return 0.5 * _total([(w * w).sum() for w in _weights("l2_penalty", tree)])


def elastic_net_penalty(tree: Any, l1_ratio: float = 0.5) -> Tensor:
    """l1_ratio · `l1_penalty` + (1 − l1_ratio) · `l2_penalty`.

    Zou and Hastie 2005 (Regularization and variable selection via the elastic net), in the form of
    scikit-learn's ``ElasticNet``.

    Args:
        tree: as for `l1_penalty`.
        l1_ratio: share of the absolute values, 0 to 1.

    Raises:
        DomainError: if ``l1_ratio`` is out of range.
        TreeError: if there is no floating-point tensor.

    >>> import chainrule as cr
    >>> cr.nn.elastic_net_penalty(cr.tensor([1.0, -2.0]), l1_ratio=0.2)
    tensor(2.6)
    """
    if not 0 <= l1_ratio <= 1:
        raise DomainError(f"elastic_net_penalty: l1_ratio is 0 to 1, not {l1_ratio!r}")
    return l1_ratio * l1_penalty(tree) + (1 - l1_ratio) * l2_penalty(tree)


def _weights(name: str, tree: Any) -> list[Tensor]:
    if isinstance(tree, Module):
        if any(leaf.is_traced for leaf in tree.state_dict().values()):
            raise TreeError(
                f"{name}: in a traced function parameters and buffers of a module look alike; give "
                "the dict of the parameters, which model.parameters() is outside"
            )
        found = list(tree.parameters().values())
    else:
        leaves = [x for x in flatten(tree)[0] if isinstance(x, (Tensor, np.ndarray, float))]
        found = [x if isinstance(x, Tensor) else tensor(x) for x in leaves]
    floats = [w for w in found if w.dtype.kind == "f"]
    if not floats:
        what = type(tree).__name__
        raise TreeError(f"{name}: there are no floating-point parameters in this {what}")
    return floats


def _total(parts: list[Tensor]) -> Tensor:
    total = parts[0]
    for part in parts[1:]:
        total = total + part
    return total
