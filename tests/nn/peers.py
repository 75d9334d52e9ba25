"""Comparison of modules with PyTorch's: values, and gradients of parameters and inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

import chainrule as cr
from chainrule.core.tree import flatten


def copied(model: cr.nn.Module, peer: Any, names: Mapping[str, str]) -> None:
    """Give the parameters of PyTorch's module ``peer`` the values of ``model``; all are named."""
    import torch

    theirs = dict(peer.named_parameters())
    assert set(names.values()) == theirs.keys()
    assert names.keys() == model.parameters().keys()
    with torch.no_grad():
        for path, tensor in model.parameters().items():
            theirs[names[path]].copy_(torch.tensor(tensor.numpy()))


def close_to_torch(
    ours: Callable[..., Any],
    peer: Callable[..., Any],
    names: Mapping[str, str],
    model: cr.nn.Module,
    *inputs: Any,
    rtol: float = 1e-10,
) -> None:
    """Assert that ``ours(model, *inputs)`` and ``peer(*inputs)`` agree, and their gradients.

    The gradients are those of a random weighted sum of all results. Floating-point inputs are
    differentiated too, others (integers, booleans, None) are handed on.
    """
    import torch

    leaves, structure = flatten(inputs)
    leaves = [cr.tensor(x) if isinstance(x, np.ndarray) else x for x in leaves]
    given = structure.build(leaves)
    theirs = [torch.tensor(x.numpy(), requires_grad=x.dtype.kind == "f") for x in leaves]
    wanted = flatten(peer(*structure.build(theirs)))[0]
    found = flatten(ours(model, *given))[0]
    weights = [np.random.default_rng(7).normal(size=tuple(y.shape)) for y in wanted]
    assert len(found) == len(wanted)
    for y, z in zip(found, wanted, strict=True):
        _close(y, z, rtol)

    def objective(model: Any, floats: list[Any]) -> Any:
        rest = iter(floats)
        args = structure.build([next(rest) if x.dtype.kind == "f" else x for x in leaves])
        results = flatten(ours(model, *args))[0]
        return sum((y * cr.tensor(w)).sum() for y, w in zip(results, weights, strict=True))

    sum((z * torch.tensor(w)).sum() for z, w in zip(wanted, weights, strict=True)).backward()
    slope, of_inputs = cr.grad(objective, argnums=(0, 1))(
        model, [x for x in leaves if x.dtype.kind == "f"]
    )
    for y, z in zip(of_inputs, [z for z in theirs if z.requires_grad], strict=True):
        _close(y, z.grad, rtol)
    parameters = dict(peer.named_parameters())  # type: ignore[attr-defined]
    paths = dict(cr.core.tree.paths(slope))
    for path, name in names.items():
        _close(paths[path], parameters[name].grad, rtol)


def _close(ours: Any, theirs: Any, rtol: float) -> None:
    wanted = theirs.detach().numpy()
    scale = max(1.0, float(abs(wanted).max(initial=0.0)))
    np.testing.assert_allclose(ours.numpy(), wanted, rtol=rtol, atol=rtol * scale)
