"""Making arrays (array API: creation functions)."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node, array
from chainrule.core.types import array_type, as_dtype
from chainrule.functions._apply import as_shape
from chainrule.lift import as_node, floating, promote
from chainrule.ops import choice
from chainrule.ops.rounding import floor
from chainrule.ops.shape import broadcast_to, cast, reshape
from chainrule.ops.shape import full as full_node
from chainrule.tensor import ArrayLike, Tensor, wrap

__all__ = [
    "arange",
    "asarray",
    "empty",
    "empty_like",
    "eye",
    "from_dlpack",
    "full",
    "full_like",
    "identity",
    "linspace",
    "logspace",
    "meshgrid",
    "ones",
    "ones_like",
    "tril",
    "triu",
    "zeros",
    "zeros_like",
]


def _check_device(device: Any) -> None:
    if device not in (None, "cpu"):
        raise DTypeError(f"device {device!r}: tensors live on the CPU; leave device out")


def _filled(shape: Any, value: Any, dtype: Any, device: Any) -> Tensor:
    _check_device(device)
    found = np.full(as_shape(shape), value, as_dtype(np.float64 if dtype is None else dtype))
    return Tensor(array(found))


def asarray(
    obj: ArrayLike, /, *, dtype: Any = None, device: Any = None, copy: bool | None = None
) -> Tensor:
    """``obj`` as a tensor; a tensor of the right dtype is returned as it is.

    Derivatives flow through it, also for a list of tensors (unlike `tensor`, which makes a leaf).
    Other arrays are copied, unless ``copy=False`` promises that their memory stays unchanged.

    >>> import chainrule as cr
    >>> cr.asarray([[1, 2], [3, 4]], dtype=cr.float32)
    tensor([[1., 2.],
            [3., 4.]], dtype=float32)
    """
    _check_device(device)
    if copy is False and isinstance(obj, np.ndarray):
        node = array(np.asarray(obj, as_dtype(obj.dtype)))
    else:
        node = as_node(obj)
    if dtype is not None and node.dtype is not as_dtype(dtype):
        node = cast(node, dtype=as_dtype(dtype))
    return obj if isinstance(obj, Tensor) and node is obj.node and not copy else wrap(node)


def from_dlpack(x: Any, /, *, device: Any = None, copy: bool | None = None) -> Tensor:
    """A tensor from an array of another library (PyTorch, JAX, CuPy on the CPU, …), by DLPack.

    Args:
        x: an object with ``__dlpack__``. A PyTorch tensor that requires a gradient must be
            detached first.
        device: None or "cpu".
        copy: tensors never change, memory of other libraries may; therefore it is copied unless
            ``copy=False`` promises that nobody writes to it any more.

    >>> import chainrule as cr, numpy as np
    >>> cr.from_dlpack(np.array([1.0, 2.0]))
    tensor([1., 2.])
    """
    _check_device(device)
    if not hasattr(x, "__dlpack__"):
        raise DTypeError(f"from_dlpack needs an object with __dlpack__, not {type(x).__name__}")
    try:
        found = np.from_dlpack(x)
    except (BufferError, RuntimeError) as error:
        raise DTypeError(f"from_dlpack: {type(x).__name__} does not export this: {error}") from None
    return Tensor(
        array(np.asarray(found if copy is False else found.copy(), as_dtype(found.dtype)))
    )


def zeros(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros, float64 by default.

    >>> import chainrule as cr
    >>> cr.zeros((2, 3))
    tensor([[0., 0., 0.],
            [0., 0., 0.]])
    """
    return _filled(shape, 0, dtype, device)


def ones(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones, float64 by default.

    >>> import chainrule as cr
    >>> cr.ones(3, dtype=cr.int64)
    tensor([1, 1, 1])
    """
    return _filled(shape, 1, dtype, device)


def empty(shape: Any, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array to be overwritten. It holds zeros, so that a forgotten element shows no garbage.

    >>> import chainrule as cr
    >>> cr.empty((0, 2)).shape
    (0, 2)
    """
    return _filled(shape, 0, dtype, device)


def full(shape: Any, fill_value: ArrayLike, *, dtype: Any = None, device: Any = None) -> Tensor:
    """``fill_value`` everywhere; differentiable in it.

    >>> import chainrule as cr
    >>> cr.full(2, 7.5)
    tensor([7.5, 7.5])
    """
    _check_device(device)
    node = as_node(fill_value, None if dtype is None else as_dtype(dtype))
    return wrap(broadcast_to(node, as_shape(shape)))


def _like(x: ArrayLike, value: Any, dtype: Any, device: Any) -> Tensor:
    _check_device(device)
    type = as_node(x).type
    kind = type.dtype if dtype is None else as_dtype(dtype)
    return wrap(full_node(value, array_type(type.shape, kind)))


def zeros_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Zeros of the shape and dtype of ``x``.

    >>> import chainrule as cr
    >>> cr.zeros_like([1.5, 2.5])
    tensor([0., 0.])
    """
    return _like(x, 0, dtype, device)


def ones_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """Ones of the shape and dtype of ``x``.

    >>> import chainrule as cr
    >>> cr.ones_like([1.5, 2.5])
    tensor([1., 1.])
    """
    return _like(x, 1, dtype, device)


def empty_like(x: ArrayLike, /, *, dtype: Any = None, device: Any = None) -> Tensor:
    """An array of the shape and dtype of ``x`` to be overwritten; it holds zeros.

    >>> import chainrule as cr
    >>> cr.empty_like([1, 2])
    tensor([0, 0])
    """
    return _like(x, 0, dtype, device)


def full_like(
    x: ArrayLike, /, fill_value: ArrayLike, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """``fill_value`` in the shape and dtype of ``x``; differentiable in it.

    >>> import chainrule as cr
    >>> cr.full_like([1.0, 2.0], 7)
    tensor([7., 7.])
    """
    type = as_node(x).type
    return full(type.shape, fill_value, dtype=type.dtype if dtype is None else dtype, device=device)


def eye(
    n_rows: int, n_cols: int | None = None, /, *, k: int = 0, dtype: Any = None, device: Any = None
) -> Tensor:
    """Ones on the ``k``-th diagonal, zeros elsewhere.

    >>> import chainrule as cr
    >>> cr.eye(2)
    tensor([[1., 0.],
            [0., 1.]])
    """
    _check_device(device)
    kind = as_dtype(np.float64 if dtype is None else dtype)
    rows, cols = as_shape((n_rows, n_rows if n_cols is None else n_cols))
    return Tensor(array(np.eye(rows, cols, k, dtype=kind)))


def identity(n: int, /, *, dtype: Any = None) -> Tensor:
    """The n×n identity matrix.

    >>> import chainrule as cr
    >>> cr.identity(1)
    tensor([[1.]])
    """
    return eye(n, dtype=dtype)


def arange(
    start: Any, /, stop: Any = None, step: Any = 1, *, dtype: Any = None, device: Any = None
) -> Tensor:
    """Numbers from ``start`` up to, but not including, ``stop``; ``arange(n)`` counts from 0.

    >>> import chainrule as cr
    >>> cr.arange(4), cr.arange(1.0, 2.0, 0.25)
    (tensor([0, 1, 2, 3]), tensor([1.  , 1.25, 1.5 , 1.75]))
    """
    _check_device(device)
    bounds = [v.item() if isinstance(v, Tensor) else v for v in (start, stop, step)]
    if bounds[2] == 0:
        raise ShapeError("arange: step must not be 0")
    start, stop, step = (0, bounds[0], bounds[2]) if stop is None else bounds
    found = np.arange(start, stop, step, dtype=None if dtype is None else as_dtype(dtype))
    return Tensor(array(np.asarray(found, as_dtype(found.dtype))))


def linspace(
    start: ArrayLike,
    stop: ArrayLike,
    /,
    num: int,
    *,
    dtype: Any = None,
    device: Any = None,
    endpoint: bool = True,
) -> Tensor:
    """``num`` evenly spaced numbers from ``start`` to ``stop``; differentiable in both.

    Integer dtypes get the largest integer that is not above each number, as in NumPy.

    >>> import chainrule as cr
    >>> cr.linspace(0, 1, 5)
    tensor([0.  , 0.25, 0.5 , 0.75, 1.  ])
    """
    _check_device(device)
    (extent,) = as_shape(num)
    a, b = (floating(node) for node in promote(start, stop))
    if a.value is not None and b.value is not None and not (a.tracked or b.tracked):
        node = array(np.linspace(a.value, b.value, extent, endpoint=endpoint, dtype=a.dtype))
    else:
        pieces = max(extent - 1 if endpoint else extent, 1)
        weights = (np.arange(extent) / pieces).astype(a.dtype)
        column = array(weights.reshape(extent, *(1,) * max(a.ndim, b.ndim)))
        node = a * (1.0 - column) + b * column
    if dtype is None:
        return wrap(node)
    wanted = as_dtype(dtype)
    return wrap(cast(floor(node) if wanted.kind in "iu" else node, dtype=wanted))


def logspace(
    start: ArrayLike, stop: ArrayLike, /, num: int, *, base: float = 10.0, dtype: Any = None
) -> Tensor:
    """``num`` numbers from ``base**start`` to ``base**stop``, evenly spaced on a logarithmic scale.

    >>> import chainrule as cr
    >>> cr.logspace(0, 2, 3)
    tensor([  1.,  10., 100.])
    """
    found = base ** linspace(start, stop, num)
    return found if dtype is None else found.astype(dtype)


def meshgrid(*arrays: ArrayLike, indexing: str = "xy") -> list[Tensor]:
    """Coordinates of a grid from one-dimensional coordinates along each axis.

    Args:
        arrays: the coordinates, each of shape (nᵢ,).
        indexing: "xy" for results of shape (n₂, n₁, n₃, …) as in plots, "ij" for (n₁, n₂, …).

    >>> import chainrule as cr
    >>> x, y = cr.meshgrid([1, 2, 3], [10, 20])
    >>> x + y
    tensor([[11, 12, 13],
            [21, 22, 23]])
    """
    if indexing not in ("xy", "ij"):
        raise ShapeError(f'meshgrid: indexing is "xy" or "ij", not {indexing!r}')
    nodes = [as_node(a) for a in arrays]
    if any(node.ndim > 1 for node in nodes):
        shapes = " and ".join(str(node.shape) for node in nodes)
        raise ShapeError(f"meshgrid takes one-dimensional arrays, not shapes {shapes}")
    order = list(range(len(nodes)))
    if indexing == "xy":
        order[:2] = order[:2][::-1]
    sizes = [node.type.size for node in nodes]
    shape = tuple(sizes[i] for i in order)
    return [wrap(_along(node, order.index(i), shape)) for i, node in enumerate(nodes)]


def _along(node: Node, axis: int, shape: tuple[int, ...]) -> Node:
    aligned = tuple(n if a == axis else 1 for a, n in enumerate(shape))
    return broadcast_to(reshape(node, aligned), shape)


def _triangle(name: str, x: ArrayLike, mask: Any) -> Tensor:
    node = as_node(x)
    if node.ndim < 2:
        raise ShapeError(f"{name} takes matrices, or stacks of them, not shape {node.shape}")
    return wrap(
        choice.where(array(mask(node.shape[-2:])), node, full_node(0, array_type((), node.dtype)))
    )


def tril(x: ArrayLike, /, *, k: int = 0) -> Tensor:
    """The lower triangle of matrices: elements above the ``k``-th diagonal become 0.

    >>> import chainrule as cr
    >>> cr.tril(cr.ones((2, 2)))
    tensor([[1., 0.],
            [1., 1.]])
    """
    return _triangle("tril", x, lambda shape: np.tri(shape[0], shape[1], k) == 1)


def triu(x: ArrayLike, /, *, k: int = 0) -> Tensor:
    """The upper triangle of matrices: elements below the ``k``-th diagonal become 0.

    >>> import chainrule as cr
    >>> cr.triu(cr.ones((2, 2)))
    tensor([[1., 1.],
            [0., 1.]])
    """
    return _triangle("triu", x, lambda shape: np.tri(shape[0], shape[1], k - 1) == 0)
