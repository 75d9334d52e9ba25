"""Dropout: noise in training that is a function of a key."""

from __future__ import annotations

from chainrule import functions, random
from chainrule.core.errors import ArgumentError, DomainError, ShapeError
from chainrule.nn.module import Module
from chainrule.tensor import Tensor

__all__ = ["DropPath", "Dropout", "SpatialDropout"]


def dropped(x: Tensor, rate: float, key: Tensor, shape: tuple[int, ...]) -> Tensor:
    """x·m / (1 − rate), with m of ``shape``, each 0 with probability ``rate``, else 1."""
    keep = 1 - rate
    limit = functions.asarray(max(round(keep * 2**32) - 1, 0), dtype="uint32")
    kept = functions.less_equal(random.bits(key, shape), limit)
    found: Tensor = functions.where(kept, x / keep, 0.0)
    return found


class Dropout(Module):
    """x·m / (1 − rate) in training, where each m is 1 with probability 1 − rate, else 0.

    Srivastava et al. 2014 (Dropout), section 4, scaled in training as in PyTorch, so that the mean
    stays; in use (`Module.eval`) the layer is the identity.

    The layer holds the key of its next mask as the buffer ``key`` and replaces it in every call in
    training. So two runs from one key are the same to the bit, eager or native, and a run that is
    saved with its buffers goes on as if it had not been interrupted. Give every dropout layer a key
    of its own, or they drop the same places.

    A transformation such as `cr.grad` with respect to the module calls a copy of it, and the key of
    the layer stays; as a key is made of integers, differentiate with respect to
    ``model.parameters()``, as `train.make_step` does, which also keeps the new key. Or give the key
    to use in each call: ``layer(x, key=key)`` leaves the buffer as it is. In a function under
    `cr.vmap` all examples get one mask, unless they come with keys.

    Args:
        rate: probability of an element to be dropped, 0 ≤ rate < 1.
        key: random key of the first mask; without one, every call in training has to give its own.

    Raises:
        DomainError: if ``rate`` is out of range.
        ArgumentError: when called in training without any key.
        TraceError: when called in training by a compiled function, of which every call would drop
            the same places, unless it is given the key or the buffers.

    >>> import chainrule as cr
    >>> layer = cr.nn.Dropout(0.5, key=cr.random.key(0))
    >>> x = cr.ones(8)
    >>> layer(x), layer(x)
    (tensor([...]), tensor([...]))
    >>> bool((layer(x, key=cr.random.key(1)) == layer(x, key=cr.random.key(1))).all())
    True
    >>> layer.eval()(x)
    tensor([1., 1., 1., 1., 1., 1., 1., 1.])
    """

    def __init__(self, rate: float = 0.5, *, key: Tensor | None = None) -> None:
        if not 0 <= rate < 1:
            raise DomainError(
                f"{type(self).__name__}: rate is at least 0 and below 1, not {rate!r}; with 1 "
                "nothing would be left"
            )
        self.rate = rate
        # of its own: buffers are given new values in place, and the caller's key stays
        self.key = key.detach() if isinstance(key, Tensor) else key

    def __call__(self, x: Tensor, *, key: Tensor | None = None) -> Tensor:
        if not self.training or self.rate == 0:
            return x
        key = self.next_key() if key is None else key
        return dropped(x, self.rate, key, self._mask_shape(x))

    def next_key(self) -> Tensor:
        """The key of the next mask; the buffer goes on to the one after it."""
        if self.key is None:
            name = type(self).__name__
            raise ArgumentError(
                f"{name} in training needs a random key: {name}({self.rate}, key=cr.random.key(0)),"
                " or one in the call, layer(x, key=key); or model.eval(), if it is not training"
            )
        following, now = random.split(self.key)
        self.key = following
        return now

    def _mask_shape(self, x: Tensor) -> tuple[int, ...]:
        return x.shape

    def extra_repr(self) -> str:
        return f"{self.rate}"


class SpatialDropout(Dropout):
    """`Dropout` of whole channels: for (N, C, …) one m for each example and channel.

    Tompson et al. 2015 (CVPR), section 3.2: neighbouring pixels say nearly the same, so that to
    drop some of them drops nothing. It is PyTorch's Dropout1d, Dropout2d and Dropout3d in one.
    Keys, arguments and errors are those of `Dropout`.

    Raises:
        ShapeError: when called, if the input has no channels.

    >>> import chainrule as cr
    >>> layer = cr.nn.SpatialDropout(0.5, key=cr.random.key(0))
    >>> y = layer(cr.ones((2, 8, 3, 3)))
    >>> sorted(set(y.sum(axis=(2, 3)).ravel().tolist()))
    [0.0, 18.0]
    """

    def _mask_shape(self, x: Tensor) -> tuple[int, ...]:
        if x.ndim < 2:
            raise ShapeError(f"SpatialDropout takes inputs of shape (N, C, …), got {x.shape}")
        return (*x.shape[:2], *(1,) * (x.ndim - 2))


class DropPath(Dropout):
    """`Dropout` of whole examples: one m along the first axis, at the end of a residual branch.

    Huang et al. 2016 (Deep Networks with Stochastic Depth), equation 2: where a branch is dropped,
    the example takes the shortcut alone. Keys, arguments and errors are those of `Dropout`.

    Raises:
        ShapeError: when called, if the input has no axes.

    >>> import chainrule as cr
    >>> first, last = cr.random.split(cr.random.key(0))
    >>> branch = cr.nn.Sequential(cr.nn.Linear(4, 4, key=first), cr.nn.DropPath(0.2, key=last))
    >>> cr.nn.Residual(branch)(cr.ones((3, 4), dtype="float32")).shape
    (3, 4)
    """

    def _mask_shape(self, x: Tensor) -> tuple[int, ...]:
        if not x.ndim:
            raise ShapeError("DropPath takes inputs of shape (N, …), got a single number")
        return (x.shape[0], *(1,) * (x.ndim - 1))
