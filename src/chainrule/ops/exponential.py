"""Exponentials, logarithms, roots and the activations built from them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.ops.arithmetic import Series, convolve, power
from chainrule.ops.bounds import by_side
from chainrule.ops.choice import where
from chainrule.ops.logic import equal, greater
from chainrule.ops.record import Elementwise, Interval
from chainrule.ops.shape import cast

POSITIVE: Interval = (0.0, np.inf)

# -- exponentials and logarithms ---------------------------------------------------------------

exp: Elementwise = Elementwise(
    name="exp",
    evaluate=np.exp,
    partials=(lambda x, y: y,),
    range=POSITIVE,
    monotone=("increasing",),
    curvature="convex",
    latex="e^{{{0}}}",
    rule="exponential rule",
    exact="exp",
)

expm1: Elementwise = Elementwise(
    name="expm1",
    evaluate=np.expm1,
    partials=(lambda x, y: exp(x),),  # y + 1 would lose all digits for x far below 0
    range=(-1.0, np.inf),
    monotone=("increasing",),
    curvature="convex",
    latex="(e^{{{0}}} - 1)",
    rule="exponential rule",
    exact="expm1",
)

log: Elementwise = Elementwise(
    name="log",
    evaluate=np.log,
    partials=(lambda x, y: 1 / x,),
    scaled=(lambda t, x, y: t / x,),
    domain=(POSITIVE,),
    monotone=("increasing",),
    curvature="concave",
    latex=r"\ln({0})",
    rule="logarithm rule",
    exact="log",
)

log1p: Elementwise = Elementwise(
    name="log1p",
    evaluate=np.log1p,
    partials=(lambda x, y: 1 / (1 + x),),
    scaled=(lambda t, x, y: t / (1 + x),),
    domain=((-1.0, np.inf),),
    monotone=("increasing",),
    curvature="concave",
    latex=r"\ln(1 + {0})",
    rule="logarithm rule",
    exact="log1p",
)


def _logarithm(base: int, evaluate: Any) -> Elementwise:
    scale = float(np.log(base))
    return Elementwise(
        name=f"log{base}",
        evaluate=evaluate,
        partials=(lambda x, y: 1 / (scale * x),),
        scaled=(lambda t, x, y: t / (scale * x),),
        domain=(POSITIVE,),
        monotone=("increasing",),
        curvature="concave",
        latex=rf"\log_{{{{{base}}}}}({{0}})",
        rule="logarithm rule",
        exact=lambda mp, x: mp.log(x, base),
    )


log2: Elementwise = _logarithm(2, np.log2)
log10: Elementwise = _logarithm(10, np.log10)

# -- roots -------------------------------------------------------------------------------------


def _never_zero(y: Node) -> Node:
    """√x, or ∞ where it is 0: whatever is divided by it is then 0, and so are its derivatives.

    Where the value is known and holds no 0 there is nothing to guard.
    """
    if y.value is not None and np.all(y.value):
        return y
    return where(equal(y, 0.0), np.inf, y)


def _taylor_sqrt(k: int, series: Series, y: Callable[[int], Node | None]) -> Node | None:
    """2 y₀ y_k = x_k − Σ_{0<j<k} y_j y_{k−j}, from y² = x."""
    top, root = series[0](k), y(0)
    assert root is not None
    inner = convolve(lambda j: y(j) if j < k else None, y, k, first=1)
    if inner is not None:
        top = -inner if top is None else top - inner
    return None if top is None else 0.5 * top / _never_zero(root)


sqrt: Elementwise = Elementwise(
    name="sqrt",
    evaluate=np.sqrt,
    partials=(lambda x, y: 0.5 * power(_never_zero(y), -1),),
    domain=(POSITIVE,),
    range=POSITIVE,
    monotone=("increasing",),
    curvature="concave",
    kinks=(0.0,),
    convention="the slope of √x at 0 is infinite; 0 is taken, so that norms stay finite",
    taylor=_taylor_sqrt,
    latex=r"\sqrt{{{0}}}",
    rule="power rule",
    exact="sqrt",
    tolerance=1.0,
)

# -- activations -------------------------------------------------------------------------------


def _evaluate_sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1, e) / (1 + e)


def _sigmoid_scaled(t: Node, x: Node, y: Node) -> Node:
    """σ(−x) is 1 − σ(x) with all its digits; of −u it is taken as σ(u), which closes the circle."""
    mirrored = x.sources[0] if x.primitive.name == "neg" else -x
    return t * (y * sigmoid(mirrored))


sigmoid: Elementwise = Elementwise(
    name="sigmoid",
    evaluate=_evaluate_sigmoid,
    partials=(lambda x, y: y * (1 - y),),
    scaled=(_sigmoid_scaled,),
    range=(0.0, 1.0),
    monotone=("increasing",),
    curvature=by_side("convex", "concave"),
    latex=r"\sigma({0})",
    rule="sigmoid rule",
    exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
)

softplus: Elementwise = Elementwise(
    name="softplus",
    evaluate=lambda x: np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x))),
    partials=(lambda x, y: sigmoid(x),),
    range=POSITIVE,
    monotone=("increasing",),
    curvature="convex",
    latex=r"\ln(1 + e^{{{0}}})",
    rule="softplus rule",
    exact=lambda mp, x: mp.log1p(mp.exp(x)),
)

relu: Elementwise = Elementwise(
    name="relu",
    evaluate=lambda x: np.maximum(x, 0),  # NaN stays NaN
    partials=(lambda x, y: cast(greater(x, 0.0), dtype=x.dtype),),
    scaled=(lambda t, x, y: where(greater(x, 0.0), t, 0.0),),
    range=POSITIVE,
    monotone=("increasing",),
    curvature="convex",
    kinks=(0.0,),
    convention="relu has slopes 0 and 1 at 0; 0 is taken",
    latex=r"\operatorname{{relu}}({0})",
    rule="relu rule",
    exact=lambda mp, x: max(x, 0),
    tolerance=0.0,
)

# -- a constant, as far as derivatives go --------------------------------------------------------

stop_gradient: Elementwise = Elementwise(
    name="stop_gradient",
    evaluate=lambda x: x,
    flops=lambda x: 0,
    partials=None,
    dtypes="fiub",
    monotone=("increasing",),
    curvature="affine",
    convention="stop_gradient is treated as a constant: its derivative is declared to be 0",
    latex=r"\operatorname{{stop}}({0})",
    rule="stop gradient",
    exact=lambda mp, x: x,
    tolerance=0.0,
)
