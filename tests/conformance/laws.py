"""The laws that every primitive obeys; each raises `BrokenLawError` and says how.

A law takes a record and a random generator. It reads the record only through the generic rules,
so a law that passes here says something about the engine that users run.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import mpmath
import numpy as np

from chainrule.core.errors import DTypeError
from chainrule.core.graph import replace
from chainrule.core.node import Node, apply, array, literal, topological, variable
from chainrule.core.types import ArrayType, type_of
from chainrule.notation import parse, to_latex, to_text
from chainrule.ops.calls import item
from chainrule.ops.record import (
    Call,
    Case,
    Discrete,
    Elementwise,
    Primitive,
    Projection,
    Reduction,
    Selection,
    Smooth,
)
from chainrule.ops.reduce import sum_
from chainrule.ops.sampling import cases_of
from chainrule.rules.batch import batch
from chainrule.rules.flops import flops
from chainrule.rules.interval import enclose
from chainrule.rules.jvp import push
from chainrule.rules.taylor import series
from chainrule.rules.vjp import Step, pull

Law = Callable[[Primitive, np.random.Generator], None]


DECLARED_CONSTANT = ("stop_gradient",)
"""Primitives whose derivative is 0 by declaration, although their value does change."""


class BrokenLawError(AssertionError):
    """A primitive that breaks a law."""


def require(condition: object, message: str) -> None:
    if not condition:
        raise BrokenLawError(message)


def close(found: object, wanted: object, tolerance: float, what: str) -> None:
    """Equal within ``tolerance`` relative to the size of the numbers; NaN is never equal."""
    a, b = np.asarray(found, np.float64), np.asarray(wanted, np.float64)
    require(a.shape == b.shape, f"{what}: shape {a.shape} against {b.shape}")
    require(np.all(np.isfinite(a)), f"{what}: {a} is not finite")
    scale = np.maximum(1.0, np.maximum(np.abs(a), np.abs(b)))
    worst = np.max(np.abs(a - b) / scale, initial=0.0)
    require(worst <= tolerance, f"{what}: off by {worst:.3g} (allowed {tolerance:.3g}): {a} / {b}")


def float_indices(case: Case) -> list[int]:
    return [index for index, value in enumerate(case.sources) if value.dtype.kind == "f"]


def build(record: Primitive, case: Case) -> tuple[list[Node], Node]:
    """Variables for the floating-point sources, and the result as a node.

    Of a tuple, the result is one weighted sum of all floating-point elements.
    """
    sources = [variable(v) if v.dtype.kind == "f" else array(v) for v in case.sources]
    return sources, joined(apply(record, tuple(sources), case.argument))


def joined(y: Node) -> Node:
    if isinstance(y.type, ArrayType):
        return y
    parts = [item(y, index=i) for i, type in enumerate(y.type.items) if type.is_float]
    total = literal(0.0, parts[0].dtype)
    for place, part in enumerate(parts):
        weighted = part * array(_weights(part.shape, place))
        total = total + sum_(weighted, axes=tuple(range(part.ndim)), keepdims=False)
    return total


def _weights(shape: tuple[int, ...], place: int) -> np.ndarray:
    return np.cos(np.arange(np.prod(shape, dtype=int)) + 2.0 * place + 0.3).reshape(shape)


def differentiable(record: Primitive, rng: np.random.Generator) -> Iterator[Case]:
    """Cases with something to differentiate."""
    if isinstance(record, Discrete | Projection):
        return
    for case in cases_of(record, rng):
        if float_indices(case) and build(record, case)[1].type.is_float:
            yield case


def directions(case: Case, rng: np.random.Generator) -> list[np.ndarray]:
    return [np.asarray(rng.normal(size=value.shape)) for value in case.sources]


def evaluate_at(record: Primitive, case: Case, moved: list[np.ndarray]) -> np.ndarray:
    found = record.evaluate(*moved, *case.argument)
    if isinstance(found, tuple):
        floats = [part for part in found if part.dtype.kind == "f"]
        found = sum(np.sum(part * _weights(part.shape, i)) for i, part in enumerate(floats))
    return np.asarray(found, dtype=np.float64)


def shifted(case: Case, v: list[np.ndarray], h: float) -> list[np.ndarray]:
    floats = float_indices(case)
    return [x + h * d if i in floats else x for i, (x, d) in enumerate(zip(case.sources, v))]


def numerical(f: Callable[[float], np.ndarray], h: float = 1e-3) -> np.ndarray:
    """f′(0) by central differences, extrapolated twice (error O(h⁶))."""
    d = [(f(s) - f(-s)) / (2 * s) for s in (h, h / 2, h / 4)]
    first = [(4 * d[i + 1] - d[i]) / 3 for i in (0, 1)]
    return (16 * first[1] - first[0]) / 15


# -- values ----------------------------------------------------------------------------------------


def types(record: Primitive, rng: np.random.Generator) -> None:
    """The type rule tells the shape and dtype that the reference returns, in every precision."""
    for case in cases_of(record, rng):
        for precision in (np.float64,) if isinstance(record, Call) else (np.float64, np.float32):
            values = [v.astype(precision) if v.dtype.kind == "f" else v for v in case.sources]
            declared = record.result_type(case.argument, *map(type_of, values))
            found = record.evaluate(*values, *case.argument)
            parts = (found,) if isinstance(declared, ArrayType) else found
            wanted = (declared,) if isinstance(declared, ArrayType) else declared.items
            for part, type in zip(parts, wanted, strict=True):
                require(
                    type_of(part) is type,
                    f"{record.name}: declared {type}, evaluated {type_of(part)}",
                )


def values(record: Primitive, rng: np.random.Generator) -> None:
    """The reference agrees with exact mathematics, and float32 with float64."""
    for case in cases_of(record, rng):
        if not float_indices(case) or isinstance(record, Call):  # a graph has one precision
            continue
        exact = np.asarray(record.evaluate(*case.sources, *case.argument))
        if exact.dtype.kind != "f":
            continue
        require(np.all(np.isfinite(exact)), f"{record.name}: {exact} from {case.sources}")
        single = [v.astype(np.float32) if v.dtype.kind == "f" else v for v in case.sources]
        doubled = [v.astype(np.float64) if v.dtype.kind == "f" else v for v in single]
        argument = tuple(np.dtype(np.float32) if a == np.float64 else a for a in case.argument)
        close(
            record.evaluate(*single, *argument),
            record.evaluate(*doubled, *case.argument),
            (record.tolerance + 60) * 1.2e-7,
            f"{record.name} in float32",
        )
        if isinstance(record, Elementwise) and record.exact is not None:
            _against_mpmath(record, case, exact)


def _against_mpmath(record: Elementwise, case: Case, found: np.ndarray) -> None:
    f = getattr(mpmath, record.exact) if isinstance(record.exact, str) else None
    with mpmath.workdps(40):
        for index in np.ndindex(found.shape):
            numbers = [
                mpmath.mpf(float(np.broadcast_to(v, found.shape)[index])) for v in case.sources
            ]
            wanted = (
                f(*numbers) if f else record.exact(mpmath, *numbers, *case.argument)  # type: ignore
            )
            error = abs(mpmath.mpf(float(found[index])) - wanted)
            ulp = float(np.spacing(abs(float(wanted))))
            require(
                error <= record.tolerance * ulp,
                f"{record.name}{tuple(map(float, numbers))}: {float(error / ulp):.1f} ulp",
            )


# -- derivatives -----------------------------------------------------------------------------------


def adjoint(record: Primitive, rng: np.random.Generator) -> None:
    """⟨Jv, w⟩ = ⟨v, Jᵀw⟩."""
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        v, w = directions(case, rng), np.asarray(rng.normal(size=y.shape))
        floats = float_indices(case)
        (forward,) = push([y], {sources[i]: array(v[i]) for i in floats})
        backward = (
            pull([y], [array(w)], [sources[i] for i in floats])
            if getattr(record, "reverse", True)
            else []
        )
        if not backward:
            continue
        for i, ct in zip(floats, backward, strict=True):
            require(
                ct is None or ct.type is sources[i].type,
                f"{record.name}: a cotangent of another type than its source {sources[i].type}",
            )
        left = 0.0 if forward is None else np.vdot(forward.value, w)
        right = sum(
            np.vdot(v[i], ct.value)
            for i, ct in zip(floats, backward, strict=True)
            if ct is not None
        )
        close(left, right, 1e-10, f"{record.name}: ⟨Jv, w⟩ against ⟨v, Jᵀw⟩")


def slopes(record: Primitive, rng: np.random.Generator) -> None:
    """Each partial agrees with finite differences."""
    if record.name in DECLARED_CONSTANT:
        return
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        for i in float_indices(case):
            v = [np.zeros_like(x) for x in directions(case, rng)]
            v[i] = np.asarray(rng.normal(size=case.sources[i].shape))
            (found,) = push([y], {sources[i]: array(v[i])})
            wanted = numerical(lambda h, v=v: evaluate_at(record, case, shifted(case, v, h)))
            value = np.zeros(y.shape) if found is None else found.value
            close(value, wanted, 1e-7, f"{record.name}: slope in source {i}")


def second_order(record: Primitive, rng: np.random.Generator) -> None:
    """The derivative of the pullback agrees with finite differences of the pullback."""
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        floats = float_indices(case)
        v, w = directions(case, rng), np.asarray(rng.normal(size=y.shape))
        variables = [sources[i] for i in floats]
        if not getattr(record, "reverse", True):
            _second_forward(record, case, sources, y, v)
            continue
        first = pull([y], [array(w)], variables, record=True)
        present = [node for node in first if node is not None]
        found = push(present, {sources[i]: array(v[i]) for i in floats})

        def pullback(h: float, case: Case = case, v: list = v, w: np.ndarray = w) -> np.ndarray:
            moved = Case(tuple(shifted(case, v, h)), case.argument)
            at, result = build(record, moved)
            cts = pull([result], [array(w)], [at[i] for i in float_indices(case)])
            return np.concatenate([np.ravel(ct.value) for ct in cts if ct is not None] or [[]])

        value = np.concatenate(
            [
                np.zeros(node.type.size) if d is None else np.ravel(d.value)
                for node, d in zip(present, found, strict=True)
            ]
            or [np.zeros(0)]
        )
        close(value, numerical(pullback), 1e-6, f"{record.name}: second derivative")


def _second_forward(
    record: Primitive, case: Case, sources: list[Node], y: Node, v: list[np.ndarray]
) -> None:
    """For primitives without a reverse mode: forward over forward."""
    moves = {sources[i]: array(v[i]) for i in float_indices(case)}
    (first,) = push([y], moves, record=True)
    assert first is not None
    (found,) = push([first], moves)

    def pushforward(h: float) -> np.ndarray:
        at, result = build(record, Case(tuple(shifted(case, v, h)), case.argument))
        (t,) = push([result], {at[i]: array(v[i]) for i in float_indices(case)})
        assert t is not None
        return np.asarray(t.value)

    value = np.zeros(y.shape) if found is None else found.value
    close(value, numerical(pushforward), 1e-6, f"{record.name}: second derivative")


def batching(record: Primitive, rng: np.random.Generator) -> None:
    """A batch gives what a loop over its examples gives, whichever sources are batched."""
    size = 3
    others = [list(cases_of(record, rng)) for _ in range(size)]
    for case, *fresh in zip(cases_of(record, rng), *others, strict=True):
        more = [_example(case, other, rng) for other in fresh]
        arity = len(case.sources)
        for flags in {
            tuple(bool(mask >> i & 1) for i in range(arity)) for mask in range(1, 2**arity)
        }:
            single = [variable(v) if v.dtype.kind == "f" else array(v) for v in case.sources]
            holes = [_hole(v) if flag else s for v, s, flag in zip(case.sources, single, flags)]
            y = apply(record, tuple(holes), case.argument)
            stacked = {
                hole: array(np.stack([row[i] for row in more]))
                for i, (hole, flag) in enumerate(zip(holes, flags))
                if flag
            }
            for part, position in _results(y):
                ((many, batched),) = batch([part], stacked, size)
                if not batched:  # a result that no batched source reaches
                    require(isinstance(record, Call), f"{record.name}: the result is not batched")
                    many = array(np.stack([many.value] * size))
                for k in range(size):
                    row = [more[k][i] if flag else case.sources[i] for i, flag in enumerate(flags)]
                    wanted = record.evaluate(*row, *case.argument)
                    wanted = wanted if position is None else wanted[position]
                    close(many.value[k], wanted, 1e-12, f"{record.name}: batch {flags}")


def operations(record: Primitive, rng: np.random.Generator) -> None:
    """A batch takes the operations of all its examples; a call at least none."""
    size = 3
    for case in cases_of(record, rng):
        holes = [_hole(v) for v in case.sources]
        y = apply(record, tuple(holes), case.argument)
        single = flops(y)
        require(single >= 0, f"{record.name}: {single} operations")
        if not isinstance(record, Call):
            many = {hole: _hole(np.stack([v] * size)) for hole, v in zip(holes, case.sources)}
            ((batched, _),) = batch([y], many, size)
            found = sum(map(flops, topological([batched])))
            require(
                found == size * single,
                f"{record.name}: {found} operations for {size} examples of {single}",
            )


def _example(case: Case, other: Case, rng: np.random.Generator) -> list[np.ndarray]:
    """Another example for a batch: floats close by, so that they stay admissible together;
    integers and booleans drawn anew, so that each example has its own."""
    return [
        np.asarray(v + 0.01 * rng.uniform(0, 1, v.shape), v.dtype) if v.dtype.kind == "f" else w
        for v, w in zip(case.sources, other.sources, strict=True)
    ]


def _hole(value: np.ndarray) -> Node:
    from chainrule.core.node import input_node

    return input_node(type_of(value))


def _results(y: Node) -> list[tuple[Node, int | None]]:
    if isinstance(y.type, ArrayType):
        return [(y, None)]
    return [(item(y, index=index), index) for index in range(len(y.type.items))]


def precision(record: Primitive, rng: np.random.Generator) -> None:
    """Derivatives of float32 are float32, and close to those of float64."""
    if isinstance(record, Call):  # its graphs have one precision
        return
    for case in differentiable(record, rng):
        floats = float_indices(case)
        v = directions(case, rng)
        found = []
        for dtype in (np.float64, np.float32):
            values = tuple(x.astype(dtype) if x.dtype.kind == "f" else x for x in case.sources)
            argument = tuple(np.dtype(dtype) if a == np.float64 else a for a in case.argument)
            sources, y = build(record, Case(values, argument))
            weights = array(np.ones(y.shape, dtype))
            try:
                pulled = pull([y], [weights], [sources[i] for i in floats], record=True)
            except DTypeError as error:
                raise BrokenLawError(f"{record.name}: {error}") from None
            for i, ct in zip(floats, pulled, strict=True):
                require(
                    ct is None or ct.type is sources[i].type,
                    f"{record.name}: a cotangent of another type than its source {sources[i].type}",
                )
            moves = {sources[i]: array(v[i].astype(dtype)) for i in floats}
            results = [y, *(ct for ct in pulled if ct is not None)]
            moved = push(results, moves)
            for node, t in zip(results, moved, strict=True):
                require(
                    t is None or t.type is node.type,
                    f"{record.name}: a tangent of another type than its result {node.type}",
                )
            found.append([t.value for t in moved if t is not None])
        for double, single in zip(*found, strict=True):
            close(single, double, 3e-2, f"{record.name}: derivative in float32")


def taylor(record: Primitive, rng: np.random.Generator) -> None:
    """Taylor coefficients agree with nested forward derivatives, along a curve."""
    if isinstance(record, Call) or (isinstance(record, Smooth) and record.taylor is None):
        return
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        floats = float_indices(case)
        v = {sources[i]: array(directions(case, rng)[i]) for i in floats}
        order = 4
        (found,) = series([y], {s: [d] + [None] * (order - 1) for s, d in v.items()}, order)
        nested: Node | None = y
        factorial = 1.0
        for k in range(1, order + 1):
            factorial *= k
            (nested,) = (None,) if nested is None else push([nested], v, record=True)
            wanted = np.zeros(y.shape) if nested is None else nested.value / factorial
            coefficient = found[k - 1]
            value = np.zeros(y.shape) if coefficient is None else coefficient.value
            close(value, wanted, 1e-8, f"{record.name}: Taylor coefficient {k}")


# -- what the record declares ---------------------------------------------------------------------


def textbook(record: Primitive, rng: np.random.Generator) -> None:
    """The fast form of a partial equals the textbook form that explanations show."""
    if not isinstance(record, Elementwise):
        return
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        steps: list[Step] = []
        ct = array(np.asarray(rng.normal(size=y.shape)))
        pull([y], [ct], [sources[i] for i in float_indices(case)], steps=steps)
        for step in steps:
            assert step.local is not None
            product = ct.value * np.broadcast_to(step.local.value, y.shape)
            summed = _sum_to(product, sources[step.index].shape)
            close(step.contribution.value, summed, 1e-11, f"{record.name}: step {step.index}")
            require(step.rule, f"{record.name} has no rule name")


def _sum_to(value: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    value = value.sum(axis=tuple(range(value.ndim - len(shape))))
    axes = tuple(a for a, n in enumerate(shape) if n == 1)
    return value.sum(axis=axes, keepdims=True).reshape(shape)


def monotonicity(record: Primitive, rng: np.random.Generator) -> None:
    """Declared monotonicity has the sign of the first partial, curvature of the second."""
    if not isinstance(record, Elementwise):
        return
    for case in differentiable(record, rng):
        sources, y = build(record, case)
        bounds = [(np.asarray(v), np.asarray(v)) for v in case.sources]
        monotone = record.monotone
        declared = monotone(*bounds, *case.argument) if callable(monotone) else monotone
        require(
            len(declared) == len(sources) == len(record.domain),
            f"{record.name}: {len(declared)} monotonicities, {len(record.domain)} domains, "
            f"{len(sources)} sources",
        )
        for i in float_indices(case):
            (slope,) = push([y], {sources[i]: literal_ones(sources[i])}, record=True)
            value = np.zeros(y.shape) if slope is None else slope.value
            require(np.all(np.isfinite(value)), f"{record.name}: slope {value}")
            if declared[i] == "increasing":
                require(np.all(value >= 0), f"{record.name} is not increasing in source {i}")
            if declared[i] == "decreasing":
                require(np.all(value <= 0), f"{record.name} is not decreasing in source {i}")
            if declared[i] == "constant":
                require(np.all(value == 0), f"{record.name} is not constant in source {i}")
        floats = float_indices(case)
        for moving in {(i,) for i in floats} | {tuple(floats)}:
            _curvature(record, case, moving, directions(case, rng))


def _curvature(
    record: Elementwise, case: Case, moving: tuple[int, ...], v: list[np.ndarray]
) -> None:
    """What is declared for a small box around the ``moving`` sources, the others held fixed."""
    sources, y = build(record, case)
    width = [1e-3 if i in moving else 0.0 for i in range(len(sources))]
    own = record.curvature
    if callable(own):
        boxes = [(x - w, x + w) if w else (x, x) for x, w in zip(case.sources, width)]
        own = own(*boxes, *case.argument)
    (first,) = push([y], {sources[i]: array(v[i]) for i in moving}, record=True)
    (bend,) = (None,) if first is None else push([first], {sources[i]: array(v[i]) for i in moving})
    value = np.zeros(y.shape) if bend is None else bend.value
    slack = 1e-12 * (1 + np.abs(value))
    if own == "convex":
        require(np.all(value >= -slack), f"{record.name} is not convex: {value}")
    if own == "concave":
        require(np.all(value <= slack), f"{record.name} is not concave: {value}")
    if own == "affine" or (len(moving) == 1 and moving[0] in record.affine_in):
        require(np.all(np.abs(value) <= slack), f"{record.name} is not affine: {value}")


def literal_ones(node: Node) -> Node:
    return array(np.ones(node.shape))


def intervals(record: Primitive, rng: np.random.Generator) -> None:
    """Bounds computed from an interval hold every value at points inside it."""
    if isinstance(record, Discrete | Smooth | Call | Projection):
        return
    from chainrule.core.errors import DomainError

    for case in differentiable(record, rng):
        # traced, so that no known value stands in for the interval of a condition
        sources = [_hole(v) if v.dtype.kind == "f" else array(v) for v in case.sources]
        y = apply(record, tuple(sources), case.argument)
        width = 0.1
        boxes = {
            sources[i]: (case.sources[i] - width, case.sources[i] + width)
            for i in float_indices(case)
        }
        try:
            ((lo, hi),) = enclose([y], boxes)
        except DomainError:
            require(_may_refuse(record), f"{record.name} declares nothing to bound it by")
            continue
        require(lo.shape == y.shape, f"{record.name}: bounds of shape {lo.shape} for {y.shape}")
        for _ in range(20):
            moved = [
                x + rng.uniform(-width, width, x.shape) if i in float_indices(case) else x
                for i, x in enumerate(case.sources)
            ]
            value = evaluate_at(record, case, moved)
            require(
                np.all((lo <= value) & (value <= hi)),
                f"{record.name}: {value} outside [{lo}, {hi}]",
            )


def _may_refuse(record: Primitive) -> bool:
    """Records that honestly have no interval extension (see `rules.interval`)."""
    if isinstance(record, Elementwise):
        return record.enclose is None and (callable(record.monotone) or None in record.monotone)
    if isinstance(record, Reduction):
        return record.enclose is None and record.monotone != "increasing"
    if isinstance(record, Selection):
        return record.monotone != "increasing"
    return not getattr(record, "nonnegative", True)


# -- notation --------------------------------------------------------------------------------------

Expression = tuple[Node, dict[Node, str], dict[Node, np.ndarray]]
"""A node, and for each leaf that it has its name and its value."""


def latex(record: Primitive, rng: np.random.Generator) -> None:
    """Written as LaTeX an expression reads back to the same value, also inside other ones."""
    if isinstance(record, Elementwise) and record.latex:
        for expression in _expressions(record, rng):
            _reads_back(record, expression, to_latex, 1e-12)


def text(record: Primitive, rng: np.random.Generator) -> None:
    """Written as plain text an expression reads back to the same value, to the last bit."""
    if isinstance(record, Elementwise):
        for expression in _expressions(record, rng):
            _reads_back(record, expression, to_text, 0.0)


def _reads_back(
    record: Primitive, expression: Expression, write: Callable[..., str], tolerance: float
) -> None:
    node, names, values = expression
    written = write(node, names)
    formula = parse(written, names=names.values())
    found = formula(**{names[leaf]: value for leaf, value in values.items()})
    (wanted,) = replace([node], {leaf: array(value) for leaf, value in values.items()})
    close(found.numpy(), wanted.value, tolerance, f"{record.name}: {written!r} read back")


def _expressions(record: Elementwise, rng: np.random.Generator) -> Iterator[Expression]:
    """The primitive applied to names, with compound operands, and inside other operations."""
    if "f" not in record.dtypes and record.dtypes != "b":
        return  # formulas speak of real numbers and of conditions, not of integers
    for case in cases_of(record, rng):
        sources = [_hole(value) for value in case.sources]
        names = dict(zip(sources, ("x", "y", "z")))
        values = dict(zip(sources, case.sources))
        plain = apply(record, tuple(sources), case.argument)
        yield plain, names, values
        other = np.asarray(rng.uniform(1.5, 2.5))
        b = _hole(other)
        for i in float_indices(case):
            for inverse, compound in _compounds(case.sources[i], other):
                a = _hole(inverse)
                moved = [*sources[:i], compound(a, b), *sources[i + 1 :]]
                rest = {n: name for n, name in names.items() if n is not sources[i]}
                found = {n: v for n, v in values.items() if n is not sources[i]}
                node = apply(record, tuple(moved), case.argument)
                yield node, rest | {a: "a", b: "b"}, found | {a: inverse, b: other}
        if plain.type.is_float:
            for outer in _contexts(plain, b):
                yield outer, names | {b: "b"}, values | {b: other}


def _compounds(
    value: np.ndarray, b: np.ndarray
) -> Iterator[tuple[np.ndarray, Callable[[Node, Node], Node]]]:
    """Sums, products, quotients, powers and opposites of a and b, with an a that gives ``value``"""
    yield np.asarray(value - b), lambda a, b: a + b
    yield np.asarray(value + b), lambda a, b: a - b
    yield np.asarray(b - value), lambda a, b: b - a
    yield np.asarray(value / b), lambda a, b: a * b
    yield np.asarray(value * b), lambda a, b: a / b
    yield np.asarray(-value), lambda a, b: -a
    yield np.asarray(-value - b), lambda a, b: -(a + b)
    yield np.asarray(np.cbrt(value)), lambda a, b: a**3


def _contexts(y: Node, b: Node) -> Iterator[Node]:
    """Expressions that hold ``y`` in every kind of place."""
    yield from (-y, y + b, b + y, y - b, b - y, y * b, b * y, y / b, b / (y + 10), b * (y / b))
    yield from (y**2, (-y) ** 2, b ** (y * 0.125), -(y**2), (y + b) * y, b - (y - b), -(-y))


LAWS: dict[str, Law] = {
    "types": types,
    "values": values,
    "adjoint": adjoint,
    "slopes": slopes,
    "second order": second_order,
    "batching": batching,
    "operations": operations,
    "precision": precision,
    "taylor": taylor,
    "textbook": textbook,
    "monotonicity": monotonicity,
    "intervals": intervals,
    "latex": latex,
    "text": text,
}

__all__ = ["LAWS", "BrokenLawError", "literal"]
