"""What a tensor does as an array: operators by function, indexing, methods.

A method is the function of the same name in `chainrule.functions`; here are only the signatures.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.interop import Interoperable

if TYPE_CHECKING:
    from chainrule.functions._apply import Axis
    from chainrule.functions.indexing import At
    from chainrule.tensor import Tensor

__all__ = ["TensorMethods"]

Operator = Callable[[Any, Any], "Tensor"]

fn: Any = None
"""`chainrule.functions`, put here by `chainrule.tensor`: the functions need the class first."""


def operable(other: Any) -> bool:
    """Whether an operator takes it: numbers, lists of them, and arrays of any library."""
    known = (int, float, complex, list, tuple, np.ndarray, np.generic)
    return isinstance(other, known) or hasattr(other, "__dlpack__")


def _binary(name: str) -> tuple[Operator, Operator]:
    """The operator method for a function, and its reflection."""

    def forward(self: Any, other: Any) -> Any:
        return getattr(fn, name)(self, other) if operable(other) else NotImplemented

    def reflected(self: Any, other: Any) -> Any:
        return getattr(fn, name)(other, self) if operable(other) else NotImplemented

    return forward, reflected


def _flat_arguments(given: tuple[Any, ...]) -> Any:
    """``(2, 3)`` for both ``f(2, 3)`` and ``f((2, 3))``."""
    return given[0] if len(given) == 1 and not hasattr(given[0], "__index__") else given


class TensorMethods(Interoperable):
    """The part of `Tensor` that is written in terms of array functions."""

    __slots__ = ()

    # -- operators ---------------------------------------------------------------------------------

    __floordiv__, __rfloordiv__ = _binary("floor_divide")
    __mod__, __rmod__ = _binary("remainder")
    __matmul__, __rmatmul__ = _binary("matmul")
    __and__, __rand__ = _binary("bitwise_and")
    __or__, __ror__ = _binary("bitwise_or")
    __xor__, __rxor__ = _binary("bitwise_xor")
    __lshift__, __rlshift__ = _binary("bitwise_left_shift")
    __rshift__, __rrshift__ = _binary("bitwise_right_shift")

    def __divmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return fn.floor_divide(self, other), fn.remainder(self, other)

    def __rdivmod__(self, other: Any) -> tuple[Tensor, Tensor]:
        return fn.floor_divide(other, self), fn.remainder(other, self)

    def __invert__(self) -> Tensor:
        return fn.bitwise_invert(self)  # type: ignore[no-any-return]

    def __abs__(self) -> Tensor:
        return fn.abs(self)  # type: ignore[no-any-return]

    def __round__(self, decimals: int = 0) -> Tensor:
        return fn.round(self, decimals)  # type: ignore[no-any-return]

    def __contains__(self, value: Any) -> bool:
        return bool(fn.any(fn.equal(self, value)))

    # -- indexing ----------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Tensor:
        return fn.indexing.wrap(fn.indexing.getitem(self.node, index))  # type: ignore[no-any-return]

    def __setitem__(self, index: Any, value: Any) -> None:
        """Let the tensor stand for a copy with ``value`` at ``index``.

        Graphs recorded before keep the old values; derivatives flow to ``value`` and to the rest.

        Raises:
            GradientError: for a leaf that requires a gradient, as in PyTorch: its gradient would
                have no place to go. Within ``no_grad`` the leaf takes the new values.
        """
        fn.indexing.assign_item(self, index, value)

    @property
    def at(self) -> At:
        """``x.at[index].set(v)`` (or ``add``, ``multiply``, …): a changed copy, as in JAX."""
        return fn.indexing.At(self)  # type: ignore[no-any-return]

    # -- reductions --------------------------------------------------------------------------------

    def sum(self, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """The sum over ``axis``; see `chainrule.sum`."""
        return fn.sum(self, axis, dtype=dtype, keepdims=keepdims)  # type: ignore[no-any-return]

    def prod(self, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """The product over ``axis``; see `chainrule.prod`."""
        return fn.prod(self, axis, dtype=dtype, keepdims=keepdims)  # type: ignore[no-any-return]

    def mean(self, axis: Axis = None, *, dtype: Any = None, keepdims: bool = False) -> Tensor:
        """The arithmetic mean over ``axis``; see `chainrule.mean`."""
        return fn.mean(self, axis, dtype=dtype, keepdims=keepdims)  # type: ignore[no-any-return]

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """The largest element; ties share the derivative; see `chainrule.max`."""
        return fn.max(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """The smallest element; ties share the derivative; see `chainrule.min`."""
        return fn.min(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Whether at least one element is not 0; see `chainrule.any`."""
        return fn.any(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """Whether every element is not 0; see `chainrule.all`."""
        return fn.all(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def logsumexp(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """ln Σ e^x over ``axis``, without overflow; see `chainrule.logsumexp`."""
        return fn.logsumexp(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def ptp(self, axis: Axis = None, *, keepdims: bool = False) -> Tensor:
        """The largest minus the smallest element; see `chainrule.ptp`."""
        return fn.ptp(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def var(self, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """The variance over ``axis``; see `chainrule.var`."""
        return fn.var(self, axis, correction=correction, keepdims=keepdims)  # type: ignore[no-any-return]

    def std(self, axis: Axis = None, *, correction: float = 0.0, keepdims: bool = False) -> Tensor:
        """The standard deviation over ``axis``; see `chainrule.std`."""
        return fn.std(self, axis, correction=correction, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The index of the largest element; see `chainrule.argmax`."""
        return fn.argmax(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Tensor:
        """The index of the smallest element; see `chainrule.argmin`."""
        return fn.argmin(self, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    def cumsum(self, axis: int | None = None) -> Tensor:
        """Sums of the first 1, 2, … elements; see `chainrule.cumsum`."""
        return fn.cumsum(self, axis)  # type: ignore[no-any-return]

    def cumprod(self, axis: int | None = None) -> Tensor:
        """Products of the first 1, 2, … elements; see `chainrule.cumprod`."""
        return fn.cumprod(self, axis)  # type: ignore[no-any-return]

    def norm(
        self, ord: float | str | None = None, axis: Axis = None, *, keepdims: bool = False
    ) -> Tensor:
        """The length of vectors or matrices; see `chainrule.norm`."""
        return fn.norm(self, ord, axis, keepdims=keepdims)  # type: ignore[no-any-return]

    # -- shape -------------------------------------------------------------------------------------

    def reshape(self, *shape: Any) -> Tensor:
        """Another shape, as ``reshape(2, -1)`` or ``reshape((2, -1))``."""
        return fn.reshape(self, _flat_arguments(shape))  # type: ignore[no-any-return]

    view = reshape

    def transpose(self, *axes: Any) -> Tensor:
        """All axes in reverse order, or in the given one (NumPy's meaning; see also `swapaxes`)."""
        order = _flat_arguments(axes)
        return fn.transpose(self, order or None)  # type: ignore[no-any-return]

    def permute(self, *axes: Any) -> Tensor:
        """The axes in the given order."""
        return fn.permute_dims(self, _flat_arguments(axes))  # type: ignore[no-any-return]

    @property
    def T(self) -> Tensor:  # noqa: N802
        """All axes in reverse order."""
        return fn.transpose(self)  # type: ignore[no-any-return]

    @property
    def mT(self) -> Tensor:  # noqa: N802
        """The last two axes interchanged."""
        return fn.matrix_transpose(self)  # type: ignore[no-any-return]

    def swapaxes(self, axis1: int, axis2: int) -> Tensor:
        """Two axes interchanged."""
        return fn.swapaxes(self, axis1, axis2)  # type: ignore[no-any-return]

    def flatten(self, start_dim: int = 0, end_dim: int = -1) -> Tensor:
        """Axes ``start_dim`` to ``end_dim`` as one."""
        return fn.flatten(self, start_dim, end_dim)  # type: ignore[no-any-return]

    def ravel(self) -> Tensor:
        """All elements along one axis."""
        return fn.ravel(self)  # type: ignore[no-any-return]

    def squeeze(self, axis: Axis = None) -> Tensor:
        """Without axes of extent 1."""
        return fn.squeeze(self, axis)  # type: ignore[no-any-return]

    def unsqueeze(self, axis: int) -> Tensor:
        """With a new axis of extent 1."""
        return fn.expand_dims(self, axis)  # type: ignore[no-any-return]

    def expand(self, *shape: Any) -> Tensor:
        """Repeated to ``shape``; -1 keeps an extent (PyTorch's `broadcast_to`)."""
        wanted = tuple(_flat_arguments(shape))
        lead = len(wanted) - len(self.node.shape)
        kept = (None,) * max(lead, 0) + self.node.shape
        full = [k if n == -1 and k is not None else n for n, k in zip(wanted, kept, strict=False)]
        return fn.broadcast_to(self, tuple(full))  # type: ignore[no-any-return]

    def repeat(self, repeats: Any, axis: int | None = None) -> Tensor:
        """Each element repeated (NumPy's meaning; PyTorch's ``repeat`` is `chainrule.tile`)."""
        return fn.repeat(self, repeats, axis=axis)  # type: ignore[no-any-return]

    # -- elements ----------------------------------------------------------------------------------

    def clip(self, min: Any = None, max: Any = None) -> Tensor:
        """Limited to the interval [min, max]."""
        return fn.clip(self, min, max)  # type: ignore[no-any-return]

    clamp = clip

    def round(self, decimals: int = 0) -> Tensor:
        """The nearest number with so many decimals."""
        return fn.round(self, decimals)  # type: ignore[no-any-return]

    def pow(self, exponent: Any) -> Tensor:
        """``self ** exponent``."""
        return fn.pow(self, exponent)  # type: ignore[no-any-return]

    def softmax(self, axis: Axis = -1) -> Tensor:
        """e^x / Σ e^x along ``axis``."""
        return fn.softmax(self, axis)  # type: ignore[no-any-return]

    def log_softmax(self, axis: Axis = -1) -> Tensor:
        """The logarithm of the softmax along ``axis``."""
        return fn.log_softmax(self, axis)  # type: ignore[no-any-return]

    def dot(self, other: Any) -> Tensor:
        """NumPy's dot product."""
        return fn.dot(self, other)  # type: ignore[no-any-return]

    def matmul(self, other: Any) -> Tensor:
        """``self @ other``."""
        return fn.matmul(self, other)  # type: ignore[no-any-return]

    def sort(self, axis: int | None = -1, *, descending: bool = False) -> Tensor:
        """A copy with the elements along ``axis`` in order."""
        return fn.sort(self, axis=axis, descending=descending)  # type: ignore[no-any-return]

    def argsort(self, axis: int | None = -1, *, descending: bool = False) -> Tensor:
        """The indices that put the elements along ``axis`` in order."""
        return fn.argsort(self, axis=axis, descending=descending)  # type: ignore[no-any-return]

    def take(self, indices: Any, axis: int | None = None) -> Tensor:
        """The elements, or slices along ``axis``, at ``indices``."""
        return fn.take(self, indices, axis=axis)  # type: ignore[no-any-return]

    def nonzero(self) -> tuple[Tensor, ...]:
        """For each axis the indices of the elements that are not 0."""
        return fn.nonzero(self)  # type: ignore[no-any-return]

    def diagonal(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The diagonal of two axes."""
        return fn.diagonal(self, offset, axis1, axis2)  # type: ignore[no-any-return]

    def trace(self, offset: int = 0, axis1: int = 0, axis2: int = 1) -> Tensor:
        """The sum along a diagonal."""
        return fn.trace(self, offset, axis1, axis2)  # type: ignore[no-any-return]

    def abs(self) -> Tensor:
        """|x|."""
        return fn.abs(self)  # type: ignore[no-any-return]

    def sign(self) -> Tensor:
        """-1, 0 or 1."""
        return fn.sign(self)  # type: ignore[no-any-return]

    def exp(self) -> Tensor:
        """e to the power x."""
        return fn.exp(self)  # type: ignore[no-any-return]

    def expm1(self) -> Tensor:
        """e^x - 1."""
        return fn.expm1(self)  # type: ignore[no-any-return]

    def log(self) -> Tensor:
        """Natural logarithm."""
        return fn.log(self)  # type: ignore[no-any-return]

    def log1p(self) -> Tensor:
        """ln(1 + x)."""
        return fn.log1p(self)  # type: ignore[no-any-return]

    def sqrt(self) -> Tensor:
        """Square root."""
        return fn.sqrt(self)  # type: ignore[no-any-return]

    def square(self) -> Tensor:
        """x²."""
        return fn.square(self)  # type: ignore[no-any-return]

    def sin(self) -> Tensor:
        """Sine."""
        return fn.sin(self)  # type: ignore[no-any-return]

    def cos(self) -> Tensor:
        """Cosine."""
        return fn.cos(self)  # type: ignore[no-any-return]

    def tan(self) -> Tensor:
        """Tangent."""
        return fn.tan(self)  # type: ignore[no-any-return]

    def tanh(self) -> Tensor:
        """Hyperbolic tangent."""
        return fn.tanh(self)  # type: ignore[no-any-return]

    def sigmoid(self) -> Tensor:
        """Logistic function."""
        return fn.sigmoid(self)  # type: ignore[no-any-return]

    def relu(self) -> Tensor:
        """max(0, x)."""
        return fn.relu(self)  # type: ignore[no-any-return]

    def floor(self) -> Tensor:
        """The largest integer not above x."""
        return fn.floor(self)  # type: ignore[no-any-return]

    def ceil(self) -> Tensor:
        """The smallest integer not below x."""
        return fn.ceil(self)  # type: ignore[no-any-return]

    # -- conversion --------------------------------------------------------------------------------

    def astype(self, dtype: Any) -> Tensor:
        """With another dtype; derivatives flow from float to float."""
        return fn.astype(self, dtype)  # type: ignore[no-any-return]

    def to(self, target: Any) -> Tensor:
        """With another dtype, or on a device, of which there is only "cpu" (PyTorch's name)."""
        return self.to_device(target) if target == "cpu" else self.astype(target)

    def to_device(self, device: Any, /, *, stream: Any = None) -> Tensor:
        """The tensor itself: there is only the CPU (array API)."""
        if device != "cpu":
            raise DTypeError(f"device {device!r}: tensors live on the CPU")
        return self  # type: ignore[return-value]

    def clone(self) -> Tensor:
        """A tensor of the same value through which derivatives flow.

        Tensors share values safely; item assignment to one does not change the other.
        """
        return fn.positive(self)  # type: ignore[no-any-return]

    copy = clone
