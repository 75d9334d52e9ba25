"""The families of operations that `draw` chooses from, with their weights."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.fuzz import larger
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
            bounds.append(
                slice(a, b, step).indices(n) if step > 0 else slice(b, a or None, step).indices(n)
            )
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
    ends = [
        (d.rng.choice([0, 0, 1, 2, 3, -1, -2]), d.rng.choice([0, 0, 1, 2, -1])) for _ in t.shape
    ]
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
    names = {"b": ["any", "all", "max", "min"]}.get(
        kind, ["sum", "sum", "sum", "max", "min", "prod"]
    )
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
    "contract": (6, larger.contract),
    "matmul": (6, larger.matmul),
    "conv": (3, larger.conv),
    "random_bits": (2, larger.random_bits),
    "composite": (8, larger.composite),
    "scan": (4, larger.scan),
    "cond": (3, larger.cond),
    "while": (2, larger.while_),
    "checkpoint": (2, larger.checkpoint),
}
"""For each family its weight, and how it is drawn."""
