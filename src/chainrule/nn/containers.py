"""Modules made of others: in a row, beside a shortcut, or from a function."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, overload

from chainrule import functions
from chainrule.core.errors import ShapeError
from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = ["Flatten", "Function", "Identity", "Layer", "Residual", "Sequential"]

Layer = Callable[[Any], Any]


class Sequential(Module):
    """Layers one after the other; any function of one argument may be a layer.

    >>> import chainrule as cr
    >>> first, last = cr.random.split(cr.random.key(0))
    >>> model = cr.nn.Sequential(
    ...     cr.nn.Linear(2, 3, key=first), cr.tanh, cr.nn.Linear(3, 1, key=last)
    ... )
    >>> list(model.parameters())
    ['layers.0.weight', 'layers.0.bias', 'layers.2.weight', 'layers.2.bias']

    A part of it is one that shares its layers:

    >>> model[:2](cr.ones((1, 2))).shape
    (1, 3)
    """

    def __init__(self, *layers: Layer) -> None:
        self.layers = tuple(layers)

    def __call__(self, x: Any) -> Any:
        for layer in self.layers:
            x = layer(x)
        return x

    def __len__(self) -> int:
        return len(self.layers)

    @overload
    def __getitem__(self, index: int) -> Layer: ...

    @overload
    def __getitem__(self, index: slice) -> Sequential: ...

    def __getitem__(self, index: int | slice) -> Layer | Sequential:
        found = self.layers[index]
        return Sequential(*found) if isinstance(found, tuple) else found


class Residual(Module):
    """y = x + f(x), or s(x) + f(x) with a shortcut s; He et al. 2016 (CVPR), equations 1 and 2.

    The shortcut is for layers that change the shape, such as a convolution of one pixel. The
    gradient reaches x past f, so that deep networks of residual blocks are trained.

    Args:
        layer: f.
        shortcut: s; the identity by default.

    Raises:
        ShapeError: when called, if both branches do not give the same shape.

    >>> import chainrule as cr
    >>> block = cr.nn.Residual(cr.nn.Linear(2, 2, key=cr.random.key(0)))
    >>> block
    Residual(
      layer: Linear(2, 2)
    )
    >>> x = cr.tensor([[1.0, 2.0]], dtype="float32")
    >>> bool((block(x) == x + block.layer(x)).all())
    True
    """

    def __init__(self, layer: Layer, shortcut: Layer | None = None) -> None:
        self.layer = layer
        self.shortcut = shortcut

    def __call__(self, x: Any) -> Tensor:
        y = self.layer(x)
        past = x if self.shortcut is None else self.shortcut(x)
        if y.shape != past.shape:  # to broadcast would hide a mistake
            raise ShapeError(
                f"Residual: the layer gives shape {y.shape}, the shortcut {past.shape}; they are "
                "added, so give a shortcut that changes x to the shape of the layer's output"
            )
        total: Tensor = past + y
        return total

    def extra_repr(self) -> str:
        branches = {"layer": self.layer, "shortcut": self.shortcut}
        return ", ".join(
            f"{name}={getattr(branch, '__name__', repr(branch))}"
            for name, branch in branches.items()
            if branch is not None and not isinstance(branch, Module)
        )


class Flatten(Module):
    """The axes from ``start_axis`` to ``end_axis`` as one, in C order: (N, C, H, W) to (N, C·H·W).

    Args:
        start_axis, end_axis: the first and the last of the axes to be joined; negative ones count
            from the end. By default all but the first, that of the batch.

    Raises:
        ShapeError: when called, if the input has no such axes.

    >>> import chainrule as cr
    >>> cr.nn.Flatten()(cr.zeros((2, 3, 4, 5))).shape
    (2, 60)
    """

    start_axis: int = 1
    end_axis: int = -1

    def __call__(self, x: Tensor) -> Tensor:
        first, last = (a + x.ndim if a < 0 else a for a in (self.start_axis, self.end_axis))
        if not 0 <= first <= last < x.ndim:
            raise ShapeError(
                f"Flatten joins axes {self.start_axis} to {self.end_axis}, the input of shape "
                f"{x.shape} does not have them in this order"
            )
        joined = math.prod(x.shape[first : last + 1])  # -1 could be anything beside an extent of 0
        return functions.reshape(x, (*x.shape[:first], joined, *x.shape[last + 1 :]))


class Identity(Module):
    """y = x: what stands in the place of a layer that a network does without.

    >>> import chainrule as cr
    >>> cr.nn.Identity()(cr.tensor(2.0))
    tensor(2.)
    """

    def __call__(self, x: Any) -> Any:
        return x


class Function(Module):
    """A function as a module, with a name of its own and a line in summaries.

    In a `Sequential` a function may stand by itself.

    Args:
        function: of the input; it has no parameters of its own.

    >>> import chainrule as cr
    >>> layer = cr.nn.Function(cr.sin)
    >>> layer, layer(0.0)
    (Function(function=sin), tensor(0.))
    """

    function: Layer

    def __call__(self, x: Any) -> Any:
        return self.function(x)
