"""The families of operations that `draw` chooses from, with their weights."""

from __future__ import annotations

from collections.abc import Callable
from math import prod
from typing import Any

import numpy as np

from tests.fuzz.draw import DTYPES, Draw, Refused, elementwise

# -- elementwise -----------------------------------------------------------------------------------


def unary(d: Draw) -> None:
    i = d.pick()
    names = elementwise(1, d.types[i].dtype)
    d.add(d.rng.choice(names), (i,))


def binary(d: Draw) -> None:
    i = d.pick()
    j = d.partner(i)
    pair = (i, j) if d.rng.random() < 0.7 else (j, i)
    d.add(d.rng.choice(elementwise(2, d.types[i].dtype)), pair)


def power(d: Draw) -> None:
    i = d.pick(lambda t: t.dtype.kind in "fi")
    n = d.rng.choice([-3, -2, -1, 0, 1, 2, 3, 4, 5, 9])
    d.add("integer_pow", (i,), (n if d.types[i].is_float else abs(n),))


def polygamma(d: Draw) -> None:
    d.add("polygamma", (d.floats(),), (d.rng.randrange(4),))


def where(d: Draw) -> None:
    i = d.pick()
    d.add("where", (d.partner(i, "bool"), i, d.partner(i)))


def compared(d: Draw) -> None:
    i = d.pick()
    names = ["equal", "greater", "less", "not_equal", "less_equal"]
    d.add(d.rng.choice(names), (i, d.partner(i)))


def cast(d: Draw) -> None:
    d.add("cast", (d.pick(),), (d.rng.choice(DTYPES),))


# -- views -----------------------------------------------------------------------------------------


def reshape(d: Draw) -> None:
    i = d.pick()
    size = d.types[i].size
    rest, shape = size, []
    while size and rest > 1 and len(shape) < 4:
        part = d.rng.choice([n for n in range(1, rest + 1) if rest % n == 0])
        shape.append(part)
        rest //= part
    shape.append(rest)
    if size == 0:
        shape = [0, *(d.rng.choice([1, 2, 3]) for _ in range(d.rng.randrange(2)))]
    for _ in range(d.rng.randrange(2)):
        shape.insert(d.rng.randrange(len(shape) + 1), 1)
    d.add("reshape", (i,), (tuple(shape),))


def permute(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 2)
    order = list(range(d.types[i].ndim))
    d.rng.shuffle(order)
    d.add("permute", (i,), (tuple(order),))


def broadcast(d: Draw) -> None:
    i = d.pick()
    shape = [n if n != 1 else d.rng.choice([1, 2, 3, 5, 16]) for n in d.types[i].shape]
    lead = [d.rng.choice([1, 2, 3, 4, 7]) for _ in range(d.rng.randrange(3))]
    d.add("broadcast_to", (i,), ((*lead, *shape),))


def slice_(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    bounds = []
    for n in d.types[i].shape:
        how = d.rng.random()
        if how < 0.4:
            bounds.append((0, n, 1))
        else:
            a, b = sorted(d.rng.randint(0, n) for _ in range(2))
            step = d.rng.choice([1, 1, 2, 3, -1, -2])
            bounds.append(slice(a, b, step).indices(n) if step > 0 else slice(b, a or None, step).indices(n))
    d.add("slice", (i,), tuple(map(tuple, zip(*bounds, strict=True))))


def flip(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    d.add("flip", (i,), (d.axes(i),))


def pad(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    t = d.types[i]
    value = d.add("literal", (), (d.rng.choice([0, 0, 1]), t.dtype.name))
    if t.is_float and d.rng.random() < 0.2:
        value = d.add("sum", (i,), (tuple(range(t.ndim)), False))
    ends = [(d.rng.choice([0, 0, 1, 2, 3, -1, -2]), d.rng.choice([0, 0, 1, 2, -1])) for _ in t.shape]
    gaps = tuple(d.rng.choice([0, 0, 0, 1, 2]) for _ in t.shape)
    d.add("pad", (i, value), (tuple(a for a, _ in ends), tuple(b for _, b in ends), gaps))


def concatenate(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    axis = d.axis(i)
    like = d.types[i]

    def fits(t: Any) -> bool:
        return (
            t.dtype is like.dtype
            and t.ndim == like.ndim
            and all(n == m or a == axis for a, (n, m) in enumerate(zip(t.shape, like.shape)))
        )

    parts = [i, *(d.pick(fits) for _ in range(d.rng.randint(1, 3)))]
    d.rng.shuffle(parts)
    d.add("concatenate", tuple(parts), (axis,))


def windows(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and t.size > 0)
    axes = tuple(d.rng.sample(range(d.types[i].ndim), d.rng.randint(1, min(2, d.types[i].ndim))))
    shape = d.types[i].shape
    sizes = tuple(d.rng.randint(1, min(4, shape[a])) for a in axes)
    strides = tuple(d.rng.choice([1, 1, 2, 3]) for _ in axes)
    j = d.add("sliding_windows", (i,), (axes, sizes, strides))
    if d.rng.random() < 0.5 and d.types[i].dtype.kind != "b":
        d.add("overlap_add", (j,), (shape, axes, strides))


def diagonal(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 2 and min(t.shape[-2:]) > 0)
    m, n = d.types[i].shape[-2:]
    d.add("diagonal", (i,), (d.rng.randint(-m + 1, n - 1),))


def from_diagonal(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and 0 < t.shape[-1] < 40)
    n, offset = d.types[i].shape[-1], d.rng.choice([-2, -1, 0, 0, 1, 3])
    rows, columns = n + max(-offset, 0), n + max(offset, 0)
    d.add("from_diagonal", (i,), (offset, (rows, columns)))


def triangle(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 2)
    d.add("triangle", (i,), (d.rng.choice([-2, -1, 0, 1, 2]), d.rng.random() < 0.5))


def gather(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    t = d.types[i]
    axes = tuple(d.rng.sample(range(t.ndim), d.rng.randint(1, min(2, t.ndim))))
    front = d.shape(d.rng.choice([0, 1, 1, 2]), 60)
    indices = []
    for axis in axes:
        own = tuple(1 if d.rng.random() < 0.2 else n for n in front)
        indices.append(d.index(own, t.shape[axis]))
    d.add("gather", (i, *indices), (axes,))


def counted_gather(d: Draw) -> None:
    """One element of each row, as a cross-entropy picks them."""
    i = d.pick(lambda t: t.ndim >= 2 and t.size > 0)
    rows, columns = d.types[i].shape[:2]
    count = d.add("count", (), (rows, 1, 0))
    d.add("gather", (i, count, d.index((rows,), columns)), ((0, 1),))


def scatter(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and t.dtype.kind != "b")
    n, *rest = d.types[i].shape
    extent = d.rng.choice([1, 2, 5, 17, n + 1])
    if d.rng.random() < 0.25:
        index = d.add("count", (), (n, 1, 0))
        extent = n + d.rng.choice([0, 0, 2])
    else:
        index = d.index((n,), extent)
    if d.types[index].shape != (n,):
        index = d.add("broadcast_to", (index,), ((n,),))
    op = d.rng.choice(["scatter_add", "scatter_add", "scatter_add", "scatter_index"])
    shape = (extent, *rest)
    d.add(op, (i, index) if op == "scatter_add" else (index,), (shape, (0,)))


def take_along(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and t.size > 0)
    axis, shape = d.axis(i), d.types[i].shape
    own = (*shape[:axis], d.rng.choice([1, 2, 5]), *shape[axis + 1 :])
    d.add("take_along_axis", (i, d.leaf(own, "int64", f"{-shape[axis]},{shape[axis]}")), (axis,))


# -- reductions ------------------------------------------------------------------------------------


def reduction(d: Draw) -> None:
    i = d.pick()
    kind = d.types[i].dtype.kind
    names = {"b": ["any", "all", "max", "min"]}.get(kind, ["sum", "sum", "sum", "max", "min", "prod"])
    name = d.rng.choice(names + (["logsumexp"] if kind == "f" else []))
    axes = d.axes(i) if d.types[i].ndim else ()
    if name in ("max", "min", "logsumexp") and any(d.types[i].shape[a] == 0 for a in axes):
        raise Refused("nothing to choose from")
    d.add(name, (i,), (axes, d.rng.random() < 0.4))


def total(d: Draw) -> None:
    i = d.pick(lambda t: t.dtype.kind != "b")
    d.add(d.rng.choice(["sum", "sum", "sum", "prod"]), (i,), (tuple(range(d.types[i].ndim)), False))


def extreme_place(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and t.size > 0)
    d.add(d.rng.choice(["argmax", "argmin"]), (i,), (d.axis(i), d.rng.random() < 0.4))


def running(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1 and t.dtype.kind != "b")
    d.add(d.rng.choice(["cumsum", "cumsum", "cumprod"]), (i,), (d.axis(i), d.rng.random() < 0.4))


def recurrence(d: Draw) -> None:
    i = d.floats(1)
    a = d.add("tanh", (i,))
    d.add("linear_recurrence", (a, i), (d.axis(i), d.rng.random() < 0.4))


def sorting(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim >= 1)
    d.add(d.rng.choice(["sort", "argsort"]), (i,), (d.axis(i), d.rng.random() < 0.4))


def searching(d: Draw) -> None:
    i = d.pick(lambda t: t.ndim == 1)
    j = d.add("sort", (i,), (0, False))
    d.add("searchsorted", (j, d.partner(i)), (d.rng.choice(["left", "right"]),))


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
    name = r.choice(
        "softmax log_softmax layer_norm variance attention adam cross_entropy solve max_pool assign "
        "gelu norm roll nested_grad straight_through".split()
    )
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
        d.add(name, (d.leaf((n, n), t.dtype.name, "normal"), d.leaf((n, 2), t.dtype.name, "normal")))
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
    from chainrule.core.types import array_type

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


FAMILIES: dict[str, tuple[int, Callable[[Draw], None]]] = {
    "unary": (16, unary),
    "binary": (24, binary),
    "power": (2, power),
    "polygamma": (1, polygamma),
    "where": (6, where),
    "compared": (3, compared),
    "cast": (5, cast),
    "reshape": (8, reshape),
    "permute": (7, permute),
    "broadcast": (5, broadcast),
    "slice": (8, slice_),
    "flip": (4, flip),
    "pad": (6, pad),
    "concatenate": (6, concatenate),
    "windows": (5, windows),
    "diagonal": (2, diagonal),
    "from_diagonal": (2, from_diagonal),
    "triangle": (2, triangle),
    "gather": (5, gather),
    "counted_gather": (2, counted_gather),
    "scatter": (4, scatter),
    "take_along": (2, take_along),
    "reduction": (18, reduction),
    "total": (4, total),
    "extreme_place": (3, extreme_place),
    "running": (4, running),
    "recurrence": (1, recurrence),
    "sorting": (2, sorting),
    "searching": (1, searching),
    "contract": (6, contract),
    "matmul": (6, matmul),
    "conv": (3, conv),
    "random_bits": (2, random_bits),
    "composite": (8, composite),
    "scan": (4, scan),
    "cond": (3, cond),
    "while": (2, while_),
    "checkpoint": (2, checkpoint),
}
"""For each family its weight, and how it is drawn."""

_ = np
