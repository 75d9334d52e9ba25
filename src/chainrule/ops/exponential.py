"""Exponentials, logarithms, roots and the activations built from them."""

from __future__ import annotations

from typing import Any

import numpy as np

from chainrule.core.node import Node
from chainrule.ops.arithmetic import equal, greater, where
from chainrule.ops.record import Elementwise

exp: Elementwise = Elementwise(
    name="exp",
    evaluate=np.exp,
    partials=(lambda x, y: y,),
    range=(0.0, np.inf),
    monotone=("increasing",),
    curvature="convex",
    latex="e^{{{0}}}",
    rule="exponential rule",
    exact="exp",
)

log: Elementwise = Elementwise(
    name="log",
    evaluate=np.log,
    partials=(lambda x, y: 1 / x,),
    scaled=(lambda t, x, y: t / x,),
    domain=((0.0, np.inf),),
    monotone=("increasing",),
    curvature="concave",
    latex=r"\ln({0})",
    rule="logarithm rule",
    exact="log",
)


def _sqrt_slope(t: Node | float, x: Node, y: Node) -> Node:
    zero = equal(x, 0.0)
    return where(zero, 0.0, 0.5 * t / where(zero, 1.0, y))


sqrt: Elementwise = Elementwise(
    name="sqrt",
    evaluate=np.sqrt,
    partials=(lambda x, y: _sqrt_slope(1.0, x, y),),
    domain=((0.0, np.inf),),
    range=(0.0, np.inf),
    monotone=("increasing",),
    curvature="concave",
    kinks=(0.0,),
    convention="the slope of √x at 0 is infinite; 0 is taken, so that norms stay finite",
    latex=r"\sqrt{{{0}}}",
    rule="power rule",
    exact="sqrt",
)


def _evaluate_sigmoid(x: Any) -> Any:
    e = np.exp(-np.abs(x))
    return np.where(x >= 0, 1 / (1 + e), e / (1 + e))


sigmoid: Elementwise = Elementwise(
    name="sigmoid",
    evaluate=_evaluate_sigmoid,
    partials=(lambda x, y: y * sigmoid(-x),),
    range=(0.0, 1.0),
    monotone=("increasing",),
    latex=r"\sigma({0})",
    rule="sigmoid rule",
    exact=lambda mp, x: 1 / (1 + mp.exp(-x)),
)

tanh: Elementwise = Elementwise(
    name="tanh",
    evaluate=np.tanh,
    partials=(lambda x, y: 1 - y * y,),
    range=(-1.0, 1.0),
    monotone=("increasing",),
    latex=r"\tanh({0})",
    rule="hyperbolic rule",
    exact="tanh",
)

relu: Elementwise = Elementwise(
    name="relu",
    evaluate=lambda x: np.where(x > 0, x, x * 0),
    partials=(lambda x, y: where(greater(x, 0.0), 0.0 * x + 1.0, 0.0),),
    scaled=(lambda t, x, y: where(greater(x, 0.0), t, 0.0),),
    range=(0.0, np.inf),
    monotone=("increasing",),
    curvature="convex",
    kinks=(0.0,),
    convention="relu has slopes 0 and 1 at 0; 0 is taken",
    latex=r"\operatorname{{relu}}({0})",
    rule="relu rule",
    exact=lambda mp, x: max(x, 0),
)
