"""Random numbers from explicit keys.

A key is a tensor of two uint32 words. The same key always gives the same numbers; new keys come
from `split` and `fold_in`. Nothing is hidden and nothing is global, so random programs can be
traced, batched with `vmap` and repeated to the bit.

>>> import chainrule as cr
>>> key = cr.random.key(0)
>>> first, second = cr.random.split(key)
>>> cr.random.normal(first, (2,)).shape
(2,)
"""

from __future__ import annotations

import math
import operator
from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.errors import DomainError, DTypeError, ShapeError
from chainrule.core.node import Node, array, literal
from chainrule.core.types import as_dtype
from chainrule.functions._apply import widened
from chainrule.lift import FLOAT, as_node, promote
from chainrule.ops.arithmetic import add, mul
from chainrule.ops.choice import abs_, maximum, minimum, where
from chainrule.ops.exponential import exp, log, log1p, sqrt
from chainrule.ops.index import gather
from chainrule.ops.logic import less
from chainrule.ops.random import DRAW, SPLIT, random_bits
from chainrule.ops.random import fold_in as fold_in_
from chainrule.ops.reduce import argmax, sum_
from chainrule.ops.rounding import floor_divide, remainder
from chainrule.ops.shape import cast, move_axis
from chainrule.ops.sorting import argsort
from chainrule.ops.special import erfc, erfinv
from chainrule.tensor import Tensor, wrap

__all__ = [
    "bernoulli",
    "bits",
    "categorical",
    "exponential",
    "fold_in",
    "gumbel",
    "key",
    "normal",
    "permutation",
    "randint",
    "split",
    "truncated_normal",
    "uniform",
]

Shape = int | Sequence[int]


def _shape(shape: Shape) -> tuple[int, ...]:
    extents = shape if isinstance(shape, (tuple, list)) else (shape,)
    try:
        found = tuple([operator.index(extent) for extent in extents])
    except TypeError:
        raise ShapeError(f"a shape is an int or a tuple of ints, not {shape!r}") from None
    if any(extent < 0 for extent in found):
        raise ShapeError(f"a shape has no negative extents: {found}")
    return found


def _key(key: Any) -> Node:
    node = as_node(key)
    if node.shape != (2,) or node.dtype != np.uint32:
        raise DTypeError(
            f"a key is two uint32 words, this is {node.type}; make one with cr.random.key(seed), "
            "or use cr.vmap for many keys"
        )
    return node


def _float(dtype: Any) -> np.dtype[Any]:
    found = as_dtype(dtype)
    if found.kind != "f":
        raise DTypeError(f"random numbers of this kind are floating-point, not {found.name}")
    return found


def key(seed: int) -> Tensor:
    """The key that belongs to an integer seed, 0 ≤ seed < 2⁶⁴; shape (2,), uint32.

    >>> import chainrule as cr
    >>> cr.random.key(7)
    tensor([0, 7], dtype=uint32)
    """
    number = operator.index(seed)
    if not 0 <= number < 2**64:
        raise DomainError(f"a seed is at least 0 and below 2**64, not {number}")
    return Tensor(array(np.array([number >> 32, number & 0xFFFFFFFF], np.uint32)))


def split(key: Any, num: int = 2) -> Tensor:
    """``num`` new independent keys; shape (num, 2). Use each key once, then split it.

    >>> import chainrule as cr
    >>> cr.random.split(cr.random.key(0), 3).shape
    (3, 2)
    """
    return wrap(random_bits(_key(key), shape=(*_shape(num), 2), stream=SPLIT))


def fold_in(key: Any, data: Any) -> Tensor:
    """A new key from a key and an integer (a step, a layer's number); shape (2,).

    Every integer of int64 and uint64 gives a key of its own, also apart from those of `split`.

    >>> import chainrule as cr
    >>> cr.random.fold_in(cr.random.key(0), 3).shape
    (2,)
    """
    return wrap(fold_in_(_key(key), as_node(data)))


def bits(key: Any, shape: Shape = ()) -> Tensor:
    """Uniform random uint32 words."""
    return wrap(random_bits(_key(key), shape=_shape(shape), stream=DRAW))


def _unit(key: Any, shape: tuple[int, ...], dtype: np.dtype[Any]) -> Node:
    """Uniform on [0, 1): 24 random bits in float32 (11 in float16), 53 in float64."""
    if dtype == FLOAT:
        words = random_bits(_key(key), shape=(*shape, 2), stream=DRAW)
        pair = array(np.array([2.0**-27, 2.0**-53]))  # of the high 27 and the high 26 bits
        shifted = floor_divide(words, array(np.array([2**5, 2**6], np.uint32)))
        return sum_(mul(cast(shifted, dtype=FLOAT), pair), axes=(len(shape),), keepdims=False)
    words = random_bits(_key(key), shape=shape, stream=DRAW)
    kept = 11 if dtype.itemsize == 2 else 24
    whole = floor_divide(words, array(np.array(2 ** (32 - kept), np.uint32)))
    return mul(cast(whole, dtype=dtype), literal(2.0**-kept, dtype))


def uniform(
    key: Any, shape: Shape = (), low: Any = 0.0, high: Any = 1.0, dtype: Any = "float64"
) -> Tensor:
    """Uniform on [low, high), differentiable in both bounds.

    Where rounding would give ``high``, the largest number below it is taken.

    Raises:
        DomainError: if ``low`` is above ``high``.

    >>> import chainrule as cr
    >>> x = cr.random.uniform(cr.random.key(0), (1000,))
    >>> bool((x >= 0).all()), bool((x < 1).all())
    (True, True)
    """
    wanted = _float(dtype)
    unit = _unit(key, _shape(shape), wanted)
    lo, hi = as_node(low, wanted), as_node(high, wanted)
    if lo.value is not None and hi.value is not None and np.any(lo.value > hi.value):
        raise DomainError(f"uniform: low must not be above high; they are {low} and {high}")
    drawn = add(lo, mul(hi - lo, unit))
    return wrap(maximum(minimum(drawn, _below(hi)), lo))


def _below(x: Node) -> Node:
    """The largest number below x: 0.7 ε|x| is between half a step and 1½ steps, also at powers of
    2, where the steps change."""
    return x - abs_(x) * (0.7 * float(np.finfo(x.dtype).eps))


def _open_unit(key: Any, shape: Shape, dtype: np.dtype[Any]) -> Node:
    """Uniform on (0, 1): never 0, so that logarithms are finite."""
    tiny = 2.0**-54 if dtype == FLOAT else 2.0**-25 if dtype.itemsize == 4 else 2.0**-12
    return maximum(_unit(key, _shape(shape), dtype), literal(tiny, dtype))


def normal(
    key: Any, shape: Shape = (), mean: Any = 0.0, std: Any = 1.0, dtype: Any = "float64"
) -> Tensor:
    """Normal with the given mean and standard deviation, differentiable in both.

    It is √2·erf⁻¹(u) of a uniform u on (-1, 1) (inversion of the distribution function).

    >>> import chainrule as cr
    >>> x = cr.random.normal(cr.random.key(0), (10_000,))
    >>> bool(abs(x.mean()) < 0.05), bool(abs(x.std() - 1) < 0.05)
    (True, True)
    """
    wanted = _float(dtype)
    unit = _open_unit(key, shape, wanted)
    standard = erfinv(unit * 2.0 - 1.0) * math.sqrt(2.0)
    return wrap(add(as_node(mean, wanted), mul(as_node(std, wanted), standard)))


def truncated_normal(
    key: Any, shape: Shape = (), low: float = -2.0, high: float = 2.0, dtype: Any = "float64"
) -> Tensor:
    """Standard normal restricted to [low, high], by inversion; either end may be infinite.

    It is computed in float64 for every dtype, and far from 0 relative to the tail, so that an
    interval beyond 8, where the distribution function is 1, has as many different numbers as any.

    Raises:
        DomainError: unless ``low`` is below ``high``.

    >>> import chainrule as cr
    >>> x = cr.random.truncated_normal(cr.random.key(0), (1000,), 9.0, 12.0)
    >>> bool((x >= 9).all()), bool(9.1 < x.mean() < 9.12)
    (True, True)
    """
    wanted, lo, hi = _float(dtype), float(low), float(high)
    if not lo < hi:
        raise DomainError(f"truncated_normal: low must be below high, not {low} and {high}")
    unit = _open_unit(key, shape, FLOAT)
    if lo >= 1:
        drawn = _normal_tail(lo, hi, unit)
    elif hi <= -1:
        drawn = -_normal_tail(-hi, -lo, unit)
    else:
        a, b = (math.erf(end / math.sqrt(2.0)) for end in (lo, hi))
        last = 1 - 2.0**-53  # erf⁻¹(1) is infinite
        inside = minimum(maximum(a + (b - a) * unit, -last), last)
        drawn = erfinv(inside) * math.sqrt(2.0)
    drawn = minimum(maximum(drawn, lo), hi)
    return wrap(drawn if wanted == FLOAT else cast(drawn, dtype=wanted))


def _normal_tail(a: float, b: float, unit: Node) -> Node:
    """The normal distribution restricted to [a, b] with a ≥ 1, by inversion.

    With Mills' ratio m(x) = (1 - Φ(x)) / φ(x) and x = √(a² + 2t) the share of the tail beyond a
    that lies beyond x is e⁻ᵗ m(x) / m(a), which neither underflows nor cancels. Newton's method
    solves for its logarithm; as d ln m/dx = x - 1/m and dx/dt = 1/x, the slope is -1 / (x m).
    """
    start = _mills(literal(a, FLOAT))
    share = math.exp(-(b - a) * (b + a) / 2) * _mills(literal(b, FLOAT)) / start
    wanted = -log1p(-(1.0 - share) * unit)  # minus the logarithm of the share beyond x
    t = wanted
    for _ in range(4):  # then converged to rounding for a ≥ 1
        x = a * sqrt(1.0 + 2.0 * t / a / a)
        m = _mills(x)
        t = maximum(t - (t - log(m / start) - wanted) * x * m, 0.0)
    return a * sqrt(1.0 + 2.0 * t / a / a)


def _mills(x: Node) -> Node:
    """Mills' ratio (1 - Φ(x)) / φ(x); from 25 on by its asymptotic series, to 1e-10 of it."""
    near = minimum(x, 25.0)
    exact = exp(near * near / 2.0) * erfc(near / math.sqrt(2.0)) * math.sqrt(math.pi / 2)
    y = 1.0 / maximum(x, 25.0)
    z = y * y
    series = y * (1.0 - z * (1.0 - 3.0 * z * (1.0 - 5.0 * z * (1.0 - 7.0 * z))))
    return where(less(x, 25.0), exact, series)


def exponential(key: Any, shape: Shape = (), dtype: Any = "float64") -> Tensor:
    """Exponential with rate 1: -log(1 - u)."""
    return wrap(-log1p(-_unit(key, _shape(shape), _float(dtype))))


def gumbel(key: Any, shape: Shape = (), dtype: Any = "float64") -> Tensor:
    """Standard Gumbel: -log(-log u)."""
    return wrap(-log(-log(_open_unit(key, shape, _float(dtype)))))


def bernoulli(key: Any, p: Any = 0.5, shape: Shape | None = None) -> Tensor:
    """True with probability ``p``; boolean, of the shape of ``p`` unless one is given."""
    (probability,) = promote(p)
    if not probability.type.is_float:
        probability = cast(probability, dtype=FLOAT)
    wanted = probability.shape if shape is None else _shape(shape)
    return wrap(less(_unit(key, wanted, FLOAT), cast(probability, dtype=FLOAT)))


def categorical(key: Any, logits: Any, axis: int = -1, shape: Shape | None = None) -> Tensor:
    """Indices drawn with probabilities softmax(logits) along ``axis``; int64.

    By the Gumbel-max trick: argmax(logits + Gumbel noise). ``shape`` puts draws in front:
    its trailing part must be the shape of ``logits`` without ``axis``.

    >>> import chainrule as cr
    >>> cr.random.categorical(cr.random.key(1), cr.tensor([0.0, -1e9, -1e9]), shape=(4,))
    tensor([0, 0, 0, 0])
    """
    node = as_node(logits)
    if not node.type.is_float or not node.shape:
        raise DTypeError(f"categorical: logits are a floating-point array, not {node.type}")
    if not -node.ndim <= axis < node.ndim:
        raise ShapeError(f"categorical: axis {axis} of logits of shape {node.shape}")
    at = axis % node.ndim
    rest = node.shape[:at] + node.shape[at + 1 :]
    wanted = rest if shape is None else _shape(shape)
    lead = len(wanted) - len(rest)
    if lead < 0 or wanted[lead:] != rest:
        raise ShapeError(f"categorical: shape {wanted} does not end with {rest}")
    full = wanted[:lead] + node.shape
    scores = widened(node)  # in float16 many noises would tie, and the first index win
    noise = gumbel(key, full, scores.dtype).node
    return wrap(argmax(add(noise, scores), axis=lead + at, keepdims=False))


def randint(key: Any, shape: Shape, low: int, high: int, dtype: Any = "int64") -> Tensor:
    """Uniform integers in [low, high), for any range of the dtype up to all 2⁶⁴ numbers.

    A remainder of 64 random bits: no number is preferred by more than (high - low) / 2⁶⁴ of its
    probability.

    Raises:
        DomainError: unless ``low`` is below ``high``.
        DTypeError: if the range does not fit into ``dtype``.

    >>> import chainrule as cr
    >>> sorted(set(cr.random.randint(cr.random.key(0), (100,), 1, 7).tolist()))
    [1, 2, 3, 4, 5, 6]
    """
    lo, hi = operator.index(low), operator.index(high)
    if not lo < hi:
        raise DomainError(f"randint: low must be below high, not {lo} and {hi}")
    wanted = as_dtype(dtype)
    if wanted.kind not in "iu" or lo < np.iinfo(wanted).min or hi - 1 > np.iinfo(wanted).max:
        raise DTypeError(f"randint: {lo} … {hi - 1} does not fit into {wanted.name}")
    words = random_bits(_key(key), shape=(*_shape(shape), 2), stream=DRAW)
    wide = cast(words, dtype=np.dtype(np.uint64))
    weights = array(np.array([2**32, 1], np.uint64))
    number = sum_(wide * weights, axes=(words.ndim - 1,), keepdims=False)
    if hi - lo < 2**64:
        number = remainder(number, array(np.array(hi - lo, np.uint64)))
    # modulo 2⁶⁴, which the cast takes for a signed number where it is one
    return wrap(cast(add(number, array(np.array(lo % 2**64, np.uint64))), dtype=wanted))


def permutation(key: Any, x: Any, axis: int = 0) -> Tensor:
    """``x`` shuffled along ``axis``; an integer n stands for 0 … n-1.

    Raises:
        DomainError: for a negative integer.
        ShapeError: if there is no such axis.

    >>> import chainrule as cr
    >>> sorted(cr.random.permutation(cr.random.key(0), 5).tolist())
    [0, 1, 2, 3, 4]
    """
    if isinstance(x, (int, np.integer)):
        if x < 0:
            raise DomainError(f"permutation: there is none of {x} numbers; n is at least 0")
        x = np.arange(x)
    node = as_node(x)
    if not -node.ndim <= axis < node.ndim:
        raise ShapeError(f"permutation: axis {axis} of an array of shape {node.shape}")
    at = axis % node.ndim
    order = argsort(_unit(key, (node.shape[at],), FLOAT), axis=0, descending=False)
    return wrap(move_axis(gather(node, order, axes=(at,)), 0, at))
