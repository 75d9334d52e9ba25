"""The laws can fail: records with a planted error, each rejected by the law that guards it."""

import zlib
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from chainrule.core.node import Node, array
from chainrule.ops.arithmetic import mul
from chainrule.ops.exponential import exp, log, relu, sqrt, stop_gradient
from chainrule.ops.random import random_bits
from chainrule.ops.record import Primitive
from chainrule.ops.reduce import sum_
from chainrule.ops.shape import cast, materialize, permute_, reshape_
from chainrule.ops.special import polygamma
from chainrule.ops.trigonometric import cos, sin, tanh
from tests.conformance.laws import LAWS, BrokenLawError


def _nan_partial(x: Node, y: Node) -> Node:
    return y * np.nan


def _narrow(x: Any) -> Any:
    """An interval extension that only looks at the middle."""
    middle = np.sin((x[0] + x[1]) / 2)
    return middle, middle


def _doubled(transpose: Callable[..., Node]) -> Callable[..., Node]:
    return lambda *arguments: 2.0 * transpose(*arguments)


def _unbatched(batch: Callable[..., Node]) -> Callable[..., Node]:
    """A batching rule that is right for the shape but mixes up the examples."""
    return lambda size, batched, sources, *rest: batch(size, batched, sources, *rest) * 2.0


def _first_for_all(
    size: int, batched: Any, sources: tuple[Node, ...], shape: tuple[int, ...], stream: int
) -> Node:
    """A batching rule that takes the first example's key for all of them."""
    first = array(sources[0].value[0])
    return materialize(random_bits(first, shape=shape, stream=stream), size)


def _in_float64(x: Node, y: Node) -> Node:
    """The slope of exp, through float64."""
    return cast(y, dtype=np.dtype(np.float64))


PLANTED: list[tuple[str, str, Primitive, dict[str, Any]]] = [
    ("a partial off by one percent", "slopes", exp, {"partials": (lambda x, y: 1.01 * y,)}),
    ("a partial with the wrong sign", "slopes", cos, {"partials": (lambda x, y: sin(x),)}),
    ("a partial of the wrong source", "slopes", mul, {"partials": (mul.partials[1],) * 2}),
    ("a partial that is NaN", "slopes", exp, {"partials": (_nan_partial,)}),
    ("a partial that is NaN", "adjoint", exp, {"partials": (_nan_partial,)}),
    ("a partial that is NaN", "second order", exp, {"partials": (_nan_partial,)}),
    ("a partial that is NaN", "taylor", exp, {"partials": (_nan_partial,)}),
    ("a partial that is NaN", "monotonicity", exp, {"partials": (_nan_partial,)}),
    (
        "a partial right in value, cut off from its source",
        "second order",
        exp,
        {"partials": (lambda x, y: stop_gradient(y),)},
    ),
    ("a derivative declared zero", "slopes", tanh, {"partials": None}),
    ("a fast form unlike the textbook's", "textbook", log, {"scaled": (lambda t, x, y: t * x,)}),
    ("no rule name", "textbook", exp, {"rule": ""}),
    ("a wrong Taylor recurrence", "taylor", sqrt, {"taylor": lambda k, s, y: None}),
    ("a wrong monotonicity", "monotonicity", exp, {"monotone": ("decreasing",)}),
    ("a wrong monotonicity", "monotonicity", tanh, {"monotone": ("constant",)}),
    ("too few monotonicities", "monotonicity", mul, {"monotone": ("increasing",)}),
    ("a wrong curvature", "monotonicity", log, {"curvature": "convex"}),
    ("a wrong curvature", "monotonicity", exp, {"curvature": "concave"}),
    ("a wrong curvature", "monotonicity", tanh, {"curvature": "affine"}),
    (
        "a curvature right for odd orders only",
        "monotonicity",
        polygamma,
        {"curvature": "convex"},
    ),
    ("a source declared affine", "monotonicity", exp, {"affine_in": (0,)}),
    ("a wrong range", "intervals", exp, {"range": (0.0, 1.0)}),
    ("a range that misses the values", "intervals", relu, {"range": (-2.0, -1.0)}),
    ("bounds that are too narrow", "intervals", sin, {"enclose": _narrow}),
    ("nothing to bound it by", "intervals", exp, {"enclose": lambda x: (x[0], x[1])}),
    ("values off by 1e-12", "values", exp, {"evaluate": lambda x: np.exp(x) * (1 + 1e-12)}),
    ("values that are NaN", "values", exp, {"evaluate": lambda x: np.exp(x) * np.nan}),
    ("float64 out of float32", "types", exp, {"evaluate": lambda x: np.exp(np.float64(x))}),
    ("a wrong shape", "types", reshape_, {"evaluate": lambda x, shape: np.append(x, x)}),
    ("a wrong transpose", "adjoint", sum_, {"transpose": _doubled(sum_.transpose)}),
    ("a wrong transpose", "adjoint", permute_, {"transpose": _doubled(permute_.transpose)}),
    ("a transpose of another type", "adjoint", sum_, {"transpose": lambda ct, *_, **__: ct}),
    ("LaTeX of another function", "latex", sin, {"latex": r"\cos({0})"}),
    ("the name of another function", "text", sin, {"name": "cos"}),
    ("a wrong batch", "batching", permute_, {"batch": _unbatched(permute_.batch)}),
    ("operations of one row", "operations", sum_, {"flops": lambda x, *_: x.shape[-1]}),
    ("one key for the whole batch", "batching", random_bits, {"batch": _first_for_all}),
    ("float64 in a partial", "precision", exp, {"partials": (_in_float64,)}),
]


def _examine(law: str, record: Primitive) -> None:
    rng = np.random.default_rng(zlib.crc32(f"{record.name} {law}".encode()))
    with np.errstate(all="ignore"):
        LAWS[law](record, rng)


@pytest.mark.parametrize(
    ("law", "primitive", "planted"),
    [pytest.param(*rest, id=f"{what} ({rest[1].name}, {rest[0]})") for what, *rest in PLANTED],
)
def test_planted_error_is_found(law: str, primitive: Primitive, planted: dict[str, Any]) -> None:
    _examine(law, primitive)  # as it stands it passes
    record = replace(primitive, **planted)
    with pytest.raises(BrokenLawError, match=record.name):
        _examine(law, record)


def test_a_sampler_without_cases_is_refused() -> None:
    record = replace(sum_, cases=lambda rng: iter(()))
    for law in LAWS:
        if law not in ("textbook", "monotonicity", "latex", "text"):  # these read elementwise ones
            with pytest.raises(AssertionError, match="no case"):
                _examine(law, record)


def test_every_law_is_seen_to_fail() -> None:
    assert {law for _, law, _, _ in PLANTED} >= set(LAWS)
