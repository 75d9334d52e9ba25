"""The record of a primitive: its mathematics, said once.

The *kind* of a record (its class) decides what is written and what follows from it:

=============  ===============================================  ==============================
kind           written                                          derived by `rules`
=============  ===============================================  ==============================
`Elementwise`  partial derivatives, domain, monotonicity, …     type, jvp, vjp, batch, taylor,
                                                                interval, curvature
`Reduction`    the partial with respect to each element         jvp, vjp, taylor
`Linear`       the transpose                                    jvp, vjp, taylor, affine
`Bilinear`     two transposes                                   jvp, vjp, taylor, interval
`Selection`    the indices of the chosen elements               jvp, vjp, taylor
`Discrete`     nothing: the result is integer or boolean        zero derivative
`Smooth`       jvp and vjp, in full (matrix functions)          –
`Call`         carries Graphs                                   the rules recurse into them
`Projection`   nothing                                          one result of a `Call`
=============  ===============================================  ==============================

Every derivative is written in operations on nodes, so derivatives of any order are free.
Conventions: ``t`` is a tangent or a cotangent, ``y`` is the primitive's own result.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal, Protocol

import numpy as np

from chainrule.core.errors import DTypeError, ShapeError
from chainrule.core.node import Node, apply, literal
from chainrule.core.types import DTYPES, ArrayType, array_type

__all__ = [
    "Bilinear",
    "Call",
    "Case",
    "Curvature",
    "Discrete",
    "Elementwise",
    "Interval",
    "Linear",
    "Monotone",
    "Partial",
    "Primitive",
    "Projection",
    "Readings",
    "Reduction",
    "Selection",
    "Smooth",
    "broadcast_shapes",
    "drawn",
]

Interval = tuple[float, float]
Monotone = Literal["increasing", "decreasing", "constant"] | None
Curvature = Literal["convex", "concave", "affine"] | None
Partial = Callable[..., Node] | float | None
"""∂y/∂(one source) as a function of ``(*sources, y, *argument)``; a number; or None for zero."""

REALS: Interval = (-np.inf, np.inf)
BOOL = DTYPES["bool"]


@dataclass(frozen=True)
class Case:
    """One admissible application: NumPy values for the sources, and the static argument."""

    sources: tuple[np.ndarray, ...]
    argument: tuple[Any, ...] = ()


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Primitive:
    """What every record says.

    Attributes:
        name: the name under which graphs print it.
        parameters: names of its static parameters, in the order of a node's ``argument``.
        evaluate: the reference, ``evaluate(*values, *argument)`` on NumPy arrays.
        infer: the type rule, ``infer(*types, *argument)``; raises `ShapeError` or `DTypeError`.
        rule: the textbook name of its differentiation rule.
        cases: a sampler of admissible applications, away from kinks: ``cases(rng)``.
        tolerance: relative error of the reference against exact mathematics, in ulps.
        flops: ``flops(*types, *argument)``, the floating-point operations of one application,
            where the kind does not tell them (see `rules.flops`).
    """

    name: str
    evaluate: Callable[..., Any]
    infer: Callable[..., ArrayType] | None = None
    parameters: tuple[str, ...] = ()
    rule: str = ""
    cases: Callable[[np.random.Generator], Iterator[Case]] | None = None
    tolerance: float = 4.0
    flops: Callable[..., int] | None = None

    @cached_property
    def result_type(self) -> Callable[..., ArrayType]:
        """``result_type(argument, *types)``: the type rule, remembered."""
        return lru_cache(maxsize=4096)(self._result_type)

    @cached_property
    def differentiable(self) -> bool:
        """Whether derivatives flow through it; nothing is recorded where they do not."""
        return not isinstance(self, Discrete) and getattr(self, "partials", ()) is not None

    def _result_type(self, argument: tuple[Any, ...], *types: ArrayType) -> ArrayType:
        assert self.infer is not None, self.name
        return self.infer(*types, *argument)

    def __call__(self, *sources: Node | float, **parameters: Any) -> Node:
        """Apply to nodes; numbers become literals of the dtype of the last node."""
        argument = tuple([parameters[name] for name in self.parameters]) if parameters else ()
        return apply(self, self._nodes(sources), argument)

    def _nodes(self, sources: tuple[Node | float, ...]) -> tuple[Node, ...]:
        for source in sources:
            if not isinstance(source, Node):
                break
        else:
            return sources  # type: ignore[return-value]
        dtype = [source.dtype for source in sources if isinstance(source, Node)][-1]
        return tuple([s if isinstance(s, Node) else literal(s, dtype) for s in sources])

    def __repr__(self) -> str:
        return self.name


def drawn(
    *entries: tuple[tuple[tuple[int, ...], ...], tuple[Any, ...]],
) -> Callable[[np.random.Generator], Iterator[Case]]:
    """A sampler: for each entry ``(shapes of the sources, argument)`` normal random numbers."""

    def cases(rng: np.random.Generator) -> Iterator[Case]:
        for shapes, argument in entries:
            yield Case(tuple(np.asarray(rng.normal(size=s)) for s in shapes), argument)

    return cases


def broadcast_shapes(name: str, types: Sequence[ArrayType]) -> tuple[int, ...]:
    """NumPy's broadcast of the shapes of ``types``; a `ShapeError` names ``name`` and both."""
    shape: tuple[int, ...] = ()
    for type in types:
        longer, shorter = (shape, type.shape)
        if len(longer) < len(shorter):
            longer, shorter = shorter, longer
        lead = len(longer) - len(shorter)
        joined = list(longer)
        for axis, extent in enumerate(shorter, lead):
            if joined[axis] == 1:
                joined[axis] = extent
            elif extent not in (1, joined[axis]):
                shapes = " and ".join(str(type.shape) for type in types)
                raise ShapeError(
                    f"{name}: shapes {shapes} do not broadcast together. Sizes are compared "
                    "from the last axis; each pair must be equal, or one of them 1."
                )
        shape = tuple(joined)
    return shape


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Elementwise(Primitive):
    """Acts on each element by itself, broadcasting its sources as NumPy does.

    Attributes:
        partials: textbook partial derivatives, one for each source, or None if the function is
            piecewise constant.
        scaled: ``t * partial`` in one expression ``scaled(t, *sources, y, *argument)`` where that
            is more accurate or cheaper than the product; None where it is not.
        dtypes: NumPy kind codes that sources may have.
        result: dtype of the result: that of the last source, or ``"bool"``.
        domain: for each source, the closed hull of the set where the function is defined.
        range: the closed hull of its values.
        monotone: for each source its monotonicity, or a function of the sources' intervals that
            returns these (for functions that turn, such as the absolute value).
        curvature: in all sources jointly, over the domain; or a function of the sources' intervals.
        kinks: points where the derivative jumps or does not exist, in the one source that has them.
        convention: what is taken for the derivative at a kink; stated in explanations.
        latex: a template with ``{0}``, ``{1}`` for the sources.
        affine_in: the sources in each of which it is affine while the others are held constant.
        taylor: ``taylor(k, series, y, *argument)``, the k-th Taylor coefficient of the result from
            the coefficients of the sources and its own lower ones, where a recurrence is cheaper
            than the general rule (see `rules.taylor`).
        taylor_when: ``taylor_when(sources, varying, *argument)``, whether that recurrence holds;
            ``varying`` tells which sources depend on the variable. None means always.
        enclose: interval extension, where the monotonicity does not give it.
        examples: static arguments to sample, where there are parameters.
        exact: the function for the conformance suite: its name in mpmath, or
            ``exact(mp, *sources, *argument)``; None where NumPy is exact.
    """

    partials: tuple[Partial, ...] | None
    scaled: tuple[Callable[..., Node] | None, ...] = ()
    dtypes: str = "f"
    result: Literal["same", "bool"] = "same"
    domain: tuple[Interval, ...] = (REALS,)
    range: Interval = REALS
    monotone: tuple[Monotone, ...] | Callable[..., tuple[Monotone, ...]] = (None,)
    curvature: Curvature | Callable[..., Curvature] = None
    kinks: tuple[float, ...] = ()
    convention: str = ""
    latex: str = ""
    affine_in: tuple[int, ...] = ()
    taylor: Callable[..., Node | None] | None = None
    taylor_when: Callable[..., bool] | None = None
    enclose: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None
    examples: tuple[tuple[Any, ...], ...] = ((),)
    exact: str | Callable[..., Any] | None = None

    def _result_type(self, argument: tuple[Any, ...], *types: ArrayType) -> ArrayType:
        if self.infer is not None:
            return self.infer(*types, *argument)
        dtype = types[0].dtype
        for type in types:
            if type.dtype is not dtype:
                names = " and ".join(type.dtype.name for type in types)
                raise DTypeError(f"{self.name}: sources have different dtypes {names}; cast first")
        if dtype.kind not in self.dtypes:
            wanted = " or ".join(_KINDS[kind] for kind in self.dtypes)
            logical = _LOGICAL.get(self.name) if dtype is BOOL else None
            advice = f"; use {logical}, or .astype('int64') to count" if logical else ""
            raise DTypeError(
                f"{self.name} is defined for {wanted} arrays, not for {dtype.name}{advice}"
            )
        shape = broadcast_shapes(self.name, types)
        return array_type(shape, BOOL if self.result == "bool" else dtype)


_KINDS = {"f": "float", "i": "signed integer", "u": "unsigned integer", "b": "boolean"}
_LOGICAL = {"add": "| or ^", "sub": "^", "mul": "&", "neg": "~"}
"""What to write instead of arithmetic with booleans."""

Batch = Callable[..., Node]
"""``batch(size, batched, sources, *argument)``: the primitive with a leading batch axis on those
sources for which ``batched`` is true; the result has the batch axis first."""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Reduction(Primitive):
    """Folds elements along axes; parameters ``axes`` (sorted, non-negative) and ``keepdims``.

    Attributes:
        partial: ∂y/∂(each element) as ``partial(x, y, *argument)`` with ``y`` kept broadcastable
            against ``x``; the result has the shape of ``x``.
    """

    partial: Callable[..., Node]
    batch: Batch
    monotone: Monotone = None
    curvature: Curvature = None
    convention: str = ""
    enclose: Callable[..., tuple[np.ndarray, np.ndarray]] | None = None


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Linear(Primitive):
    """Linear in some sources; the others (indices) are constants of the linear map.

    Attributes:
        transpose: ``transpose(ct, index, sources, *argument)``: the adjoint of the map from
            source ``index`` to the result, applied to ``ct``.
        linear_in: which sources it is linear in; None means all.
        nonnegative: whether all its coefficients are ≥ 0, so that it maps bounds to bounds.
    """

    transpose: Callable[..., Node]
    batch: Batch
    linear_in: tuple[int, ...] | None = None
    nonnegative: bool = True


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Bilinear(Primitive):
    """Linear in each of two sources.

    Attributes:
        transposes: for each source, ``transpose(ct, a, b, *argument)``: the cotangent of it.
    """

    transposes: tuple[Callable[..., Node], Callable[..., Node]]
    batch: Batch


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Selection(Primitive):
    """Picks elements of its source along an axis; ``choose(x, *argument)`` gives their indices,
    ``pick(x, indices, *argument)`` picks by them and is linear in ``x``."""

    choose: Callable[..., Node]
    pick: Callable[..., Node]
    batch: Batch
    monotone: Monotone = None
    convention: str = ""


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Discrete(Primitive):
    """Integer- or boolean-valued, or random: nothing flows back through it."""

    batch: Batch


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Smooth(Primitive):
    """A differentiable function of whole arrays that no other kind describes.

    Attributes:
        jvp: ``jvp(tangents, sources, y, *argument)``; a tangent is None where it is zero.
        vjp: ``vjp(ct, needed, sources, y, *argument)``: a tuple with one cotangent for each
            source, None where ``needed`` is false.
        taylor: ``taylor(k, series, y, *argument)`` as for `Elementwise`, or None.
    """

    jvp: Callable[..., Node]
    vjp: Callable[..., tuple[Node | None, ...]]
    batch: Batch
    taylor: Callable[..., Node | None] | None = None


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Projection(Primitive):
    """One item of a tuple: the argument is its index."""


class Readings(Protocol):
    """The readings that a `Call` recurses with; `rules.readings` provides them."""

    def push(self, outputs: Sequence[Node], tangents: Mapping[Node, Node]) -> list[Node | None]: ...

    def pull(
        self,
        outputs: Sequence[Node],
        cotangents: Sequence[Node | None],
        variables: Sequence[Node],
    ) -> list[Node | None]: ...

    def batch(
        self, outputs: Sequence[Node], inputs: Mapping[Node, Node], size: int
    ) -> list[tuple[Node, bool]]: ...


@dataclass(frozen=True, eq=False, kw_only=True, repr=False)
class Call(Primitive):
    """Carries Graphs in its argument; its result is a tuple, taken apart by a `Projection`.

    Its rules recurse into the graphs with the `Readings` that are their first argument.

    Attributes:
        jvp: ``jvp(read, tangents, sources, *argument)``: a list with the tangent of each result,
            or None.
        vjp: ``vjp(read, cts, needed, sources, *argument)``: a list with the cotangent of each
            source, or None; ``cts`` has one entry for each result.
        batch: ``batch(read, size, batched, sources, *argument)``: a list of pairs (node, whether
            it is batched), one for each result.
        reverse: whether it has a reverse-mode derivative.

    Its ``flops`` are ``flops(count, *argument)``, where ``count`` counts those of a graph.
    """

    jvp: Callable[..., Sequence[Node | None]]
    vjp: Callable[..., Sequence[Node | None]]
    batch: Callable[..., Sequence[tuple[Node, bool]]]
    reverse: bool = True

    @cached_property
    def result_type(self) -> Callable[..., ArrayType]:
        """The type rule; not remembered, so that no graph is kept alive."""
        return self._result_type
