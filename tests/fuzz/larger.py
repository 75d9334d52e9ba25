"""Families of larger operations: products, whole layers, calls with graphs of their own."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

from chainrule.core.types import array_type
from tests.fuzz.case import COMPOSITES
from tests.fuzz.draw import Draw, Refused

_COMPOSITES = sorted(set(COMPOSITES) - {"take_along_axis"})

# -- products --------------------------------------------------------------------------------------


def contract(d: Draw) -> None:
    """Any labels: shared, summed, batched, in any order."""
    i = d.pick(lambda t: t.dtype.kind != "b")
    t = d.types[i]
    a = tuple(range(t.ndim))
    extents = dict(zip(a, t.shape))
    shared = [x for x in a if d.rng.random() < 0.6]
    fresh = list(range(t.ndim, t.ndim + d.rng.choice([0, 1, 1, 2])))
    for label in fresh:
        extents[label] = d.rng.choice([1, 2, 3, 5, 8, 16, 17, 33])
    b = shared + fresh
    d.rng.shuffle(b)
    summed = [x for x in shared if d.rng.random() < 0.7]
    out = [x for x in dict.fromkeys(a + tuple(b)) if x not in summed]
    if d.rng.random() < 0.5:
        d.rng.shuffle(out)
    j = d.leaf(tuple(extents[x] for x in b), t.dtype.name)
    if d.rng.random() < 0.3:
        j = d.add("neg" if t.dtype.kind in "fi" else "bitwise_invert", (j,))
    pair = ((i, j), (a, tuple(b))) if d.rng.random() < 0.6 else ((j, i), (tuple(b), a))
    d.add("contract", pair[0], (*pair[1], tuple(out)))


def matmul(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim == 2 and t.dtype.kind != "b")
    m, k = d.types[i].shape
    n = d.rng.choice([1, 2, 3, 5, 8, 16, 17, 31, 33, 64])
    if d.rng.random() < 0.5:
        j = d.leaf((k, n), d.types[i].dtype.name)
        d.add("contract", (i, j), ((0, 1), (1, 2), (0, 2)))
    elif d.rng.random() < 0.5:
        j = d.leaf((n, k), d.types[i].dtype.name)
        d.add("contract", (i, j), ((0, 1), (2, 1), (0, 2)))
    else:
        j = d.leaf((m, n), d.types[i].dtype.name)
        d.add("contract", (i, j), ((0, 1), (0, 2), (1, 2)))


def conv(d: Draw) -> None:
    r = d.rng
    rank = r.choice([1, 1, 2, 2, 2, 3])
    groups = r.choice([1, 1, 1, 2, 3])
    batch_groups = r.choice([1, 1, 1, 2]) if groups == 1 else 1
    channels, features = r.choice([1, 2, 3, 8, 16]), r.choice([1, 2, 3, 8, 17])
    spatial = tuple(r.choice([1, 2, 3, 5, 7, 8, 12, 17]) for _ in range(rank))
    kernel = tuple(r.choice([1, 2, 3, 3, 5]) for _ in range(rank))
    batch = batch_groups * r.choice([1, 1, 2, 3])
    dtype = r.choice(["float32", "float32", "float64", "float16", "int32"])
    x = d.leaf((batch, channels * groups, *spatial), dtype, "normal")
    w = d.leaf((features * groups * batch_groups, channels, *kernel), dtype, "normal")
    if r.random() < 0.3:
        x = d.add("permute", (x,), (tuple(range(rank + 2)),))
    strides = tuple(r.choice([1, 1, 1, 2, 3]) for _ in range(rank))
    padding = tuple((r.choice([0, 1, 1, 2, -1]), r.choice([0, 1, 1, 2, -1])) for _ in range(rank))
    dilations = [tuple(r.choice([1, 1, 1, 1, 2]) for _ in range(rank)) for _ in range(2)]
    if prod(spatial) * channels * groups * batch > 6000:
        raise Refused("too large")
    d.add("conv", (x, w), (strides, padding, *dilations, groups, batch_groups))


# -- the rest --------------------------------------------------------------------------------------


def random_bits(d: Draw) -> None:
    key = d.leaf((2,), "uint32", "0,1000")
    if d.rng.random() < 0.3:
        key = d.add("fold_in", (key, d.leaf((), "int64")))
    bits = d.add("random_bits", (key,), (d.shape(), d.rng.randrange(2)))
    if d.rng.random() < 0.5:
        d.add("cast", (bits,), (d.rng.choice(["float32", "float64"]),))


def composite(d: Draw) -> None:
    r = d.rng
    name = r.choice(_COMPOSITES)
    i = d.floats({"layer_norm": 1, "max_pool": 2, "assign": 1, "cross_entropy": 2}.get(name, 0))
    t = d.types[i]
    if t.size == 0:
        raise Refused("empty")
    if name in ("softmax", "log_softmax", "variance"):
        d.add(name, (i,), (d.axis(i),))
    elif name == "roll":
        axis = d.axis(i)
        d.add(name, (i,), (r.choice([-2, 1, 3]), axis))
    elif name == "attention":
        if t.ndim < 2:
            raise Refused("no matrices")
        keys = (*t.shape[:-2], r.choice([1, 3, 8, 17]), t.shape[-1])
        d.add(name, (i, d.leaf(keys, t.dtype.name), d.leaf(keys, t.dtype.name)))
    elif name == "adam":
        d.add(name, (i, *(d.leaf(t.shape, t.dtype.name) for _ in range(3))))
    elif name == "cross_entropy":
        if t.ndim != 2:
            raise Refused("no matrix")
        d.add(name, (i, d.leaf(t.shape[:1], "int64", f"0,{t.shape[1]}")))
    elif name == "solve":
        n = r.choice([1, 2, 3, 5])
        if t.dtype.itemsize < 4:
            raise Refused("LAPACK has no half precision")
        d.add(
            name, (d.leaf((n, n), t.dtype.name, "normal"), d.leaf((n, 2), t.dtype.name, "normal"))
        )
    elif name == "assign":
        if t.shape[-1] < 3:
            raise Refused("too short")
        d.add(name, (i, d.leaf((*t.shape[:-1], 2), t.dtype.name)))
    else:
        d.add(name, (i,))


def scan(d: Draw) -> None:
    r = d.rng
    if d.inner:
        raise Refused("deep enough")
    xs = [d.pick(lambda t: t.ndim >= 1 and t.shape[0] < 18)]
    length = d.types[xs[0]].shape[0]
    if r.random() < 0.4:
        xs.append(d.pick(lambda t: t.ndim >= 1 and t.shape[0] == length))
    small: Callable[[Any], bool] = lambda t: t.size <= 300
    carries = [d.pick(small) for _ in range(r.randint(0, 2))]
    consts = [d.pick(small) for _ in range(r.randint(0, 2))]
    types = [d.types[i] for i in (*consts, *carries)]
    types += [_slice_of(d.types[i]) for i in xs]
    body = d.body(types, [d.types[i] for i in carries], r.randint(0, 2))
    reverse = r.random() < 0.4
    d.call("scan", (*consts, *carries, *xs), (body, length, len(consts), len(carries), reverse))


def _slice_of(t: Any) -> Any:
    return array_type(t.shape[1:], t.dtype)


def cond(d: Draw) -> None:
    if d.inner:
        raise Refused("deep enough")
    test = d.partner(d.add("literal", (), (True, "bool")), "bool")
    if d.types[test].shape != ():
        test = d.add("any", (test,), (tuple(range(d.types[test].ndim)), False))
    operands = [d.pick() for _ in range(d.rng.randint(1, 3))]
    types = [d.types[i] for i in operands]
    wanted = [d.rng.choice(types) for _ in range(d.rng.randint(1, 2))]
    bodies = (d.body(types, wanted, 0), d.body(types, wanted, 0))
    d.call("cond", (test, *operands), bodies)


def while_(d: Draw) -> None:
    if d.inner:
        raise Refused("deep enough")
    times = d.leaf((), "int64")
    state = [d.pick() for _ in range(d.rng.randint(1, 2))]
    types = [d.types[i] for i in state]
    d.call("while", (times, *state), (d.body(types, types, 0),))


def checkpoint(d: Draw) -> None:
    if d.inner:
        raise Refused("deep enough")
    operands = [d.pick() for _ in range(d.rng.randint(1, 3))]
    d.call("checkpoint", tuple(operands), (d.body([d.types[i] for i in operands], [], 2),))
